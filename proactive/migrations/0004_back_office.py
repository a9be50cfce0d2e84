"""What the back office keeps: who did what and why, notes about people, and permissions."""

import django.core.serializers.json
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from caregiving.migration_operations import AddFields


class Migration(migrations.Migration):
    dependencies = [
        ("caregiving", "0006_permissions"),
        ("proactive", "0003_two_way"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="cadenceswitch",
            options={
                "ordering": ["cadence"],
                "permissions": [("change_policy", "Can change the policy: words and switches")],
                "verbose_name_plural": "cadence switches",
            },
        ),
        migrations.AlterModelOptions(
            name="message",
            options={
                "ordering": ["-queued_at"],
                "permissions": [
                    ("see_body", "Can read what texts say"),
                    (
                        "settle_message",
                        "Can say what became of a text whose outcome is unknown",
                    ),
                ],
            },
        ),
        AddFields(
            "cadenceswitch",
            [
                (
                    "changed_by",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        help_text="Nobody: the system itself, or the command line.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="changed_switches",
                        to=settings.AUTH_USER_MODEL,
                    ),
                )
            ],
        ),
        AddFields(
            "carealert",
            [
                (
                    "escalated_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="When it was sent on by email, as nobody had claimed it.",
                        null=True,
                    ),
                )
            ],
        ),
        AddFields(
            "message",
            [
                (
                    "ordered_by",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        help_text="Who of the staff had it sent; nobody: a sweep.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="ordered_messages",
                        to=settings.AUTH_USER_MODEL,
                    ),
                )
            ],
        ),
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                ("action", models.CharField(max_length=40)),
                (
                    "says",
                    models.CharField(help_text="What was done, in words.", max_length=300),
                ),
                ("reason", models.TextField(blank=True)),
                (
                    "target_type",
                    models.CharField(
                        blank=True, help_text="Such as proactive.carealert.", max_length=100
                    ),
                ),
                ("target_id", models.CharField(blank=True, max_length=40)),
                ("target_label", models.CharField(blank=True, max_length=200)),
                (
                    "changes",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        encoder=django.core.serializers.json.DjangoJSONEncoder,
                    ),
                ),
                (
                    "by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="audit_entries",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "caregiver",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="audit_entries",
                        to="caregiving.caregiver",
                    ),
                ),
            ],
            options={
                "verbose_name": "audit entry",
                "verbose_name_plural": "audit",
                "ordering": ["-at"],
                "permissions": [("export_list", "Can export lists as CSV")],
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(fields=["-at"], name="audit_newest_first"),
                    models.Index(fields=["caregiver", "-at"], name="audit_of_person"),
                    models.Index(
                        fields=["target_type", "target_id", "-at"], name="audit_of_target"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Note",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                ("body", models.TextField()),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="notes_written",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "caregiver",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notes",
                        to="caregiving.caregiver",
                    ),
                ),
            ],
            options={
                "ordering": ["-at"],
                "default_permissions": ("add", "view"),
                "indexes": [models.Index(fields=["caregiver", "-at"], name="notes_of_person")],
            },
        ),
    ]
