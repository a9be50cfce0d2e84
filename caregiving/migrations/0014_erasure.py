"""When a person was erased, and a keyed hash of each number that had opted out by then."""

from django.db import migrations, models

from caregiving.migration_operations import AddFields


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("caregiving", "0013_convex")]

    operations = [
        AddFields(
            "caregiver",
            [
                (
                    "erased_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="When whatever says who they were was taken away, for good.",
                        null=True,
                    ),
                )
            ],
        ),
        migrations.CreateModel(
            name="ErasedOptOut",
            fields=[
                ("digest", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("key_id", models.CharField(max_length=16)),
                ("opted_out_at", models.DateTimeField()),
            ],
            options={"default_permissions": ()},
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
                    ("erase_caregiver", "Can erase people for good"),
                ],
                "verbose_name": "person",
                "verbose_name_plural": "people",
            },
        ),
    ]
