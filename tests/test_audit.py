"""The audit of dependencies: a vulnerability fails, and silence is never taken for a clean bill."""

import json
import subprocess

import pytest

from scripts import audit

CLEAN = {"name": "django", "version": "5.2.19", "vulns": []}
VULNERABLE = {
    "name": "requests",
    "version": "1.0",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"]}],
}
SKIPPED = {"name": "private", "skip_reason": "not on PyPI"}


def said(*packages):
    return json.dumps({"dependencies": packages, "fixes": []})


def test_a_vulnerability_fails_and_says_what_mends_it(capsys):
    assert audit.judged(said(CLEAN, VULNERABLE), "") == 1
    assert "VULNERABLE: requests 1.0: PYSEC-1, mended in 1.1" in capsys.readouterr().out


def test_a_clean_answer_says_how_many_were_asked_about(capsys):
    assert audit.judged(said(CLEAN, SKIPPED), "") == 0
    assert capsys.readouterr().out == (
        "1 packages asked about, 0 vulnerabilities; NOT ASKED about 1.\n"
    )


@pytest.mark.parametrize("output", ["", "<html>proxy</html>", "[]", said(), said(SKIPPED)], ids=str)
def test_no_answer_is_said_and_does_not_fail(capsys, output):
    assert audit.judged(output, "ConnectionError: no route\n") == 0
    assert capsys.readouterr().out.startswith("NOT ASKED: ")


def test_without_the_tool_it_is_said_too(monkeypatch, capsys):
    def refuse(*_args, **_options):
        raise subprocess.CalledProcessError(1, "pip", stderr="no such package\n")

    monkeypatch.setattr(audit.subprocess, "run", refuse)

    assert audit.main() == 0
    assert "cannot be had (no such package)" in capsys.readouterr().out
