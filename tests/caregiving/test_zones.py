"""Where a person may be: as given, else by ZIP code, else by telephone number."""

from datetime import UTC, datetime, timedelta

import pytest
from phonenumbers.tzdata import TIMEZONE_DATA

from caregiving import zones
from caregiving.models import Caregiver

CHICAGO = "+13125550100"
NORTHERN_IDAHO_OR_BOISE = "+12085551234"
TOLL_FREE = "+18005551212"
UNASSIGNED = "+19995552671"


def derive(*, time_zone="", zip_code="", phone_number=CHICAGO) -> list[str]:
    return zones.derive(time_zone=time_zone, zip_code=zip_code, phone_number=phone_number).split()


def of(*, time_zone="", derived_zones="") -> list[str]:
    return [zone.key for zone in zones.of(time_zone=time_zone, derived_zones=derived_zones)]


class TestDerive:
    @pytest.mark.parametrize(
        ("zip_code", "zone"),
        [
            ("10001", "America/New_York"),
            ("60601", "America/Chicago"),
            ("96813", "Pacific/Honolulu"),
            ("99501", "America/Anchorage"),
            ("83702", "America/Boise"),
            ("83814", "America/Los_Angeles"),  # northern Idaho
            ("00901", "America/Puerto_Rico"),
            ("85001", "America/Phoenix"),  # no daylight saving
            ("86515", "America/Denver"),  # the Navajo Nation: Arizona, with daylight saving
            ("47901", "America/Indiana/Indianapolis"),
        ],
    )
    def test_by_zip_code(self, zip_code, zone):
        assert derive(zip_code=zip_code) == [zone]

    @pytest.mark.parametrize("zip_code", ["86515-1234", "865151234", " 86515", "86515 "])
    def test_by_the_first_five_digits_of_a_zip_code(self, zip_code):
        assert derive(zip_code=zip_code) == ["America/Denver"]

    def test_the_zip_code_counts_before_the_number(self):
        assert derive(zip_code="10001", phone_number=CHICAGO) == ["America/New_York"]

    @pytest.mark.parametrize("zip_code", ["", "00000", "M5V 2T6", "elsewhere"])
    def test_by_number_when_the_zip_code_tells_nothing(self, zip_code):
        assert derive(zip_code=zip_code, phone_number=CHICAGO) == ["America/Chicago"]

    def test_nothing_is_derived_when_the_zone_was_given(self):
        assert derive(time_zone="America/Chicago", zip_code="10001") == []

    def test_an_area_code_that_spans_two_zones_gives_both(self):
        assert derive(phone_number=NORTHERN_IDAHO_OR_BOISE) == [
            "America/Boise",
            "America/Los_Angeles",
        ]

    @pytest.mark.parametrize("phone_number", [TOLL_FREE, UNASSIGNED])
    def test_a_number_of_no_place_gives_every_zone_of_its_country(self, phone_number):
        assert derive(phone_number=phone_number) == zones.anywhere().split()

    def test_a_number_abroad_gives_the_zone_there(self):
        assert derive(phone_number="+442079460000") == ["Europe/London"]

    @pytest.mark.parametrize("phone_number", ["", "22000", "hello", "+883510000000000"])
    def test_what_tells_nothing_gives_none(self, phone_number):
        assert derive(phone_number=phone_number) == []

    def test_every_answer_is_one_that_is_known_to_be_derivable_and_fits_its_column(self):
        answers = {zones.derive(time_zone="", zip_code=z, phone_number="") for z in ("10001", "")}
        for prefix in TIMEZONE_DATA:
            number = "+" + prefix + "5550100"[: max(0, 12 - len(prefix))]
            answers.add(zones.derive(time_zone="", zip_code="", phone_number=number))
        assert len(answers) > 100
        assert answers - zones.derivable() <= {""}
        assert max(map(len, zones.derivable())) <= 1000


