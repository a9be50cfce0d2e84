"""Somebody outside hears of each tick that went through, and is told nothing when none does."""

import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from django.db import OperationalError

from proactive import dead_mans_switch, delivery, tasks

pytestmark = pytest.mark.django_db


@pytest.fixture
def switch(settings, monkeypatch):
    """A real server, at the address that is called; `heard`: the paths that were asked for."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            server.heard.append(self.path)
            time.sleep(server.slow)
            self.send_response(server.status)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.heard, server.status, server.slow = [], 200, 0
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("no_proxy", "*")
    settings.DEAD_MANS_SWITCH_URL = f"http://127.0.0.1:{server.server_port}/ping/hunter2"
    yield server
    server.shutdown()
    server.server_close()


def test_it_is_called_after_each_tick_that_went_through(switch, gateway):
    tasks.tick()
    tasks.tick()

    assert switch.heard == ["/ping/hunter2"] * 2


def test_it_is_not_called_after_a_tick_of_which_a_part_failed(switch, gateway, monkeypatch):
    def fails(**options):
        raise OperationalError("the disk is full")

    monkeypatch.setattr(delivery, "deliver_queued", fails)
    with pytest.raises(OperationalError):
        tasks.tick()

    assert switch.heard == []


def refuses(switch, settings):
    switch.status = 500


def is_slow(switch, settings):
    switch.slow = 2


def is_gone(switch, settings):
    settings.DEAD_MANS_SWITCH_URL = "http://127.0.0.1:9/ping/hunter2"


def is_no_address(switch, settings):
    settings.DEAD_MANS_SWITCH_URL = "http://user:hunter2@[bad/"


@pytest.mark.parametrize("trouble", [refuses, is_slow, is_gone, is_no_address])
def test_whatever_is_wrong_with_it_the_tick_is_not_disturbed_and_no_secret_is_logged(
    switch, settings, gateway, monkeypatch, caplog, trouble
):
    monkeypatch.setattr(dead_mans_switch, "TIMEOUT_SECONDS", 0.2)
    trouble(switch, settings)

    tasks.tick()

    assert "the dead man's switch" in caplog.text
    assert "hunter2" not in caplog.text


def test_without_an_address_nobody_is_called(switch, settings):
    settings.DEAD_MANS_SWITCH_URL = ""

    assert dead_mans_switch.call() is False
    assert switch.heard == []
