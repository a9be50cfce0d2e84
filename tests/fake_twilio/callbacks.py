"""What Twilio reports of a text, and what befalls the reports on their way."""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from tests.fake_twilio.faults import Faults
from tests.fake_twilio.texts import API_VERSION, FAILED, Text


@dataclass(frozen=True)
class Callback:
    status: str
    place: float  # in the order of things: the n-th status comes about at n
    lost: bool = False
    changes: dict[str, str] = field(default_factory=dict)  # of its parameters


def draw_callbacks(statuses: Sequence[str], faults: Faults, random: Random) -> Iterator[Callback]:
    for place, status in enumerate(statuses, start=1):
        # All are drawn, so that one fraction does not shift what others bring about.
        lose, repeat, reorder, wrong_sid, unknown = (
            random.random() < fraction
            for fraction in (
                faults.lose,
                faults.repeat,
                faults.reorder,
                faults.wrong_sid,
                faults.unknown_status,
            )
        )
        if unknown:
            yield Callback("pondering", place, changes={"RawDlrDoneDate": "", "Novelty": "yes"})
        changes = {}
        if wrong_sid:
            sid = f"SM{secrets.token_hex(16)}"
            changes = {"MessageSid": sid, "SmsSid": sid}
        yield Callback(status, place + 1.5 if reorder else place, lose, changes)
        if repeat:
            yield Callback(status, place + 1.2, lose, changes)


def callback_params(text: Text, callback: Callback, account_sid: str) -> dict[str, str]:
    params = {
        "MessageSid": text.sid,
        "SmsSid": text.sid,
        "MessageStatus": callback.status,
        "SmsStatus": callback.status,
        "To": text.to,
        "From": text.sender,
        "AccountSid": account_sid,
        "ApiVersion": API_VERSION,
    }
    if text.service:
        params["MessagingServiceSid"] = text.service
    if callback.status in FAILED and text.error_code:
        params["ErrorCode"] = str(text.error_code)
    return params | callback.changes
