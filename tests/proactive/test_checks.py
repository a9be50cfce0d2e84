"""What `manage.py check --deploy` warns of."""

import pytest

from proactive.checks import signing_in_is_guarded, the_pace_is_chosen


@pytest.mark.parametrize(
    ("gateway", "given", "warnings"),
    [
        ("twilio", "", ["proactive.W002"]),
        ("twilio", "1", []),
        ("console", "", []),
    ],
)
def test_with_a_real_carrier_the_pace_is_a_decision(
    settings, monkeypatch, gateway, given, warnings
):
    settings.SMS_GATEWAY = gateway
    monkeypatch.setenv("SMS_PER_SECOND", given)

    assert [warning.id for warning in the_pace_is_chosen()] == warnings


@pytest.mark.parametrize(
    ("required", "proxies", "warnings"),
    [
        (True, "1", []),
        (True, "0", []),
        (True, "", ["proactive.W003"]),
        (False, "1", ["proactive.W004"]),
    ],
)
def test_signing_in_is_guarded_in_production(settings, monkeypatch, required, proxies, warnings):
    settings.REQUIRE_SECOND_FACTOR = required
    monkeypatch.setenv("PROXY_COUNT", proxies)

    assert [warning.id for warning in signing_in_is_guarded()] == warnings
