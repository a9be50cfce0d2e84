"""Of whom nothing may be deleted: since when, who said so, and why."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

from caregiving.migration_operations import AddFields, AddIndexConcurrently


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("caregiving", "0010_names"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        AddFields(
            "caregiver",
            [
                (
                    "legal_hold_since",
                    models.DateTimeField(
                        blank=True,
                        help_text="Since when nothing that was written to or by them may be "
                        "deleted.",
                        null=True,
                        verbose_name="legal hold since",
                    ),
                ),
                (
                    "legal_hold_by",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="legal hold by",
                    ),
                ),
                (
                    "legal_hold_reason",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        max_length=500,
                        verbose_name="reason of the legal hold",
                    ),
                ),
            ],
        ),
        AddIndexConcurrently(
            "caregiver",
            models.Index(
                fields=["-id"],
                name="people_on_hold",
                condition=Q(legal_hold_since__isnull=False),
            ),
        ),
        migrations.AlterModelOptions(
            name="caregiver",
            options={
                "ordering": ["-created_at"],
                "permissions": [
                    ("see_number", "Can see whole phone numbers"),
                    ("act_on_caregiver", "Can act for people: record, pause, opt out, send now"),
                    ("import_caregiver", "Can import people from a file"),
                    ("hold_caregiver", "Can put people under a legal hold, and lift it"),
                ],
                "verbose_name": "person",
                "verbose_name_plural": "people",
            },
        ),
    ]
