import pytest

from proactive.simulation.stand_ins import stand_in
from proactive.sms.segments import measure
from proactive.wording import plain, render

NAMES = (
    *("", "-", " ", "Ada", "Mary Ann", "José", "Zoë", "O’Neil", "İrem", "李娜"),
    *("Ana 😀", "x\u0300", "a\u0300", "[A]", "R2", "ß", "😀"),
)


@pytest.mark.parametrize("name", NAMES)
def test_a_text_with_a_stand_in_costs_what_a_text_with_the_name_costs(name):
    for body in ("Hi $first_name, how are you?", "How is $care_recipient_name?"):
        real, other = (
            render(body, _Named(one, one), language="en") for one in (name, stand_in(name))
        )
        assert measure(other) == measure(real)


@pytest.mark.parametrize("name", NAMES)
def test_no_letter_or_digit_of_a_name_remains(name):
    told = {char for char in plain(name) if char.isalnum()} - set("Aa0")

    assert not told & set(stand_in(name))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_missing_stays_missing(name):
    assert bool(stand_in(name)) == bool(name)


class _Named:
    def __init__(self, first_name: str, care_recipient_name: str) -> None:
        self.first_name = first_name
        self.care_recipient_name = care_recipient_name
