import gzip
import json
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from caregiving import events
from caregiving.models import Caregiver, CrisisEvent, InboundMessage, WellnessScore
from proactive import switches
from proactive.demo import seed_demo
from proactive.models import (
    AuditEntry,
    CadenceSwitch,
    CareAlert,
    Message,
    MessageTemplate,
    Status,
    Sweep,
)
from proactive.simulation import copying
from proactive.simulation.copying import Copied, copy_population
from proactive.simulation.lives import happenings
from proactive.simulation.loading import load_people, load_rows
from proactive.simulation.spec import Spec
from proactive.sms.segments import measure
from proactive.sweeps import run_sweep
from tests.factories import MessageFactory, WellnessScoreFactory
from tests.proactive.people import DAY, HOUR, NOON, due_for, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "people.jsonl.gz"


def copied(path: Path, *, most: int = 10_000, seed: int = 1) -> Copied:
    return copy_population(path, most=most, seed=seed, now=NOON)


def spec_of(path: Path, **changes) -> Spec:
    fields = {"seed": 1, "people": 10_000, "days": 30, "starts": NOON, "population": str(path)}
    return Spec(**fields | changes)


def remove_everybody() -> None:
    for model in (CareAlert, Message, WellnessScore, InboundMessage, CrisisEvent, Sweep):
        model.objects.all().delete()
    assert not AuditEntry.objects.exists()
    Caregiver.objects.all().delete()
    CadenceSwitch.objects.all().delete()


def lines(path: Path) -> list[dict]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def planned(now) -> tuple[list, dict]:
    """What a sweep at `now` would do: for each person by rank the text, its size; all counts."""
    sweep = run_sweep(now=now, dry_run=True)
    numbers = Caregiver.objects.order_by("pk").values_list("phone_number", flat=True)
    rank = {number: place for place, number in enumerate(numbers)}
    texts = [
        (rank[text.phone_number], text.cadence, text.stage, measure(text.body))
        for text in sweep.planned
    ]
    return sorted(texts, key=lambda text: text[0]), sweep.counts


def reloaded(path: Path) -> None:
    copied(path)
    remove_everybody()
    load_rows(spec_of(path))


# --- The rules ---


def test_the_copy_of_people_in_every_state_gets_the_same_texts(path):
    seed_demo(caregivers=400, now=NOON)
    # Some zones only a number tells, and one is misspelt.
    Caregiver.objects.filter(pk__in=_some(0)).update(
        time_zone="", zip_code="", derived_zones="America/Boise America/Los_Angeles"
    )
    Caregiver.objects.filter(pk__in=_some(1)).update(time_zone="Mars/Olympus")
    Caregiver.objects.filter(pk__in=_some(2)).update(first_name="李娜", care_recipient_name="Zoë")
    CadenceSwitch.objects.create(cadence="onboarding_nudge", is_on=False)
    instants = [NOON + hours * HOUR for hours in (0, 8, 50)]
    before = [planned(now) for now in instants]

    reloaded(path)

    assert [planned(now) for now in instants] == before
    assert {cadence for texts, _ in before for _, cadence, *_ in texts} == {
        *("crisis_followup", "wellness", "dormant_reactivation", "assessment_reminder")
    }


def _some(remainder: int) -> list[int]:
    keys = Caregiver.objects.order_by("pk").values_list("pk", flat=True)
    return [key for place, key in enumerate(keys) if place % 15 == remainder]


def test_a_text_that_waits_is_asked_again_by_the_same_rules(path):
    run_sweep(now=NOON, force=True)
    waits = due_for("crisis_followup")
    moved = due_for("crisis_followup")
    run_sweep(now=NOON)
    moved.phone_number = "+14155550199"
    moved.save()
    fields = ("status", "queued_at", "gate_before", "segments", "priority", "occasion", "stage")
    before = list(Message.objects.order_by("caregiver_id").values_list(*fields))

    reloaded(path)

    assert list(Message.objects.order_by("caregiver_id").values_list(*fields)) == before
    assert len(before) == 2
    has_number = [
        text.to_number == text.caregiver.phone_number
        for text in Message.objects.order_by("caregiver_id")
    ]
    assert has_number == [True, False]
    assert waits.pk != moved.pk


