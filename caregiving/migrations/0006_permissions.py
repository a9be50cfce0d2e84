"""What staff may see of people and do for them, each a permission of its own."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("caregiving", "0005_two_way")]

    operations = [
        migrations.AlterModelOptions(
            name="caregiver",
            options={
                "ordering": ["-created_at"],
                "permissions": [
                    ("see_number", "Can see whole phone numbers"),
                    ("act_on_caregiver", "Can act for people: record, pause, opt out, send now"),
                    ("import_caregiver", "Can import people from a file"),
                ],
            },
        ),
    ]
