"""The alerts about a person, newest first, however many they are."""

from django.db import migrations, models

from caregiving.migration_operations import AddIndexConcurrently


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("proactive", "0005_home")]

    operations = [
        AddIndexConcurrently(
            "carealert",
            models.Index(fields=["caregiver", "-opened_at"], name="alerts_of_person"),
        ),
    ]
