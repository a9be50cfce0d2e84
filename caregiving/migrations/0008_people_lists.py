"""What the list of people is searched by, and what its tabs read."""

from typing import Any

from django.db import migrations, models
from django.db.models import Q
from django.db.models.functions import Right

from caregiving.folding import Folded
from caregiving.migration_operations import AddIndexConcurrently


class AddIndexOnPostgres(AddIndexConcurrently):
    """An index that SQLite cannot have, so the models do not know of it either."""

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    def database_forwards(self, app_label, schema_editor, from_state, to_state):  # type: ignore[no-untyped-def]
        if schema_editor.connection.vendor == "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):  # type: ignore[no-untyped-def]
        if schema_editor.connection.vendor == "postgresql":
            super().database_backwards(app_label, schema_editor, from_state, to_state)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("caregiving", "0007_imports")]

    operations = [
        # Reader of both: the search for the beginning of a name, accents and case aside.
        AddIndexOnPostgres(
            "caregiver", models.Index(Folded("first_name"), name="people_by_first_name")
        ),
        AddIndexOnPostgres(
            "caregiver",
            models.Index(Folded("care_recipient_name"), name="people_by_recipient_name"),
        ),
        AddIndexConcurrently(
            "caregiver", models.Index(Right("phone_number", 4), name="people_by_last_four")
        ),
        AddIndexConcurrently(
            "caregiver",
            models.Index(
                condition=Q(("opted_out_at__isnull", False)),
                fields=["-id"],
                name="people_opted_out",
            ),
        ),
        AddIndexConcurrently(
            "caregiver",
            models.Index(
                condition=Q(("unreachable_at__isnull", False)),
                fields=["-id"],
                name="people_unreachable",
            ),
        ),
        AddIndexConcurrently(
            "caregiver",
            models.Index(
                condition=Q(("journey_phase", "churned")), fields=["-id"], name="people_churned"
            ),
        ),
    ]
