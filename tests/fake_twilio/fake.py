"""The fake as a whole: what tests ask of it, and how it takes a text and what becomes of it."""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Self

from tests.fake_twilio.account import ACCOUNT_SID, AUTH_TOKEN, NUMBER, Account
from tests.fake_twilio.callbacks import Callback, callback_params, draw_callbacks
from tests.fake_twilio.courier import Courier
from tests.fake_twilio.faults import Faults
from tests.fake_twilio.inbound import Inbound
from tests.fake_twilio.journal import Clock, Journal
from tests.fake_twilio.server import Server
from tests.fake_twilio.steps import Step, error_json, find_fault
from tests.fake_twilio.texts import Text
from tests.fake_twilio.webhooks import Unreachable, Webhooks


class FakeTwilio:
    """One account, served over HTTP from `with` to `stop`.

    `webhooks_base` is where the web server listens; without it nobody is told of anything.
    `public_base` is the address that it goes by, over which inbound webhooks are signed; by default
    the same. `callback_delay` is in seconds, and lies between one status of a text and its next.
    """

    def __init__(
        self,
        log: Path | None = None,
        *,
        port: int = 0,
        account_sid: str = ACCOUNT_SID,
        auth_token: str = AUTH_TOKEN,
        number: str = NUMBER,
        webhooks_base: str | None = None,
        public_base: str | None = None,
        callback_delay: float = 0.05,
        opt_out_handling: bool = True,
        clock_file: Path | None = None,
        seed: int = 0,
    ) -> None:
        self.account_sid = account_sid
        self.auth_token = auth_token
        self.account = Account(account_sid, number)
        self.clock = Clock(clock_file)
        self.journal = Journal(log, self.clock)
        self.stopping = threading.Event()
        self._webhooks = Webhooks(webhooks_base, auth_token) if webhooks_base else None
        self._inbound = Inbound(
            self.account,
            self.journal,
            self._webhooks,
            public_base=(public_base or webhooks_base or "").rstrip("/"),
            opt_out_handling=opt_out_handling,
        )
        self._courier = Courier()
        self._callback_delay = callback_delay
        self._random = Random(seed)
        self._scripts: dict[str | None, deque[Step]] = {}
        self._faults = Faults()
        self._open = threading.Event()  # not while requests to send have to wait
        self._open.set()
        self._waiting = 0
        self._server = Server(self, port)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._courier.start()
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends every thread, and cuts the connections that clients keep open."""
        self.stopping.set()
        self._open.set()
        if self._webhooks:
            self._webhooks.close()
        self._server.stop()
        self._courier.stop()
        self.journal.close()

    # What tests ask for.

    def script(self, *steps: Step, to: str | None = None) -> None:
        """Queues steps for the next requests, of one number or (after those) of any."""
        with self.account.lock:
            self._scripts.setdefault(to, deque()).extend(steps)

    def misbehave(self, faults: Faults) -> None:
        """Puts `faults` in the place of all earlier ones."""
        with self.account.lock:
            self._faults = faults

    def pause(self, on: bool) -> None:
        """While it is on, requests to send wait."""
        if on:
            self._open.clear()
        else:
            self._open.set()

    def wait_until_open(self) -> None:
        with self.account.lock:
            self._waiting += 1
        self._open.wait()
        with self.account.lock:
            self._waiting -= 1

    def drain(self, timeout: float = 10) -> bool:
        """Waits until nothing more becomes of any text; whether that came within the time."""
        return self._courier.drain(timeout)

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The requests to send of this run, as in the log; likewise the other two."""
        return self.journal.of("create")

    @property
    def callbacks(self) -> list[dict[str, Any]]:
        return self.journal.of("callback")

    @property
    def inbound(self) -> list[dict[str, Any]]:
        return self.journal.of("inbound")

    @property
    def accepted(self) -> list[dict[str, Any]]:
        return [entry for entry in self.requests if entry["outcome"] == "accepted"]

    def state(self) -> dict[str, Any]:
        return {
            "requests": len(self.requests),
            "accepted": len(self.accepted),
            "waiting": self._waiting,
            "pending_callbacks": self._courier.pending,
            "callbacks": len(self.callbacks),
            "inbound": len(self.inbound),
            "blocked": sorted(self.account.blocked),
        }

    # Texts, in both directions.

    def create_message(self, params: dict[str, str]) -> tuple[Step, dict[str, Any]]:
        """Takes or refuses one text, on record; returns how to answer it, and the JSON."""
        to, sender = params.get("To", ""), params.get("From") or self.account.number
        with self.account.lock:
            step = self._next_step(to)
            fault = find_fault(params)
            if (sender, to) in self.account.blocked:
                fault = fault or 21610
            if fault and step.accepts:
                step = Step.refusal(fault)
            text = self._take(params, sender) if step.accepts else None
            told = str(step.status) + (f" {step.code}" if step.code else "")
            self.journal.write(
                "create",
                params=params,
                sid=text.sid if text else None,
                outcome="accepted" if text else "refused",
                answer="dropped" if step.drop else told,
            )
            if text and 200 <= step.status < 300:
                answer = text.resource(self.account_sid)
            else:
                answer = error_json(step.status, step.code, to=to)
            if text:
                self._plan(text, step, params.get("StatusCallback"))
        return step, answer

    def receive(
        self,
        person: str,
        body: str,
        *,
        media: Sequence[str] = (),
        opt_out_type: str | None = None,
    ) -> dict[str, Any]:
        """A text from `person`; returns what came of it, as in the log."""
        return self._inbound.receive(
            person, body, media=media, opt_out_type=opt_out_type, now=self.clock.time()
        )

    def visible_texts(self) -> list[Text]:
        """Those that the list shows by now, newest first."""
        texts = self.account.newest_first()
        if lag := self._faults.list_lag:
            now = self.clock.time()
            return [text for text in texts if text.created + lag <= now]
        return texts

    def _next_step(self, to: str) -> Step:
        for queue in (self._scripts.get(to), self._scripts.get(None)):
            if queue:
                return queue[0] if queue[0].repeat else queue.popleft()
        return self._faults.draw_step(self._random)

    def _take(self, params: dict[str, str], sender: str) -> Text:
        service = params.get("MessagingServiceSid")
        return self.account.keep(
            self.clock.time(),
            "outbound-api",
            sender,
            params["To"],
            params["Body"],
            status="accepted" if service else "queued",
            service=service,
        )

    def _plan(self, text: Text, step: Step, url: str | None) -> None:
        """All that becomes of a text is decided when it is taken."""
        fails_with = step.fails_with or self._faults.draw_failure(self._random)
        statuses = replace(step, fails_with=fails_with).outcome
        tasks = [
            (float(place), partial(self._advance, text, status, fails_with))
            for place, status in enumerate(statuses, start=1)
        ]
        if url and self._webhooks:
            tasks += [
                (callback.place, partial(self._report, self._webhooks, text, url, callback))
                for callback in draw_callbacks(statuses, self._faults, self._random)
            ]
        for place, task in sorted(tasks, key=lambda planned: planned[0]):
            self._courier.after(place * self._callback_delay, task)

    def _advance(self, text: Text, status: str, error_code: int | None) -> None:
        with self.account.lock:
            text.advance(status, error_code=error_code, now=self.clock.time())

    def _report(self, webhooks: Webhooks, text: Text, url: str, callback: Callback) -> None:
        params = callback_params(text, callback, self.account_sid)
        outcome, http_status = "lost", None
        if not callback.lost:
            try:
                http_status, _ = webhooks.post(url, params)
                outcome = "sent"
            except Unreachable:
                outcome = "unreachable"
        self.journal.write(
            "callback", url=url, params=params, outcome=outcome, http_status=http_status
        )
