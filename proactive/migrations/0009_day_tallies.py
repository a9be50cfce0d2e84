"""What the home page remembers of the texts of each day."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("caregiving", "0012_people_pages"), ("proactive", "0008_simulations")]

    operations = [
        migrations.CreateModel(
            name="DayTally",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("time_zone", models.CharField(max_length=64)),
                ("day", models.DateField()),
                ("by_cadence", models.JSONField(default=dict)),
                (
                    "texts",
                    models.IntegerField(help_text="How many rows a count of this day reads."),
                ),
                ("counted_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("time_zone", "day"), name="one_tally_a_day")
                ],
            },
        ),
    ]
