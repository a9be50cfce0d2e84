"""The second factor: who needs one, setting it up, checking a code, taking it away.

It is a phone that shows a new code every 30 seconds (TOTP). Ten backup codes go with it, each of
which works once, for the day on which the phone is not at hand.
"""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, QuerySet
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from proactive import audit
from proactive.roles import ADMINISTRATOR, COORDINATOR

BACKUP_CODES = 10
DIGITS = 6
# Whoever may any of these may do harm to more people than they look after.
FAR_REACHING = ADMINISTRATOR.all_permissions - COORDINATOR.all_permissions


class Refused(Exception):
    """A code that does not count; the text says why."""


class TooSoon(Refused):
    """After wrong codes: nothing counts before `until`."""

    def __init__(self, until: datetime) -> None:
        super().__init__(until)
        self.until = until


@dataclass(frozen=True)
class SetUp:
    """A second factor that now counts."""

    device: Device
    backup_codes: list[str]


def is_needed(user: User) -> bool:
    """Whether this user may not work without one: superusers, and whoever has FAR_REACHING."""
    if not settings.REQUIRE_SECOND_FACTOR:
        return False
    return user.is_superuser or not FAR_REACHING.isdisjoint(user.get_all_permissions())


def has_one(user: User) -> bool:
    return TOTPDevice.objects.filter(user=user, confirmed=True).exists()


def with_second_factor(users: QuerySet[User]) -> QuerySet[User]:
    """These users, each with `has_second_factor`."""
    devices = TOTPDevice.objects.filter(user=OuterRef("pk"), confirmed=True)
    return users.annotate(has_second_factor=Exists(devices))


def backup_codes_left(user: User) -> int:
    left = StaticDevice.objects.filter(user=user).aggregate(left=Count("token_set"))["left"]
    return int(left)


def set_up(user: User, *, key: str, code: str, now: datetime) -> SetUp:
    """Make the phone that knows `key` (hexadecimal) the user's only one, if `code` proves it.

    Raises Refused, and changes nothing, where it does not.
    """
    with transaction.atomic():
        _lock(user)
        device = TOTPDevice.objects.create(user=user, name="phone", key=key)
        if not device.verify_token(_plain(code)):
            raise Refused("This is not the code that the phone shows now. Its clock must be right.")
        TOTPDevice.objects.filter(user=user).exclude(pk=device.pk).delete()
        codes = _make_backup_codes(user)
        audit.record(
            "set_up_second_factor",
            by=user,
            says="set up a second factor",
            now=now,
            target=user,
        )
    return SetUp(device, codes)


def make_backup_codes(user: User, *, now: datetime) -> SetUp:
    """Ten new backup codes; those from before count no more. Raises Refused without a phone."""
    with transaction.atomic():
        _lock(user)
        device = TOTPDevice.objects.filter(user=user, confirmed=True).first()
        if device is None:
            raise Refused("There is no second factor yet.")
        codes = _make_backup_codes(user)
        audit.record(
            "make_backup_codes", by=user, says="made new backup codes", now=now, target=user
        )
    return SetUp(device, codes)


def check(user: User, code: str, *, now: datetime) -> Device:
    """The device that `code` belongs to: the phone, or the backup codes, of which it uses one up.

    Raises TooSoon while wrong codes before it are waited for, else Refused when it is wrong.
    """
    plain = _plain(code)
    kind = TOTPDevice if len(plain) == DIGITS and plain.isdecimal() else StaticDevice
    with transaction.atomic():
        # Locked, so that of two who enter the same code at once only one gets in.
        device = kind.objects.select_for_update().filter(user=user, confirmed=True).first()
        if device is None:
            raise Refused("The code is wrong.")
        allowed, because = device.verify_is_allowed()
        if not allowed:
            raise TooSoon(because["locked_until"])
        right = device.verify_token(plain)
        if right and kind is StaticDevice:
            audit.record(
                "use_backup_code", by=user, says="used a backup code", now=now, target=user
            )
    # Outside the transaction: raised in it, it would undo the counting of wrong codes.
    if not right:
        raise Refused("The code is wrong, or was used before.")
    return device


def reset(user: User) -> bool:
    """Take phone and backup codes away; returns False if there were none.

    Every open session of theirs is asked for a second factor again. The caller keeps the audit.
    """
    with transaction.atomic():
        _lock(user)
        phones, _ = TOTPDevice.objects.filter(user=user).delete()
        StaticDevice.objects.filter(user=user).delete()
    return phones > 0


def _lock(user: User) -> None:
    User.objects.select_for_update().get(pk=user.pk)


def _make_backup_codes(user: User) -> list[str]:
    StaticDevice.objects.filter(user=user).delete()
    device = StaticDevice.objects.create(user=user, name="backup codes")
    codes = sorted({StaticToken.random_token() for _ in range(BACKUP_CODES)})
    StaticToken.objects.bulk_create(StaticToken(device=device, token=code) for code in codes)
    return codes


def _plain(code: str) -> str:
    """What was typed, as it is compared: phones show "123 456", and people copy that."""
    return "".join(code.split()).replace("-", "").lower()
