"""The command line: what operators read, and what machines read."""

from datetime import timedelta

import pytest

from caregiving.models import Caregiver
from proactive import marking
from proactive.models import CadenceSwitch, Message, MessageTemplate
from tests.factories import MessageFactory
from tests.proactive.commanding import AT, CADENCES, refusal, run, run_json
from tests.proactive.people import HOUR, NOON, due_for, person
from tests.proactive.queueing import queued, statuses

NONE = dict.fromkeys(CADENCES, 0)

pytestmark = pytest.mark.django_db


@pytest.fixture
def at_noon(time_machine):
    time_machine.move_to(NOON, tick=False)


# --- sweep ---


def test_sweep_queues_and_tells_machines_what(at_noon):
    due_for("wellness")
    due_for("crisis_followup", last_crisis_event_at=NOON - timedelta(days=8))

    assert run_json("sweep") == {
        "now": AT,
        "dry_run": False,
        "queued": NONE | {"wellness": 1, "crisis_followup": 1},
        "superseded": NONE | {"crisis_followup": 2},
        "churned": 0,
        "deferred": {name: {} for name in NONE},
        "held": "",
    }
    assert statuses() == {"queued": 2, "superseded": 2}


def test_a_dry_run_lists_what_it_would_queue_and_changes_nothing():
    maria = due_for("crisis_followup", first_name="Maria")
    jo = due_for("wellness", first_name="Jo")
    before = list(Caregiver.objects.order_by("pk").values())

    shown = run_json("sweep", "--dry-run", "--at", AT)

    assert [*shown] == [
        "now",
        "dry_run",
        "queued",
        "superseded",
        "churned",
        "deferred",
        "held",
        "messages",
    ]
    assert (shown["now"], shown["dry_run"]) == (AT, True)
    assert [(one["phone_number"], one["cadence"], one["stage"]) for one in shown["messages"]] == [
        (maria.phone_number, "crisis_followup", 1),
        (jo.phone_number, "wellness", None),
    ]
    assert shown["messages"][0]["body"].startswith("CareCheck: Hi Maria, ")
    assert statuses() == {}
    assert list(Caregiver.objects.order_by("pk").values()) == before


def test_what_a_dry_run_lists_is_what_the_sweep_then_queues(at_noon):
    for cadence in CADENCES:
        due_for(cadence)

    foretold = run_json("sweep", "--dry-run")["messages"]
    run("sweep")

    rows = Message.objects.values_list("to_number", "cadence", "stage", "body")
    assert sorted(tuple(one.values()) for one in foretold) == sorted(rows)
    assert len(foretold) == 5


def test_one_cadence_alone_can_be_swept(at_noon):
    due_for("wellness")
    due_for("crisis_followup")

    assert run_json("sweep", "--cadence", "wellness")["queued"] == NONE | {"wellness": 1}


def test_sweep_shows_operators_a_table_and_the_texts():
    due_for("wellness", first_name="Jo", phone_number="+14155550101")

    shown = run("sweep", "--dry-run", "--at", AT)

    assert [line.split() for line in shown.splitlines() if "wellness  " in line] == [
        ["│", "wellness", "│", "1", "│", "0", "│", "-", "│"]
    ]
    assert "0 people would become churned. As of 2027-01-05 12:00 UTC." in shown
    assert "  +14155550101  wellness: CareCheck: Hi Jo, how are you today" in shown
    assert "Nothing was queued." in shown


def test_sweep_shows_twenty_texts_and_says_how_many_more():
    for _ in range(22):
        due_for("wellness")

    shown = run("sweep", "--dry-run", "--at", AT)

    assert shown.count("wellness: ") == 20
    assert "... and 2 more (--json lists all)" in shown


