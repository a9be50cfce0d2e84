"""What the back office calls people and what they wrote. Changes no table."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("caregiving", "0009_person_page"),
    ]

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
                "verbose_name": "person",
                "verbose_name_plural": "people",
            },
        ),
        migrations.AlterModelOptions(
            name="inboundmessage",
            options={
                "ordering": ["-received_at"],
                "verbose_name": "received text",
                "verbose_name_plural": "what people wrote",
            },
        ),
        migrations.AlterModelOptions(
            name="wellnessscore",
            options={"ordering": ["-created_at"], "verbose_name": "score"},
        ),
        migrations.AlterField(
            model_name="inboundmessage",
            name="body",
            field=models.TextField(blank=True, verbose_name="words"),
        ),
        migrations.AlterField(
            model_name="inboundmessage",
            name="caregiver",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="inbound",
                to="caregiving.caregiver",
                verbose_name="person",
            ),
        ),
        migrations.AlterField(
            model_name="inboundmessage",
            name="intent",
            field=models.CharField(
                blank=True,
                choices=[
                    ("stop", "Stop texting"),
                    ("start", "Text again"),
                    ("help", "Help"),
                    ("", "Ordinary text"),
                ],
                db_default="",
                default="",
                help_text="What it was understood to ask for.",
                max_length=8,
                verbose_name="understood as",
            ),
        ),
    ]
