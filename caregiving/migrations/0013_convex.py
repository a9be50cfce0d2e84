"""Who is whom in Convex, and how far an import of it got. New tables: nothing waits for them."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("caregiving", "0012_people_pages"),
    ]

    operations = [
        migrations.CreateModel(
            name="ConvexImport",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=255)),
                ("fingerprint", models.CharField(max_length=64)),
                ("started_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("table", models.CharField(blank=True, max_length=64)),
                ("line", models.PositiveIntegerField(default=0)),
                ("counts", models.JSONField(default=dict)),
                ("rejects_size", models.PositiveBigIntegerField(default=0)),
                ("rejects", models.BinaryField(default=bytes)),
            ],
            options={
                "ordering": ["-started_at"],
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="ConvexPerson",
            fields=[
                (
                    "caregiver",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="convex",
                        serialize=False,
                        to="caregiving.caregiver",
                    ),
                ),
                ("convex_id", models.CharField(max_length=64, unique=True)),
                ("taken", models.JSONField(default=dict)),
            ],
            options={
                "default_permissions": (),
            },
        ),
    ]
