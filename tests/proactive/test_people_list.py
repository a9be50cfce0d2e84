"""The list of people: who is shown under which tab, in which words, and how somebody is found."""

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from caregiving.folding import Folded, fold
from caregiving.models import Caregiver
from proactive.admin import people_list
from proactive.admin.paging import BoundedPaginator
from proactive.cohorts import COHORTS
from tests.factories import AREA_CODES, CaregiverFactory
from tests.proactive.reading_rows import rows_read

pytestmark = pytest.mark.django_db

LIST = reverse("admin:caregiving_caregiver_changelist")
NOW = datetime(2027, 1, 13, 18, tzinfo=UTC)


@pytest.fixture
def log_in(client):
    def as_one(role):
        user = User.objects.create_user(role, is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        client.force_login(user)
        return client

    return as_one


@pytest.fixture
def found(log_in):
    """Who is listed for a query, by first name."""

    def search(role="Care coordinator", **query):
        answer = log_in(role).get(LIST, query)
        assert answer.status_code == 200
        return sorted(person.first_name for person in answer.context["cl"].result_list)

    return search


# --- Tabs ---


def test_each_cohort_has_a_tab_and_the_chosen_one_says_so_and_what_it_means(log_in):
    html = log_in("Viewer").get(LIST, {"cohort": "silent", "q": "ana"}).content.decode()

    for cohort in COHORTS:
        current = ' aria-current="page"' if cohort.name == "silent" else ""
        assert f'<a href="?cohort={cohort.name}&amp;q=ana"{current}>{cohort.label}</a>' in html
    assert '<a href="?q=ana">Everybody</a>' in html
    assert "Active, and nothing heard for seven days." in html


def test_a_tab_shows_its_people_only(found):
    CaregiverFactory(first_name="Ana", opted_out_at=NOW)
    CaregiverFactory(first_name="Berta")

    assert found(cohort="opted-out") == ["Ana"]


def test_a_tab_and_a_search_go_together(found):
    CaregiverFactory(first_name="Ana", opted_out_at=NOW)
    CaregiverFactory(first_name="Berta", opted_out_at=NOW)
    CaregiverFactory(first_name="Berta")

    assert found(cohort="opted-out", q="ber") == ["Berta"]


def test_a_group_that_does_not_exist_leads_back_to_the_list(log_in):
    assert log_in("Viewer").get(LIST, {"cohort": "rich"}).url == f"{LIST}?e=1"


# --- Finding ---


@pytest.mark.parametrize(
    "typed",
    [
        *("(415) 555-2671", "415-555-2671", "+1 415 555 2671", "415.555.2671", "14155552671"),
        *("2671", "555-2671", "5552671", "415", "(415) 555", "+1415", "１４１５５５５２６７１"),
        *("José", "jose", "JOSÉ", "jos", "Jose\u0301", "ángel", "ANGEL O'B", "  josé  "),
    ],
)
def test_somebody_is_found_by_name_or_number_however_it_is_typed(found, typed):
    CaregiverFactory(
        first_name="José", care_recipient_name="Ángel O'Brien", phone_number="+14155552671"
    )
    CaregiverFactory(first_name="Berta", phone_number="+13125550148")

    assert found(q=typed) == ["José"]


@pytest.mark.parametrize("typed", ["%", "_", "o'b", "26710", "5555", "+2671", "+44 20 7946 0958"])
def test_what_is_nobodys_finds_nobody(found, typed):
    CaregiverFactory(first_name="José", phone_number="+14155552671")

    assert found(q=typed) == []


def test_the_number_of_another_country_is_found_by_its_end_as_well(found):
    CaregiverFactory(first_name="Nora", phone_number="+442079460958")

    for typed in ("+44 20 7946 0958", "2079460958", "0958", "+4420"):
        assert found(q=typed) == ["Nora"]
        User.objects.all().delete()


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("(415) 555-2671", ["Ana"]), ("2671", []), ("415", []), ("+1415555267", []), ("ana", ["Ana"])],
)
def test_whoever_may_not_see_numbers_finds_by_a_whole_one_only(found, typed, expected):
    CaregiverFactory(first_name="Ana", phone_number="+14155552671")

    assert found("Viewer", q=typed) == expected


