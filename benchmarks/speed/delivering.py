"""How many texts a second reach a provider that takes 50 ms for each, by `deliver_queued` and by
less.

Each measurement is a process of its own, `python -m benchmarks.speed.delivering WHAT ...`: it says
that it is ready, waits for a line, and prints how many it sent in how many seconds. The provider
(`slow_provider`) is one more process, and counts: a run in which it took other texts than were
sent, or one of them twice, is no measurement.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any
from uuid import uuid4

from benchmarks.speed import children
from benchmarks.speed.databases import Databases, Size
from benchmarks.speed.figures import Figure, rate

PROVIDER_SECONDS = 0.05
# What a process keeps under way unless it is told otherwise.
AT_ONCE = 40
# With so many the provider, and not the machine, is the limit of one process and of two.
AT_ONCE_EACH = 12
# Enough that the first connections and the last answers do not count.
TEXTS = 3000
# One after the other so many take some five seconds.
TEXTS_IN_A_LOOP = 100
# Enough that the pace is no limit.
PACE = 1000

ACCOUNT = "AC" + "0" * 32
TOKEN = "of-no-use-to-anybody"
NUMBER = "+12025550100"


# --- What is compared ---


def deliver_vs_loop(databases: Databases, size: Size) -> Figure:
    """Texts a second of one process, against the official client in a loop."""
    ours, baseline = [], []
    for _ in range(size.runs):
        ours.append(_delivered(databases, texts=_texts(size), at_once=AT_ONCE))
        baseline.append(_posted("loop", texts=TEXTS_IN_A_LOOP, at_once=1))
    return rate(ours, baseline, "texts/s")


def deliver_vs_http(databases: Databases, size: Size) -> Figure:
    """The same, against threads that post the same bodies and keep nothing."""
    ours, baseline = [], []
    for _ in range(size.runs):
        ours.append(_delivered(databases, texts=_texts(size), at_once=AT_ONCE))
        baseline.append(_posted("pool", texts=_texts(size), at_once=AT_ONCE))
    return rate(ours, baseline, "texts/s")


def deliver_scaling(databases: Databases, size: Size) -> Figure:
    """Two processes on one database against one, each with as many texts under way."""
    two, one = [], []
    for _ in range(size.runs):
        texts = _texts(size)
        two.append(_delivered(databases, texts=texts, at_once=AT_ONCE_EACH, processes=2))
        one.append(_delivered(databases, texts=texts // 2, at_once=AT_ONCE_EACH))
    return rate(two, one, "texts/s")


MEASURES: dict[str, Callable[[Databases, Size], Figure]] = {
    "deliver_vs_loop": deliver_vs_loop,
    "deliver_vs_http": deliver_vs_http,
    "deliver_scaling": deliver_scaling,
}


def _texts(size: Size) -> int:
    return min(TEXTS, size.due)


def _delivered(databases: Databases, *, texts: int, at_once: int, processes: int = 1) -> float:
    """Texts a second from the moment at which all begin until the last one ends."""
    with databases.empty() as database, _provider(expects=texts) as address:
        environ = _environ(database, address, at_once)
        _run("queue", str(texts), environ=environ)
        return _together(["deliver"] * processes, environ)


def _posted(what: str, *, texts: int, at_once: int) -> float:
    with _provider(expects=texts) as address:
        return _together([what], _environ("sqlite:///:memory:", address, at_once), str(texts))


# --- Processes ---


@contextmanager
def _provider(*, expects: int) -> Iterator[str]:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "benchmarks.speed.slow_provider"),
            *("--seconds", str(PROVIDER_SECONDS)),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin and process.stdout
    try:
        yield process.stdout.readline().strip()
        process.stdin.close()
        told = json.loads(process.stdout.read())
        if not told["taken"] == told["different"] == expects:
            raise RuntimeError(f"{expects} texts were to be sent, and the provider has {told}")
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def _environ(database: str, provider: str, at_once: int) -> dict[str, str]:
    return children.environ(
        database,
        SMS_GATEWAY="twilio",
        SMS_IN_FLIGHT=str(at_once),
        SMS_PER_SECOND=str(PACE),
        TWILIO_ACCOUNT_SID=ACCOUNT,
        TWILIO_AUTH_TOKEN=TOKEN,
        TWILIO_FROM_NUMBER=NUMBER,
        TWILIO_API_BASE_URL=provider,
        # So many at once are what is measured.
        SWEEP_CEILING="1000000",
    )


def _run(*arguments: str, environ: dict[str, str]) -> None:
    subprocess.run(
        [sys.executable, "-m", "benchmarks.speed.delivering", *arguments], env=environ, check=True
    )


def _together(whats: list[str], environ: dict[str, str], *arguments: str) -> float:
    """Have them begin at the same moment; what they sent together, by the last one's time."""
    with ExitStack() as stack:
        processes = []
        for what in whats:
            process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.speed.delivering", what, *arguments],
                env=environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            processes.append(process)
        for process in processes:
            assert process.stdout
            if process.stdout.readline() != "ready\n":
                raise RuntimeError("a process did not even begin; the reason stands above")
        for process in processes:
            assert process.stdin
            process.stdin.write("\n")
            process.stdin.flush()
        told: list[dict[str, Any]] = []
        for process in processes:
            assert process.stdout
            told.append(json.loads(process.stdout.read()))
            if process.wait():
                raise RuntimeError(f"a process ended with status {process.returncode}")
    return sum(one["texts"] for one in told) / max(one["seconds"] for one in told)


