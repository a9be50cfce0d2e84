"""Whom outreach tells what it did, and what is to be told."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("proactive", "0016_share"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="carealert",
            name="kind",
            field=models.CharField(
                choices=[
                    ("cascade_unanswered", "Crisis follow-ups ended without an answer"),
                    ("followup_missed", "A crisis follow-up did not go out in time"),
                    ("followup_failed", "A crisis follow-up could not be delivered"),
                    ("outcome_unknown", "Nobody knows whether a text arrived"),
                    ("followup_stuck", "A crisis follow-up is past its time and has no end"),
                    ("followup_unaccounted", "A crisis follow-up was lost sight of"),
                    ("duplicate", "A text may have gone out twice"),
                    ("sending_halted", "Sending stopped: our own configuration"),
                    ("sweep_held", "A sweep stopped: far more texts than usual"),
                    ("webhook_off", "An app no longer hears what outreach did"),
                ],
                max_length=32,
            ),
        ),
        migrations.CreateModel(
            name="WebhookEndpoint",
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
                        help_text="Who listens, such as: assistant, care app.",
                        max_length=60,
                        unique=True,
                    ),
                ),
                (
                    "url",
                    models.CharField(
                        help_text="https://... of whoever listens. Nobody else is told: no redirect is followed.",
                        max_length=500,
                        verbose_name="address",
                    ),
                ),
                (
                    "kinds",
                    models.JSONField(default=list, help_text="What it hears of; nothing else."),
                ),
                ("enabled", models.BooleanField(default=True, editable=False)),
                (
                    "disabled_at",
                    models.DateTimeField(
                        blank=True, editable=False, null=True, verbose_name="off since"
                    ),
                ),
                (
                    "disabled_why",
                    models.CharField(
                        blank=True, editable=False, max_length=300, verbose_name="why it is off"
                    ),
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
                ("salt", models.CharField(editable=False, max_length=64)),
                ("digest", models.CharField(editable=False, max_length=64)),
                ("former_salt", models.CharField(blank=True, editable=False, max_length=64)),
                (
                    "former_until",
                    models.DateTimeField(
                        blank=True,
                        editable=False,
                        null=True,
                        verbose_name="signed with the old secret too until",
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                ("rotated_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "last_succeeded_at",
                    models.DateTimeField(
                        blank=True, editable=False, null=True, verbose_name="last took one"
                    ),
                ),
                (
                    "failing_since",
                    models.DateTimeField(
                        blank=True,
                        editable=False,
                        help_text="Since then it has taken none.",
                        null=True,
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="webhook_endpoints",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
                "default_permissions": ("view", "add", "change"),
            },
        ),
        migrations.CreateModel(
            name="WebhookDelivery",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "event_id",
                    models.UUIDField(
                        editable=False, help_text="The same in each attempt, and in a replay."
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("message.sent", "A text was taken by the provider"),
                            ("message.delivered", "A text arrived"),
                            ("message.failed", "A text was refused, or did not arrive"),
                            ("message.replied", "Somebody answered a text"),
                            ("alert.opened", "A care alert was opened"),
                            ("caregiver.opted_out", "Somebody asked for no more texts"),
                            ("caregiver.churned", "Somebody stayed silent: nothing more is sent"),
                        ],
                        max_length=32,
                    ),
                ),
                ("payload", models.JSONField()),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("attempts", models.SmallIntegerField(default=0)),
                ("next_attempt_at", models.DateTimeField(blank=True, null=True)),
                ("expires_at", models.DateTimeField(verbose_name="given up after")),
                ("last_attempt_at", models.DateTimeField(blank=True, null=True)),
                (
                    "last_status",
                    models.SmallIntegerField(blank=True, null=True, verbose_name="last answer"),
                ),
                ("last_error", models.CharField(blank=True, max_length=200)),
                ("delivered_at", models.DateTimeField(blank=True, null=True)),
                ("given_up_at", models.DateTimeField(blank=True, null=True)),
                (
                    "endpoint",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deliveries",
                        to="proactive.webhookendpoint",
                    ),
                ),
            ],
            options={
                "verbose_name": "webhook delivery",
                "verbose_name_plural": "webhook deliveries",
                "ordering": ["-id"],
                "permissions": [("replay_webhookdelivery", "Can have webhooks delivered again")],
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(
                        condition=models.Q(("next_attempt_at__isnull", False)),
                        fields=["endpoint", "next_attempt_at"],
                        name="webhooks_waiting",
                    ),
                    models.Index(
                        condition=models.Q(("delivered_at__isnull", False)),
                        fields=["delivered_at"],
                        name="webhooks_delivered",
                    ),
                    models.Index(
                        condition=models.Q(("given_up_at__isnull", False)),
                        fields=["given_up_at"],
                        name="webhooks_given_up",
                    ),
                    models.Index(fields=["endpoint", "-id"], name="webhooks_of_endpoint"),
                    models.Index(fields=["kind", "-id"], name="webhooks_of_kind"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("endpoint", "event_id"), name="one_delivery_per_event"
                    )
                ],
            },
        ),
    ]
