"""What `manage.py check` finds before a person would: missing words, a service that cannot text."""

import os
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connection

from caregiving import erasing
from caregiving.models import ErasedOptOut
from proactive.cadences import CADENCES
from proactive.default_copy import DEFAULT_COPY


@register(Tags.models)
def every_step_has_words(**kwargs: Any) -> list[CheckMessage]:
    """Each stage and tier needs its default copy, or its sweep would have nothing to say."""
    return [
        Error(
            f"{cadence.name} {step.variant} has no default copy.",
            hint=f"Add ({cadence.name!r}, {step.variant!r}) to proactive/default_copy.py.",
            id="proactive.E001",
        )
        for cadence in CADENCES
        for step in cadence.steps
        if "en" not in DEFAULT_COPY.get((cadence.name, step.variant), {})
    ]


@register(Tags.security, deploy=True)
def texts_can_go_out(**kwargs: Any) -> list[CheckMessage]:
    """For production: a real gateway, and an address at which the provider can reach us."""
    if settings.SMS_GATEWAY == "console":
        return [
            Warning(
                "SMS_GATEWAY is console: texts are printed, nobody receives them.",
                hint="Set SMS_GATEWAY=twilio and the TWILIO_ settings.",
                id="proactive.W001",
            )
        ]
    address = urlsplit(settings.PUBLIC_BASE_URL)
    if address.scheme != "https" or address.hostname in ("localhost", "127.0.0.1"):
        return [
            Error(
                "PUBLIC_BASE_URL is not a public https address: Twilio could not report outcomes.",
                hint="Set it to the address at which this service is reached from outside.",
                id="proactive.E002",
            )
        ]
    return []


@register(Tags.security, deploy=True)
def signing_in_is_guarded(**kwargs: Any) -> list[CheckMessage]:
    """For production: sign-ins are told apart by address, and a password alone is not enough."""
    found: list[CheckMessage] = []
    https = urlsplit(settings.PUBLIC_BASE_URL).scheme == "https"
    if https and not os.environ.get("PROXY_COUNT", "").strip():
        found.append(
            Warning(
                "PROXY_COUNT is not set: behind the proxy that ends TLS every page leads back to "
                "itself, and everybody has the proxy's address, so that whoever fails to sign in "
                "often enough locks a name out for all.",
                hint="Set it to the number of proxies of your own; 0 if there is none.",
                id="proactive.W003",
            )
        )
    if not settings.REQUIRE_SECOND_FACTOR:
        found.append(
            Warning(
                "REQUIRE_SECOND_FACTOR is off: a password is enough to change the policy.",
                hint="Remove it from the environment.",
                id="proactive.W004",
            )
        )
    return found


@register(Tags.security, deploy=True)
def the_pace_is_chosen(**kwargs: Any) -> list[CheckMessage]:
    """A pace that the sender cannot keep makes texts expire at the provider: nobody may guess."""
    if settings.SMS_GATEWAY != "twilio" or os.environ.get("SMS_PER_SECOND", "").strip():
        return []
    return [
        Warning(
            f"SMS_PER_SECOND is not set: {settings.SMS_PER_SECOND:g} texts a second are assumed.",
            hint="Set it to what your sender can do: a long code sends about 1 a second.",
            id="proactive.W002",
        )
    ]


@register(Tags.security, deploy=True)
def alerts_are_escalated(**kwargs: Any) -> list[CheckMessage]:
    """An alert about a crisis follow-up must reach somebody also when nobody looks at the admin."""
    if not settings.ALERT_ESCALATION_EMAIL:
        return [
            Warning(
                "ALERT_ESCALATION_EMAIL is not set: nobody is told of alerts that nobody claims.",
                hint="Set it to the address of whoever is on call, and EMAIL_URL to a mail server.",
                id="proactive.W005",
            )
        ]
    if settings.EMAIL_BACKEND.startswith("django.core.mail.backends.console"):
        return [
            Warning(
                "EMAIL_URL is not set: emails about alerts are printed, nobody receives them.",
                hint="Set it to a mail server, such as smtp+tls://user:password@host:587.",
                id="proactive.W006",
            )
        ]
    return []


@register(Tags.database)
def opt_outs_of_the_erased_can_be_found(
    databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """They are hashed with a key: after a change of it nobody would know of those before."""
    if not databases or ErasedOptOut._meta.db_table not in connection.introspection.table_names():
        return []
    lost = erasing.of_another_key().count()
    if not lost:
        return []
    return [
        Error(
            f"{lost} opt-outs of erased people were kept under another key: their numbers would be "
            "texted if somebody added them again.",
            hint="Set OPT_OUT_KEY to what SECRET_KEY (or OPT_OUT_KEY) was when they were erased.",
            id="proactive.E003",
        )
    ]


@register(Tags.security, deploy=True)
def retention_is_chosen(**kwargs: Any) -> list[CheckMessage]:
    """What is deleted every day and kept nowhere is gone: for how long is nobody's guess."""
    names = ("RETENTION_MESSAGES_DAYS", "RETENTION_INBOUND_DAYS")
    missing = [name for name in names if not os.environ.get(name, "").strip()]
    if not settings.PRUNE_DAILY or not missing:
        return []
    return [
        Warning(
            f"PRUNE_DAILY is on, and {' and '.join(missing)} not set: what is older than "
            f"{settings.RETENTION_MESSAGES_DAYS} days is deleted, though nobody has decided so.",
            hint="Ask whoever answers for records how long they must be kept, and set it.",
            id="proactive.W010",
        )
    ]