# --- What they do ---


def _queue(texts: int) -> None:
    """People who are due, and their texts, as a sweep queues them."""
    import django

    django.setup()
    from datetime import timedelta

    from django.db import connection
    from django.utils import timezone

    from caregiving import zones
    from caregiving.models import Caregiver
    from proactive.models import Message
    from proactive.sweeps import run_sweep

    now = timezone.now()
    # It is noon or near it there, whenever this runs.
    zone = min(
        (name for name in sorted(zones.known()) if name.startswith("Etc/GMT")),
        key=lambda name: abs(_hour(now, name) - 12.5),
    )
    people = [
        Caregiver(
            phone_number=f"+1415{5_550_000 + number:07d}",
            first_name="Alex",
            relationship="daughter",
            zip_code="94110",
            time_zone=zone,
            journey_phase="active",
            burnout_band="crisis",
            created_at=now - timedelta(days=90),
            last_contact_at=now - timedelta(hours=26),
            last_crisis_event_at=now - timedelta(hours=26),
        )
        for number in range(texts)
    ]
    Caregiver.objects.bulk_create(people, batch_size=1000)
    run_sweep(now=now)
    if (queued := Message.objects.queued().count()) != texts:
        raise SystemExit(f"{queued} of {texts} texts were queued")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _hour(now: Any, zone: str) -> float:
    from zoneinfo import ZoneInfo

    there = now.astimezone(ZoneInfo(zone))
    return float(there.hour + there.minute / 60)


def _deliver() -> Callable[[], int]:
    import django

    django.setup()
    from django.db import connection

    from proactive.delivery import deliver_queued

    connection.ensure_connection()

    def deliver() -> int:
        report = deliver_queued()
        if set(report.results) - {"sent"}:
            raise SystemExit(f"not all were sent: {report}")
        return report.results.total()

    return deliver


def _loop(texts: int) -> Callable[[], int]:
    """The official client as its documentation shows it, with a connection that is kept open."""
    from twilio.rest import Client

    client = Client(ACCOUNT, TOKEN)
    client.api.base_url = os.environ["TWILIO_API_BASE_URL"]
    forms = _forms(texts)

    def send() -> int:
        for form in forms:
            client.messages.create(
                to=form["To"],
                from_=form["From"],
                body=form["Body"],
                status_callback=form["StatusCallback"],
                validity_period=int(form["ValidityPeriod"]),
            )
        return len(forms)

    return send


def _pool(texts: int) -> Callable[[], int]:
    """Threads and a session with as many connections."""
    import requests
    from requests.adapters import HTTPAdapter

    at_once = int(os.environ["SMS_IN_FLIGHT"])
    address = os.environ["TWILIO_API_BASE_URL"]
    session = requests.Session()
    session.mount("http://", HTTPAdapter(pool_maxsize=at_once))
    path = f"{address}/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    forms = _forms(texts)

    def post(form: dict[str, str]) -> None:
        session.post(path, data=form, auth=(ACCOUNT, TOKEN), timeout=10).raise_for_status()

    def send() -> int:
        with ThreadPoolExecutor(at_once) as threads:
            return sum(1 for _ in threads.map(post, forms))

    return send


def _forms(texts: int) -> list[dict[str, str]]:
    """What delivery posts for crisis follow-ups."""
    from proactive.default_copy import DEFAULT_COPY

    body = DEFAULT_COPY["crisis_followup", "1"]["en"]
    return [
        {
            "To": f"+1415{5_550_000 + number:07d}",
            "From": NUMBER,
            "Body": body,
            "StatusCallback": f"https://outreach.example.org/webhooks/twilio/status/{uuid4()}/",
            "ValidityPeriod": "900",
        }
        for number in range(texts)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.delivering")
    parser.add_argument("what", choices=["queue", "deliver", "loop", "pool"])
    parser.add_argument("texts", type=int, nargs="?", default=0)
    options = parser.parse_args()
    if options.what == "queue":
        _queue(options.texts)
        return
    prepare: dict[str, Callable[[], Callable[[], int]]] = {
        "deliver": _deliver,
        "loop": lambda: _loop(options.texts),
        "pool": lambda: _pool(options.texts),
    }
    send = prepare[options.what]()
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.monotonic()
    texts = send()
    print(json.dumps({"texts": texts, "seconds": time.monotonic() - began}), flush=True)


if __name__ == "__main__":
    main()
