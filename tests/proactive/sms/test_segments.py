"""The segment counter: its edges by name, and everything else against smsutil."""

import pytest
import smsutil
from hypothesis import given
from hypothesis import strategies as st

from proactive.sms.segments import GSM_BASIC, GSM_EXTENSION, Size, measure

EMOJI = "\N{SUNFLOWER}"


@pytest.mark.parametrize(
    ("text", "size"),
    [
        pytest.param("", Size("GSM-7", 0, 1), id="nothing"),
        pytest.param("a" * 160, Size("GSM-7", 160, 1), id="one-full-segment"),
        pytest.param("a" * 161, Size("GSM-7", 161, 2), id="one-more-character"),
        pytest.param("a" * 306, Size("GSM-7", 306, 2), id="two-full-segments"),
        pytest.param("a" * 307, Size("GSM-7", 307, 3), id="two-and-one-more"),
        pytest.param("ó" * 70, Size("UCS-2", 70, 1), id="one-full-unicode-segment"),
        pytest.param("ó" * 71, Size("UCS-2", 71, 2), id="one-more-unicode-character"),
        pytest.param("ó" * 134, Size("UCS-2", 134, 2), id="two-full-unicode-segments"),
        pytest.param("ó" * 135, Size("UCS-2", 135, 3), id="two-and-one-more-in-unicode"),
        pytest.param("€" * 80, Size("GSM-7", 160, 1), id="a-euro-sign-counts-two"),
        pytest.param("€" * 81, Size("GSM-7", 162, 2), id="a-euro-sign-too-many"),
        pytest.param("a" * 158 + "€", Size("GSM-7", 160, 1), id="a-euro-sign-that-just-fits"),
        pytest.param("a" * 159 + "€", Size("GSM-7", 161, 2), id="a-euro-sign-that-does-not"),
        pytest.param(
            # The last septet of the first segment stays empty, and the second is then too short.
            "a" * 152 + "€" + "a" * 152,
            Size("GSM-7", 306, 3),
            id="a-euro-sign-is-not-split",
        ),
        pytest.param("a" * 68 + EMOJI, Size("UCS-2", 70, 1), id="an-emoji-that-just-fits"),
        pytest.param("a" * 69 + EMOJI, Size("UCS-2", 71, 2), id="an-emoji-that-does-not"),
        pytest.param(
            "a" * 66 + EMOJI + "a" * 66, Size("UCS-2", 134, 3), id="an-emoji-is-not-split"
        ),
        pytest.param(
            "a" * 159 + "’", Size("UCS-2", 160, 3), id="one-curly-quote-triples-the-price"
        ),
    ],
)
def test_a_text_takes_as_many_segments_as_a_carrier_bills(text, size):
    assert measure(text) == size


# smsutil counts a bare escape as a letter of GSM-7, but there it only announces an extension
# character, and a text has no way to hold one: left out.
gsm = st.sampled_from(sorted(GSM_BASIC | GSM_EXTENSION))
anything = st.characters(exclude_characters="\x1b", exclude_categories=["Cs"])
UNIT_BYTES = {"gsm0338": ("GSM-7", 1), "utf_16_be": ("UCS-2", 2)}


@given(st.text(gsm, min_size=1, max_size=700))
def test_gsm_texts_are_measured_as_smsutil_does(text):
    assert measure(text) == _as_smsutil_does(text)


@given(st.text(st.one_of(gsm, anything), min_size=1, max_size=350))
def test_all_texts_are_measured_as_smsutil_does(text):
    assert measure(text) == _as_smsutil_does(text)


@given(st.integers(140, 165).map("a".__mul__), st.text(gsm, max_size=20), st.integers(0, 160))
def test_gsm_texts_near_the_boundary_are_measured_as_smsutil_does(start, middle, rest):
    text = start + middle + "a" * rest

    assert measure(text) == _as_smsutil_does(text)


@given(st.integers(60, 72).map("ó".__mul__), st.text(anything, max_size=8), st.integers(0, 70))
def test_unicode_texts_near_the_boundary_are_measured_as_smsutil_does(start, middle, rest):
    text = start + middle + "a" * rest

    assert measure(text) == _as_smsutil_does(text)


def _as_smsutil_does(text: str) -> Size:
    split = smsutil.split(text)
    encoding, unit = UNIT_BYTES[split.encoding]
    return Size(encoding, split.total_bytes // unit, len(split.parts))