def test_the_number_itself_is_shown_to_whoever_may_see_it_and_masked_to_others(log_in):
    CaregiverFactory(phone_number="+14155552671")

    viewed = log_in("Viewer").get(LIST).content.decode()
    assert "+1415***2671" in viewed
    assert "5552671" not in viewed
    assert "+14155552671" in log_in("Care coordinator").get(LIST).content.decode()


def test_names_are_folded_alike_in_python_and_in_the_database():
    names = [
        "José",
        "ÅNGSTRÖM",
        "Łukasz Đặng",
        "Zoë",
        "Jose\u0301",
        "Ñuñez",
        "O'Neil",
        "",
        "李",
        "ß",
    ]
    CaregiverFactory._meta.model.objects.bulk_create(
        Caregiver(phone_number=f"+1415555{n:04}", first_name=name) for n, name in enumerate(names)
    )

    rows = Caregiver.objects.annotate(folded=Folded("first_name"))
    assert {row.first_name: row.folded for row in rows} == {name: fold(name) for name in names}
    assert fold("ÁNGEL Jose\u0301") == "angel jose"


# --- Words ---


def row(log_in, **fields):
    """The cells of the only row, by column."""
    CaregiverFactory(**{"created_at": NOW, **fields})
    with time_machine.travel(NOW, tick=False):
        cl = log_in("Viewer").get(LIST).context["cl"]
        person = cl.result_list[0]
        return {
            name: str(method(person))
            for name in cl.list_display
            if (method := getattr(cl.model_admin, name, None)) and name != "action_checkbox"
        }


def test_a_row_tells_the_persons_clock_and_how_long_ago_things_were(log_in):
    cells = row(
        log_in,
        time_zone="America/Chicago",
        last_contact_at=NOW - timedelta(days=3, hours=2),
        last_proactive_message_at=NOW - timedelta(minutes=20),
    )

    assert cells["clock"] == "12:00 Chicago"
    assert ">3 days ago</time>" in cells["heard"]
    assert 'title="Sun 10 Jan 2027 16:00"' in cells["heard"]
    assert ">20 minutes ago</time>" in cells["texted"]
    assert cells["flags"] == cells["crisis"] == ""


def test_never_is_said_and_long_ago_is_a_date(log_in):
    cells = row(log_in, last_contact_at=NOW - timedelta(days=100), time_zone="", zip_code="")

    assert cells["texted"] == "never"
    assert ">5 Oct 2026</time>" in cells["heard"]


@pytest.mark.parametrize(
    ("ago", "done", "says"),
    [
        (timedelta(hours=20), 0, "1 of 7, in 4 hours"),
        (timedelta(hours=25), 0, "1 of 7, due"),
        (timedelta(hours=25), 1, "2 of 7, in 2 days"),
        (timedelta(days=10), 1, "3 of 7, due"),
        (timedelta(days=36), 7, ""),
        (timedelta(days=43), 2, ""),
    ],
)
def test_a_row_tells_which_follow_up_comes_next(log_in, ago, done, says):
    cells = row(log_in, last_crisis_event_at=NOW - ago, crisis_followup_count=done)

    assert cells["crisis"] == says


def test_a_row_tells_what_keeps_texts_away_and_then_promises_none(log_in):
    cells = row(
        log_in,
        opted_out_at=NOW,
        unreachable_at=NOW,
        outreach_paused_until=NOW + timedelta(days=2),
        last_crisis_event_at=NOW,
    )

    for words in ("opted out", "unreachable", "paused until 15 Jan"):
        assert f">{words}</span>" in cells["flags"]
    assert cells["crisis"] == ""


def test_several_possible_zones_and_a_misspelt_one_are_told(monkeypatch):
    person = Caregiver(phone_number="+12085550100")
    two = [ZoneInfo("America/Boise"), ZoneInfo("America/Los_Angeles")]
    monkeypatch.setattr(people_list, "places", lambda caregiver: two)
    assert people_list.clock(person, now=NOW) == "11:00 Boise or 1 more"

    monkeypatch.setattr(people_list, "places", lambda caregiver: [])
    assert people_list.clock(person, now=NOW) == "unknown zone"


# --- Cost ---


def fill(first, last):
    Caregiver.objects.bulk_create(
        (
            Caregiver(
                phone_number=f"+1{AREA_CODES[n // 10_000]}555{n % 10_000:04}",
                first_name=f"Ada{n}",
                time_zone="America/Chicago",
                journey_phase="active",
                created_at=NOW - timedelta(days=60),
                burnout_band="high",
            )
            for n in range(first, last)
        ),
        batch_size=1000,
    )


