"""What texts in both directions need: dead numbers, media, and what a text asked for."""

from django.db import migrations, models
from django.db.models import Q

from caregiving.migration_operations import AddFields, AddIndexConcurrently, AlterField


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("caregiving", "0004_history")]

    operations = [
        AddFields(
            "caregiver",
            [
                (
                    "unreachable_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="Since when no text can reach this number: a landline, "
                        "or out of service.",
                        null=True,
                    ),
                ),
                (
                    "unreachable_reason",
                    models.CharField(blank=True, db_default="", default="", max_length=200),
                ),
            ],
        ),
        AddFields(
            "inboundmessage",
            [
                (
                    "intent",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("stop", "Stop texting"),
                            ("start", "Text again"),
                            ("help", "Help"),
                            ("", "None of these"),
                        ],
                        db_default="",
                        default="",
                        help_text="What it was understood to ask for.",
                        max_length=8,
                    ),
                ),
                (
                    "media",
                    models.JSONField(
                        blank=True,
                        db_default=models.Value([], models.JSONField()),
                        default=list,
                        help_text="Pictures and other files, kept at the provider: "
                        '[{"url", "content_type"}].',
                    ),
                ),
            ],
        ),
        # Wider: PostgreSQL changes the catalogue only.
        AlterField("inboundmessage", "from_number", models.CharField(max_length=64)),
        AddIndexConcurrently(
            "inboundmessage",
            models.Index(
                condition=Q(("caregiver__isnull", True)),
                fields=["from_number"],
                name="inbound_of_strangers",
            ),
        ),
        AddIndexConcurrently(
            "inboundmessage",
            models.Index(fields=["-received_at"], name="inbound_newest_first"),
        ),
    ]
