"""For how many percent of people a cadence is on."""

from django.db import migrations, models
from django.db.models import Q

from caregiving.migration_operations import AddCheck, AddFields


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("proactive", "0015_weekly_report")]

    operations = [
        AddFields(
            "cadenceswitch",
            [
                (
                    "share",
                    models.SmallIntegerField(
                        db_default=100,
                        default=100,
                        help_text="For how many percent of people it is on, while it is on: the "
                        "same people each time, and more as it grows.",
                    ),
                )
            ],
        ),
        AddCheck(
            "cadenceswitch",
            models.CheckConstraint(condition=Q(share__range=(0, 100)), name="share_in_range"),
        ),
    ]
