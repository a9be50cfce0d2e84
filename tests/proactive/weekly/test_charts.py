"""A chart is a picture that a mail program shows, whatever its numbers and words."""

from io import BytesIO

import pytest
from PIL import Image

from proactive.weekly.charts import WIDTH, draw
from proactive.weekly.presenting import Chart


def drawn(*bars):
    return Image.open(BytesIO(draw(Chart("one", "Texts by cadence", bars)))).convert("RGB")


def coloured(picture, colour):
    return sum(picture.getpixel((x, y)) == colour for x in range(WIDTH) for y in range(0, 200, 8))


ORANGE, GREY = (0xEA, 0x58, 0x0C), (0x64, 0x74, 0x8B)


def test_a_bar_is_as_long_as_its_number():
    half, whole = drawn(("A", 50, 100)), drawn(("A", 100, 100))

    assert coloured(half, GREY) == coloured(whole, GREY)
    assert coloured(half, ORANGE) < 0.6 * coloured(whole, ORANGE)


@pytest.mark.parametrize(
    "bars",
    [
        (("Nothing", 0, 0),),
        (("Not known before", 3, None),),
        (("A name that is longer than there is room for in any chart of ours", 10**9, 1),),
        (("Cuidadores, ñ, –", 1, 2),),
    ],
)
def test_odd_numbers_and_words_are_drawn_too(bars):
    assert drawn(*bars).width == WIDTH
