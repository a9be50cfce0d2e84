"""Who the demo people are: names, numbers, homes. Nothing here knows about outreach.

Numbers end in 555-0100 to 555-0199, which are set aside for fiction in every area code: none of
them reaches a real person. With 100 of them in each area code of the zones below there are
some 35,000. They may lie in the zone of their area code or abroad: people keep their number.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import phonenumbers
from phonenumbers.tzdata import TIMEZONE_DATA

from caregiving.models import Caregiver, Language

# How a database tells demo people from others.
DEMO_NUMBER = r"^\+1[0-9]{3}55501[0-9]{2}$"


@dataclass(frozen=True)
class Home:
    """A time zone, how many of a hundred people live there, and ZIP codes if it is American."""

    zone: str
    share: int
    zip_codes: tuple[str, ...] = ()


# Mostly American, and so much elsewhere that it is daytime somewhere at every hour.
HOMES = (
    Home("America/New_York", 18, ("10001", "02139", "30303", "33130")),
    Home("America/Chicago", 14, ("60601", "77002", "55401", "70112")),
    Home("America/Denver", 7, ("80202", "87102", "84101")),
    Home("America/Phoenix", 3, ("85004",)),
    Home("America/Los_Angeles", 14, ("90012", "94103", "98101")),
    Home("Pacific/Honolulu", 4, ("96813",)),
    Home("America/Sao_Paulo", 3),
    Home("Europe/London", 6),
    Home("Europe/Berlin", 6),
    Home("Asia/Dubai", 4),
    Home("Asia/Kolkata", 6),
    Home("Asia/Tokyo", 6),
    Home("Australia/Sydney", 4),
    Home("Pacific/Auckland", 5),
)

_NAMES = {
    Language.ENGLISH: ("Ada", "Ben", "Carol", "Dana", "Earl", "Faith", "Grace", "Hank", "Irene"),
    Language.SPANISH: ("Ana", "Beatriz", "Carlos", "Diego", "Elena", "Inés", "José", "Lucía"),
}
_RELATIONSHIPS = ("daughter", "son", "wife", "husband", "sister", "parent", "friend")
_RECIPIENTS = ("Rosa", "Walter", "Mom", "Dad", "Luis", "Edith", "")


class Numbers:
    """Hands out fictional numbers, each once, from the area codes of a zone while they last."""

    def __init__(self) -> None:
        self._pools = {home.zone: _pool(home.zone) for home in HOMES if home.zip_codes}

    def draw(self, zone: str) -> tuple[str, bool]:
        """A number, and whether its area code belongs to `zone`."""
        if zone in self._pools and (number := next(self._pools[zone], None)):
            return number, True
        for pool in self._pools.values():
            if number := next(pool, None):
                return number, False
        raise ValueError("there are no more fictional numbers")


def how_many() -> int:
    """How many people there are numbers for."""
    return 100 * sum(len(_area_codes(home.zone)) for home in HOMES if home.zip_codes)


def _pool(zone: str) -> Iterator[str]:
    codes = _area_codes(zone)
    return (f"+1{code}5550{line}" for line in range(100, 200) for code in codes)


def _area_codes(zone: str) -> list[str]:
    """American area codes that lie wholly within `zone`."""
    codes = [
        prefix[1:]
        for prefix, zones in TIMEZONE_DATA.items()
        if re.fullmatch(r"1[2-9]\d\d", prefix) and zones == (zone,)
    ]
    return sorted(
        code
        for code in codes
        if phonenumbers.is_valid_number(phonenumbers.parse(f"+1{code}5550100"))
    )


def somebody(numbers: Numbers, random: Random) -> Caregiver:
    """A person with a number, a home and mostly a name; not saved, and nothing happened yet."""
    home = random.choices(HOMES, weights=[home.share for home in HOMES])[0]
    number, is_local = numbers.draw(home.zone)
    language = Language.SPANISH if random.random() < 0.2 else Language.ENGLISH
    person = Caregiver(
        phone_number=number,
        first_name=random.choice(_NAMES[language]) if random.random() < 0.9 else "",
        relationship=random.choice(_RELATIONSHIPS),
        care_recipient_name=random.choice(_RECIPIENTS),
        zip_code=random.choice(home.zip_codes) if home.zip_codes else "",
        time_zone=home.zone,
        language=language,
    )
    # Where the zone is not given, ZIP code or number must lead to it.
    if is_local and random.random() < 0.4:
        person.time_zone = ""
        if random.random() < 0.3:
            person.zip_code = ""
    return person
