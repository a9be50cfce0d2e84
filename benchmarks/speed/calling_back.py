"""How many reports on texts a web server takes in, against how many it could answer at all.

Ours is the status callback of a text that was sent and has arrived, so that every one of them is
news and is written down. The baseline is a view that checks the signature and does nothing, in the
same server, behind the same middleware. Both are called over connections that stay open, as a proxy
keeps them, by a caller that does no more than write and read prepared bytes.

    python -m benchmarks.speed.calling_back texts COUNT PEOPLE    prints [[message id, SID], ...]
    python -m benchmarks.speed.calling_back arrived               prints how many texts have arrived
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

from twilio.request_validator import RequestValidator

from benchmarks.speed import children
from benchmarks.speed.calling import Caller
from benchmarks.speed.databases import Databases, Size
from benchmarks.speed.figures import Figure, rate

OURS = "/webhooks/twilio/status/{}/"
EMPTY = "/empty/{}/"

# As the Dockerfile starts it.
WORKERS = ("--workers", "2", "--threads", "8", "--access-logfile", "-")
# One for each thread: what waits for the disk must not keep the others from working.
CONNECTIONS = 16
# Of one round: some seconds.
CALLS = 4_000

Texts = list[tuple[str, str]]


def webhook_vs_empty(databases: Databases, size: Size) -> Figure:
    """Status callbacks a second, against an empty view that only checks the signature."""
    calls = min(CALLS, size.due)
    with databases.empty() as database, TemporaryDirectory(prefix="outreach-web-") as folder:
        environ = children.environ(
            database, DJANGO_SETTINGS_MODULE="benchmarks.speed.calling_back_settings"
        )
        texts = children.run(
            __name__, "texts", calls * (size.runs + 1), size.few, database=database
        )
        ours, baseline = [], []
        with _serving(environ, Path(folder)) as address:
            caller = Caller(address, CONNECTIONS)
            for begin in range(0, len(texts), calls):
                part = texts[begin : begin + calls]
                ours.append(caller.rate(_requests(OURS, part, environ)))
                baseline.append(caller.rate(_requests(EMPTY, part, environ)))
        arrived = children.run(__name__, "arrived", database=database)
        if arrived != len(texts):
            raise RuntimeError(f"of {len(texts)} texts {arrived} are recorded as delivered")
    # The first round of each opens connections and fills caches.
    return rate(ours[1:], baseline[1:], "callbacks/s")


MEASURES: dict[str, Callable[[Databases, Size], Figure]] = {"webhook_vs_empty": webhook_vs_empty}


def _requests(path: str, texts: Texts, environ: dict[str, str]) -> list[bytes]:
    """What Twilio sends when a phone has a text, signed, each ready to be written to a socket."""
    validator = RequestValidator(environ["TWILIO_AUTH_TOKEN"])
    requests = []
    for message_id, sid in texts:
        at = path.format(message_id)
        fields = {
            "ApiVersion": "2010-04-01",
            "MessageSid": sid,
            "SmsSid": sid,
            "MessageStatus": "delivered",
            "SmsStatus": "delivered",
            "To": "+14155550123",
            "From": "+14155550100",
            "AccountSid": f"AC{0:032x}",
        }
        body = urlencode(fields).encode()
        signature = validator.compute_signature(environ["PUBLIC_BASE_URL"] + at, fields)
        head = (
            f"POST {at} HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Proto: https\r\n"
            "User-Agent: TwilioProxy/1.1\r\nAccept: */*\r\n"
            "Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\n"
            f"X-Twilio-Signature: {signature}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        requests.append(head.encode() + body)
    return requests


@contextmanager
def _serving(environ: dict[str, str], folder: Path) -> Iterator[Path]:
    """The socket at which gunicorn answers, as in production, until the end."""
    address = folder / "web.sock"
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [
                *(sys.executable, "-W", "ignore", "-m", "gunicorn", "caregiving.wsgi"),
                *("--bind", f"unix:{address}", *WORKERS),
                *("--worker-tmp-dir", "/dev/shm" if os.path.isdir("/dev/shm") else str(folder)),
            ],
            env=environ,
            cwd=children.ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            yield address
        finally:
            server.terminate()
            server.wait(timeout=60)


# --- In a process with Django ---


def create_texts(count: int, people: int) -> Texts:
    """So many texts, sent and not yet reported on, to so many people at most."""
    from datetime import timedelta

    from django.utils import timezone

    from caregiving.models import Caregiver
    from proactive.models import Message

    now = timezone.now()
    numbers = [f"+1415{2_000_000 + n}" for n in range(people)]
    caregivers = Caregiver.objects.bulk_create(
        [
            Caregiver(
                phone_number=number,
                journey_phase="active",
                last_contact_at=now - timedelta(days=9),
                last_proactive_message_at=now,
            )
            for number in numbers
        ],
        batch_size=1000,
    )
    messages = []
    for n in range(count):
        caregiver = caregivers[n % people]
        sent_at = now - timedelta(days=n // people)
        messages.append(
            Message(
                caregiver=caregiver,
                to_number=caregiver.phone_number,
                cadence="wellness",
                tier="moderate",
                body="How are you today?",
                segments=1,
                status="sent",
                queued_at=sent_at - timedelta(minutes=1),
                attempts=1,
                attempt_started_at=sent_at,
                sent_at=sent_at,
                provider_sid=f"SM{n:032x}",
            )
        )
    Message.objects.bulk_create(messages, batch_size=1000)
    return [(str(message.pk), str(message.provider_sid)) for message in messages]


def count_arrived() -> int:
    from proactive.models import Message

    return Message.objects.filter(status="delivered", delivered_at__isnull=False).count()


def main(what: str, *numbers: str) -> None:
    import django

    django.setup()
    do = {"texts": create_texts, "arrived": count_arrived}[what]
    print(json.dumps(do(*map(int, numbers))))  # type: ignore[operator]


if __name__ == "__main__":
    main(*sys.argv[1:])
