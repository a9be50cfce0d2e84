"""Charts as PNG, for email: no mail program runs a script, and few show an SVG."""

from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from proactive.weekly.presenting import Chart

# Twice as large as they are shown, for screens that are sharp.
WIDTH = 1200
_MARGIN, _LABELS, _NUMBERS = 32, 470, 130
_BAR, _BETWEEN = 30, 22
_TITLE = 56
# On white whatever the mail program shows around it; as on the pages, grey is what was before.
_PAPER, _INK, _QUIET = "#ffffff", "#1f2937", "#4b5563"
_NOW, _BEFORE = "#ea580c", "#64748b"


def draw(chart: Chart) -> bytes:
    """Lying bars, two for each label, with their numbers. Its words are Latin ones."""
    height = _TITLE + 2 * _MARGIN + len(chart.bars) * (2 * _BAR + _BETWEEN) + _BAR
    image = Image.new("RGB", (WIDTH, height), _PAPER)
    pen = ImageDraw.Draw(image)
    font, title = ImageFont.load_default(26), ImageFont.load_default(34)
    pen.text((_MARGIN, _MARGIN), chart.title, _INK, title)
    longest = max((max(now, before or 0) for _, now, before in chart.bars), default=0) or 1
    room = WIDTH - 2 * _MARGIN - _LABELS - _NUMBERS
    top = _MARGIN + _TITLE
    for label, now, before in chart.bars:
        pen.text((_MARGIN, top + _BAR), _fit(label, font), _INK, font, anchor="lm")
        for i, (number, colour) in enumerate(((now, _NOW), (before, _BEFORE))):
            if number is None:
                continue
            left, upper = _MARGIN + _LABELS, top + i * _BAR
            right = left + max(round(room * number / longest), 2)
            pen.rectangle((left, upper + 2, right, upper + _BAR - 2), colour)
            middle = upper + _BAR / 2
            pen.text((right + 12, middle), f"{number:,}", _QUIET, font, anchor="lm")
        top += 2 * _BAR + _BETWEEN
    left = _MARGIN + _LABELS
    for says, colour in (("this week", _NOW), ("week before", _BEFORE)):
        pen.rectangle((left, top + 4, left + 22, top + 26), colour)
        pen.text((left + 34, top + 15), says, _QUIET, font, anchor="lm")
        left += 240
    file = BytesIO()
    image.quantize(32).save(file, "PNG", optimize=True)
    return file.getvalue()


def _fit(label: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """As much of it as there is room for."""
    fitted = label
    while fitted and font.getlength(fitted) > _LABELS - 20:
        fitted = fitted[:-1]
    return fitted if fitted == label else f"{fitted[:-1].rstrip()}..."
