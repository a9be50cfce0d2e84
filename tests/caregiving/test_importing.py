"""Importing people from CSV: all or nothing, nobody lost silently, nobody who is here changed."""

import csv
import json
import re
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from caregiving import importing
from caregiving.importing import (
    BadRow,
    Difference,
    ImportProblem,
    import_caregivers,
    rejected,
)
from caregiving.importing_files import Source
from caregiving.importing_rows import KNOWN_COLUMNS
from caregiving.models import Caregiver

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def csv_file(tmp_path):
    def write(content):
        path = tmp_path / "people.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def imported(csv_file):
    def run(content, **options):
        return import_caregivers(csv_file(content), now=NOW, **options)

    return run


@pytest.fixture
def refusal(imported):
    def run(content, **options):
        with pytest.raises(ImportProblem) as problem:
            imported(content, **options)
        assert Caregiver.objects.count() == 0
        return re.sub(r"\S*/people.csv", "FILE", str(problem.value))

    return run


@pytest.fixture
def reasons(imported):
    """What is said against the only row of a file with phone_number and one more column."""

    def run(column, cell):
        report = imported(f'phone_number,{column}\n+14155552671,"{cell}"\n')
        assert (report.written, Caregiver.objects.count()) == (False, 0)
        return [reason for row in report.bad_rows for reason in row.reasons]

    return run


def counts(report):
    return {
        "new": report.new,
        "here": report.already_here,
        "differing": report.differing,
        "bad": report.bad,
    }


# --- What a row brings ---


def test_every_column_arrives_as_it_stands(imported):
    row = {
        "phone_number": "(415) 555-2671",
        "first_name": "Inés",
        "relationship": "daughter",
        "care_recipient_name": "Rosa",
        "zip_code": "02139",
        "time_zone": "America/New_York",
        "language": "es",
        "journey_phase": "churned",
        "burnout_band": "high",
        "created_at": "2026-01-01T00:00:00Z",
        "last_contact_at": "2026-02-01T09:30:00-05:00",
        "last_assessment_at": "2026-02-02T00:00:00Z",
        "last_crisis_event_at": "2026-02-03T00:00:00Z",
        "last_proactive_message_at": "2026-02-04T00:00:00Z",
        "opted_out_at": "2026-02-05T00:00:00Z",
        "outreach_paused_until": "2027-01-01T00:00:00Z",
        "wellness_opt_in": "yes",
        "crisis_followup_count": "7",
        "reactivation_message_count": "3",
        "assessment_reminder_count": "2",
        "onboarding_nudge_count": "0",
    }
    assert set(row) == set(KNOWN_COLUMNS)
    assert imported(f"{','.join(row)}\n" + '"' + '","'.join(row.values()) + '"\n').written

    def utc(month, day, hour=0, minute=0, year=2026):
        return datetime(year, month, day, hour, minute, tzinfo=UTC)

    assert Caregiver.objects.values(*KNOWN_COLUMNS).get() == {
        **row,
        "phone_number": "+14155552671",
        "created_at": utc(1, 1),
        "last_contact_at": utc(2, 1, 14, 30),
        "last_assessment_at": utc(2, 2),
        "last_crisis_event_at": utc(2, 3),
        "last_proactive_message_at": utc(2, 4),
        "opted_out_at": utc(2, 5),
        "outreach_paused_until": utc(1, 1, year=2027),
        "wellness_opt_in": True,
        "crisis_followup_count": 7,
        "reactivation_message_count": 3,
        "assessment_reminder_count": 2,
        "onboarding_nudge_count": 0,
    }


def test_a_blank_cell_means_the_default(imported):
    header = ",".join(KNOWN_COLUMNS)
    imported(f"{header}\n+14155552671{',' * (len(KNOWN_COLUMNS) - 1)}\n")
    person = Caregiver.objects.get()
    assert (person.language, person.burnout_band, person.wellness_opt_in) == ("en", "", False)
    assert (person.crisis_followup_count, person.last_contact_at) == (None, None)
    assert datetime.now(UTC) - person.created_at < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("last_contact_at", "phase"), [("", "onboarding"), ("2026-02-01T00:00:00Z", "active")]
)
def test_without_a_phase_whoever_was_heard_from_is_active(imported, last_contact_at, phase):
    imported(f"phone_number,last_contact_at\n+14155552671,{last_contact_at}\n")
    assert Caregiver.objects.get().journey_phase == phase


def test_where_the_zone_is_blank_it_is_derived(imported):
    imported("phone_number,zip_code\n+14155552671,60601\n+12125552671,\n")
    assert set(Caregiver.objects.values_list("derived_zones", flat=True)) == {
        "America/Chicago",
        "America/New_York",
    }


