"""The page "What if?": from what staff type to what is asked, and from what came out to words."""

import csv
import json
import re
from datetime import timedelta
from html import unescape
from io import StringIO

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse
from django.utils import timezone

from proactive.models import AuditEntry, Simulation
from proactive.models.simulations import SILENT_FOR
from proactive.roles import COORDINATOR, VIEWER
from proactive.simulation import background
from proactive.simulation.comparing import Request
from tests.admin_rows import COMPARISON
from tests.staff import member_of, sign_in

pytestmark = pytest.mark.django_db

State = Simulation.State
ADD = reverse("admin:proactive_simulation_add")
LIST = reverse("admin:proactive_simulation_changelist")
ASKED = {
    "question": "Fewer texts?",
    "whose": "real",
    "people": "2000",
    "days": "30",
    "writing": "as_they_do",
}
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@pytest.fixture(autouse=True)
def woken(monkeypatch):
    """How often a process was started, none of which is."""
    calls = []
    monkeypatch.setattr(background, "wake", lambda: calls.append(True))
    return calls


@pytest.fixture
def staff(client):
    return sign_in(client, member_of(COORDINATOR))


def made(state=State.DONE, **fields) -> Simulation:
    then = timezone.now() - MINUTE
    usual = {
        "question": "Fewer texts?",
        "request": COMPARISON["request"],
        "changed": "; ".join(COMPARISON["changes"]),
        "started_at": then,
        "last_sign_at": then,
        "created_at": then,
    }
    if state == State.DONE:
        usual |= {"result": COMPARISON, "finished_at": timezone.now(), "progress": 100}
    return Simulation.objects.create(state=state, **usual | fields)


def to(simulation, page="change"):
    return reverse(f"admin:proactive_simulation_{page}", args=[simulation.pk])


def words(answer) -> str:
    """What somebody reads on the page."""
    text = re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", answer.content.decode(), flags=re.S)
    return " ".join(unescape(text).split())


def errors(answer) -> dict[str, list[str]]:
    return dict(answer.context["form"].errors)


def altered(result, **parts):
    """`result` with parts of the changed policy's figures put in place."""
    return result | {"changed": {**result["changed"], **parts}}


# --- Asking ---


def test_the_form_shows_every_number_of_the_policy_as_it_is(staff):
    page = staff.get(ADD)

    form = page.context["form"]
    assert [group.title for group in form.groups] == [
        "All sending",
        "Crisis follow-up",
        "Wellness check-in",
        "Dormant reactivation",
        "Assessment reminder",
        "Onboarding nudge",
        "Reservation",
    ]
    assert form["policy:wellness.high.every"].value() == "3 days"
    assert form["policy:wellness.high.every"].label == (
        "Tier high: shortest time since the last text"
    )
    assert form["policy:onboarding_nudge.due"].value() == "2 days, 5 days"
    assert form["policy:crisis_followup.window"].value() == "8-21"
    assert form["policy:dormant_reactivation"].value() == "on"
    assert not any(group.is_open for group in form.groups)


def test_only_what_is_different_becomes_a_change(staff, django_capture_on_commit_callbacks, woken):
    as_it_is = staff.get(ADD).context["form"]
    policy = {
        name: as_it_is[name].value() for name in as_it_is.fields if name.startswith("policy:")
    }
    different = {
        "policy:wellness.high.every": "4 Days",
        "policy:wellness.high.silence": "48h",  # which is as today
        "policy:dormant_reactivation": "off",
        "policy:onboarding_nudge.due": "3 days,  5d",
        "policy:crisis_followup.window": "9-20",
        "policy:wellness.quiet": "",
    }

    with django_capture_on_commit_callbacks(execute=True):
        answer = staff.post(ADD, {**ASKED, **policy, **different, "days": "14", "price": "0.02"})

    asked = Simulation.objects.get()
    assert answer.url == to(asked)
    assert Request.from_json(asked.request) == Request(
        days=14,
        people=2000,
        segment_cost=0.02,
        changes=(
            "crisis_followup.window=9-20",
            "wellness.high.every=4d",
            "dormant_reactivation=off",
            "onboarding_nudge.due=3d,5d",
        ),
    )
    assert "Wellness check-in, tier high: every 4 days instead of 3 days" in asked.changed
    assert asked.question == "Fewer texts?"
    assert asked.by == AuditEntry.objects.get(action="simulate").by
    assert woken == [True]


