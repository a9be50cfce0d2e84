"""How ticks went, and when they stayed away."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("proactive", "0013_audit_via")]

    operations = [
        migrations.CreateModel(
            name="TickPart",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=40, unique=True)),
                ("runs", models.BigIntegerField(default=0)),
                ("failures", models.BigIntegerField(default=0)),
                ("seconds", models.FloatField(default=0)),
                ("last_seconds", models.FloatField(default=0)),
                (
                    "ended_at",
                    models.DateTimeField(help_text="When it last came to its end, failed or not."),
                ),
                ("succeeded_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="TickOutage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("began_at", models.DateTimeField()),
                ("told_at", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("end_told_at", models.DateTimeField(blank=True, null=True)),
                ("telling_until", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["-began_at"],
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("began_at",), name="one_outage_at_a_time")
                ],
            },
        ),
    ]
