"""What tests ask of a fake in another process: JSON, in and out."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.fake_twilio.faults import Faults
from tests.fake_twilio.steps import Step, is_number

if TYPE_CHECKING:
    from tests.fake_twilio.fake import FakeTwilio


def answer(fake: "FakeTwilio", path: str, body: str) -> tuple[int, dict[str, Any]]:
    """The HTTP status and JSON for a POST to `path`."""
    action = _ACTIONS.get(path)
    if not action:
        return 404, {"error": f"There is no {path}"}
    try:
        return 200, action(fake, **json.loads(body or "{}"))
    except (TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        return 400, {"error": str(error)}


def _script(
    fake: "FakeTwilio", steps: list[dict[str, Any]], to: str | None = None
) -> dict[str, Any]:
    fake.script(*(Step(**step) for step in steps), to=to)
    return {}


def _misbehave(fake: "FakeTwilio", **faults: Any) -> dict[str, Any]:
    fake.misbehave(Faults(**faults))
    return {}


def _receive(fake: "FakeTwilio", **text: Any) -> dict[str, Any]:
    check_text(text)
    answer = fake.receive(text.pop("from"), **text)
    return {"status": answer.pop("http_status"), **answer}


def check_text(text: dict[str, Any]) -> None:
    """Raises ValueError, in words, for a text that nobody can have sent."""
    if not is_number(text.get("from")):
        raise ValueError("A person has a number such as +12025550143")
    media = text.get("media", [])
    if not (isinstance(media, list) and all(isinstance(url, str) for url in media)):
        raise ValueError("Media are a list of addresses")
    if not (isinstance(text.get("body"), str) and len(text["body"]) <= 1600):
        raise ValueError("A text has at most 1600 characters")
    text["body"].encode()  # a lone surrogate, which JSON can hold, is no text either
    if text.get("opt_out_type") not in (None, "STOP", "START", "HELP"):
        raise ValueError("opt_out_type must be STOP, START or HELP")


def _pause(fake: "FakeTwilio", on: bool) -> dict[str, Any]:
    if not isinstance(on, bool):
        raise ValueError("on must be true or false")
    fake.pause(on)
    return {}


def _drain(fake: "FakeTwilio", timeout: float = 10) -> dict[str, Any]:
    drained = fake.drain(min(timeout, 600))
    return {"drained": drained, "pending_callbacks": fake.state()["pending_callbacks"]}


_ACTIONS: dict[str, Callable[..., dict[str, Any]]] = {
    "/_fake/script": _script,
    "/_fake/faults": _misbehave,
    "/_fake/inbound": _receive,
    "/_fake/pause": _pause,
    "/_fake/drain": _drain,
}
