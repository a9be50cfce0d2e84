"""What the other cadences, consent and the window need of a caregiver."""

from django.db import migrations, models
from django.db.models import Q

from caregiving.migration_operations import AddCheck, AddFields, AddIndexConcurrently


def _within(field: str, most: int) -> AddCheck:
    return AddCheck(
        "caregiver",
        models.CheckConstraint(
            condition=Q(**{f"{field}__isnull": True}) | Q(**{f"{field}__range": (0, most)}),
            name=f"{field}_in_range",
        ),
    )


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("caregiving", "0002_proactive_fields")]

    operations = [
        AddFields(
            "caregiver",
            [
                ("last_assessment_at", models.DateTimeField(blank=True, null=True)),
                ("assessment_reminder_count", models.SmallIntegerField(blank=True, null=True)),
                ("onboarding_nudge_count", models.SmallIntegerField(blank=True, null=True)),
                (
                    "wellness_opt_in",
                    models.BooleanField(
                        db_default=False,
                        default=False,
                        help_text="Asked for check-ins although doing well "
                        "(bands thriving and mild).",
                    ),
                ),
                ("opted_out_at", models.DateTimeField(blank=True, null=True)),
                (
                    "opted_in_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="Last consent, so that a late opt-out cannot undo it.",
                        null=True,
                    ),
                ),
                ("outreach_paused_until", models.DateTimeField(blank=True, null=True)),
                (
                    "derived_zones",
                    models.CharField(blank=True, db_default="", editable=False, max_length=1000),
                ),
            ],
        ),
        AddIndexConcurrently(
            "caregiver", models.Index(fields=["last_assessment_at"], name="by_last_assessment")
        ),
        AddIndexConcurrently("caregiver", models.Index(fields=["created_at"], name="by_created")),
        _within("crisis_followup_count", 7),
        _within("reactivation_message_count", 3),
        _within("assessment_reminder_count", 2),
        _within("onboarding_nudge_count", 2),
    ]
