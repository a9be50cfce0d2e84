"""What an operator sees who starts the project with settings that cannot be."""

import json
import os
import re
import subprocess
import sys

import pytest
import yaml

from caregiving.secret_files import SECRETS, read_secrets
from tests.conftest import ROOT

# With DEBUG off and nothing wrong.
PRODUCTION = {
    "DEBUG": "false",
    "SECRET_KEY": "a-long-random-key",
    "ALLOWED_HOSTS": "outreach.example.org",
    "PUBLIC_BASE_URL": "https://outreach.example.org",
}
TWILIO = {
    "SMS_GATEWAY": "twilio",
    "TWILIO_ACCOUNT_SID": "AC123",
    "TWILIO_AUTH_TOKEN": "token",
    "TWILIO_FROM_NUMBER": "+14155550100",
}


def check(settings: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    """`manage.py check` with these settings, and with those of no developer's shell."""
    ours = {*PRODUCTION, "SMS_GATEWAY", "SMS_PER_SECOND", "ALLOW_TIME_TRAVEL"}
    ours |= {"DJANGO_SETTINGS_MODULE", "REQUIRE_SECOND_FACTOR", "PROXY_COUNT"}
    ours |= {"ALERT_ESCALATION_EMAIL", "EMAIL_URL"}
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("TWILIO_") and name not in ours
    }
    return subprocess.run(
        [sys.executable, "manage.py", "check", *options],
        cwd=ROOT,
        env=inherited | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("settings", [{}, PRODUCTION, PRODUCTION | TWILIO])
def test_starts_with_what_it_needs(settings):
    result = check(settings)

    assert (result.returncode, result.stderr) == (0, "")


def test_a_deployment_that_is_set_up_as_described_has_nothing_to_warn_of():
    key = "a key of more than fifty characters, of which many differ: 0123456789"
    chosen = {
        "SECRET_KEY": key,
        "SMS_PER_SECOND": "1",
        "PROXY_COUNT": "1",
        "ALERT_ESCALATION_EMAIL": "on-call@example.org",
        "EMAIL_URL": "smtp+tls://outreach:secret@mail.example.org:587",
    }

    result = check(PRODUCTION | TWILIO | chosen, "--deploy", "--fail-level", "WARNING")

    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("settings", "problems"),
    [
        ({"DEBUG": "false"}, ["SECRET_KEY", "ALLOWED_HOSTS"]),
        ({**PRODUCTION, "SECRET_KEY": "", "ALLOWED_HOSTS": " "}, ["SECRET_KEY", "ALLOWED_HOSTS"]),
        ({"DEBUG": "perhaps"}, ["DEBUG", "SECRET_KEY", "ALLOWED_HOSTS"]),
        ({"ALLOW_TIME_TRAVEL": "maybe"}, ["ALLOW_TIME_TRAVEL"]),
        ({"DATABASE_URL": "nonsense"}, ["DATABASE_URL"]),
        ({"SMS_GATEWAY": "pigeon"}, ["SMS_GATEWAY"]),
        ({"SMS_PER_SECOND": "fast"}, ["SMS_PER_SECOND"]),
        ({"SMS_PER_SECOND": "0"}, ["SMS_PER_SECOND"]),
        ({"SMS_PER_SECOND": "-1"}, ["SMS_PER_SECOND"]),
        ({"SMS_PER_SECOND": "nan"}, ["SMS_PER_SECOND"]),
        ({"SMS_IN_FLIGHT": "0"}, ["SMS_IN_FLIGHT"]),
        ({"SMS_IN_FLIGHT": "201"}, ["SMS_IN_FLIGHT"]),
        ({**TWILIO, "TWILIO_AUTH_TOKEN": ""}, ["TWILIO_AUTH_TOKEN"]),
        (
            {"SMS_GATEWAY": "twilio"},
            [
                "TWILIO_ACCOUNT_SID",
                "TWILIO_AUTH_TOKEN",
                "TWILIO_MESSAGING_SERVICE_SID or TWILIO_FROM_NUMBER",
            ],
        ),
        ({**PRODUCTION, "ALLOW_TIME_TRAVEL": "1"}, ["ALLOW_TIME_TRAVEL"]),
        ({"PUBLIC_BASE_URL": "outreach.example.org"}, ["PUBLIC_BASE_URL"]),
        ({"SERVICE_NAME": "A name that is much too long"}, ["SERVICE_NAME"]),
        ({"SWEEP_MULTIPLE": "0", "SWEEP_CEILING": "many"}, ["SWEEP_MULTIPLE", "SWEEP_CEILING"]),
        ({"ALERT_ESCALATION_EMAIL": "the nurse"}, ["ALERT_ESCALATION_EMAIL"]),
        ({"ALERT_ESCALATION_MINUTES": "0"}, ["ALERT_ESCALATION_MINUTES"]),
        ({"EMAIL_URL": "pigeon://user:hunter2@loft"}, ["EMAIL_URL"]),
        (
            {"METRICS_TOKEN": "short", "DEAD_MANS_SWITCH_URL": "hunter2"},
            ["METRICS_TOKEN", "DEAD_MANS_SWITCH_URL"],
        ),
        ({"METRICS_TOKEN": "long enough but with spaces"}, ["METRICS_TOKEN"]),
        ({"TICK_OVERDUE_MINUTES": "0"}, ["TICK_OVERDUE_MINUTES"]),
        (
            {"LOG_FORMAT": "xml", "LOG_LEVEL": "loud", "SENTRY_DSN": "hunter2"},
            ["LOG_FORMAT", "LOG_LEVEL", "SENTRY_DSN"],
        ),
        ({"SWEEP_MULTIPLE": "2.5", "SWEEP_CEILING": "-1"}, ["SWEEP_MULTIPLE", "SWEEP_CEILING"]),
        (
            {"PROXY_COUNT": "-1", "REQUIRE_SECOND_FACTOR": "maybe", "SESSION_IDLE_MINUTES": "0"},
            ["PROXY_COUNT", "REQUIRE_SECOND_FACTOR", "SESSION_IDLE_MINUTES"],
        ),
        (
            {"DEBUG": "false", "DATABASE_URL": "nonsense", "SMS_GATEWAY": "pigeon"},
            ["SECRET_KEY", "ALLOWED_HOSTS", "SMS_GATEWAY", "DATABASE_URL"],
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_names_every_problem_in_one_error(settings, problems):
    result = check(settings)

    assert result.returncode != 0
    listed = [line[4:] for line in result.stderr.splitlines() if line.startswith("  - ")]
    assert len(listed) == len(problems), result.stderr
    for line, name in zip(listed, problems, strict=True):
        assert line.startswith(name)


def test_an_error_shows_no_secret():
    result = check({"DATABASE_URL": "mysql://outreach:hunter2@db/outreach", "DEBUG": "false"})

    assert result.returncode != 0
    assert "hunter2" not in result.stdout + result.stderr


# --- Secrets in files ---


def test_every_secret_may_stand_in_a_file(tmp_path):
    files = {}
    for name, secret in GIVEN.items():
        path = tmp_path / name.lower()
        path.write_text(f"{secret}\n")
        files |= {name: "", f"{name}_FILE": str(path)}

    read = reading(PRODUCTION | TWILIO | files)

    assert read == {
        "SECRET_KEY": GIVEN["SECRET_KEY"],
        "DATABASE": ["db", "outreach", "it's @ secret/1"],
        "REDIS_URL": GIVEN["REDIS_URL"],
        "TWILIO_AUTH_TOKEN": GIVEN["TWILIO_AUTH_TOKEN"],
        "TWILIO_WEBHOOK_KEY": GIVEN["TWILIO_WEBHOOK_KEY"],
        "OPT_OUT_KEY": GIVEN["OPT_OUT_KEY"],
        "METRICS_TOKEN": GIVEN["METRICS_TOKEN"],
        "DEAD_MANS_SWITCH_URL": GIVEN["DEAD_MANS_SWITCH_URL"],
        "EMAIL_HOST_PASSWORD": "mailword",
        "SENTRY_DSN": GIVEN["SENTRY_DSN"],
        # Whatever is started from here would inherit it.
        "INHERITED": [],
    }


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "is not there: mount the secret, or correct the path"),
        (b"", "is empty: write the secret into it"),
        (b" \n", "is empty: write the secret into it"),
        (b"\xff\xfe", "is not text in UTF-8: write the secret itself into it"),
        (b"x" * 70_000, "holds more than 64 KiB: that is no secret; correct the path"),
    ],
)
def test_a_file_that_holds_no_secret_is_named_with_what_to_do(tmp_path, content, says):
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)

    assert read_secrets({"SECRET_KEY_FILE": str(path)}) == (
        {},
        [f"SECRET_KEY_FILE ({str(path)!r}) {says}"],
    )