def test_made_up_people_who_do_not_write_under_todays_policy_can_be_asked_for(staff, settings):
    settings.SMS_SEGMENT_COST = 0.03

    staff.post(ADD, {**ASKED, "whose": "synthetic", "people": "50", "writing": "silent"})

    asked = Simulation.objects.get()
    assert Request.from_json(asked.request) == Request(
        people=50, synthetic=True, silent=True, segment_cost=0.03
    )
    assert asked.changed == ""


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"policy:wellness.high.every": "often"}, "'often' is no length of time"),
        ({"policy:wellness.high.every": "3 hours"}, "3h is too short: write 1d or more."),
        ({"policy:crisis_followup.window": "20-9"}, "closes before it opens"),
        ({"policy:onboarding_nudge.due": "2 days"}, "has 2 stages"),
        ({"policy:dormant_reactivation": "perhaps"}, "perhaps is not one of the available choices"),
        ({"days": "6"}, "greater than or equal to 7"),
        ({"days": "121"}, "less than or equal to 120"),
        ({"people": "0"}, "greater than or equal to 1"),
        ({"question": ""}, "This field is required."),
    ],
)
def test_what_cannot_be_read_is_marked_and_stays_as_it_was_typed(staff, woken, typed, says):
    ((name, value),) = typed.items()

    answer = staff.post(ADD, ASKED | {"policy:assessment_reminder.quiet": "12 hours"} | typed)

    assert list(errors(answer)) == [name]
    assert says in " ".join(errors(answer)[name])
    form = answer.context["form"]
    assert form[name].value() == value
    assert form["policy:assessment_reminder.quiet"].value() == "12 hours"
    opened = {group.title for group in form.groups if group.is_open}
    assert "Assessment reminder" in opened
    assert "Nothing was started." in words(answer)
    assert not Simulation.objects.exists()
    assert woken == []


def test_asking_again_begins_with_what_was_asked(staff):
    before = made(
        request=Request(
            days=60,
            people=70,
            synthetic=True,
            silent=True,
            changes=("wellness.high.every=36h", "crisis_followup.due=1d,2d", "gone.since=4d"),
        ).as_json()
    )
    assert f'href="{ADD}?like={before.pk}"' in staff.get(to(before)).content.decode()

    form = staff.get(ADD, {"like": before.pk}).context["form"]

    values = {field.name: field.value() for field in form}
    assert values["policy:wellness.high.every"] == "36 hours"
    assert values["policy:crisis_followup.due"] == "1 day, 2 days"
    assert (values["question"], values["days"], values["people"]) == ("Fewer texts?", 60, 70)
    assert (values["whose"], values["writing"]) == ("synthetic", "silent")
    assert [group.title for group in form.groups if group.is_open] == [
        "Crisis follow-up",
        "Wellness check-in",
    ]


@pytest.mark.parametrize("key", ["0", "nothing", ""])
def test_asking_again_like_nothing_shows_the_form_as_it_is(staff, key):
    assert staff.get(ADD, {"like": key}).context["form"]["question"].value() is None


# --- Who may ---


