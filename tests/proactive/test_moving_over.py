import json
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command

from caregiving import events
from caregiving.models import Caregiver
from proactive import first_day, switches
from proactive.cadences import CADENCES
from proactive.models import AuditEntry, CadenceSwitch, CareAlert
from proactive.moving_over import import_convex
from proactive.sweeps import run_sweep
from proactive.switches import Switchboard
from tests.caregiving.convex.exports import DAY, NOW, ana, export

pytestmark = pytest.mark.django_db

ALL = [cadence.name for cadence in CADENCES]


@pytest.fixture
def snapshot(tmp_path):
    return export(tmp_path / "a.zip", users=[ana(), "oops"])


def that_are_on():
    board = Switchboard.load()
    return [name for name in ALL if board.is_open(name, NOW)]


def run(*arguments):
    out, err = StringIO(), StringIO()
    call_command("import_convex", *map(str, arguments), stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_the_first_import_switches_every_cadence_off_and_says_so_in_the_audit(snapshot):
    report = import_convex(snapshot, now=NOW)

    assert report.switched_off == ALL
    assert that_are_on() == []
    assert Switchboard.load().everything.is_on
    assert AuditEntry.objects.filter(action="switch_off").count() == len(ALL)


def test_it_also_leaves_them_for_nobody_so_that_the_past_opens_no_alerts(snapshot):
    """What the other system has not sent is not a hundred alarms on the first morning."""
    import_convex(snapshot, now=NOW)
    missed = Caregiver.objects.get()
    events.record_crisis_event(missed, at=NOW - 5 * DAY)

    run_sweep(now=NOW)

    assert set(CadenceSwitch.objects.values_list("share", flat=True)) == {0}
    assert AuditEntry.objects.filter(action="set_share").count() == len(ALL)
    assert not CareAlert.objects.exists()


def test_what_is_on_for_nobody_is_on_the_first_day_as_if_for_everybody(snapshot):
    import_convex(snapshot, now=NOW)
    Caregiver.objects.update(burnout_band="high", last_contact_at=NOW - 3 * DAY)

    day = first_day.look(now=NOW)

    assert day.people == Caregiver.objects.count() > 0


def test_they_are_off_before_the_first_person_is_there(snapshot, monkeypatch):
    found = []
    monkeypatch.setattr(
        "caregiving.convex.importing.take_people", lambda *_, **__: found.append(that_are_on())
    )

    import_convex(snapshot, now=NOW)

    assert found == [[]]


def test_what_staff_switched_on_since_stays_on(snapshot, tmp_path):
    import_convex(snapshot, now=NOW)
    switches.switch_on("wellness", by=None, reason="looked at", now=NOW)

    again = import_convex(snapshot, now=NOW + DAY)
    later = import_convex(export(tmp_path / "b.zip", users=[ana(firstName="Eva")]), now=NOW + DAY)

    assert that_are_on() == ["wellness"]
    assert again.switched_off == later.switched_off == []


def test_an_import_that_goes_on_leaves_the_switches_alone(snapshot, monkeypatch):
    monkeypatch.setattr("caregiving.convex.importing.events.adopt_earlier_texts", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        import_convex(snapshot, now=NOW)
    monkeypatch.undo()
    switches.switch_on("wellness", by=None, reason="looked at", now=NOW)

    import_convex(snapshot, now=NOW)

    assert that_are_on() == ["wellness"]


def test_a_dry_run_switches_nothing_off_and_says_what_it_would(snapshot):
    report = import_convex(snapshot, dry_run=True, now=NOW)

    assert report.switched_off == ALL
    assert that_are_on() == ALL
    assert not CadenceSwitch.objects.exists()


def test_a_file_that_cannot_be_read_switches_nothing_off(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"no zip")

    with pytest.raises(CommandError, match="is no ZIP"):
        run(tmp_path / "a.zip")

    assert that_are_on() == ALL


@time_machine.travel(NOW)
def test_the_command_prints_a_table_and_what_comes_next(snapshot, tmp_path):
    out, err = run(snapshot)

    assert "users line 2: is not JSON" in err
    assert f"Bad rows, with the reasons: {tmp_path / 'a.rejected.csv'}" in out
    assert (
        "Switched off, and for 0 % of people, so nothing of it goes out: crisis_followup, wellness"
        in out
    )
    assert "Next: manage.py first_day" in out
    assert Caregiver.objects.count() == 1


@time_machine.travel(NOW)
def test_the_command_prints_json(snapshot):
    report = json.loads(run(snapshot, "--dry-run", "--json")[0])

    assert report["written"] is False
    assert report["tables"]["users"] == {
        "documents": 2,
        "new": 1,
        "changed": 0,
        "same": 0,
        "passed": 0,
        "bad": 1,
    }
    assert report["bad_rows"][0]["line"] == 2
    assert not Caregiver.objects.exists()


@time_machine.travel(NOW)
def test_the_command_warns_of_an_opt_out_of_which_nobody_can_tell_whose_it_is(tmp_path):
    lost = ana(_id="n" * 32, phoneNumber="5", optedOutAt=1.7e12)
    held = ana(_id="m" * 32, optedOutAt=1.7e12)

    out, err = run(export(tmp_path / "a.zip", users=[ana(), lost, held]))

    assert "WARNING: an opt-out stands in 1 of these rows, and nobody can tell whose it is" in err
    assert "Opt-outs in bad rows that hold all the same: 1." in out