def test_a_file_that_may_not_be_read_is_named_with_what_to_do(tmp_path, monkeypatch):
    def refuse(self, mode):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)

    _, problems = read_secrets({"SENTRY_DSN_FILE": "/run/secrets/sentry"})

    assert problems == [
        "SENTRY_DSN_FILE ('/run/secrets/sentry') may not be read: give the account that runs the "
        "service the right to read it"
    ]


def test_a_folder_is_no_secret(tmp_path):
    _, (problem,) = read_secrets({"SENTRY_DSN_FILE": str(tmp_path)})

    assert problem.endswith("cannot be read (Is a directory): name a file")


def test_a_secret_in_a_file_and_in_the_environment_is_refused_and_not_shown(tmp_path):
    path = tmp_path / "key"
    path.write_text("hunter2")

    result = check({"TWILIO_AUTH_TOKEN": "hunter2", "TWILIO_AUTH_TOKEN_FILE": str(path)})

    assert "TWILIO_AUTH_TOKEN and TWILIO_AUTH_TOKEN_FILE are both set" in result.stderr
    assert result.returncode != 0
    assert "hunter2" not in result.stderr


def test_the_password_stands_in_the_address_or_beside_it_and_not_in_both():
    result = check(
        {"DATABASE_URL": "postgres://outreach:hunter2@db/outreach", "DATABASE_PASSWORD": "hunter2"}
    )

    assert "DATABASE_PASSWORD is set, and DATABASE_URL has a password too" in result.stderr
    assert "hunter2" not in result.stderr