def test_a_dry_run_says_that_a_real_sweep_would_be_held(settings):
    settings.SWEEP_CEILING = 1
    due_for("wellness")
    assert "would be held" not in run("sweep", "--dry-run", "--at", AT)
    due_for("wellness")

    assert (
        "More than 1 people are due a text at once; there is no usual yet, which takes 3 days of "
        "texts. A real sweep would be held and ask a person (sweep --force goes on).\n"
    ) in run("sweep", "--dry-run", "--at", AT)
    shown = run_json("sweep", "--dry-run", "--at", AT)
    assert shown["held"].startswith("More than 1 people")
    assert len(shown["messages"]) == 2


def test_with_force_a_sweep_goes_on_however_many_are_due(settings, at_noon):
    settings.SWEEP_CEILING = 1
    due_for("wellness")
    due_for("wellness")

    shown = run_json("sweep", "--force")

    assert (shown["queued"]["wellness"], shown["held"]) == (2, "")


# --- deliver and reconcile ---


def test_deliver_tells_machines_how_it_ended(gateway, at_noon):
    queued()
    queued("crisis_followup", outreach_paused_until=None)
    Caregiver.objects.filter(burnout_band="high").update(outreach_paused_until=NOON + HOUR)

    assert run_json("deliver") == {
        "results": {"sent": 1, "cancelled": 1},
        "stopped": "",
        "still_queued": 0,
    }


def test_deliver_says_how_it_ended(gateway, at_noon):
    queued()
    queued()

    assert run("deliver", "--limit", "1") == "1 sent. 1 still queued.\n"
    CadenceSwitch.objects.create(cadence="everything", is_on=False, reason="audit")
    assert run("deliver") == (
        "Nothing was due for delivery. 1 still queued.\nStopped early: everything is off: audit.\n"
    )


def test_deliver_fails_when_a_text_could_not_be_dealt_with(gateway, at_noon, monkeypatch):
    queued()

    def breaks(*args):
        raise ArithmeticError("a fault of ours")

    monkeypatch.setattr(marking, "_objection", breaks)

    assert refusal("deliver") == (
        "1 could not be dealt with and stay as they are: the log above says why."
    )


def test_reconcile_tells_what_it_found(at_noon):
    MessageFactory(
        caregiver=person(),
        status="sending",
        attempt_started_at=NOON - 2 * HOUR,
        occasion=NOON - 26 * HOUR,
    )

    assert run_json("reconcile") == {
        "expired": 1,
        "looked_up": 1,
        "found": 0,
        "alerts": 1,
    }
    assert run("reconcile") == (
        "0 submissions without an answer became unknown; 0 texts looked up at the provider, "
        "0 of them found; 0 alerts opened.\n"
    )


def test_sync_schedules_tells_what_it_created():
    assert run_json("sync_schedules") == {
        "created": ["tick", "promises", "housekeeping", "weekly report", "webhooks"]
    }
    assert run_json("sync_schedules") == {"created": []}
    assert run("sync_schedules") == "The schedule is in place; nothing was changed.\n"


def test_sync_schedules_says_what_it_created():
    assert (
        run("sync_schedules") == "Created: tick, promises, housekeeping, weekly report, webhooks.\n"
    )


# --- explain and forecast ---


def test_explain_tells_machines_every_cadence_with_every_rule():
    maria = due_for("crisis_followup")

    shown = run_json("explain", maria.phone_number, "--at", AT)

    assert (shown["phone_number"], shown["now"]) == (maria.phone_number, AT)
    assert [one["cadence"] for one in shown["cadences"]] == CADENCES
    assert [one["sendable"] for one in shown["cadences"]] == [True, False, False, False, False]
    first = shown["cadences"][0]
    assert {"cadence", "stage", "sendable", "rules", "earliest"} <= set(first)
    assert (first["stage"], first["earliest"]) == (1, AT)
    assert all([*rule] == ["rule", "holds", "says"] for rule in first["rules"])
    assert {"rule": "consent", "holds": True, "says": "has not opted out"} in first["rules"]
    assert shown["cadences"][1]["earliest"] is None