def test_a_formula_is_just_text(imported):
    imported('phone_number,first_name\n+14155552671,"=HYPERLINK(""x"")"\n+14155552672,@Ann\n')
    names = Caregiver.objects.order_by("phone_number").values_list("first_name", flat=True)
    assert list(names) == ['=HYPERLINK("x")', "@Ann"]


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_utf_8_is_read_with_and_without_a_mark_at_its_start(imported, start, end):
    imported(start + end.join([b"phone_number,first_name", "+14155552671,José".encode()]))
    assert Caregiver.objects.get().first_name == "José"


def test_blank_lines_and_empty_rows_are_passed_over(imported):
    assert imported("phone_number,zip_code\n\n+14155552671,\n,\n").rows == 1


# --- Files that cannot be imported ---


def test_a_file_that_is_not_there_is_named(tmp_path):
    path = tmp_path / "nowhere.csv"
    with pytest.raises(ImportProblem, match=f"There is no file {path}: check the path"):
        import_caregivers(path)


def test_a_directory_is_no_file(tmp_path):
    with pytest.raises(ImportProblem, match="is not a file: name the CSV file itself"):
        import_caregivers(tmp_path)


def test_an_empty_file_is_refused(refusal):
    assert refusal("") == "FILE is empty."


def test_a_file_with_only_a_header_is_refused(refusal):
    assert refusal("phone_number,first_name\n") == (
        "FILE has a header but no rows: there is nobody to import."
    )


def test_an_unknown_column_is_named_with_the_known_ones(refusal):
    problem = refusal("phone_number,first_nmae\n+14155552671,Ada\n")
    assert problem == (
        "FILE has unknown columns: first_nmae. Rename or remove them. "
        f"Known are: {', '.join(KNOWN_COLUMNS)}."
    )


def test_a_missing_number_column_is_named(refusal):
    assert refusal("first_name\nAda\n").startswith(
        "FILE has no column phone_number, which is required."
    )


def test_a_column_that_is_there_twice_is_refused(refusal):
    assert refusal("phone_number,zip_code,zip_code\n+14155552671,1,2\n") == (
        "FILE has columns twice: zip_code. Remove one of each."
    )


def test_semicolons_are_named(refusal):
    assert refusal("phone_number;first_name\n+14155552671;Ada\n").startswith(
        "FILE is not separated by commas: save it as"
    )


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_named(refusal, encoding):
    assert refusal("phone_number\n+14155552671\n".encode(encoding)) == (
        'FILE is UTF-16, from line 1 on: save it as "CSV UTF-8 (comma delimited)" and import '
        "that file."
    )


def test_latin_1_is_named_with_its_line(refusal):
    content = "phone_number,first_name\n+14155552671,Ada\n+14155552672,José\n".encode("latin-1")
    assert refusal(content, skip_bad=True) == (
        "FILE is not UTF-8: line 3 has byte 0xe9 after '55552672,Jos'. Nothing was imported: save "
        'it as "CSV UTF-8 (comma delimited)" and import that file.'
    )


def test_a_spreadsheet_is_named(refusal):
    assert refusal(b"PK\x03\x04rest").startswith("FILE is a spreadsheet, not CSV: save it as")


def test_a_quotation_mark_that_is_never_closed_does_not_swallow_the_rest(refusal):
    problem = refusal('phone_number,first_name\n+14155552671,"Ada\n+14155552672,Ben\n')
    assert "is not well-formed CSV at the record that begins on line 2" in problem


# --- Rows that cannot be imported ---


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("+14155552671", "has 1 cell where the header has 2"),
        ("+14155552671,Ada,x", "has 3 cells where the header has 2"),
        (",Ada", "phone_number: is empty, and every person needs one"),
        ("+1415\x005552671,Ada", "phone_number: has a NUL byte"),
        ("12345,Ada", "phone_number: '12345' has too few or too many digits"),
        ("nonsense,Ada", "phone_number: 'nonsense' is not a telephone number"),
        ("1.41556E+10,Ada", "phone_number: '1.41556E+10' was rounded by a spreadsheet"),
        (f"+14155552671,{'x' * 61}", "first_name: Ensure this value has at most 60 characters"),
    ],
)
def test_a_bad_row_is_named_with_its_line_and_its_reason(imported, row, reason):
    report = imported(f"phone_number,first_name\n+14155559999,Zoe\n{row}\n")
    assert [(bad.line, len(bad.reasons)) for bad in report.bad_rows] == [(3, 1)]
    assert report.bad_rows[0].reasons[0].startswith(reason)
    assert Caregiver.objects.count() == 0


def test_all_reasons_of_a_row_are_told_at_once(imported):
    report = imported("phone_number,burnout_band,crisis_followup_count,time_zone\n12,sad,8,Mars\n")
    assert [reason.split(":")[0] for reason in report.bad_rows[0].reasons] == [
        "phone_number",
        "burnout_band",
        "crisis_followup_count",
        "time_zone",
    ]


