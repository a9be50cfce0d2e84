"""Who may call the API, and what came of each thing that they told us."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("proactive", "0011_ripening"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ApiToken",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        help_text="Who calls, such as: assistant, phone line. It stands beside what they tell us.",
                        max_length=35,
                        unique=True,
                    ),
                ),
                (
                    "scopes",
                    models.JSONField(default=list, help_text="What it allows; nothing else."),
                ),
                (
                    "prefix",
                    models.CharField(
                        editable=False,
                        help_text="To tell which secret it is.",
                        max_length=16,
                        verbose_name="begins with",
                    ),
                ),
                ("digest", models.CharField(editable=False, max_length=64, unique=True)),
                (
                    "former_digest",
                    models.CharField(editable=False, max_length=64, null=True, unique=True),
                ),
                (
                    "former_until",
                    models.DateTimeField(
                        blank=True, editable=False, null=True, verbose_name="old secret works until"
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                ("rotated_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "expires_at",
                    models.DateTimeField(
                        blank=True, help_text="From then on it is refused. Empty: never.", null=True
                    ),
                ),
                ("revoked_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "last_used_at",
                    models.DateTimeField(
                        blank=True,
                        editable=False,
                        help_text="To the minute.",
                        null=True,
                        verbose_name="last used",
                    ),
                ),
                (
                    "requests",
                    models.IntegerField(
                        default=0,
                        editable=False,
                        help_text="How many came in the minute in which it was last used.",
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="api_tokens",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "API token",
                "ordering": ["name"],
                "permissions": [("end_apitoken", "Can rotate and revoke API tokens")],
                "default_permissions": ("view", "add"),
            },
        ),
        migrations.CreateModel(
            name="ApiReceipt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=100)),
                ("digest", models.CharField(max_length=64)),
                ("result", models.JSONField()),
                ("received_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "token",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="receipts",
                        to="proactive.apitoken",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "indexes": [models.Index(fields=["received_at"], name="receipts_by_age")],
                "constraints": [
                    models.UniqueConstraint(fields=("token", "key"), name="one_receipt_a_key")
                ],
            },
        ),
    ]