def test_whoever_may_only_look_asks_for_nothing_and_takes_no_files(client):
    user = User.objects.create_user("auditor", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_simulation"))
    sign_in(client, user)
    done, going_on = made(), made(State.RUNNING)

    assert client.get(to(done)).status_code == 200
    page = client.get(to(done)).content.decode()
    assert "Ask again" not in page
    assert "Tables as CSV" not in page
    assert "Ask what if" not in client.get(LIST).content.decode()
    stop = reverse("admin:proactive_simulation_act", args=[going_on.pk, "stop"])
    for address in (ADD, to(done, "csv"), to(done, "json"), stop):
        assert client.get(address).status_code == 403
    assert client.post(ADD, ASKED).status_code == 403
    assert client.post(stop, {"reason": "enough"}).status_code == 403
    assert Simulation.objects.count() == 2


def test_the_page_of_the_cadences_leads_there_for_whoever_may(client):
    policy = reverse("admin:proactive_policy")
    sign_in(client, member_of(VIEWER))
    assert ADD not in client.get(policy).content.decode()

    sign_in(client, member_of(COORDINATOR))
    assert f'href="{ADD}"' in client.get(policy).content.decode()


# --- While it runs ---


def test_the_page_says_how_far_it_has_come_and_so_does_its_address_for_scripts(staff):
    now = timezone.now()
    one = made(State.RUNNING, progress=42, started_at=now - 3 * MINUTE, last_sign_at=now)

    page = staff.get(to(one))
    answer = staff.get(to(one, "progress")).json()

    assert 'max="100" value="42"' in page.content.decode()
    assert "42 % after 3 min." in words(page)
    assert f'data-simulation-progress="{to(one, "progress")}"' in page.content.decode()
    assert answer == {
        "state": "running",
        "unfinished": True,
        "progress": 42,
        "says": "42 % after 3 min.",
    }


def test_one_that_broke_off_says_so_and_can_be_started_again(staff):
    one = made(State.RUNNING, last_sign_at=timezone.now() - SILENT_FOR - SECOND)

    page = words(staff.get(to(one)))

    assert "Broke off It broke off" in page
    assert "Start it again" in page
    assert "Stop it" not in page
    assert not staff.get(to(one, "progress")).json()["unfinished"]
    assert "Broke off" in words(staff.get(LIST))


def test_one_that_failed_says_why(staff):
    one = made(State.FAILED, error="There are no people to copy.", finished_at=timezone.now())

    assert "It failed. There are no people to copy." in words(staff.get(to(one)))


@pytest.mark.parametrize("page", ["list", "row"])
def test_opening_the_page_begins_what_waits_if_nothing_runs(staff, woken, page):
    one = made(State.WAITING, started_at=None)
    address = LIST if page == "list" else to(one)

    assert staff.get(address).status_code == 200
    assert woken == [True]
    assert staff.get(to(one, "progress")).json()["says"] == "It begins in a moment."

    made(State.RUNNING, last_sign_at=timezone.now())
    staff.get(address)
    assert woken == [True]
    assert "one runs at a time" in words(staff.get(to(one)))


def test_it_can_be_stopped_with_a_reason(staff):
    one = made(State.RUNNING, last_sign_at=timezone.now())
    stop = reverse("admin:proactive_simulation_act", args=[one.pk, "stop"])
    assert f'href="{stop}"' in staff.get(to(one)).content.decode()

    staff.post(stop, {"reason": "The wrong number"})

    one.refresh_from_db()
    assert one.state == State.STOPPED
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.reason) == ("stop", "The wrong number")
    assert entry.changes == {"state": ["running", "stopped"]}
    assert "Stopped at" in words(staff.get(to(one)))


def test_what_is_done_is_not_stopped(staff):
    one = made()
    stop = reverse("admin:proactive_simulation_act", args=[one.pk, "stop"])
    assert f'href="{stop}"' not in staff.get(to(one)).content.decode()

    staff.post(stop, {"reason": "too late"})

    one.refresh_from_db()
    assert (one.state, AuditEntry.objects.count()) == (State.DONE, 0)


# --- What came out ---


def headline(staff, result) -> list[str]:
    return staff.get(to(made(result=result))).context["results"]["sentences"]


def test_it_says_first_what_would_be_different(staff):
    today, changed = COMPARISON["today"], COMPARISON["changed"]

    def rate(one, band):
        (found,) = [row for row in one["texts"]["by_band"] if row["band"] == band]
        return f"{found['per_person_week']:.2f}"

    says = headline(staff, COMPARISON)

    assert says[0] == (
        f"People in band high would get {rate(changed, 'high')} texts a week instead of "
        f"{rate(today, 'high')}."
    )
    before, after = (one["cost"]["per_month"] for one in (today, changed))
    assert any(
        sentence.startswith(f"The cost falls by {round((before - after) / before * 100)}")
        and f"${after:,.2f} a month instead of ${before:,.2f}" in sentence
        for sentence in says
    )


def test_it_says_so_if_nothing_would_be_different(staff):
    today = COMPARISON["today"]

    assert headline(staff, COMPARISON | {"changed": today}) == [
        "People of every band would get as many texts as today.",
        f"It costs as much as today, ${today['cost']['per_month']:.2f} a month.",
        "Crisis follow-ups wait as long as today.",
        f"As many people as today become churned: {today['people_end']['churned']}.",
    ]


@pytest.mark.parametrize(
    ("hours", "says"),
    [
        (20.0, "wait longer: of 100, 95 go out within 20 h 00 min of falling due instead of"),
        (1.5, "wait less: of 100, 95 go out within 1 h 30 min of falling due instead of"),
    ],
)
def test_it_says_how_long_crisis_follow_ups_wait(staff, hours, says):
    waits = [
        one | {"p95_hours": hours} if one["cadence"] == "crisis_followup" else one
        for one in COMPARISON["changed"]["waits"]
    ]

    assert any(says in sentence for sentence in headline(staff, altered(COMPARISON, waits=waits)))