def test_the_line_is_where_the_row_begins_in_the_file(imported):
    content = 'phone_number,first_name\n+14155552671,"Ada\nLee"\n12,Ben\n'
    assert [bad.line for bad in imported(content).bad_rows] == [4]


@pytest.mark.parametrize("cell", ["2026-01-05T14:30:00", "2026-01-05 14:30", "2026-01-05"])
def test_a_time_without_an_offset_is_refused_since_it_names_no_instant(reasons, cell):
    assert reasons("last_contact_at", cell) == [
        f"last_contact_at: '{cell}' does not say which instant is meant: write time and offset, "
        "such as 2026-01-05T14:30:00Z (UTC) or 2026-01-05T09:30:00-05:00"
    ]


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("05/01/2026", "is not a date and time: write it as 2026-01-05T14:30:00Z"),
        ("2026-06-01T12:06:00Z", "is in the future"),
        ("1970-01-01T00:00:00Z", "is before 2000: leave the cell empty for never"),
    ],
)
def test_a_time_that_cannot_be_is_refused(reasons, cell, reason):
    assert reasons("last_contact_at", cell) == [f"last_contact_at: '{cell}' {reason}"]


def test_a_pause_beyond_the_calendar_is_refused(reasons):
    cell = "9999-12-31T23:59:59-05:00"
    assert reasons("outreach_paused_until", cell) == [
        f"outreach_paused_until: '{cell}' is beyond what a date can be"
    ]


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("language", "fr", "'fr' is none of en, es"),
        ("journey_phase", "gone", "'gone' is none of onboarding, active, churned"),
        ("wellness_opt_in", "maybe", "'maybe' is neither yes nor no"),
        ("crisis_followup_count", "8", "'8' is not a whole number from 0 to 7"),
        ("reactivation_message_count", "-1", "'-1' is not a whole number from 0 to 3"),
        ("assessment_reminder_count", "1.5", "'1.5' is not a whole number from 0 to 2"),
        ("onboarding_nudge_count", "²", "'²' is not a whole number from 0 to 2"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused(reasons, column, cell, reason):
    assert reasons(column, cell) == [f"{column}: {reason}"]


def test_an_unknown_zone_is_refused(reasons):
    assert len(reasons("time_zone", "Mars/Base")) == 1


def test_a_number_that_is_in_the_file_twice_names_its_first_line(imported):
    report = imported("phone_number\n+14155552671\n+14155552672\n415-555-2671\n")
    assert report.bad_rows == [BadRow(4, ["phone_number: +14155552671 is on line 2 already"])]


def test_one_bad_row_stops_all_however_late_it_comes(imported):
    good = "\n".join(f"+1415{2000000 + i}" for i in range(2500))
    report = imported(f"phone_number\n{good}\n12\n")
    assert (report.rows, report.bad, report.written) == (2501, 1, False)
    assert Caregiver.objects.count() == 0


def test_with_skip_bad_the_others_are_imported(imported):
    report = imported("phone_number\n+14155552671\n12\n+14155552672\n", skip_bad=True)
    assert counts(report) == {"new": 2, "here": 0, "differing": 0, "bad": 1}
    assert Caregiver.objects.count() == 2


def test_of_very_many_bad_rows_the_first_are_shown_and_all_are_counted(imported, monkeypatch):
    monkeypatch.setattr(importing, "SHOWN", 2)
    report = imported("phone_number\n1\n2\n3\n")
    assert (report.bad, [bad.line for bad in report.bad_rows]) == (3, [2, 3])


# --- Those who are here already ---


def test_importing_twice_changes_nothing(imported):
    content = "phone_number,first_name\n+14155552671,Ada\n+14155552672,Ben\n"
    imported(content)
    before = list(Caregiver.objects.values())
    report = imported(content)
    assert counts(report) == {"new": 0, "here": 2, "differing": 0, "bad": 0}
    assert list(Caregiver.objects.values()) == before


def test_whoever_is_here_with_other_values_is_reported_and_left_unchanged(imported):
    imported("phone_number,first_name,zip_code\n+14155552671,Ada,60601\n")
    report = imported("phone_number,first_name,zip_code\n+14155552671,Eve,\n")
    assert counts(report) == {"new": 0, "here": 1, "differing": 1, "bad": 0}
    assert report.differences == [Difference(2, "+1415***2671", ["first_name"])]
    assert Caregiver.objects.get().first_name == "Ada"


def test_somebody_who_is_added_at_the_same_moment_stops_the_import(imported, monkeypatch):
    Caregiver.objects.create(phone_number="+14155552671")
    monkeypatch.setattr(type(Caregiver.objects.all()), "in_bulk", lambda *args, **kwargs: {})
    with pytest.raises(ImportProblem, match="Nothing was imported: run the import again"):
        imported("phone_number\n+14155552670\n+14155552671\n")
    assert Caregiver.objects.count() == 1


def test_a_dry_run_says_what_would_happen_and_writes_nothing(imported):
    Caregiver.objects.create(phone_number="+14155552671")
    report = imported("phone_number\n+14155552671\n+14155552672\n", dry_run=True)
    assert counts(report) == {"new": 1, "here": 1, "differing": 0, "bad": 0}
    assert (report.written, Caregiver.objects.count()) == (False, 1)


# --- Many ---


def write_people(path, count):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["phone_number", "first_name", "zip_code", "last_contact_at"])
        for i in range(count):
            writer.writerow([f"+1415{2000000 + i}", "Ada", "94103", "2026-01-05T14:30:00Z"])


