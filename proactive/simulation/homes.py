"""Where simulated people live, and their numbers. Nobody outside a world ever gets a text there."""

from dataclasses import dataclass

from caregiving import zones


@dataclass(frozen=True)
class Home:
    """A time zone, how many of a hundred people live there, and postal codes.

    `is_american`: a ZIP code tells the zone, so that none needs to be given.
    """

    zone: str
    share: int
    postal_codes: tuple[str, ...]
    is_american: bool = True


HOMES = (
    Home("America/New_York", 27, ("10001", "02139", "30303", "33130")),
    Home("America/Chicago", 20, ("60601", "77002", "55401", "70112")),
    Home("America/Denver", 8, ("80202", "87102", "84101")),
    Home("America/Los_Angeles", 17, ("90012", "94103", "98101")),
    Home("America/Phoenix", 5, ("85004", "85701")),
    Home("America/Anchorage", 3, ("99501",)),
    Home("Pacific/Honolulu", 3, ("96813",)),
    # Every other way of keeping time: DST in other weeks, in the south, never, and half hours.
    Home("Europe/London", 3, ("SW1A 1AA",), is_american=False),
    Home("Europe/Madrid", 3, ("28013",), is_american=False),
    Home("Asia/Tokyo", 3, ("100-0001",), is_american=False),
    Home("Asia/Kolkata", 3, ("110001",), is_american=False),
    Home("Australia/Sydney", 3, ("2000",), is_american=False),
    Home("America/Santiago", 2, ("8320000",), is_american=False),
)
_POSTAL_CODES = {home.zone: home.postal_codes[0] for home in HOMES}
_ELSEWHERE = "00000"  # no ZIP code, so it leads to no zone

# Each lies in one zone, so that the number alone can tell where somebody is.
_AREA_CODES = (
    *(212, 617, 404, 305, 313, 412, 215, 202, 704, 216),
    *(312, 214, 713, 504, 612, 414, 314, 901, 405, 512),
    *(303, 505, 801, 406, 415, 213, 206, 503, 702, 619),
    *(602, 480, 520, 808),
)
_FIRST_LINE = 5_550_000
_FIRST_FORMER_LINE = 2_000_000
_LINES = _FIRST_LINE - _FIRST_FORMER_LINE
MOST = len(_AREA_CODES) * _LINES


def number(key: int) -> str:
    """The number of the person `key`, in E.164; each of the first MOST keys has its own."""
    return _number(key, _FIRST_LINE)


def former_number(key: int) -> str:
    """The one that they had before; nobody has it now."""
    return _number(key, _FIRST_FORMER_LINE)


def zone_of_number(key: int) -> str:
    """The zone of the area code of their number."""
    return zones.derive(time_zone="", zip_code="", phone_number=number(key))


def home_zone(time_zone: str, derived_zones: str) -> str:
    """The zone of somebody with these fields, the first of several; UTC for a misspelt one."""
    places = zones.of(time_zone=time_zone, derived_zones=derived_zones)
    return places[0].key if places else "UTC"


def postal_code(zone: str) -> str:
    """One that belongs to `zone`; where none is known, one that tells of no zone."""
    return _POSTAL_CODES.get(zone, _ELSEWHERE)


def _number(key: int, first_line: int) -> str:
    line, area = divmod(key, len(_AREA_CODES))
    if not 0 <= line < _LINES:
        raise ValueError(f"there are numbers for {MOST:,} people, and none for key {key}")
    return f"+1{_AREA_CODES[area]}{first_line + line}"