# A value for each secret, which shows where it was read from.
GIVEN = {
    "SECRET_KEY": "a key of more than fifty characters, of which many differ: 0123456789",
    "DATABASE_URL": "postgres://outreach@db:5432/outreach",
    "DATABASE_PASSWORD": "it's @ secret/1",
    "REDIS_URL": "redis://:redisword@redis:6379/0",
    "TWILIO_AUTH_TOKEN": "twilioword",
    "TWILIO_WEBHOOK_KEY": "webhookword",
    "OPT_OUT_KEY": "optoutword",
    "METRICS_TOKEN": "metricsword-long-enough",
    "DEAD_MANS_SWITCH_URL": "https://hc.example.org/pingword",
    "EMAIL_URL": "smtp+tls://outreach:mailword@mail.example.org:587",
    "SENTRY_DSN": "https://sentryword@sentry.example.org/1",
}
SHOW = """
import json, os
from caregiving import settings as s
database = s.DATABASES["default"]
plain = ("SECRET_KEY", "REDIS_URL", "TWILIO_AUTH_TOKEN", "TWILIO_WEBHOOK_KEY", "METRICS_TOKEN",
         "OPT_OUT_KEY", "DEAD_MANS_SWITCH_URL", "EMAIL_HOST_PASSWORD", "SENTRY_DSN")
print(json.dumps({
    **{name: getattr(s, name) for name in plain},
    "DATABASE": [database["HOST"], database["NAME"], database["PASSWORD"]],
    "INHERITED": [name for name in plain if os.environ.get(name)],
}))
"""


