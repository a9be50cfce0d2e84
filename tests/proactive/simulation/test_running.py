"""Worlds in processes of their own."""

import os
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test import override_settings

from proactive.simulation import running
from proactive.simulation.running import WorldEnded, environ, run, shards
from proactive.simulation.spec import Spec

# Over the days on which clocks change in Europe and in the US.
SPEC = Spec(
    seed=5,
    people=60,
    days=9,
    starts=datetime(2026, 10, 24, tzinfo=UTC),
    tick_minutes=120,
    faults=True,
)


def test_a_world_is_told_neither_the_address_of_the_real_database_nor_any_secret(
    tmp_path, monkeypatch
):
    secrets = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "SECRET_KEY", "EMAIL_URL", "REDIS_URL")
    for name in (*secrets, "DATABASE_URL", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, f"the real {name}")
    with override_settings(TWILIO_AUTH_TOKEN="the real token", SECRET_KEY="the real key"):
        given = environ("sqlite:////scratch", tmp_path)

    assert not any("the real" in value for value in given.values())
    assert given["DATABASE_URL"] == "sqlite:////scratch"
    assert given["SMS_GATEWAY"] == "console"


def test_whatever_could_be_read_from_a_file_instead_is_said_to_be_empty(tmp_path):
    example = (running.settings.BASE_DIR / ".env.example").read_text()
    named = {
        line.removeprefix("#").strip().partition("=")[0]
        for line in example.splitlines()
        if "=" in line and line.removeprefix("#").strip().partition("=")[0].isupper()
    }
    sensitive = {
        name
        for name in named
        if any(word in name for word in ("TWILIO", "URL", "EMAIL", "DSN"))
        and not name.startswith(("TEST_", "FAKE_"))
    }

    assert sensitive and sensitive <= set(environ("sqlite:////scratch", tmp_path))


def test_the_shards_of_a_specification_are_its_parts():
    assert [(one.shard, one.shards) for one in shards(SPEC, 3)] == [(0, 3), (1, 3), (2, 3)]
    assert {replace(one, shard=0, shards=1) for one in shards(SPEC, 3)} == {SPEC}


def test_a_specification_comes_back_from_json_as_it_was():
    changed = replace(SPEC, changes=("wellness=off",), shard=1, shards=2)

    assert Spec.from_json(changed.as_json()) == changed


@pytest.mark.skipif(
    connection.vendor != "sqlite", reason="these worlds are on SQLite, whatever the suite is on"
)
def test_the_same_seed_gives_the_same_world_and_it_keeps_its_promises():
    shares: list[float] = []
    first, second = (
        run(shards(SPEC, 2), on_progress=shares.append),
        run(shards(SPEC, 2)),
    )

    assert first["texts"] > 20
    assert first["digests"] == second["digests"]
    assert first["judgement"] == second["judgement"]
    assert first["ledger"] == second["ledger"]
    assert set(first["judgement"]["broken"].values()) == {0}
    assert first["judgement"]["checked"]["hours"] == first["texts"]
    assert shares == sorted(shares) and shares[-1] <= 1


def test_a_world_that_cannot_be_says_what_it_said_last():
    impossible = replace(SPEC, changes=("wellness.moderate.every=soon",))

    with pytest.raises(WorldEnded, match="soon"):
        run([impossible])


def test_nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(WorldEnded):
        run([replace(SPEC, changes=("no such thing",))])

    assert os.listdir(tmp_path) == []
