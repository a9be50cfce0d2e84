"""Odd requests, made from the API's own document: each answer is one that the document names."""

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import CHECKS

from caregiving.models import Caregiver
from proactive.models import ApiToken
from tests.factories import CaregiverFactory
from tests.proactive.api.calling import PHONE, make_token

# What the document cannot say (somebody unknown, a time to come) refuses much that it allows, so
# whether valid data are accepted is not asked here.
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
CHECKED = CHECKS.get_by_names(list(ASKED))


@pytest.fixture
def fuzzed(db, settings):
    settings.API_REQUESTS_PER_MINUTE = 1_000_000
    CaregiverFactory(phone_number=PHONE)
    _, secret = make_token()
    return secret


@pytest.fixture
def document(fuzzed):
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", get_wsgi_application())


schema = schemathesis.pytest.from_fixture("document")


@schema.parametrize()
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_one_that_the_document_names(case, fuzzed):
    headers = {"Authorization": f"Bearer {fuzzed}"}

    case.call_and_validate(headers=headers, checks=CHECKED)

    # Nobody gets more rights, whatever is sent.
    assert ApiToken.objects.count() == 1
    assert Caregiver.objects.exists()
