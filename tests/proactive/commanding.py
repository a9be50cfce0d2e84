"""Running a command inside the test, as operators and machines do."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

AT = "2027-01-05T12:00:00+00:00"
CADENCES = [
    "crisis_followup",
    "wellness",
    "dormant_reactivation",
    "assessment_reminder",
    "onboarding_nudge",
]


def run(*arguments):
    output = StringIO()
    call_command(*arguments, stdout=output)
    return output.getvalue()


def run_json(*arguments):
    return json.loads(run(*arguments, "--json"))


def refusal(*arguments):
    with pytest.raises(CommandError) as refused:
        run(*arguments)
    return str(refused.value)