def test_what_is_left_of_a_replaced_crisis_is_accounted_for_in_the_copy(path):
    one = person(created_at=NOON - 300 * DAY)
    events.record_crisis_event(one, at=NOON - 200 * DAY)
    CrisisEvent.objects.update(settled_at=NOON)
    events.record_crisis_event(one, at=NOON - 30 * DAY)
    # This was sent, the stages after it were not.
    MessageFactory(
        caregiver=one, stage=1, occasion=NOON - 30 * DAY, status=Status.SENT, queued_at=NOON
    )
    events.record_crisis_event(one, at=NOON - 1 * HOUR)
    before = planned(NOON)

    reloaded(path)

    assert planned(NOON) == before
    assert before[1]["superseded"]["crisis_followup"] == 5
    assert CrisisEvent.objects.count() == 2


@pytest.mark.parametrize(
    ("fields", "is_taken"),
    [
        ({"queued_at": NOON - 80 * DAY}, True),
        ({"queued_at": NOON - 100 * DAY}, False),
        ({"queued_at": NOON - 100 * DAY, "status": Status.QUEUED}, True),
        ({"queued_at": NOON - 100 * DAY, "occasion": NOON - 130 * DAY}, True),
        ({"queued_at": NOON - 80 * DAY, "status": Status.CANCELLED}, False),
    ],
)
def test_texts_are_taken_that_are_recent_wait_or_are_of_an_occasion_that_lasts(
    path, fields, is_taken
):
    one = person(last_crisis_event_at=NOON - 130 * DAY)
    MessageFactory(**{"caregiver": one, "status": Status.DELIVERED} | fields)

    reloaded(path)

    assert Message.objects.exists() == is_taken


def test_instants_are_kept_to_the_microsecond(path):
    exact = NOON - timedelta(days=3, microseconds=123_457)
    person(last_crisis_event_at=exact)

    reloaded(path)

    assert Caregiver.objects.get().last_crisis_event_at == exact


def test_switches_and_words_come_along_and_their_accounts_and_reasons_do_not(
    path, django_user_model
):
    staff = django_user_model.objects.create(username="nurse")
    switches.switch_off("wellness", by=staff, reason="because of Zebedee", now=NOON)
    MessageTemplate.objects.filter(cadence="wellness", tier="high").update(body="Hello there.")
    AuditEntry.objects.all()._raw_delete("default")

    reloaded(path)

    switch = CadenceSwitch.objects.get()
    assert (switch.cadence, switch.is_on, switch.reason, switch.changed_by) == (
        *("wellness", False, ""),
        None,
    )
    assert "Zebedee" not in gzip.decompress(path.read_bytes()).decode()
    assert {one.body for one in MessageTemplate.objects.filter(tier="high")} == {"Hello there."}


# --- Nobody's identity ---


def test_no_name_number_or_word_of_anybody_is_in_the_file(path):
    one = person(
        first_name="Zebedee",
        care_recipient_name="Quillon",
        relationship="godson",
        phone_number="+12065550147",
        zip_code="98077",
        unreachable_reason="says Zebedee",
    )
    events.record_crisis_event(one, at=NOON - DAY, source="Zebedee rang")
    text = MessageFactory(
        caregiver=one,
        body="Hi Zebedee",
        because="Zebedee was silent",
        reason="told Zebedee",
        provider_sid="SM0147",
        status=Status.SENT,
        sent_at=NOON,
        queued_at=NOON,
    )
    InboundMessage.objects.create(
        caregiver=one, from_number=one.phone_number, body="Quillon fell", provider_sid="SM0148"
    )

    copied(path)

    told = gzip.decompress(path.read_bytes()).decode()
    secrets = ("Zebedee", "Quillon", "godson", "2065550147", "98077", "SM014", "fell", str(text.pk))
    assert [secret for secret in secrets if secret.lower() in told.lower()] == []


def test_every_field_of_people_and_texts_is_decided_on():
    kept = {"zip_code", *copying.PERSON_FIELDS, *copying.DISGUISED}
    left_behind = {"id", "phone_number", "unreachable_reason"}
    left_behind |= {"erased_at", "legal_hold_since", "legal_hold_by", "legal_hold_reason"}
    assert {field.name for field in Caregiver._meta.concrete_fields} == kept | left_behind

    left_behind = {"id", "caregiver", "sweep", "to_number", "body", "because", "reason"}
    left_behind |= {"provider_sid", "ordered_by"}
    kept = set(copying.TEXT_FIELDS)
    assert {field.name for field in Message._meta.concrete_fields} == kept | left_behind


