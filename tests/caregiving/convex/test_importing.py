import csv
from datetime import timedelta

import pytest
from django.db import OperationalError

from caregiving import events
from caregiving.convex import importing, people
from caregiving.convex.importing import ImportProblem, import_snapshot
from caregiving.convex.models import ConvexImport, ConvexPerson
from caregiving.convex.opt_outs import FOR_LATER, HELD, LOST
from caregiving.convex.rejects import kept_lines
from caregiving.models import (
    Caregiver,
    ConsentChange,
    CrisisEvent,
    InboundMessage,
    WellnessScore,
)
from scripts.make_convex_export import write
from tests.caregiving.convex.exports import ANA, BEN, DAY, NOW, ana, export, ms, score, text

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.fixture
def bring(tmp_path):
    """Import an export of these tables, and return the report."""

    def bring(*users, **tables):
        return import_snapshot(export(tmp_path / "a.zip", users=users, **tables), now=NOW)

    return bring


def ana_here():
    return Caregiver.objects.get(phone_number="+12125550001")


def everything():
    """All that an import writes, but for its own record."""
    return [
        list(model.objects.order_by("pk").values())
        for model in (
            *(Caregiver, ConvexPerson, WellnessScore),
            *(InboundMessage, CrisisEvent, ConsentChange),
        )
    ]


# --- Who comes over ----------------------------------------------------------------------------


def test_a_person_comes_with_what_is_known_of_them(bring):
    report = bring(
        ana(
            languagePreference="es",
            burnoutBand="high",
            lastProactiveMessageAt=ms(NOW - DAY),
            reactivationMessageCount=2.0,
        )
    )

    person = ana_here()
    assert (person.first_name, person.language, person.burnout_band) == ("Ana", "es", "high")
    assert person.created_at == NOW - 100 * DAY
    assert person.last_contact_at == NOW - 2 * DAY
    assert person.last_proactive_message_at == NOW - DAY
    assert person.reactivation_message_count == 2
    assert person.derived_zones == "America/New_York"
    assert person.convex.convex_id == ANA
    assert (report.of("users").new, report.bad, report.written) == (1, 0, True)


def test_the_later_shape_brings_the_same_people_as_the_first(tmp_path):
    fields = [
        field.attname
        for field in Caregiver._meta.concrete_fields
        if field.attname not in ("id", "created_at")
    ]
    found = []
    for split in (False, True):
        write(tmp_path / "a.zip", people=150, split=split, now=NOW)
        report = import_snapshot(tmp_path / "a.zip", now=NOW)
        assert (report.of("users").new, report.bad) == (150, 0)
        found.append(list(Caregiver.objects.order_by("phone_number").values(*fields)))
        Caregiver.objects.all().delete()
        InboundMessage.objects.all().delete()

    assert found[0] == found[1]


def test_a_profile_wins_over_what_was_left_behind_in_users(bring):
    profile = {"_id": "p", "_creationTime": 1, "userId": ANA, "firstName": "Anna"}

    bring(ana(firstName="An"), caregiverProfiles=[profile])
    assert ana_here().first_name == "Anna"

    report = bring(ana(firstName="An"), caregiverProfiles=[profile])
    assert ana_here().first_name == "Anna"
    assert (report.of("users").same, report.of("caregiverProfiles").same) == (1, 1)


def test_somebody_who_is_here_by_their_number_is_that_document_from_now_on(bring):
    Caregiver.objects.create(phone_number="+12125550001", first_name="Anita", created_at=NOW)

    report = bring(ana())

    person = ana_here()
    assert person.convex.convex_id == ANA
    assert (person.first_name, person.relationship) == ("Anita", "daughter")
    assert person.created_at == NOW
    assert [one.columns for one in report.differences] == [["first_name"]]


# --- What cannot be taken ----------------------------------------------------------------------


