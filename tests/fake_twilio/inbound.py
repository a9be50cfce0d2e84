"""Texts from people: opt-out words, the signed webhook, and the reply in its answer."""

from collections.abc import Sequence
from typing import Any

from tests.fake_twilio.account import Account
from tests.fake_twilio.journal import Journal
from tests.fake_twilio.texts import API_VERSION, Text
from tests.fake_twilio.webhooks import Unreachable, Webhooks, read_replies

INBOUND_PATH = "/webhooks/twilio/inbound/"

# Twilio acts on them when they are the whole text.
STOP_WORDS = {"stop", "unsubscribe", "end", "quit", "stopall", "cancel", "revoke", "optout"}
START_WORDS = {"start", "unstop", "yes"}

STOP_CONFIRMATION = "You are unsubscribed and get no more texts from us. Text START to undo this."


class Inbound:
    def __init__(
        self,
        account: Account,
        journal: Journal,
        webhooks: Webhooks | None,
        *,
        public_base: str,
        opt_out_handling: bool,
    ) -> None:
        self._account = account
        self._journal = journal
        self._webhooks = webhooks
        self._url = public_base + INBOUND_PATH
        self._opt_out_handling = opt_out_handling

    def receive(
        self, person: str, body: str, *, media: Sequence[str], opt_out_type: str | None, now: float
    ) -> dict[str, Any]:
        """Passes on what `person` wrote, on record; returns what the record says of the answer."""
        with self._account.lock:
            number = self._account.number_for(person)
            text = self._account.keep(
                now, "inbound", person, number, body, status="received", sent=now, media=len(media)
            )
            if self._opt_out_handling:
                self._heed(text, now)
        params = self._params(text, media, opt_out_type)
        status, twiml, outcome, error = None, "", "silent", None
        replies: list[str] = []
        try:
            if not self._webhooks:
                raise Unreachable("This fake was started without --webhooks: nobody is told")
            status, twiml = self._webhooks.post(self._url, params)
            if 200 <= status < 300:
                replies = read_replies(twiml)
            else:
                outcome, error = "failed", f"The web server answered with HTTP {status}"
        except Unreachable as reason:
            outcome, error = "unreachable", str(reason)
        except ValueError:
            outcome, error = "failed", "The web server answered with something that is no TwiML"
        if replies:
            outcome = "reply" if self._reply(text, replies, now) else "blocked"
        text.trouble = error or ""
        answer = {
            "http_status": status,
            "outcome": outcome,
            "twiml": twiml,
            "reply": "\n".join(replies) or None,
            "error": error,
        }
        self._journal.write("inbound", url=self._url, params=params, **answer)
        return answer

    def _heed(self, text: Text, now: float) -> None:
        word = text.body.strip().lower()
        pair = (text.to, text.sender)
        if word in STOP_WORDS:
            self._account.blocked.add(pair)
            self._account.keep(
                now, "outbound-reply", *pair, STOP_CONFIRMATION, status="delivered", sent=now
            )
        elif word in START_WORDS:
            self._account.blocked.discard(pair)

    def _reply(self, text: Text, replies: list[str], now: float) -> bool:
        """Whether Twilio lets the person have them."""
        pair = (text.to, text.sender)
        with self._account.lock:
            blocked = pair in self._account.blocked
            for reply in replies:
                sent = self._account.keep(now, "outbound-reply", *pair, reply, status="queued")
                sent.advance("failed" if blocked else "delivered", error_code=21610, now=now)
        return not blocked

    def _params(self, text: Text, media: Sequence[str], opt_out_type: str | None) -> dict[str, str]:
        params = {
            "MessageSid": text.sid,
            "SmsSid": text.sid,
            "SmsMessageSid": text.sid,
            "SmsStatus": "received",
            "AccountSid": self._account.sid,
            "ApiVersion": API_VERSION,
            "From": text.sender,
            "To": text.to,
            "Body": text.body,
            "NumSegments": "1",
            "NumMedia": str(len(media)),
        }
        if text.sender.startswith("+1"):
            params["FromCountry"] = "US"
        for n, url in enumerate(media):
            params[f"MediaUrl{n}"] = url
            params[f"MediaContentType{n}"] = "image/jpeg"
        if opt_out_type:
            params["OptOutType"] = opt_out_type
        return params
