"""What a person wrote, newest first, however much it is."""

from django.db import migrations, models

from caregiving.migration_operations import AddIndexConcurrently


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("caregiving", "0008_people_lists")]

    operations = [
        AddIndexConcurrently(
            "inboundmessage",
            models.Index(fields=["caregiver", "-received_at"], name="inbound_of_person"),
        ),
    ]
