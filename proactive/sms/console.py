"""The embedded default: prints each text and appends it to a file, and sends nothing."""

import json
import os
import sys
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from proactive.models import Message
from proactive.sms.gateway import Report


class ConsoleGateway:
    """Records what a carrier would have received, one JSON object a line, in CONSOLE_SMS_LOG."""

    def send(self, message: Message, *, validity: timedelta) -> str:
        sid = f"console-{message.pk}"
        entry = {
            "sid": sid,
            "at": timezone.now().isoformat(),
            "to": message.to_number,
            "body": message.body,
            "cadence": message.cadence,
            "stage": message.stage,
            "validity_seconds": int(validity.total_seconds()),
        }
        # One write of a whole line, so that lines of several processes never mix; synced, so that
        # what was "sent" before a crash is on record, as it is at a real carrier.
        settings.CONSOLE_SMS_LOG.parent.mkdir(parents=True, exist_ok=True)
        record = os.open(settings.CONSOLE_SMS_LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(record, (json.dumps(entry) + "\n").encode())
            os.fsync(record)
        finally:
            os.close(record)
        # Standard output belongs to the command that is running, whose JSON it would break.
        print(f"SMS to {message.to_number}: {message.body}", file=sys.stderr, flush=True)
        return sid

    def find(self, message: Message, *, since: datetime, until: datetime) -> list[Report]:
        """Nothing: paper has no list to ask, so a person looks at the printed lines."""
        return []

    def fetch(self, sid: str) -> Report | None:
        """Nothing: what is printed is neither delivered nor lost."""
        return None