def test_the_list_takes_as_many_queries_for_many_people_as_for_few(log_in):
    client = log_in("Care coordinator")

    def queries(query):
        with CaptureQueriesContext(connection) as captured:
            assert client.get(LIST, query).context["cl"].result_list
        return len(captured)

    pages = ({}, {"cohort": "due"}, {"cohort": "silent"}, {"q": "ada"})
    fill(0, 100)
    few = [queries(page) for page in pages]
    fill(100, 10_000)
    assert [queries(page) for page in pages] == few
    # Three of them are for the head of every page: is outreach running (the switches, the last
    # sweep), and how many alerts are open. Who is due depends on the switches once more.
    assert max(few) <= 11


PEOPLE = 100_000
POPULATE = f"""
INSERT INTO caregiving_caregiver (phone_number, first_name, relationship, care_recipient_name,
    zip_code, time_zone, language, journey_phase, burnout_band, created_at, last_contact_at,
    last_proactive_message_at, last_crisis_event_at, crisis_followup_count,
    reactivation_message_count, opted_out_at, unreachable_at)
SELECT '+1' || 2000000000 + n * 123456789::bigint % 8000000000,
    initcap(substr(md5(n::text), 1, 6)), 'daughter',
    initcap(substr(md5((-n)::text), 1, 6)), '60601', 'America/Chicago', 'en',
    CASE WHEN n % 5 = 0 THEN 'churned' WHEN n % 7 = 0 THEN 'onboarding' ELSE 'active' END,
    CASE WHEN n % 50 = 0 THEN 'crisis' WHEN n % 3 = 0 THEN 'high' ELSE '' END,
    now() - n * interval '7 minutes',
    CASE WHEN n % 4 > 0 THEN now() - (n % 100) * interval '1 day' - n * interval '1 second' END,
    now() - n * interval '1 second',
    CASE WHEN n % 80 = 1 THEN now() - (n % 90) * interval '1 day' END,
    0,
    CASE WHEN n % 20 = 0 THEN 0 ELSE 3 END,
    CASE WHEN n % 100 = 3 THEN now() END,
    CASE WHEN n % 200 = 7 THEN now() END
FROM generate_series(1, {PEOPLE}) AS n
"""


@pytest.mark.skipif(connection.vendor != "postgresql", reason="it is PostgreSQL that has millions")
def test_no_page_of_the_list_reads_all_the_people(log_in, monkeypatch):
    """Of 100,000 people, each page reads a few times what is counted, wherever they are found."""
    monkeypatch.setattr(BoundedPaginator, "bound", 500)
    with connection.cursor() as cursor:
        cursor.execute(POPULATE)
        cursor.execute(
            "INSERT INTO proactive_carealert (kind, caregiver_id, opened_at, detail, note)"
            " SELECT 'followup_missed', id, now(), '', '' FROM caregiving_caregiver"
            " ORDER BY id LIMIT 200"
        )
        cursor.execute("ANALYZE caregiving_caregiver, proactive_carealert")
    client = log_in("Care coordinator")
    pages = [
        {},
        {"p": "9"},
        {"o": "6"},
        {"o": "-7"},
        *(
            {"q": term}
            for term in ("abc", "abc123", "2671", "555-2671", "+1 200", "(200) 555-2671")
        ),
        *({"cohort": cohort.name} for cohort in COHORTS),
        *({"cohort": "crisis", "o": order} for order in ("6", "-6", "7", "-7")),
        {"cohort": "silent", "o": "6"},
        {"opted_out_at__gte": (datetime.now(UTC) - timedelta(days=7)).isoformat()},
        {"cohort": "crisis", "opted_out_at__isnull": "False"},
        {"cohort": "crisis", "unreachable_at__isnull": "False"},
        {"cohort": "opted-out", "q": "ab"},
        {"journey_phase__exact": "churned"},
        {"burnout_band__exact": "crisis"},
    ]
    read = {}
    for query in pages:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(LIST, query).status_code == 200
        read[json.dumps(query)] = sum(
            rows_read(one["sql"], "caregiving_caregiver") for one in queries
        )
    # Who is due is found among all the candidates of each cadence, as a sweep finds them.
    due = read.pop('{"cohort": "due"}')
    assert due < 3 * PEOPLE
    assert {page: rows for page, rows in read.items() if rows > PEOPLE / 20} == {}
