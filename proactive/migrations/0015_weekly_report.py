"""What was counted of each week."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("proactive", "0014_ticks")]

    operations = [
        migrations.CreateModel(
            name="WeeklyReport",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("monday", models.DateField(unique=True)),
                ("time_zone", models.CharField(max_length=64)),
                ("figures", models.JSONField()),
                ("counted_at", models.DateTimeField()),
                (
                    "sending_since",
                    models.DateTimeField(
                        blank=True,
                        help_text="Since when somebody is about to send it by email.",
                        null=True,
                    ),
                ),
                (
                    "sent_at",
                    models.DateTimeField(
                        blank=True, help_text="When it was sent by email.", null=True
                    ),
                ),
            ],
            options={"ordering": ["-monday"], "default_permissions": ("view",)},
        ),
    ]
