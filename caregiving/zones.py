"""Which time zones a person may be in: given, else by ZIP code, else by telephone number.

A number's zone is a suggestion (+1 208 gives two zones, a toll-free number 42); when several
remain, the person counts as inside a window only when every one of them is.
"""

from collections.abc import Iterable
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import phonenumbers
import phonenumbers.timezone
import zipcodes


@cache
def known() -> frozenset[str]:
    """All IANA names, links such as US/Eastern included."""
    return frozenset(available_timezones())


@cache
def by_zip_code() -> dict[str, str]:
    """ZIP code -> IANA name. The first call takes about a second to read the packaged table."""
    return {
        row["zip_code"]: row["timezone"]
        for row in zipcodes.list_all()
        if row["timezone"] in known()
    }


@cache
def derivable() -> frozenset[str]:
    """Everything that `derive` can answer: each zone of a ZIP code, each set of a number."""
    from phonenumbers.tzdata import TIMEZONE_DATA

    return frozenset(by_zip_code().values()) | {_join(names) for names in TIMEZONE_DATA.values()}


def derive(*, time_zone: str, zip_code: str, phone_number: str) -> str:
    """The zones a person may be in, sorted and joined by a space; "" when `time_zone` is given.

    Also "" when neither ZIP code nor number tells anything: see `anywhere`.
    """
    if time_zone:
        return ""
    if zip_code and (zone := by_zip_code().get(zip_code.strip()[:5])):
        return zone
    try:
        number = phonenumbers.parse(phone_number, None)
    except phonenumbers.NumberParseException:
        return ""
    names = phonenumbers.timezone.time_zones_for_number(number)
    if names == (phonenumbers.timezone.UNKNOWN_TIMEZONE,):
        # An unassigned prefix: anywhere in the country that the number belongs to.
        names = phonenumbers.timezone.time_zones_for_geographical_number(number)
    return _join(names)


def of(*, time_zone: str, derived_zones: str) -> list[ZoneInfo]:
    """The zones in which somebody with these two fields may be.

    Empty for a misspelt name, and for what only an older release of the packaged tables could
    derive (`initialize_proactive_fields` derives it anew).
    """
    if time_zone:
        return [ZoneInfo(time_zone)] if time_zone in known() else []
    if not derived_zones:
        derived_zones = anywhere()
    elif derived_zones not in derivable():
        return []
    return [ZoneInfo(name) for name in derived_zones.split()]


@cache
def anywhere() -> str:
    """Where somebody is of whom nothing is known: in any zone of the North American numbers.

    At least half an hour remains in which every cadence may text all of them, so nobody falls
    silent for want of a ZIP code, and nobody is woken.
    """
    return _join(phonenumbers.timezone.time_zones_for_geographical_number(_NORTH_AMERICAN))


_NORTH_AMERICAN = phonenumbers.PhoneNumber(country_code=1, national_number=5550000000)


# It is tomorrow there already. With them among the candidates there would be no daytime left that
# all of them share, and the person would never hear from us.
_FAR_WEST = frozenset({"Pacific/Guam", "Pacific/Saipan"})


def _join(names: Iterable[str]) -> str:
    possible = {name for name in names if name in known()}
    return " ".join(sorted(possible - _FAR_WEST or possible))
