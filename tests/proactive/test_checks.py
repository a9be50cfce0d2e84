"""What `manage.py check --deploy` warns of."""

import pytest

from proactive.checks import the_pace_is_chosen


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
