"""What the back office calls texts, words and switches. Changes no table."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("proactive", "0006_person_page"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="cadenceswitch",
            options={
                "ordering": ["cadence"],
                "permissions": [("change_policy", "Can change the policy: words and switches")],
                "verbose_name": "switch",
                "verbose_name_plural": "switches",
            },
        ),
        migrations.AlterModelOptions(
            name="message",
            options={
                "ordering": ["-queued_at"],
                "permissions": [
                    ("see_body", "Can read what texts say"),
                    ("settle_message", "Can say what became of a text whose outcome is unknown"),
                ],
                "verbose_name": "text",
            },
        ),
        migrations.AlterModelOptions(
            name="messagetemplate",
            options={
                "ordering": ["cadence", "stage", "tier", "language"],
                "verbose_name": "wording",
                "verbose_name_plural": "words",
            },
        ),
        migrations.AlterField(
            model_name="message",
            name="caregiver",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="messages",
                to="caregiving.caregiver",
                verbose_name="person",
            ),
        ),
    ]
