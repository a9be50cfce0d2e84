import pytest
import time_machine
from django.urls import reverse
from django.utils.html import escape

from caregiving.convex.importing import import_snapshot
from proactive import first_day, switches
from proactive.roles import ADMINISTRATOR, COORDINATOR, LEAD, VIEWER
from tests.caregiving.convex.exports import ana, export
from tests.proactive.people import NOON, due_for
from tests.staff import member_of, sign_in

PAGE = reverse("admin:proactive_first_day")
REJECTS = reverse("admin:proactive_first_day_rejects")

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def at_noon():
    with time_machine.travel(NOON, tick=False):
        yield


def look(client, role, url=PAGE):
    answer = sign_in(client, member_of(role)).get(url)
    return answer, answer.content.decode()


def sample():
    return next(one for share in first_day.look(now=NOON).shares for one in share.samples)


def test_it_says_how_many_would_be_texted_by_cadence(client):
    due_for("wellness")
    due_for("crisis_followup")

    answer, shown = look(client, VIEWER)

    assert "2 of 2 people" in shown
    assert [(one["share"].cadence.name, one["people"]) for one in answer.context["cadences"]][
        :2
    ] == [("crisis_followup", "1"), ("wellness", "1")]


def test_words_and_numbers_are_shown_to_those_only_who_may_see_them(client):
    someone = due_for("wellness", first_name="Ana")
    body = escape(sample().body)

    _, viewed = look(client, VIEWER)
    assert "Ana" in viewed
    assert body not in viewed
    assert str(someone.phone_number) not in viewed
    assert someone.masked_number in viewed

    _, coordinated = look(client, COORDINATOR)
    assert body in coordinated
    assert str(someone.phone_number) in coordinated


def test_who_may_switch_is_led_to_the_switches_and_nobody_else(client):
    switches.switch_off("wellness", by=None, reason="not yet", now=NOON)
    switch_on = reverse("admin:proactive_cadenceswitch_act", args=["wellness", "switch_on"])

    assert switch_on in look(client, LEAD)[1]
    assert switch_on not in look(client, VIEWER)[1]


def test_rejected_rows_are_told_to_all_and_given_to_administrators(client, tmp_path):
    import_snapshot(export(tmp_path / "a.zip", users=[ana(), ana(_id="b")]), now=NOON)

    _, viewed = look(client, VIEWER)
    assert "1 row could not be taken" in viewed
    assert REJECTS not in viewed
    assert client.get(REJECTS).status_code == 403

    _, shown = look(client, ADMINISTRATOR)
    assert REJECTS in shown
    lines = client.get(REJECTS).content.decode("utf-8-sig").splitlines()
    assert lines[0] == "rejected_table,rejected_line,rejected_because,_id"
    assert lines[1].startswith("users,2,phoneNumber: ")


def test_an_opt_out_of_which_nobody_can_tell_whose_it_is_is_told(client, tmp_path):
    lost = ana(phoneNumber="5", optedOutAt=1.7e12)
    import_snapshot(export(tmp_path / "a.zip", users=[lost]), now=NOON)

    assert "In 1 of these rows stands an opt-out" in look(client, VIEWER)[1]


def test_an_import_that_broke_off_is_told(client, tmp_path, monkeypatch):
    monkeypatch.setattr("caregiving.convex.importing.events.adopt_earlier_texts", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        import_snapshot(export(tmp_path / "a.zip", users=[ana()]), now=NOON)

    assert "The import of a.zip did not end" in look(client, VIEWER)[1]


def test_where_nothing_was_rejected_there_is_nothing_to_fetch(client):
    assert look(client, ADMINISTRATOR, REJECTS)[0].status_code == 404
