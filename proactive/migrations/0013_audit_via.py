"""Through what a change came in that nobody of the staff made, and when it happened."""

from django.db import migrations, models

from caregiving.migration_operations import AddFields


class Migration(migrations.Migration):
    dependencies = [("proactive", "0012_api")]

    operations = [
        AddFields(
            "auditentry",
            [
                (
                    "via",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="Through what it came in, where nobody of the staff did it, "
                        "such as API: assistant.",
                        max_length=60,
                    ),
                ),
                (
                    "happened_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="When it happened, where we heard of it only later.",
                        null=True,
                    ),
                ),
            ],
        ),
    ]
