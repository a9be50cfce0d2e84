"""Odd requests, made from the API's own document: each answer is one that the document names.

Whatever is sent, right or wrong, in process and few each time; the same ones at every run.
"""

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.generation.modes import GenerationMode

from caregiving.models import Caregiver
from caregiving.wsgi import application
from proactive.models import ApiToken
from tests.factories import CaregiverFactory
from tests.proactive.api.calling import EVENTS, PHONE, make_token

EXAMPLES = 60
PERSON = "/api/v1/caregivers/{phone_number}/"
OPERATIONS = [(EVENTS, "post"), (PERSON, "get"), (PERSON, "put")]

# What the document cannot say (nobody has this number, that time is yet to come) refuses much that
# it allows, so whether all valid data are accepted is not asked.
ASKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "ignored_auth",
)
load_all_checks()
CHECKED = CHECKS.get_by_names(list(ASKED))


@pytest.fixture
def token(db, settings):
    settings.API_REQUESTS_PER_MINUTE = 1_000_000
    CaregiverFactory(phone_number=PHONE)
    return make_token()


@pytest.fixture(autouse=True)
def one_connection():
    """As Django's test client has it: the end of a request must not end the test's transaction."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.parametrize("mode", GenerationMode, ids=lambda mode: mode.value)
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_is_one_that_the_document_names(path, method, mode, token):
    row, secret = token
    document = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", application)
    statuses = set()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=document[path][method].as_strategy(generation_mode=mode))
    def fire(case):
        headers = {"Authorization": f"Bearer {secret}"}
        answer = case.call(headers=headers)
        statuses.add(answer.status_code)
        # A batch of which something was refused says of what, inside of the answer.
        partly = answer.status_code == 207
        assert not partly or any("problem" in one for one in answer.json()["results"])
        case.validate_response(
            answer,
            headers=headers,
            checks=CHECKED,
            excluded_checks=CHECKS.get_by_names(["negative_data_rejection"]) if partly else [],
        )

    fire()

    # They got past the door, and what is refused anyway would prove nothing.
    assert statuses - {401, 403, 429}
    row.refresh_from_db()
    assert list(ApiToken.objects.all()) == [row]
    assert Caregiver.objects.filter(phone_number=PHONE).exists()
