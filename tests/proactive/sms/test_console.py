import json
import stat
import uuid
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from proactive.models import Message
from proactive.sms.console import ConsoleGateway
from proactive.sms.gateway import get_gateway

BODY = "Hi Maria, it’s CareCheck.\nHow are you? 💛"


@pytest.fixture
def log(settings, tmp_path):
    settings.CONSOLE_SMS_LOG = tmp_path / "var" / "sms.jsonl"
    return settings.CONSOLE_SMS_LOG


def a_message(**changes) -> Message:
    defaults = {"to_number": "+12025550143", "body": BODY, "cadence": "wellness", "stage": None}
    return Message(**(defaults | changes))


@time_machine.travel(datetime(2026, 3, 8, 15, 0, tzinfo=UTC), tick=False)
def test_a_text_is_printed_and_appended_as_one_line(log, capsys):
    message = a_message(
        id=uuid.UUID("6f1d2c3b-0000-4000-8000-000000000001"), cadence="crisis_followup", stage=3
    )

    sid = ConsoleGateway().send(message, validity=timedelta(minutes=90))

    assert sid == "console-6f1d2c3b-0000-4000-8000-000000000001"
    assert capsys.readouterr().err == f"SMS to +12025550143: {BODY}\n"
    (line,) = log.read_text().splitlines()
    assert json.loads(line) == {
        "sid": sid,
        "at": "2026-03-08T15:00:00+00:00",
        "to": "+12025550143",
        "body": BODY,
        "cadence": "crisis_followup",
        "stage": 3,
        "validity_seconds": 5400,
    }


def test_later_texts_are_added_and_each_has_its_own_sid(log):
    gateway = ConsoleGateway()
    sids = [gateway.send(a_message(), validity=timedelta(hours=1)) for _ in range(3)]

    entries = [json.loads(line) for line in log.read_text().splitlines()]
    assert [entry["sid"] for entry in entries] == sids
    assert len(set(sids)) == 3


def test_the_file_is_for_its_owner_only(log):
    ConsoleGateway().send(a_message(), validity=timedelta(hours=1))
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_it_is_the_default(settings):
    settings.SMS_GATEWAY = "console"
    assert isinstance(get_gateway(), ConsoleGateway)