def reading(settings: dict[str, str]) -> dict[str, object]:
    """What a process with these settings reads of each secret."""
    result = subprocess.run(
        [sys.executable, "-c", SHOW],
        cwd=ROOT,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(result.stdout)


def test_a_value_is_given_here_for_each_secret():
    assert set(GIVEN) == set(SECRETS)


# --- Whether a request came by https ---

ASKED_BY_PROXY = """
from django.conf import settings
from django.test import RequestFactory
print(RequestFactory().get("/", headers={"X-Forwarded-Proto": "https"}).is_secure())
"""


@pytest.mark.parametrize(("proxies", "believed"), [("", "False"), ("0", "False"), ("1", "True")])
def test_only_a_proxy_of_ours_is_believed_that_a_request_came_by_https(proxies, believed):
    result = subprocess.run(
        [sys.executable, "-c", ASKED_BY_PROXY],
        cwd=ROOT,
        env=os.environ
        | {"DJANGO_SETTINGS_MODULE": "caregiving.settings", "PROXY_COUNT": proxies}
        | PRODUCTION,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert result.stdout.strip() == believed


# --- Where each setting is named ---

READ = sorted(
    set(re.findall(r'_read\(\s*"(\w+)"', (ROOT / "caregiving" / "settings.py").read_text()))
)
DOCUMENTED = re.findall(r"^#?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.M)
NOT_IN_COMPOSE = {
    "ALLOW_TIME_TRAVEL": "refused in production",
    "BROKER_DIR": "of the broker without Redis, which stands beside it there",
    "CONSOLE_SMS_LOG": "of a gateway that sends nothing",
    "POSTGRES_PASSWORD": "a part of DATABASE_URL there, and of the database's own environment",
    "SECRETS_DIR": "of the machine: each service finds its files in /run/secrets",
    "PORT": "of the machine, not of a container",
    "FAKE_TWILIO_PORT": "of `make run`",
    "TEST_DATABASE_URL": "of the tests",
    "TEST_REDIS_URL": "of the tests",
}


def test_the_settings_are_found():
    assert {"DEBUG", "SECRET_KEY", "DATABASE_URL", "EMAIL_FROM"} < set(READ)


@pytest.mark.parametrize("name", READ)
def test_every_setting_is_documented_and_fixed_for_tests(name):
    documented = (ROOT / ".env.example").read_text()
    assert re.search(rf"^#{name}=", documented, re.MULTILINE), f"{name}: say it in .env.example"
    fixed = (ROOT / "tests" / "settings.py").read_text()
    assert re.search(rf"^    {name}=", fixed, re.MULTILINE), f"{name}: set it in tests/settings.py"


@pytest.mark.parametrize("name", sorted({*READ, *DOCUMENTED} - set(NOT_IN_COMPOSE)))
def test_every_setting_reaches_the_services_of_docker_compose(name):
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    ours = [one for one in services.values() if one.get("image") == "caregiver-outreach"]
    assert len(ours) == 5
    for service in ours:
        assert name in service["environment"], f"{name}: docker-compose.yml"


def test_what_docker_compose_leaves_out_is_documented_and_really_left_out():
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]

    assert set(NOT_IN_COMPOSE) <= set(DOCUMENTED)
    assert not set(NOT_IN_COMPOSE) & set(services["web"]["environment"])


@pytest.mark.parametrize("name", SECRETS)
def test_every_secret_may_come_to_docker_compose_in_a_file(name):
    app, _services = (ROOT / "docker-compose.yml").read_text().split("\nservices:\n")
    # Compose brings the database and the broker along and knows where they are.
    if name not in ("DATABASE_URL", "REDIS_URL"):
        assert re.search(rf"^    {name}_FILE: ", app, re.MULTILINE), f"{name}_FILE"
    preface, _ = (ROOT / ".env.example").read_text().split("\n# --- ", 1)
    assert name in re.findall(r"\w+", preface), f"{name}: say so in .env.example"


def test_every_check_has_an_id_of_its_own():
    ids = re.findall(r'id="(proactive\.\w+)"', (ROOT / "proactive" / "checks.py").read_text())
    assert len(set(ids)) == len(ids)
