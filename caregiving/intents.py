from django.db import models


class Intent(models.TextChoices):
    STOP = "stop", "Stop texting"
    START = "start", "Text again"
    HELP = "help", "Help"
    NONE = "", "-"