def test_explain_finds_a_number_in_any_notation():
    person(phone_number="+14155550100", first_name="Maria")

    assert run("explain", "(415) 555-0100", "--at", AT).startswith(
        "Maria (+14155550100) at Tue 5 Jan 12:00; all times are local to them (UTC).\n"
    )


def test_explain_says_for_each_cadence_what_stops_it():
    maria = due_for("crisis_followup", outreach_paused_until=NOON + HOUR)

    shown = run("explain", maria.phone_number, "--at", AT)

    assert "Crisis follow-up 1: not now; earliest Tue 5 Jan 13:00" in shown
    assert "Wellness check-in: not as things stand" in shown
    (pause,) = {line for line in shown.splitlines() if "│ pause" in line}
    assert [cell.strip() for cell in pause.split("│")[1:4]] == [
        "NO",
        "pause",
        "paused by staff until Tue 5 Jan 13:00",
    ]


def test_forecast_tells_machines_what_silence_brings():
    maria = due_for("crisis_followup", first_name="Maria")

    shown = run_json("forecast", maria.phone_number, "--at", AT, "--days", "7")

    assert [*shown] == ["phone_number", "from", "messages"]
    assert (shown["phone_number"], shown["from"]) == (maria.phone_number, AT)
    assert [(one["at"], one["cadence"], one["stage"]) for one in shown["messages"]] == [
        ("2027-01-05T12:00:00+00:00", "crisis_followup", 1),
        ("2027-01-07T10:00:00+00:00", "crisis_followup", 2),
        ("2027-01-11T10:00:00+00:00", "crisis_followup", 3),
    ]
    assert all([*one] == ["at", "cadence", "stage", "body"] for one in shown["messages"])


def test_forecast_shows_operators_the_texts_and_says_so_when_there_are_none():
    maria = due_for("crisis_followup", first_name="Maria")

    shown = run("forecast", maria.phone_number, "--at", AT, "--days", "1")
    assert shown.startswith("Maria, times in UTC")
    assert "crisis_followup 1" in shown

    Caregiver.objects.update(opted_out_at=NOON)
    assert run("forecast", maria.phone_number, "--at", AT) == (
        f"Nothing within 35 days. Why: manage.py explain {maria.phone_number}\n"
    )


def test_names_and_words_are_shown_as_they_are_and_not_read_as_markup():
    maria = due_for("crisis_followup", first_name="[/Ma]:heart:[b]")
    template = MessageTemplate.objects.get(cadence="crisis_followup", stage=1, language="en")
    template.body = "[b]Hi[/b] $first_name :smile:"
    template.save()

    swept = run("sweep", "--dry-run", "--at", AT)
    assert "CareCheck: [b]Hi[/b] [/Ma]:heart:[b] :smile:" in swept
    explained = run("explain", maria.phone_number, "--at", AT)
    assert explained.startswith("[/Ma]:heart:[b] (+1")
    foretold = run("forecast", maria.phone_number, "--at", AT, "--days", "1")
    assert foretold.startswith("[/Ma]:heart:[b], times in UTC")


def test_without_a_terminal_tables_fit_80_columns_and_nothing_is_cut():
    name = "Maximiliana-Josefina"
    maria = due_for("crisis_followup", first_name=name, care_recipient_name="Maria Magdalena")

    for command in ("explain", "forecast"):
        shown = run(command, maria.phone_number, "--at", AT)
        table = [line for line in shown.splitlines() if line.startswith(("│", "┃", "┏", "└"))]
        assert max(len(line) for line in table) <= 80
        assert "…" not in shown
    words = " ".join(
        cell for line in table if line.startswith("│") for cell in [line.split("│")[-2].strip()]
    )
    assert [
        one["body"]
        for one in run_json("forecast", maria.phone_number, "--at", AT)["messages"]
        if one["body"] not in words
    ] == []
