"""The documents are true: docs/api.md does what it says, and the page of it loads nothing else."""

import json
import re
import shlex
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from proactive.api.reading import MOST_BYTES
from proactive.api.schemas import TYPES
from proactive.models import Scope
from tests.factories import CaregiverFactory
from tests.proactive.api.calling import PHONE, a_client, tell

DOCUMENT = Path(__file__).resolve().parents[3].joinpath("docs/api.md").read_text()
EXAMPLES = [shlex.split(one) for one in re.findall(r"```sh\n(curl .*?)```", DOCUMENT, re.DOTALL)]


def option(words, name):
    return words[words.index(name) + 1] if name in words else None


@pytest.mark.django_db
def test_every_example_of_the_document_works_in_the_order_in_which_it_stands():
    CaregiverFactory(phone_number=PHONE)
    client = a_client()
    told = []
    for words in EXAMPLES:
        address = next(word for word in words if word.startswith("$HOST"))
        body = option(words, "-d")
        method = (option(words, "-X") or "GET").lower()
        path = address.removeprefix("$HOST")
        if body is None:
            answer = getattr(client, method)(path)
        else:
            told.append(json.loads(body))
            answer = getattr(client, method)(path, body, content_type="application/json")
        assert answer.status_code in (200, 201, 207), answer.content

    assert {one["type"] for one in told if "type" in one} == set(TYPES)
    assert len(EXAMPLES) == len(TYPES) + 3


def test_the_document_names_every_scope_and_the_greatest_body():
    for scope in Scope:
        assert f"`{scope.value}`" in DOCUMENT
    assert MOST_BYTES == 2**20 and "1 MiB" in DOCUMENT


def test_every_kind_of_problem_stands_in_the_document():
    source = "".join(
        one.read_text() for one in Path("proactive/api").glob("*.py") if one.name != "problems.py"
    )
    kinds = set(re.findall(r'Problem\(\s*\d+,\s*"([a-z-]+)"', source))
    kinds |= set(re.findall(r'kind="([a-z-]+)"', source)) | {"invalid"}

    assert len(kinds) > 8
    assert [kind for kind in sorted(kinds) if f"`{kind}`" not in DOCUMENT] == []


@pytest.mark.django_db
def test_every_example_of_the_openapi_document_works_and_there_is_one_of_each_kind():
    CaregiverFactory(phone_number=PHONE)
    client = a_client()
    paths = Client().get("/api/v1/openapi.json").json()["paths"]

    def examples(path, method):
        content = paths[path][method]["requestBody"]["content"]["application/json"]
        return {name: one["value"] for name, one in content["examples"].items()}

    events = examples("/api/v1/events/", "post")
    (profile,) = examples("/api/v1/caregivers/{phone_number}/", "put").values()

    assert set(events) == {*TYPES, "batch"}
    assert [tell(client, one).status_code for one in events.values()] == [200] * len(events)
    answer = client.put(f"/api/v1/caregivers/{PHONE}/", profile, content_type="application/json")
    assert answer.status_code == 200


class Addresses(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []
        self.inline = []
        self.script = {}

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        self.found += [named[name] for name in ("src", "href") if name in named]
        if tag == "script":
            self.script = named

    def handle_data(self, data):
        executable = self.script.get("type") is None and not self.script.get("src")
        if self.lasttag == "script" and data.strip() and executable:
            self.inline.append(data)


def test_the_page_loads_files_of_this_server_only_and_has_no_script_in_itself():
    answer = Client().get("/api/v1/docs/")
    page = Addresses()
    page.feed(answer.content.decode())

    assert answer.status_code == 200
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert len(page.found) >= 6
    for address in page.found:
        assert not urlsplit(address).netloc
        if address.startswith("/static/"):
            assert finders.find(address.removeprefix("/static/")), address
    assert page.inline == []
    # It would ask a server of Swagger's whether the document is valid.
    assert '"validatorUrl": null' in answer.content.decode()


def test_the_openapi_document_names_what_is_required_and_how_refusals_look():
    document = Client().get("/api/v1/openapi.json").json()

    post = document["paths"]["/api/v1/events/"]["post"]
    assert post["security"] == [{"Token": []}]
    assert document["components"]["securitySchemes"]["Token"] == {
        "type": "http",
        "scheme": "bearer",
    }
    for status, answer in post["responses"].items():
        expected = "application/problem+json" if int(status) >= 400 else "application/json"
        assert list(answer["content"]) == [expected]
    contact = document["components"]["schemas"]["Contact"]
    assert set(contact["required"]) == {"phone_number", "at", "idempotency_key", "type"}
    assert contact["additionalProperties"] is False
