"""What the OpenAPI document shows of each kind of event; a test tells all of them."""

from typing import Any


def _example(summary: str, **told: Any) -> dict[str, Any]:
    return {"summary": summary, "value": told}


def _event(kind: str, key: str, **fields: Any) -> dict[str, Any]:
    usual = {"phone_number": "+14155552671", "at": "2026-01-05T14:30:00Z"}
    return {"type": kind, **usual, "idempotency_key": key, **fields}


EVENTS = {
    "contact": _example("They called or wrote", **_event("contact", "call-1")),
    "crisis_event": _example("A crisis", **_event("crisis_event", "crisis-1", source="assistant")),
    "wellness_score": _example(
        "A self-assessment", **_event("wellness_score", "score-1", score=38, burnout_band="high")
    ),
    "opt_out": _example("No more texts", **_event("opt_out", "consent-1", source="phone line")),
    "opt_in": _example("Texts again", **_event("opt_in", "consent-2", source="form in the app")),
    "profile_change": _example(
        "A profile has changed", **_event("profile_change", "profile-1", zip_code="60601")
    ),
    "batch": _example(
        "Up to 1,000 at once",
        events=[_event("contact", "call-2"), _event("crisis_event", "crisis-2")],
    ),
}
PROFILE = {
    "person": _example(
        "Somebody new",
        at="2026-01-05T14:00:00Z",
        idempotency_key="sign-up-1",
        first_name="Ada",
        relationship="daughter",
        care_recipient_name="Rosa",
        zip_code="60601",
        language="en",
    )
}
PROBLEM: dict[str, Any] = {
    "type": "urn:problem:invalid",
    "title": "Unprocessable Entity",
    "status": 422,
    "detail": "at: has no UTC offset: add one, such as Z or -05:00",
    "errors": [
        {
            "field": "at",
            "pointer": "#/at",
            "detail": "has no UTC offset: add one, such as Z or -05:00",
        }
    ],
}