def test_a_hundred_thousand_rows_are_imported(tmp_path):
    write_people(tmp_path / "many.csv", 100_000)
    report = import_caregivers(tmp_path / "many.csv", now=NOW)
    assert counts(report) == {"new": 100_000, "here": 0, "differing": 0, "bad": 0}
    assert Caregiver.objects.active().count() == 100_000


def test_looking_up_who_is_here_takes_a_query_a_batch_and_none_a_row(tmp_path, monkeypatch):
    monkeypatch.setattr(importing, "BATCH", 100)
    write_people(tmp_path / "many.csv", 500)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        import_caregivers(tmp_path / "many.csv", now=NOW, dry_run=True)
    assert len(queries) == 5


# --- The command ---


def run(*arguments):
    out, err = StringIO(), StringIO()
    try:
        call_command("import_caregivers", *map(str, arguments), stdout=out, stderr=err)
    except CommandError as error:
        return out.getvalue(), err.getvalue(), str(error)
    return out.getvalue(), err.getvalue(), None


def test_the_command_names_the_next_step(csv_file):
    out, err, failure = run(csv_file("phone_number\n+14155552671\n"))
    assert out.endswith("Next: manage.py sweep --dry-run\n")
    assert (err, failure) == ("", None)


def test_the_command_fails_on_bad_rows_and_says_what_to_do(csv_file):
    _, err, failure = run(csv_file("phone_number\n+14155552671\n+14155552672,\n12\n"))
    assert err == (
        "line 3: has 2 cells where the header has 1\n"
        "line 4: phone_number: '12' has too few or too many digits for a telephone number: write "
        "it with its country code, such as +14155552671.\n"
    )
    assert failure == (
        "2 of 3 rows are bad. Nothing was imported: correct them, or import the others with "
        "--skip-bad."
    )


def test_the_command_shows_whoever_is_here_with_a_masked_number(csv_file):
    Caregiver.objects.create(phone_number="+14155552671")
    _, err, _ = run(csv_file("phone_number,first_name\n+14155552671,Ada\n"))
    assert err == ("line 2: +1415***2671 is already here with another first_name; left unchanged\n")


def test_the_command_prints_json_for_machines(csv_file):
    out, err, failure = run(csv_file("phone_number\n+14155552671\n12\n"), "--skip-bad", "--json")
    answer = json.loads(out)
    assert [bad["line"] for bad in answer.pop("bad_rows")] == [3]
    assert answer == {
        "rows": 2,
        "new": 1,
        "already_here": 0,
        "already_here_differs": 0,
        "bad": 1,
        "written": True,
        "differences": [],
    }
    assert (err, failure) == ("", None)


def test_the_command_fails_where_there_is_no_file():
    assert run("/nowhere/people.csv")[2] == (
        "There is no file /nowhere/people.csv: check the path."
    )


# --- Rows that were rejected ---


def test_rejected_rows_come_back_as_they_stand_with_line_and_reasons_and_can_be_imported(csv_file):
    source = Source.of_path(csv_file("phone_number,zip_code\n12,60601\n+14155552671,60601\n"))

    header, *rows = rejected(source, now=NOW)

    assert header == ["rejected_line", "rejected_because", "phone_number", "zip_code"]
    ((line, because, *cells),) = rows
    assert (line, cells) == ("2", ["12", "60601"])
    assert because.startswith("phone_number: '12' has too few")

    # Rejected once more, they are told anew, and what was said before is left out.
    again = csv_file(f'{",".join(header)}\n2,"was, wrong",13,60601\n')
    assert next(rejected(Source.of_path(again), now=NOW)) == header


def test_an_apostrophe_that_kept_a_cell_from_being_a_formula_is_taken_off(imported):
    imported("phone_number,first_name\n'+14155552671,'=1+1\n'+14155552672,'t Hooft\n")

    assert sorted(Caregiver.objects.values_list("phone_number", "first_name")) == [
        ("+14155552671", "=1+1"),
        ("+14155552672", "'t Hooft"),
    ]
