"""Errors to Sentry, where SENTRY_DSN is set: where in the code, and never whose.

`pip install 'caregiver-outreach[sentry]'` brings the library; the image has it.
"""

from typing import Any

from django.core.exceptions import ImproperlyConfigured

from caregiving.logs import belongs_to, clean

# What an event may say of a request. No headers, cookies, body, query or address of who asked.
OF_REQUEST = ("method", "url")


def begin(dsn: str, **options: Any) -> None:
    """Send what goes wrong from now on to `dsn`; `options` for the library, such as a transport.

    Raises ImproperlyConfigured without the library, and for a DSN that is none.
    """
    try:
        import sentry_sdk
        from sentry_sdk.utils import BadDsn
    except ImportError:
        raise ImproperlyConfigured(
            "SENTRY_DSN is set, and the package sentry-sdk is missing: install it, or remove the "
            "setting."
        ) from None
    try:
        sentry_sdk.init(
            dsn=dsn,
            # Personal data are off by default. A frame's variables are people and texts; so is what
            # was logged on the way.
            include_local_variables=False,
            max_breadcrumbs=0,
            max_request_body_size="never",
            auto_session_tracking=False,
            before_send=without_people,
            **options,
        )
    except BadDsn:
        raise ImproperlyConfigured(
            "SENTRY_DSN is malformed: copy it from the project's settings in Sentry."
        ) from None


def without_people(event: Any, hint: dict[str, Any]) -> Any:
    """The event with the ids that our log has, and without what could tell of a person."""
    if "request" in event:
        event["request"] = {
            name: value for name, value in event["request"].items() if name in OF_REQUEST
        }
    event.pop("user", None)
    # What a log line was filled with; the line itself stays.
    if "logentry" in event:
        event["logentry"].pop("params", None)
    event.setdefault("tags", {}).update(belongs_to())
    return _cleaned(event)


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {name: _cleaned(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(one) for one in value]
    return value