def test_only_its_owner_can_read_the_file_also_where_one_was_before(path):
    path.write_text("older")
    path.chmod(0o644)

    copied(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_copy_that_breaks_leaves_what_was_there(path, monkeypatch):
    path.write_text("older")
    monkeypatch.setattr(copying, "_policy", lambda: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        copied(path)

    assert path.read_text() == "older"
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_the_real_database_is_only_read(path):
    seed_demo(caregivers=60, now=NOON)

    with CaptureQueriesContext(
        connection,
    ) as queries:
        copied(path)

    assert {query["sql"].split()[0] for query in queries} == {"SELECT"}


def test_a_copy_asks_as_many_queries_for_four_hundred_people_as_for_forty(path):
    counts = []
    for count in (40, 360):
        for _ in range(count):
            person()
        with CaptureQueriesContext(connection) as queries:
            copied(path)
        counts.append(len(queries))

    assert counts[0] == counts[1]


# --- Whom it takes ---


def test_a_sample_is_stable_and_another_seed_takes_others(path):
    people = [person(last_contact_at=NOON - n * HOUR) for n in range(60)]

    def taken(seed: int) -> list[str]:
        assert copied(path, most=20, seed=seed) == Copied(people=60, taken=20)
        return [line["fields"]["last_contact_at"] for line in lines(path)[1:]]

    assert taken(1) == taken(1)
    assert len(set(taken(1))) == 20
    assert taken(1) != taken(2)
    assert len(people) == 60


def test_who_was_in_a_sample_is_in_a_larger_one(path):
    for n in range(60):
        person(last_contact_at=NOON - n * HOUR)
    samples = []
    for most in (20, 40):
        copied(path, most=most)
        samples.append({line["fields"]["last_contact_at"] for line in lines(path)[1:]})

    assert samples[0] < samples[1]


def test_everybody_is_taken_where_there_are_no_more(path):
    for _ in range(3):
        person()

    assert copied(path, most=3) == Copied(people=3, taken=3)


def test_an_empty_service_makes_an_empty_copy(path):
    assert copied(path) == Copied(people=0, taken=0)
    assert load_people(spec_of(path)) == []
    load_rows(spec_of(path))


def test_nobody_is_no_sample(path):
    with pytest.raises(ValueError, match="1 or more"):
        copied(path, most=0)


# --- Their worlds ---


def test_shards_part_the_people_of_a_copy(path):
    for _ in range(7):
        MessageFactory(caregiver=person(), status=Status.SENT)
    copied(path)
    remove_everybody()
    shards = [spec_of(path, shards=2, shard=shard, people=6) for shard in range(2)]

    assert [[one.key for one in load_people(spec)] for spec in shards] == [[2, 4, 6], [1, 3, 5]]
    load_rows(shards[1])
    assert list(Caregiver.objects.order_by("pk").values_list("pk", flat=True)) == [1, 3, 5]
    assert Message.objects.count() == 3


def test_a_person_of_a_copy_is_their_row(path):
    person(time_zone="Asia/Tokyo", burnout_band="high")
    person(time_zone="", zip_code="", phone_number="+12085550123")
    reloaded(path)

    for one in load_people(spec_of(path)):
        row = Caregiver.objects.get(pk=one.key)
        assert row.phone_number == one.number
        assert {name: getattr(row, name) for name in one.row} == one.row
    assert [one.zone for one in load_people(spec_of(path))] == ["Asia/Tokyo", "America/Boise"]


def test_who_signs_up_in_the_world_of_a_copy_comes_after_the_others(path):
    person()
    reloaded(path)

    assert person().pk == 2


def test_how_people_write_and_answer_follows_from_their_record(path):
    silent, chatty = (person(created_at=NOON - 100 * DAY) for _ in range(2))
    for n in range(24):
        _wrote(chatty, at=NOON - n * DAY)
    for n in range(50):
        _wrote(silent, at=NOON - (60 + n) * DAY)
    WellnessScoreFactory(caregiver=chatty, created_at=NOON - DAY)
    for n in range(6):
        MessageFactory(
            caregiver=chatty,
            stage=n + 1,
            status=Status.DELIVERED,
            queued_at=NOON - n * DAY,
            replied_at=NOON if n else None,
        )
    copied(path)

    first, second = load_people(spec_of(path))

    assert first.writes < 0.1
    assert 2 < second.writes < 3
    assert first.assesses < 0.05 < second.assesses
    assert (first.answers, second.answers) == (1 / 4, 6 / 10)
    year = spec_of(path, days=365)
    assert len(list(happenings(second, year))) > len(list(happenings(first, year)))


def _wrote(one: Caregiver, *, at) -> None:
    InboundMessage.objects.create(
        caregiver=one,
        from_number=one.phone_number,
        received_at=at,
        provider_sid=f"{one.pk}-{at.isoformat()}",
    )
