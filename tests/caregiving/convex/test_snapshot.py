import zipfile

import pytest

from caregiving.convex import snapshot as module
from caregiving.convex.snapshot import Snapshot
from caregiving.importing_files import ImportProblem
from caregiving.progress import no_bar
from tests.caregiving.convex.exports import ana, export


def problem(path):
    with pytest.raises(ImportProblem) as caught:
        Snapshot.of_path(path).check(no_bar)
    return str(caught.value)


def test_the_tables_are_read_in_the_order_in_which_they_need_each_other(tmp_path):
    path = export(tmp_path / "a.zip", conversations=[], wellnessScores=[], jobs=[], users=[ana()])

    found = Snapshot.of_path(path)

    assert found.tables == ["users", "wellnessScores", "conversations"]
    assert found.others == ["jobs"]


def test_a_folder_around_it_and_the_tables_of_components_do_no_harm(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("snapshot/_components/agent/users/documents.jsonl", '{"_id": "other"}\n')
        archive.writestr("snapshot/users/documents.jsonl", '{"_id": "one"}\n')

    lines = list(Snapshot.of_path(path).lines("users"))

    assert [line.document for line in lines] == [{"_id": "one"}]


def test_lines_have_their_number_and_what_is_no_document_its_reason(tmp_path):
    path = export(tmp_path / "a.zip", users=['{"_id": "a"}', "", "oops", "[1]", '{"_id": "b"}'])

    lines = list(Snapshot.of_path(path).lines("users"))

    assert [(line.number, line.document) for line in lines if not line.reason] == [
        (1, {"_id": "a"}),
        (5, {"_id": "b"}),
    ]
    assert lines[1].reason.startswith("is not JSON")
    assert lines[2].reason == "is not a document: it should be {...}"


def test_bytes_that_are_no_utf_8_spoil_one_line(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("users/documents.jsonl", b'{"_id": "a"}\n{"_id": "\xff"}\n{"_id": "b"}\n')

    reasons = [line.reason for line in Snapshot.of_path(path).lines("users")]

    assert reasons == ["", "is not UTF-8", ""]


def test_a_line_without_end_is_passed_over_in_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_OF_A_LINE", 100)
    monkeypatch.setattr(module, "_CHUNK", 10)
    path = export(tmp_path / "a.zip", users=['{"_id": "a"}', "x" * 1000, '{"_id": "b"}'])

    lines = list(Snapshot.of_path(path).lines("users"))

    assert [line.number for line in lines] == [1, 2, 3]
    assert lines[1].reason.startswith("is longer than")
    assert lines[2].document == {"_id": "b"}


def test_what_is_no_export_is_said_to_be_none(tmp_path):
    csv = tmp_path / "people.csv"
    csv.write_text("phone_number\n+14155552671\n")

    assert "is no ZIP" in problem(csv)
    assert "There is no file" in problem(tmp_path / "nothing.zip")
    assert "is a folder" in problem(tmp_path)
    assert "In it: _storage, _tables, jobs." in problem(export(tmp_path / "b.zip", jobs=[]))


def test_a_table_that_is_not_json_is_found_before_anything_is_written(tmp_path):
    path = export(tmp_path / "a.zip", users=[ana()], conversations=["id,text"])

    assert "conversations/documents.jsonl does not begin with a document in JSON" in problem(path)


def test_a_damaged_member_is_found_before_anything_is_written(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("users/documents.jsonl", '{"_id": "a"}\n{"_id": "b"}\n')
    path.write_bytes(path.read_bytes().replace(b'"b"', b'"c"'))

    assert "users/documents.jsonl cannot be read: Bad CRC-32" in problem(path)


def test_a_file_that_was_cut_off_is_no_zip(tmp_path):
    path = export(tmp_path / "a.zip", users=[ana()])
    path.write_bytes(path.read_bytes()[:-40])

    assert "was cut off on the way" in problem(path)


def test_a_zip_bomb_is_refused_by_what_it_says_it_grows_to(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SMALL", 1000)
    path = export(tmp_path / "a.zip", users=[" " * 1_000_000])

    assert "as no list of people does" in problem(path)


def test_the_same_documents_have_the_same_fingerprint_wherever_they_lie(tmp_path):
    one = Snapshot.of_path(export(tmp_path / "a.zip", users=[ana()])).fingerprint

    assert Snapshot.of_path(export(tmp_path / "b.zip", users=[ana()])).fingerprint == one
    changed = export(tmp_path / "c.zip", users=[ana(firstName="Eva")])
    assert Snapshot.of_path(changed).fingerprint != one