def test_it_says_who_becomes_churned(staff):
    today = COMPARISON["today"]["people_end"]
    (more, fewer) = (
        headline(staff, altered(COMPARISON, people_end=today | {"churned": churned}))[-1]
        for churned in (today["churned"] + 1, today["churned"] - 3)
    )

    before = today["churned"]
    assert more == f"1 more person becomes churned: {before + 1} instead of {before}."
    assert fewer == f"3 fewer people become churned: {before - 3} instead of {before}."


def test_every_chart_has_its_numbers_in_a_table_beside_it(staff):
    page = staff.get(to(made()))

    charted = [table for table in page.context["results"]["tables"] if table.chart]
    assert [table.name for table in charted] == ["bands", "weeks", "bars-crisis_followup"]
    for table in charted:
        drawn = json.loads(table.chart["data"])
        assert drawn["labels"] == [row.label for row in table.rows]
        assert [one["label"] for one in drawn["datasets"]] == ["Today's policy", "Changed policy"]
        for series, name in zip(drawn["datasets"], ("today", "changed"), strict=True):
            assert series["data"] == [round(getattr(row, name), 3) for row in table.rows]
        assert f'id="simulation-{table.name}"' in page.content.decode()
        assert all(row.label in words(page) for row in table.rows)


def test_the_page_says_how_it_was_done_and_that_nothing_was_touched(staff):
    page = words(staff.get(to(made())))

    people = COMPARISON["people"]
    assert f"{people['taken']:,} of your {people['all']:,} people" in page
    assert "Nothing was written to your people, and nothing was sent" in page
    assert "Drawn from seed 1" in page
    assert "Broken promises None" in page


def test_a_promise_that_was_broken_stands_before_everything_else(staff):
    judged = COMPARISON["broken_promises"]
    changed = judged["changed"]
    wrong = changed | {"broken": changed["broken"] | {"cap": 2}}

    page = words(
        staff.get(to(made(result=COMPARISON | {"broken_promises": judged | {"changed": wrong}})))
    )

    assert "Promises were broken" in page
    assert "The changed policy: two texts to one person within 24 hours: 2 times" in page
    assert page.index("Promises were broken") < page.index("Side by side")
    assert "Broken promises None" not in page


def test_todays_policy_alone_is_shown_without_a_second_column(staff):
    alone = COMPARISON | {
        "changed": None,
        "changes": [],
        "broken_promises": COMPARISON["broken_promises"] | {"changed": None},
    }
    page = staff.get(to(made(result=alone)))

    assert "Difference" not in words(page)
    assert "What is different Nothing: this is today's policy" in words(page)
    assert "texts a week." in page.context["results"]["sentences"][0]


def test_the_tables_leave_as_csv(staff):
    answer = staff.get(to(made(), "csv"))

    assert answer.headers["Content-Disposition"].startswith('attachment; filename="what-if-')
    rows = list(csv.DictReader(StringIO(answer.content.decode()[1:])))
    (high,) = [row for row in rows if row["what"] == "High"]
    by_band = {row["band"]: row for row in COMPARISON["changed"]["texts"]["by_band"]}
    assert float(high["changed"]) == by_band["high"]["per_person_week"]
    assert high["unit"] == "per person and week"
    assert {row["table"] for row in rows} >= {"Side by side", "Texts by week"}


def test_everything_leaves_as_json(staff):
    answer = staff.get(to(made(), "json"))

    assert answer.headers["Content-Type"].startswith("application/json")
    assert json.loads(answer.content) == COMPARISON


@pytest.mark.parametrize("page", ["csv", "json"])
def test_there_are_no_files_before_it_is_done(staff, page):
    assert staff.get(to(made(State.RUNNING), page)).status_code == 404


# --- The list ---


def test_the_list_says_what_was_changed_for_whom_and_how_it_stands(staff):
    made(question="Every fourth day?")
    made(State.RUNNING, question="At noon?", progress=7, last_sign_at=timezone.now())

    page = words(staff.get(LIST))

    assert "Every fourth day? Wellness check-in, tier high: every 4 days instead of" in page
    assert f"up to {COMPARISON['request']['people']:,} of your people" in page
    assert "Running, 7 %" in page


def test_the_list_does_not_read_what_came_out(staff, django_assert_max_num_queries):
    made()

    with django_assert_max_num_queries(20) as captured:
        staff.get(LIST)

    assert not [query for query in captured if '"result"' in query["sql"]]
