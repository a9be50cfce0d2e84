import pytest

from tests.fake_twilio import AUTH_TOKEN, FakeTwilio
from tests.listener import Listener
from tests.test_fake_twilio import PUBLIC, make_client


@pytest.fixture(autouse=True)
def direct(monkeypatch):
    """No proxy of the machine that runs the tests comes between."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def web():
    with Listener(public_base=PUBLIC, auth_token=AUTH_TOKEN) as web:
        yield web


@pytest.fixture
def clock_file(tmp_path):
    return tmp_path / "clock"


@pytest.fixture
def start(web, tmp_path, clock_file):
    """Starts a fake that calls `web`; stopped at the end of the test."""
    running = []

    def start(**changes):
        options = {
            "webhooks_base": web.url,
            "public_base": PUBLIC,
            "callback_delay": 0,
            "clock_file": clock_file,
        }
        fake = FakeTwilio(tmp_path / "twilio.jsonl", **(options | changes))
        running.append(fake.__enter__())
        return fake

    yield start
    for fake in running:
        fake.stop()


@pytest.fixture
def fake(start):
    return start()


@pytest.fixture
def client(fake):
    return make_client(fake)