def test_every_row_that_cannot_be_taken_is_in_the_file_with_its_reasons(bring, tmp_path):
    report = bring(
        ana(),
        ana(_id=BEN, phoneNumber="5", burnoutBand="awful"),
        {"_id": "admin", "_creationTime": ms(NOW), "email": "someone@example.org"},
        ana(_id="m" * 32),
        "{oops",
        ana(_id="n" * 32, phoneNumber="+12125550009", timeZone="America/Chikago"),
        wellnessScores=[score(50, "high", NOW - DAY, who="nobody"), score(101, "high", NOW)],
        conversations=[text("hello", NOW + DAY), text("hello", NOW, role="cat")],
    )

    assert Caregiver.objects.count() == 1
    assert report.bad == 9
    with (tmp_path / "a.rejected.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["rejected_table", "rejected_line", "rejected_because", "_id", "document"]
    assert [(table, line) for table, line, *_ in rows] == [
        *(("users", line) for line in ("2", "3", "4", "5", "6")),
        *(("wellnessScores", line) for line in ("1", "2")),
        *(("conversations", line) for line in ("1", "2")),
    ]
    reasons = {(table, line): because for table, line, because, *_ in rows}
    assert reasons["users", "2"].count(";") == 1
    assert reasons["users", "3"] == "phoneNumber: is absent, and every person needs one"
    assert reasons["users", "4"] == f"phoneNumber: +12125550001 is in document {ANA} already"
    assert reasons["wellnessScores", "1"] == "userId: nobody is nobody who came with users"
    assert '"email"' in rows[1][4]


def test_rejected_rows_of_the_last_import_only_are_kept_without_their_documents(bring):
    bring(ana(), "{oops")
    report = bring(ana(), ana(_id=BEN))

    kept = [bytes(one.rejects) for one in ConvexImport.objects.order_by("pk")]
    assert kept[0] == b""
    header, row = kept_lines(kept[1])
    assert header == ["rejected_table", "rejected_line", "rejected_because", "_id"]
    assert row == ["users", "2", report.rejects.first[0].reasons, BEN]


def test_where_nothing_was_rejected_there_is_no_file(bring, tmp_path):
    (tmp_path / "a.rejected.csv").write_text("of an earlier import")

    bring(ana())

    assert not (tmp_path / "a.rejected.csv").exists()


def test_a_file_that_cannot_be_written_is_found_out_before_the_first_row(tmp_path):
    path = export(tmp_path / "a.zip", users=[ana()])

    with pytest.raises(ImportProblem, match="Name another place with --rejects FILE"):
        import_snapshot(path, rejects=tmp_path / "no" / "such.csv", now=NOW)

    assert not Caregiver.objects.exists()


def test_fields_and_tables_that_have_no_place_here_are_told(bring):
    report = bring(ana(stripeCustomerId="cus_1"), billingAccounts=[{"_id": "b"}])

    assert report.not_taken == {"users.stripeCustomerId": 1}
    assert report.others == ["billingAccounts"]


# --- Opt-outs in what cannot be taken ------------------------------------------------------------

OUT = {"optedOutAt": ms(NOW - 3 * DAY)}


def was_rejected_with(report, words):
    return [one for one in report.rejects.first if one.reasons.startswith(words)]


def test_an_opt_out_beside_a_bad_field_holds(bring):
    bring(ana())

    report = bring(ana(burnoutBand="awful", **OUT))

    assert ana_here().opted_out_at == NOW - 3 * DAY
    assert ConsentChange.objects.get().source == "convex"
    assert was_rejected_with(report, HELD)
    assert (report.opt_outs_held, report.opt_outs_lost) == (1, 0)


@pytest.mark.parametrize("is_first", [True, False])
def test_an_opt_out_of_a_document_with_the_number_of_another_holds_for_whoever_is_kept(
    bring, is_first
):
    double = ana(_id=BEN, **OUT)
    spoilt = double | {"zipCode": 5.5}

    report = bring(*([spoilt, ana()] if is_first else [ana(), double]))

    assert Caregiver.objects.count() == 1
    assert ana_here().opted_out_at == NOW - 3 * DAY
    assert report.opt_outs_held == 1


def test_so_does_one_of_somebody_who_was_here_without_any_document(bring):
    Caregiver.objects.create(phone_number="+12125550001")

    bring(ana(timeZone="Mars"), ana(_id=BEN, timeZone="Mars", **OUT))

    assert ana_here().opted_out_at == NOW - 3 * DAY


def test_a_stop_in_the_conversation_of_a_rejected_double_holds(bring):
    report = bring(ana(), ana(_id=BEN), conversations=[text("STOP", NOW - 3 * DAY, who=BEN)])

    assert ana_here().opted_out_at == NOW - 3 * DAY
    assert report.opt_outs_held == 1


def test_also_after_the_import_was_broken_off(tmp_path, monkeypatch):
    said = [text("STOP", NOW - 3 * DAY, who=BEN)]
    path = export(tmp_path / "a.zip", users=[ana(), ana(_id=BEN)], conversations=said)
    real = importing.take_texts
    monkeypatch.setattr(importing, "take_texts", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        import_snapshot(path, now=NOW)
    monkeypatch.setattr(importing, "take_texts", real)

    report = import_snapshot(path, now=NOW)

    assert report.resumed_at
    assert ana_here().opted_out_at == NOW - 3 * DAY


def test_a_stop_whose_time_cannot_be_read_holds(bring):
    bring(ana(), conversations=[text("STOP", NOW - 3 * DAY, timestamp="yesterday")])

    assert ana_here().opted_out_at == NOW - 3 * DAY


def test_an_opt_out_in_a_profile_that_is_bad_holds(bring):
    profile = {"_id": "p", "userId": ANA, "zipCode": ["10001"], **OUT}

    bring(ana(), caregiverProfiles=[profile])

    assert ana_here().opted_out_at == NOW - 3 * DAY


@pytest.mark.parametrize("at", ["yesterday", ms(NOW + DAY), True])
def test_an_opt_out_without_a_time_that_can_be_read_holds_from_now_on_and_once(bring, at):
    bring(ana(), ana(_id=BEN, phoneNumber="+12125550002"))

    bring(ana(optedOutAt=at))
    assert ana_here().opted_out_at == NOW

    events.record_opt_in(ana_here(), at=NOW + DAY, source="text")
    bring(ana(optedOutAt=at, firstName="Anna"))
    assert ana_here().opted_out_at is None


def test_whoever_opted_in_here_since_stays_in(bring):
    bring(ana())
    events.record_opt_in(ana_here(), at=NOW - DAY, source="text")

    bring(ana(burnoutBand="awful", **OUT))

    assert ana_here().opted_out_at is None


def test_an_opt_out_of_a_number_that_is_nobodys_yet_holds_for_whoever_comes_with_it(bring):
    report = bring(ana(burnoutBand="awful", **OUT))
    assert was_rejected_with(report, FOR_LATER)
    assert not Caregiver.objects.exists()

    bring(ana())
    assert ana_here().opted_out_at == NOW - 3 * DAY

    bring(ana(burnoutBand="awful", **OUT))
    assert InboundMessage.objects.count() == 1


@pytest.mark.parametrize(
    "row",
    [
        ana(phoneNumber="5", **OUT),
        ana(phoneNumber=None, **OUT),
        '{"phoneNumber": "+12125550001", "optedOutAt": 17, oops',
    ],
)
def test_an_opt_out_of_which_nobody_can_tell_whose_it_is_is_said_out_loud(bring, row):
    report = bring(ana(_id=BEN, phoneNumber="+12125550002"), row)

    assert was_rejected_with(report, LOST)
    assert (report.opt_outs_held, report.opt_outs_lost) == (0, 1)
    assert ConvexImport.objects.get().opt_outs_lost == 1


@pytest.mark.parametrize("never", [None, 0, "", False])
def test_a_rejected_row_without_an_opt_out_opts_nobody_out(bring, never):
    bring(ana())

    report = bring(ana(burnoutBand="awful", optedOutAt=never), '{"optedOutAt": null, oops')

    assert ana_here().opted_out_at is None
    assert (report.opt_outs_held, report.opt_outs_lost) == (0, 0)


# --- Again -------------------------------------------------------------------------------------


def test_a_second_import_of_the_same_documents_changes_nothing(tmp_path):
    write(tmp_path / "a.zip", people=200, now=NOW)
    import_snapshot(tmp_path / "a.zip", now=NOW)
    before = everything()

    report = import_snapshot(tmp_path / "a.zip", now=NOW + DAY)

    assert everything() == before
    assert all(one.new == one.changed == 0 for one in report.tables.values())


def test_newer_values_win_and_older_ones_never(bring):
    bring(ana(burnoutBand="high", lastProactiveMessageAt=ms(NOW - 5 * DAY)))

    newer = {"lastContactAt": ms(NOW - DAY), "lastProactiveMessageAt": ms(NOW - 3 * DAY)}
    report = bring(ana(burnoutBand="mild", **newer))
    person = ana_here()
    assert report.of("users").changed == 1
    assert (person.burnout_band, person.last_contact_at) == ("mild", NOW - DAY)
    assert person.last_proactive_message_at == NOW - 3 * DAY

    older = {"lastContactAt": ms(NOW - 9 * DAY), "lastProactiveMessageAt": ms(NOW - 9 * DAY)}
    bring(ana(burnoutBand="mild", **older))
    person.refresh_from_db()
    assert person.last_contact_at == NOW - DAY
    assert person.last_proactive_message_at == NOW - 3 * DAY


def test_what_staff_corrected_here_stays_also_when_it_changes_there(bring):
    bring(ana())
    Caregiver.objects.update(first_name="Anaïs")

    assert bring(ana()).differing == 0
    assert ana_here().first_name == "Anaïs"

    report = bring(ana(firstName="Anna"))
    assert ana_here().first_name == "Anaïs"
    assert [one.columns for one in report.differences] == [["first_name"]]


def test_a_counter_goes_back_only_with_a_newer_occasion(bring):
    crisis = {"lastCrisisEventAt": ms(NOW - 10 * DAY)}
    bring(ana(**crisis, crisisFollowupCount=3))
    Caregiver.objects.update(crisis_followup_count=5)

    bring(ana(**crisis, crisisFollowupCount=4))
    assert ana_here().crisis_followup_count == 5

    bring(ana(lastCrisisEventAt=ms(NOW - DAY), crisisFollowupCount=1))
    person = ana_here()
    assert (person.last_crisis_event_at, person.crisis_followup_count) == (NOW - DAY, 1)


def test_an_opt_out_that_happened_here_stays(bring):
    bring(ana())
    events.record_opt_out(ana_here(), at=NOW - 3 * DAY, source="phone")

    bring(ana(), conversations=[text("START", NOW - DAY)])

    assert ana_here().opted_out_at == NOW - 3 * DAY


def test_an_opt_out_there_holds_here_unless_they_came_back_since(bring):
    bring(ana(optedOutAt=ms(NOW - 3 * DAY)))
    person = ana_here()
    assert person.opted_out_at == NOW - 3 * DAY
    assert ConsentChange.objects.get().at == NOW - 3 * DAY

    events.record_opt_in(person, at=NOW - DAY, source="phone")
    bring(ana(optedOutAt=ms(NOW - 3 * DAY)))
    assert ana_here().opted_out_at is None


def test_who_has_another_number_there_has_it_here_too(bring):
    bring(ana())
    Caregiver.objects.update(unreachable_at=NOW, unreachable_reason="landline")

    bring(ana(phoneNumber="+13055550001", zipCode="33101"))

    person = Caregiver.objects.get()
    assert (person.phone_number, person.unreachable_at) == ("+13055550001", None)


def test_a_number_that_is_somebody_elses_here_is_not_taken_from_them(bring):
    bring(ana(), ana(_id=BEN, phoneNumber="+12125550002"))

    report = bring(ana(phoneNumber="+12125550002"))

    assert report.rejects.first[0].reasons == "phoneNumber: +12125550002 is somebody else's here"
    assert ana_here().convex.convex_id == ANA


# --- What they wrote and how they were ----------------------------------------------------------


def test_what_they_wrote_is_kept_and_is_contact_and_the_answers_are_passed_over(bring):
    report = bring(
        ana(),
        conversations=[
            text("a hard night", NOW - DAY, messageSid="SM1"),
            text("I hear you", NOW - DAY, role="assistant"),
        ],
    )

    kept = InboundMessage.objects.get()
    assert (kept.body, kept.provider_sid, kept.received_at) == ("a hard night", "SM1", NOW - DAY)
    assert kept.caregiver == ana_here()
    assert ana_here().last_contact_at == NOW - DAY
    assert (report.of("conversations").new, report.of("conversations").passed) == (1, 1)


def test_the_same_contact_by_another_clock_begins_no_new_silence(bring):
    """Else the reactivations that Convex has sent would be sent once more."""
    silent = {"lastContactAt": ms(NOW - 15 * DAY), "reactivationMessageCount": 2}

    bring(
        ana(**silent, lastProactiveMessageAt=ms(NOW - DAY)),
        conversations=[text("hello", NOW - 15 * DAY + DAY / 86400)],
    )

    assert ana_here().reactivation_message_count == 2


def test_who_wrote_after_the_last_text_has_answered_it(bring):
    silent = {"lastContactAt": ms(NOW - 35 * DAY), "reactivationMessageCount": 3}

    bring(
        ana(**silent, journeyPhase="churned", lastProactiveMessageAt=ms(NOW - 5 * DAY)),
        conversations=[text("I am back", NOW - DAY)],
    )

    person = ana_here()
    assert (person.reactivation_message_count, person.journey_phase) == (0, "active")


@pytest.mark.parametrize(
    ("words", "is_out"),
    [(["STOP"], True), (["STOP", "START"], False), (["START", "STOP"], True)],
)
def test_stop_in_an_old_conversation_is_heeded_in_the_order_of_the_texts(bring, words, is_out):
    said = [text(word, NOW - (9 - day) * DAY) for day, word in enumerate(words)]

    bring(ana(), conversations=list(reversed(said)))

    assert (ana_here().opted_out_at is not None) == is_out


def test_a_start_does_not_undo_what_the_document_says(bring):
    bring(ana(optedOutAt=ms(NOW - 9 * DAY)), conversations=[text("START", NOW - DAY)])

    assert ana_here().opted_out_at == NOW - 9 * DAY


def test_scores_are_history_with_their_instants_and_the_latest_says_when(bring):
    bring(
        ana(burnoutBand="mild"),
        wellnessScores=[score(61.6, "mild", NOW - 3 * DAY), score(20, "high", NOW - 30 * DAY)],
    )

    person = ana_here()
    assert [(one.score, one.created_at) for one in person.scores.all()] == [
        (62, NOW - 3 * DAY),
        (20, NOW - 30 * DAY),
    ]
    assert (person.last_assessment_at, person.burnout_band) == (NOW - 3 * DAY, "mild")


def test_without_a_band_in_the_document_the_latest_score_has_it(bring):
    first = score(20, "high", NOW - 30 * DAY)
    bring(ana(), wellnessScores=[first])
    assert ana_here().burnout_band == "high"

    bring(ana(), wellnessScores=[score(60, "mild", NOW - 3 * DAY), first])
    assert ana_here().burnout_band == "mild"


# --- Crises -------------------------------------------------------------------------------------


def test_a_crisis_there_is_one_on_record_here(bring):
    bring(ana(lastCrisisEventAt=ms(NOW - 5 * DAY), crisisFollowupCount=2))

    event = CrisisEvent.objects.get()
    assert (event.at, event.source, event.replaced_at) == (NOW - 5 * DAY, "convex", None)


def test_a_newer_crisis_takes_the_place_of_the_one_that_came_before(bring):
    bring(ana(lastCrisisEventAt=ms(NOW - 20 * DAY), crisisFollowupCount=4))
    bring(ana(lastCrisisEventAt=ms(NOW - DAY)))

    assert list(CrisisEvent.objects.order_by("at").values_list("at", "replaced_at")) == [
        (NOW - 20 * DAY, NOW - DAY),
        (NOW - DAY, None),
    ]


def test_a_crisis_without_a_date_is_dated_by_the_latest_score_and_nobody_elses_is(bring):
    other = Caregiver.objects.create(phone_number="+13055550009", burnout_band="crisis")
    other.scores.create(score=5, burnout_band="crisis", created_at=NOW - 2 * DAY)

    report = bring(ana(burnoutBand="crisis"), wellnessScores=[score(5, "crisis", NOW - 3 * DAY)])

    assert report.crises == 1
    assert ana_here().last_crisis_event_at == NOW - 3 * DAY
    other.refresh_from_db()
    assert other.last_crisis_event_at is None


@pytest.mark.parametrize("apart", [-40 * MINUTE, -MINUTE, MINUTE, 40 * MINUTE])
def test_a_crisis_that_both_sides_know_by_their_own_clocks_is_one(bring, apart):
    """Else its seven follow-ups would begin anew."""
    crisis = NOW - 5 * DAY
    bring(ana())
    events.record_crisis_event(ana_here(), at=crisis, source="text")
    Caregiver.objects.update(crisis_followup_count=2)

    bring(ana(lastCrisisEventAt=ms(crisis + apart), crisisFollowupCount=1))

    person = ana_here()
    assert (person.last_crisis_event_at, person.crisis_followup_count) == (crisis, 2)
    assert CrisisEvent.objects.get().source == "text"


def test_a_crisis_that_stands_in_two_tables_is_one_and_the_higher_count_holds(bring):
    crisis = NOW - 5 * DAY
    profile = {"_id": "p", "userId": ANA, "crisisFollowupCount": 2}

    for _ in range(2):
        bring(
            ana(lastCrisisEventAt=ms(crisis), crisisFollowupCount=1),
            caregiverProfiles=[profile | {"lastCrisisEventAt": ms(crisis + MINUTE)}],
        )

    person = ana_here()
    assert (person.last_crisis_event_at, person.crisis_followup_count) == (crisis, 2)
    assert CrisisEvent.objects.count() == 1


def test_a_second_crisis_there_is_recorded_though_a_newer_one_is_known_here(bring):
    bring(ana(lastCrisisEventAt=ms(NOW - 20 * DAY), crisisFollowupCount=3))
    events.record_crisis_event(ana_here(), at=NOW - 2 * DAY, source="text")
    Caregiver.objects.update(crisis_followup_count=1)

    for _ in range(2):
        bring(ana(lastCrisisEventAt=ms(NOW - 9 * DAY), crisisFollowupCount=2))

    person = ana_here()
    assert (person.last_crisis_event_at, person.crisis_followup_count) == (NOW - 2 * DAY, 1)
    between = CrisisEvent.objects.get(at=NOW - 9 * DAY)
    assert (between.source, between.replaced_at) == ("convex", NOW - 2 * DAY)
    # It earned nothing: the newer one was known before it.
    assert between.settled_at == between.recorded_at
    assert CrisisEvent.objects.count() == 3


def test_a_crisis_that_staff_removed_is_not_brought_back(bring):
    crisis = {"lastCrisisEventAt": ms(NOW - 5 * DAY), "crisisFollowupCount": 2}
    bring(ana(**crisis))
    Caregiver.objects.update(last_crisis_event_at=None, crisis_followup_count=0)

    bring(ana(**crisis))
    person = ana_here()
    assert (person.last_crisis_event_at, person.crisis_followup_count) == (None, 0)

    bring(ana(lastCrisisEventAt=ms(NOW - DAY)))
    assert ana_here().last_crisis_event_at == NOW - DAY


def test_nor_is_it_dated_again_by_the_latest_score(bring):
    crisis = {"wellnessScores": [score(5, "crisis", NOW - 3 * DAY)]}
    bring(ana(burnoutBand="crisis"), **crisis)
    Caregiver.objects.update(last_crisis_event_at=None)

    assert bring(ana(burnoutBand="crisis"), **crisis).crises == 0
    assert ana_here().last_crisis_event_at is None

    later = [*crisis["wellnessScores"], score(4, "crisis", NOW - DAY)]
    assert bring(ana(burnoutBand="crisis"), wellnessScores=later).crises == 1
    assert ana_here().last_crisis_event_at == NOW - DAY


def test_a_crisis_that_staff_dated_otherwise_keeps_their_date(bring):
    crisis = {"lastCrisisEventAt": ms(NOW - 5 * DAY), "crisisFollowupCount": 2}
    bring(ana(**crisis))
    Caregiver.objects.update(last_crisis_event_at=NOW - 6 * DAY)

    bring(ana(**crisis))

    assert ana_here().last_crisis_event_at == NOW - 6 * DAY


# --- Active here since -------------------------------------------------------------------------


def test_whoever_has_written_here_since_does_not_churn_by_what_is_older(bring):
    silent = {"lastContactAt": ms(NOW - 20 * DAY), "reactivationMessageCount": 1}
    bring(ana(**silent))
    events.record_contact(ana_here(), at=NOW - DAY)

    report = bring(ana(**silent | {"reactivationMessageCount": 3}, journeyPhase="churned"))

    person = ana_here()
    assert (person.journey_phase, person.last_contact_at) == ("active", NOW - DAY)
    assert person.reactivation_message_count == 0
    assert [one.columns for one in report.differences] == [["journey_phase"]]


def test_without_a_date_an_older_count_says_nothing_of_the_silence_here(bring):
    bring(ana(lastContactAt=None, reactivationMessageCount=1))
    events.record_contact(ana_here(), at=NOW - DAY)

    bring(ana(lastContactAt=None, reactivationMessageCount=3))

    assert ana_here().reactivation_message_count == 0


def test_whoever_only_wrote_there_churns_as_it_says(bring):
    wrote = [text("hello", NOW - 32 * DAY)]
    bring(ana(lastContactAt=ms(NOW - 40 * DAY)), conversations=wrote)

    bring(
        ana(lastContactAt=ms(NOW - 40 * DAY), journeyPhase="churned"),
        conversations=wrote,
    )

    assert ana_here().journey_phase == "churned"


def test_a_band_from_an_assessment_here_stays(bring):
    bring(ana(burnoutBand="high"), wellnessScores=[score(20, "high", NOW - 9 * DAY)])
    events.record_wellness_score(ana_here(), score=21, burnout_band="high", at=NOW - DAY)

    bring(ana(burnoutBand="mild"), wellnessScores=[score(70, "mild", NOW - 5 * DAY)])

    person = ana_here()
    assert (person.burnout_band, person.last_assessment_at) == ("high", NOW - DAY)


@pytest.mark.parametrize(
    ("there", "field", "here", "later"),
    [
        ({"careRecipientName": "Rosa"}, "care_recipient_name", "", "Rosita"),
        ({"language": "es"}, "language", "en", "es-MX"),
        ({"pausedUntil": ms(NOW + DAY)}, "outreach_paused_until", None, ms(NOW + 9 * DAY)),
    ],
)
def test_what_was_blanked_here_stays_blank(bring, there, field, here, later):
    bring(ana(**there))
    Caregiver.objects.update(**{field: here})

    (name,) = there
    bring(ana(**{name: later}))

    assert getattr(ana_here(), field) == here


def test_an_opt_in_here_outlasts_an_older_opt_out_there(bring):
    bring(ana())
    events.record_opt_in(ana_here(), at=NOW - DAY, source="text")

    bring(ana(optedOutAt=ms(NOW - 2 * DAY)), conversations=[text("STOP", NOW - 2 * DAY)])

    person = ana_here()
    assert (person.opted_out_at, person.opted_in_at) == (None, NOW - DAY)


# --- Dry runs, interruptions, others at work ------------------------------------------------------


def test_a_dry_run_counts_it_all_and_writes_nothing(tmp_path):
    path = export(tmp_path / "a.zip", users=[ana(), "oops"], conversations=[text("hi", NOW - DAY)])

    report = import_snapshot(path, dry_run=True, now=NOW)

    assert (report.of("users").new, report.of("conversations").new, report.bad) == (1, 1, 1)
    assert everything() == [[], [], [], [], [], []]
    assert not ConvexImport.objects.exists()
    assert (tmp_path / "a.dry-run.rejected.csv").exists()


def test_an_import_that_was_killed_goes_on_after_its_last_batch(tmp_path, monkeypatch):
    users = [ana(_id=f"{n:032}", phoneNumber=f"+1212555{n:04}") for n in range(8)]
    path = export(tmp_path / "a.zip", users=[*users[:2], "oops", *users[2:], "oops again"])
    monkeypatch.setattr(importing, "BATCH", 3)
    real, seen = people.take_people, []

    def killed_at_the_third(lines, report, *, now):
        real(lines, report, now=now)
        seen.append(len(lines))
        if len(seen) == 3:
            raise OperationalError("the connection is gone")

    monkeypatch.setattr(importing, "take_people", killed_at_the_third)
    with pytest.raises(OperationalError):
        import_snapshot(path, now=NOW)
    assert Caregiver.objects.count() == 5

    report = import_snapshot(path, now=NOW)

    assert seen == [3, 3, 3, 3, 1]
    assert report.resumed_at == "users line 7"
    assert Caregiver.objects.count() == 8
    assert (report.of("users").documents, report.of("users").new, report.bad) == (10, 8, 2)
    with (tmp_path / "a.rejected.csv").open(newline="") as file:
        assert [row[1] for row in csv.reader(file)] == ["rejected_line", "3", "10"]


def test_where_its_file_of_rejects_is_gone_it_begins_anew_and_loses_nothing(tmp_path, monkeypatch):
    path = export(tmp_path / "a.zip", users=[ana(), "oops"], wellnessScores=["{}"])
    real = importing.take_scores
    monkeypatch.setattr(importing, "take_scores", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        import_snapshot(path, now=NOW)
    (tmp_path / "a.rejected.csv").unlink()
    monkeypatch.setattr(importing, "take_scores", real)

    report = import_snapshot(path, now=NOW)

    assert (report.resumed_at, report.bad) == ("", 2)
    assert (tmp_path / "a.rejected.csv").read_text().count("\n") == 3


def test_two_imports_of_one_file_do_not_take_turns(tmp_path):
    path = export(tmp_path / "a.zip", users=[ana()])

    def another_is_at_work(run):
        ConvexImport.objects.update(table="users", line=1)
        return []

    with pytest.raises(ImportProblem, match="Another import of this file is at work"):
        import_snapshot(path, now=NOW, before_writing=another_is_at_work)

    assert not Caregiver.objects.exists()


def test_no_row_has_a_query_of_its_own(tmp_path, django_assert_max_num_queries):
    write(tmp_path / "a.zip", people=400, now=NOW)
    import_snapshot(tmp_path / "a.zip", now=NOW)
    write(tmp_path / "b.zip", people=600, now=NOW + DAY)

    with django_assert_max_num_queries(200):
        import_snapshot(tmp_path / "b.zip", now=NOW + DAY)


def test_a_stop_that_came_before_we_knew_the_number_holds(bring):
    InboundMessage.objects.create(
        from_number="+12125550001", body="STOP", intent="stop", received_at=NOW, provider_sid="SM9"
    )

    bring(ana())

    assert ana_here().opted_out_at == NOW