class TestOf:
    def test_the_given_zone(self):
        assert of(time_zone="America/Denver", derived_zones="America/Boise") == ["America/Denver"]

    def test_each_derived_zone(self):
        both = "America/Boise America/Los_Angeles"
        assert of(derived_zones=both) == ["America/Boise", "America/Los_Angeles"]

    def test_anywhere_when_nothing_is_known(self):
        assert of() == zones.anywhere().split()

    @pytest.mark.parametrize(
        "fields", [{"time_zone": "America/Chicgo"}, {"derived_zones": "America/Chicgo"}]
    )
    def test_none_for_a_name_that_is_no_zone(self, fields):
        assert of(**fields) == []

    def test_a_link_is_a_zone_too(self):
        assert of(time_zone="US/Eastern") == ["US/Eastern"]


class TestAnywhere:
    def test_reaches_from_newfoundland_to_samoa(self):
        names = zones.anywhere().split()
        assert {"America/St_Johns", "America/New_York", "Pacific/Pago_Pago"} <= {*names}

    @pytest.mark.parametrize("month", [1, 7])
    def test_leaves_a_time_at_which_even_the_narrowest_window_is_open_everywhere(self, month):
        places = zones.of(time_zone="", derived_zones="")
        midnight = datetime(2026, month, 15, tzinfo=UTC)
        minutes = [midnight + timedelta(minutes=n) for n in range(24 * 60)]
        shared = [
            at for at in minutes if all(11 <= at.astimezone(zone).hour < 20 for zone in places)
        ]
        assert len(shared) >= 30

    def test_leaves_out_guam_but_not_of_somebody_who_is_there(self):
        assert "Pacific/Guam" not in zones.anywhere().split()
        assert derive(zip_code="96910") == ["Pacific/Guam"]
        assert derive(phone_number="+16716465550") == ["Pacific/Guam"]


@pytest.mark.django_db
class TestDerivedZonesOfACaregiver:
    def test_are_stored_on_create(self):
        Caregiver.objects.create(phone_number=CHICAGO, zip_code="10001")
        assert Caregiver.objects.values_list("derived_zones", flat=True).get() == "America/New_York"

    def test_are_stored_by_bulk_create_for_each(self):
        Caregiver.objects.bulk_create(
            [
                Caregiver(phone_number="(312) 555-0100"),
                Caregiver(phone_number=NORTHERN_IDAHO_OR_BOISE),
                Caregiver(phone_number=TOLL_FREE, time_zone="America/Denver"),
            ]
        )
        assert dict(Caregiver.objects.values_list("phone_number", "derived_zones")) == {
            CHICAGO: "America/Chicago",
            NORTHERN_IDAHO_OR_BOISE: "America/Boise America/Los_Angeles",
            TOLL_FREE: "",
        }

    @pytest.mark.parametrize(
        ("field", "value", "derived"),
        [
            ("zip_code", "86515", "America/Denver"),
            ("zip_code", "", "America/Chicago"),
            ("time_zone", "America/Denver", ""),
            ("phone_number", NORTHERN_IDAHO_OR_BOISE, "America/New_York"),
        ],
    )
    @pytest.mark.parametrize("only_the_field", [False, True])
    def test_follow_a_change(self, field, value, derived, only_the_field):
        person = Caregiver.objects.create(phone_number=CHICAGO, zip_code="10001")
        setattr(person, field, value)
        person.save(update_fields=[field] if only_the_field else None)
        assert person.derived_zones == derived
        assert Caregiver.objects.values_list("derived_zones", flat=True).get() == derived

    def test_follow_update_or_create(self):
        Caregiver.objects.create(phone_number=CHICAGO, zip_code="10001")
        Caregiver.objects.update_or_create(
            phone_number="(312) 555-0100", defaults={"zip_code": "86515"}
        )
        assert Caregiver.objects.values_list("derived_zones", flat=True).get() == "America/Denver"

    def test_stay_when_something_else_is_saved(self):
        person = Caregiver.objects.create(phone_number=CHICAGO)
        Caregiver.objects.update(derived_zones="America/Boise")
        person.first_name = "Ruth"
        person.save(update_fields=["first_name"])
        assert Caregiver.objects.values_list("derived_zones", flat=True).get() == "America/Boise"
