import zipfile

from caregiving.convex.snapshot import Snapshot
from scripts import make_convex_export
from tests.caregiving.convex.exports import NOW


def written(path, **options):
    make_convex_export.write(path, people=20, now=NOW, **options)
    return Snapshot.of_path(path)


def test_the_same_seed_makes_the_same_documents(tmp_path):
    one = written(tmp_path / "a.zip", seed=3)

    assert written(tmp_path / "b.zip", seed=3).fingerprint == one.fingerprint
    assert written(tmp_path / "c.zip", seed=4).fingerprint != one.fingerprint


def test_the_later_shape_has_the_same_people_in_three_tables(tmp_path):
    found = written(tmp_path / "a.zip", split=True)

    assert {"caregiverProfiles", "conversationState"} <= set(found.tables)
    users = [line.document for line in found.lines("users")]
    states = [line.document for line in found.lines("conversationState")]
    assert "lastContactAt" not in users[0]
    assert [one["userId"] for one in states] == [one["_id"] for one in users]


def test_it_has_what_a_real_export_has_besides(tmp_path):
    written(tmp_path / "a.zip")

    names = zipfile.ZipFile(tmp_path / "a.zip").namelist()

    assert {"_tables/documents.jsonl", "users/generated_schema.jsonl"} <= set(names)


def test_the_command_writes_the_file(tmp_path, capsys):
    make_convex_export.main(["--people", "5", str(tmp_path / "a.zip")])

    assert len(list(Snapshot.of_path(tmp_path / "a.zip").lines("users"))) == 5
    assert "5 people" in capsys.readouterr().out
