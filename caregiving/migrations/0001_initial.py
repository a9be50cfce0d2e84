"""The people as they were kept before outreach: they write, the service answers."""

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

BANDS = [
    ("thriving", "Thriving"),
    ("mild", "Mild"),
    ("moderate", "Moderate"),
    ("high", "High"),
    ("crisis", "Crisis"),
]
PHASES = [("onboarding", "Onboarding"), ("active", "Active"), ("churned", "Churned")]


def _id() -> tuple[str, models.Field]:
    return (
        "id",
        models.BigAutoField(
            auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
        ),
    )


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Caregiver",
            fields=[
                _id(),
                (
                    "phone_number",
                    models.CharField(
                        help_text="With country code: +14155552671.", max_length=16, unique=True
                    ),
                ),
                ("first_name", models.CharField(blank=True, max_length=60)),
                (
                    "relationship",
                    models.CharField(blank=True, help_text="daughter, husband, ...", max_length=60),
                ),
                ("care_recipient_name", models.CharField(blank=True, max_length=60)),
                (
                    "zip_code",
                    models.CharField(blank=True, max_length=10, verbose_name="ZIP code"),
                ),
                (
                    "time_zone",
                    models.CharField(
                        blank=True,
                        help_text="Such as America/Chicago. Empty: derived from the ZIP code, "
                        "else the number.",
                        max_length=64,
                    ),
                ),
                (
                    "language",
                    models.CharField(
                        choices=[("en", "English"), ("es", "Spanish")], default="en", max_length=8
                    ),
                ),
                (
                    "journey_phase",
                    models.CharField(choices=PHASES, default="onboarding", max_length=16),
                ),
                (
                    "burnout_band",
                    models.CharField(blank=True, choices=BANDS, default="", max_length=16),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("last_contact_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["-created_at"],
                "indexes": [
                    models.Index(fields=["journey_phase"], name="by_journey"),
                    models.Index(fields=["last_contact_at"], name="by_last_contact"),
                    models.Index(fields=["burnout_band"], name="by_burnout"),
                ],
            },
        ),
        migrations.CreateModel(
            name="WellnessScore",
            fields=[
                _id(),
                (
                    "score",
                    models.PositiveSmallIntegerField(
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(100),
                        ]
                    ),
                ),
                ("burnout_band", models.CharField(choices=BANDS, max_length=16)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "caregiver",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="scores",
                        to="caregiving.caregiver",
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at"],
                "indexes": [models.Index(fields=["caregiver", "created_at"], name="by_user")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("score__range", (0, 100))), name="score_in_range"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="InboundMessage",
            fields=[
                _id(),
                ("from_number", models.CharField(max_length=16)),
                ("body", models.TextField(blank=True)),
                ("received_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("provider_sid", models.CharField(max_length=64, unique=True)),
                (
                    "caregiver",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="inbound",
                        to="caregiving.caregiver",
                    ),
                ),
            ],
            options={"ordering": ["-received_at"]},
        ),
    ]
