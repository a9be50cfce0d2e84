"""The home page: what it says, that its figures are those of the lists, and who sees what."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from proactive.admin.moments import clock
from proactive.cadences import CADENCES
from proactive.clocks import length
from proactive.models import CadenceSwitch, CareAlert, Message, Sweep
from tests.factories import CaregiverFactory, MessageFactory
from tests.proactive.people import DUE, NOON, due_for

pytestmark = pytest.mark.django_db

HOME = reverse("admin:index")
PEOPLE = reverse("admin:caregiving_caregiver_changelist")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def sign_in(client, role=None, *permissions):
    user = User.objects.create_user(f"user{User.objects.count()}", is_staff=True)
    if role:
        user.groups.add(Group.objects.get(name=role))
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return user


@pytest.fixture
def home(client):
    """What a viewer reads on the page, its runs of space as one."""
    sign_in(client, "Viewer")

    def read():
        response = client.get(HOME)
        assert response.status_code == 200
        text = re.sub(
            r"<(script|style).*?</\1>|<[^>]*>", " ", response.content.decode(), flags=re.S
        )
        return re.sub(r"\s+", " ", unescape(text))

    return read


def swept(ago=MINUTE, **fields):
    at = timezone.now() - ago
    return Sweep.objects.create(now=at, started_at=at, finished_at=at, **fields)


def alert(ago=MINUTE, **fields):
    fields = {"kind": "cascade_unanswered", "caregiver": CaregiverFactory()} | fields
    return CareAlert.objects.create(opened_at=timezone.now() - ago, **fields)


def text(ago=timedelta(), status="delivered", **fields):
    at = timezone.now() - ago
    sent_at = None if status == "failed" else at
    return MessageFactory(
        status=status, attempt_started_at=at, sent_at=sent_at, **({"stage": None} | fields)
    )


# --- Is outreach running? ---


def test_while_all_is_well_it_says_so_with_what_the_last_sweep_queued(home):
    swept(2 * MINUTE, counts={"queued": {"wellness": 3, "crisis_followup": 1}})

    page = home()

    assert "Sending is on" in page
    assert "2 min ago. Queued 1 crisis follow-up, 3 wellness check-in." in page


def test_that_nothing_runs_comes_before_what_is_switched_and_says_whom_to_ask(home):
    CadenceSwitch.objects.create(cadence="everything", is_on=False, reason="audit")
    sweep = swept(HOUR)

    page = home()

    assert f"Not running since {clock(sweep.finished_at, now=timezone.now())}" in page
    assert "is the worker running" in page
    assert "Switched off by the command line" in page


def test_a_pause_says_until_when_by_whom_and_why_on_the_clock_of_the_service(home, settings):
    settings.TIME_ZONE = "America/Chicago"
    swept()
    until = timezone.now() + 3 * DAY
    CadenceSwitch.objects.create(
        cadence="everything",
        paused_until=until,
        reason="the line is moved",
        changed_by=User.objects.create(username="lead"),
    )

    page = home()

    assert f"Paused until {clock(until, now=timezone.now())}" in page
    assert re.search(r"Paused until .* by lead at \d\d:\d\d: the line is moved", page)


def test_a_halt_is_the_systems_and_says_what_to_do(home):
    swept()
    CadenceSwitch.objects.create(
        cadence="everything", is_on=False, halted=True, reason="credentials refused"
    )

    page = home()

    assert "Sending halted" in page
    assert "Halted by the system" in page
    assert "credentials refused" in page
    assert "send a test text" in page


def test_a_sweep_that_is_held_and_a_cadence_that_is_off_are_told_too(home):
    swept(held="More than 200 people are due a text at once.")
    CadenceSwitch.objects.create(cadence="wellness", is_on=False, reason="new words")

    page = home()

    assert "Sweep held" in page
    assert "More than 200 people are due a text at once." in page
    assert "Wellness check-in is off: new words" in page


# --- Who needs a person? ---


def test_alerts_stand_with_their_person_how_long_they_are_open_and_who_took_them_on(home):
    nurse = User.objects.create(username="nurse")
    alert(125 * MINUTE, caregiver=CaregiverFactory(first_name="Rosalind"))
    alert(20 * MINUTE, caregiver=CaregiverFactory(first_name="Winifred"), claimed_by=nurse)
    alert(kind="sending_halted", caregiver=None)
    alert(resolved_at=timezone.now(), caregiver=CaregiverFactory(first_name="Ottoline"))

    page = home()

    assert "3 open alerts" in page
    assert (
        "Rosalind Crisis follow-ups ended without an answer 2 h 05 min "
        "Nobody yet: a crisis waits Winifred Crisis follow-ups ended without an answer "
        "20 min nurse The service itself" in page
    )
    assert "Ottoline" not in page


def test_of_many_alerts_ten_are_shown_with_the_number_of_all(home, client):
    for hours in range(12):
        alert(hours * HOUR)

    assert "All 12 open alerts" in home()
    assert len(client.get(HOME).context["needs"]["rows"]) == 10


def test_people_in_a_crisis_stand_with_their_next_follow_up(home):
    now = timezone.now()
    crisis = now - 5 * DAY
    CaregiverFactory(
        first_name="Ines",
        last_crisis_event_at=crisis,
        crisis_followup_count=2,
        created_at=crisis,
    )

    assert re.search(r"In crisis: 1 person .* Ines 3 of 7 in 1 d 23 h \(", home())


# --- Every figure is a link to what it counts ---


def test_each_figure_links_to_a_list_of_exactly_as_many(client, monkeypatch):
    swept()
    for days in range(3):
        for cadence, status in (
            ("wellness", "delivered"),
            ("wellness", "sent"),
            ("dormant_reactivation", "undelivered"),
            ("dormant_reactivation", "failed"),
        ):
            replied = timezone.now() if status == "delivered" else None
            text(days * DAY, status, cadence=cadence, replied_at=replied)
    MessageFactory(status="queued", stage=3)
    alert()
    CaregiverFactory(opted_out_at=timezone.now(), burnout_band="crisis")
    sign_in(client, "Viewer")
    response = client.get(HOME)
    found = response.context
    texts = found["texts"]
    cells = [*texts["today"], *texts["all"]]
    for row in (*texts["by_day"], *texts["by_cadence"]):
        cells += row["cells"]
    cells += texts["today_by_cadence"].values()
    figures = {cell["url"]: cell["number"] for cell in cells}
    figures |= {
        texts["waiting_url"]: texts["waiting"],
        found["needs"]["url"]: found["needs"]["total"],
        found["opted_out"]["url"]: found["opted_out"]["count"],
    }
    html = unescape(response.content.decode())

    for url, number in figures.items():
        if number:
            assert url in html
            shown = client.get(url)
            assert (url, shown.status_code) == (url, 200)
            assert (url, shown.context["cl"].result_count) == (url, number)
    assert sum(map(bool, figures.values())) > 20
    assert [cell["number"] for cell in texts["all"]] == [9, 3, 3, 6]


def test_every_number_on_the_page_that_is_a_link_opens_a_list_of_as_many(client, time_machine):
    time_machine.move_to(NOON, tick=False)
    for cadence in DUE:
        due_for(cadence)
    crisis = {"last_crisis_event_at": NOON - DAY, "burnout_band": "crisis"}
    CaregiverFactory(opted_out_at=NOON - DAY, **crisis)
    CaregiverFactory(opted_out_at=NOON - 8 * DAY)
    CaregiverFactory.create_batch(2, unreachable_at=NOON - DAY, **crisis)
    text(status="sent")
    MessageFactory(status="queued", stage=3)
    alert(caregiver=None)
    sign_in(client, "Viewer")

    html = unescape(client.get(HOME).content.decode())
    figures = {
        url: int(number.replace(",", ""))
        for url, number in re.findall(r'<a href="(/admin/\w+/\w+/\?[^"]*)">([\d,]+)[ <]', html)
    }

    cohorts = [url for url in figures if "cohort=" in url]
    assert len(cohorts) == 3 + len(CADENCES)
    assert all(figures[url] for url in cohorts)
    assert figures[f"{PEOPLE}?cohort=crisis&opted_out_at__isnull=False"] == 1
    assert figures[f"{PEOPLE}?cohort=crisis&unreachable_at__isnull=False"] == 2
    assert [number for url, number in figures.items() if "opted_out_at__gte" in url] == [1]
    for url, number in figures.items():
        if number:
            shown = client.get(url)
            assert (url, shown.status_code) == (url, 200)
            assert (url, shown.context["cl"].result_count) == (url, number)


# --- Who sees what ---


def test_who_may_look_at_nothing_reads_whether_outreach_runs_and_no_more(client):
    swept()
    CadenceSwitch.objects.create(cadence="everything", is_on=False, reason="audit")
    alert(caregiver=CaregiverFactory(first_name="Rosalind"))
    sign_in(client)

    html = client.get(HOME).content.decode()

    assert "Sending is off" in html
    assert "audit" not in html
    assert "Rosalind" not in html
    assert not re.search(r'href="/admin/(caregiving|proactive)/', html)


@pytest.mark.parametrize(
    ("permission", "seen"),
    [
        ("view_carealert", {"needs"}),
        ("view_caregiver", {"crisis", "due", "opted_out"}),
        ("view_message", {"texts"}),
        ("view_sweep", {"sweep"}),
    ],
)
def test_each_section_is_for_whoever_may_look_at_its_list(client, permission, seen):
    sign_in(client, None, permission)

    response = client.get(HOME)

    sections = ("needs", "crisis", "due", "opted_out", "texts", "sweep")
    assert {name for name in sections if response.context[name] is not None} == seen


def test_a_number_is_masked_where_there_is_no_name(home):
    someone = CaregiverFactory(first_name="")
    alert(caregiver=someone)

    page = home()

    assert someone.masked_number in page
    assert str(someone.phone_number) not in page


# --- Clocks and cost ---


def test_clocks_go_on_by_themselves_from_what_the_page_says(client):
    sign_in(client, "Viewer")
    opened = alert(HOUR).opened_at

    html = client.get(HOME).content.decode()

    assert f'data-home-since="{opened.isoformat()}">1 h 00 min<' in html
    assert "proactive/home.js" in html


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(0, "0 min"), (59, "59 min"), (60, "1 h 00 min"), (1439, "23 h 59 min"), (1560, "1 d 2 h")],
)
def test_lengths_of_time_in_words(minutes, words):
    assert length(minutes * MINUTE) == words


def test_the_page_takes_as_many_queries_for_10000_rows_as_for_100(client):
    sign_in(client, "Administrator")
    now = timezone.now()

    people = CaregiverFactory.create_batch(20, last_crisis_event_at=now - 26 * HOUR)

    def fill(count):
        whose = [people[n % 20] for n in range(count)]
        Message.objects.bulk_create(
            Message(caregiver=one, cadence="wellness", status="sent", attempt_started_at=now)
            for one in whose
        )
        CareAlert.objects.bulk_create(CareAlert(kind="duplicate", caregiver=one) for one in whose)
        Sweep.objects.bulk_create(Sweep(now=now, finished_at=now) for _ in whose)

    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert client.get(HOME).status_code == 200
        return len(captured)

    fill(100)
    few = queries()
    fill(9_900)

    assert queries() == few < 30


def test_a_crisis_that_nobody_has_claimed_stands_above_what_has_been_open_for_longer(home):
    now = timezone.now()
    for name, kind, age in (
        ("Lucia", CareAlert.Kind.OUTCOME_UNKNOWN, timedelta(days=2)),
        ("Hank", CareAlert.Kind.FOLLOWUP_MISSED, timedelta(hours=1)),
    ):
        CareAlert.objects.create(
            kind=kind,
            caregiver=CaregiverFactory(first_name=name),
            opened_at=now - age,
            claimed_at=None if name == "Hank" else now,
            claimed_by=None if name == "Hank" else User.objects.create_user("grace"),
        )

    page = home()

    assert page.index("Hank") < page.index("Lucia")
