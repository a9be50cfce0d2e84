"""A short run of `python -m tests.fuzzing`: the same requests each time."""

import logging
from random import Random

import pytest

from tests.fuzzing import population
from tests.fuzzing.drawing import FORGERIES, SIGNATURES, draw
from tests.fuzzing.firing import Tally, fire
from tests.fuzzing.requests import SHARED_KEY
from tests.proactive.calling import BASE, TOKEN

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def account(settings):
    settings.TWILIO_AUTH_TOKEN = TOKEN
    settings.TWILIO_WEBHOOK_KEY = SHARED_KEY
    settings.PUBLIC_BASE_URL = BASE


@pytest.fixture(autouse=True)
def quiet():
    """Each refusal is a line, and there are thousands."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def fired(*, seed, count):
    population.settle()
    tally = Tally()
    for _ in fire(Random(seed), count, tally):
        pass
    return tally


def test_no_drawn_request_is_a_500_or_changes_anything_unless_it_is_signed():
    tally = fired(seed=1, count=1500)

    assert tally.violations == {}
    assert tally.fired == 1500
    # Neither is it all refused, nor is any way of signing or forging left out.
    assert {kind for kind, _ in tally.answers} == {*SIGNATURES, *FORGERIES}
    taken = sum(tally.answers[kind, "200"] for kind in SIGNATURES)
    assert taken > 150
    assert tally.created["InboundMessage"] > 50


def test_webhooks_that_believe_everybody_are_found_out(monkeypatch):
    monkeypatch.setattr("proactive.webhooks.has_valid_signature", lambda *arguments: True)

    found = {what.partition(":")[0] for what in fired(seed=1, count=200).violations}

    assert found == {
        "answered 200 to a forgery",
        "changed by a forgery",
    }


def test_webhooks_that_break_are_found_out(monkeypatch):
    def breaks(*arguments):
        raise KeyError("broken")

    monkeypatch.setattr("proactive.webhooks.has_valid_signature", breaks)

    assert list(fired(seed=1, count=50).violations) == ["answered 500: KeyError: 'broken'"]


def test_a_seed_draws_the_same_requests_again():
    def drawn():
        random = Random(7)
        one = {"numbers": population.NUMBERS, "texts": population.TEXTS}
        return [draw(random, signed=n % 2 == 0, **one) for n in range(100)]

    assert drawn() == drawn()
