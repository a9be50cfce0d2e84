"""Where the people of a population live: mostly in the United States, and some elsewhere.

Zones are derived as for anybody who is saved (`caregiving.zones`), once for each place.
"""

from itertools import cycle, islice

from caregiving import zones

# What a number begins with, zones given by hand, and how many of a thousand people are such.
_AREAS = """
212 718 516 315 617 508 860 215 412 302 410 202 804 704 843 404 305 813 615 502 216 614 313 317
312 414 612 515 314 816 402 605 701 504 601 205 501 405 713 214 210 512 915 303 801 505 602 702
208 406 307 503 206 509 415 213 619 916 808 907
"""
AREAS = tuple(_AREAS.split())
BY_ZIP_CODE, BY_AREA, BY_HAND, TOLL_FREE = 700, 110, 110, 30
ELSEWHERE = (
    *(("+4420", "Europe/London"), ("+4930", "Europe/Berlin"), ("+3491", "Europe/Madrid")),
    *(("+5255", "America/Mexico_City"), ("+1787", "America/Puerto_Rico")),
    *(("+612", "Australia/Sydney"), ("+9111", "Asia/Kolkata"), ("+8210", "Asia/Seoul")),
)
NAMED_BY_HAND = (
    *("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"),
    *("America/Phoenix", "Pacific/Honolulu", "America/Anchorage", "America/Detroit"),
)

# Digits that follow the beginning of a number; enough for ten million people.
DIGITS = 7


def places() -> list[tuple[int, str, str, str, str]]:
    """A thousand places as (number, beginning of a telephone number, ZIP code, time zone, derived
    zones), of which each is as likely as the next."""
    codes = sorted(zones.by_zip_code())
    # Evenly from the whole table: ZIP codes are where people are.
    zip_codes = codes[:: len(codes) // BY_ZIP_CODE][:BY_ZIP_CODE]
    areas = [f"+1{area}" for area in islice(cycle(AREAS), BY_ZIP_CODE + BY_AREA + BY_HAND)]
    chosen = [
        *((area, code, "") for area, code in zip(areas, zip_codes, strict=False)),
        *((area, "", "") for area in areas[BY_ZIP_CODE : BY_ZIP_CODE + BY_AREA]),
        *(zip(areas[-BY_HAND:], cycle([""]), cycle(NAMED_BY_HAND), strict=False)),
        *(("+1800", "", "") for _ in range(TOLL_FREE)),
    ]
    chosen += [(start, "", zone) for start, zone in islice(cycle(ELSEWHERE), 1000 - len(chosen))]
    return [
        (
            number,
            start,
            zip_code,
            time_zone,
            zones.derive(time_zone=time_zone, zip_code=zip_code, phone_number=start + "1" * DIGITS),
        )
        for number, (start, zip_code, time_zone) in enumerate(chosen)
    ]
