"""What words look like on the phones of people of several kinds, what they cost, and what is amiss.

The people are made up, and the texts come from the code that writes the real ones.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings

from caregiving.models import Caregiver
from proactive import rewording, wording
from proactive.cadences import BY_NAME
from proactive.declaring import Cadence, Step
from proactive.models import MessageTemplate
from proactive.sms import segments
from proactive.sms.segments import GSM_BASIC, GSM_EXTENSION, Size
from proactive.wording import PLACEHOLDERS, Wording

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
HELPLINE = "988"


@dataclass(frozen=True)
class Sample:
    """A person who does not exist."""

    name: str
    label: str
    first_name: str
    care_recipient_name: str
    had_texts: bool = True

    def person(self, language: str) -> Caregiver:
        """Unsaved, and reading `language`."""
        return Caregiver(
            first_name=self.first_name,
            care_recipient_name=self.care_recipient_name,
            language=language,
            last_proactive_message_at=LONG_AGO if self.had_texts else None,
        )


USUAL = Sample("usual", "Names are known", "Alex", "Robin")
SAMPLES = (
    USUAL,
    Sample("first", "Their first text ever", "Alex", "Robin", had_texts=False),
    Sample("nameless", "No name is known", "", ""),
    Sample("spanish", "Spanish names", "María José", "Abuelita Inés"),
    Sample("long", "Long names", "Maximiliana-Josephine", "Great-Aunt Wilhelmina-Charlotte"),
)
BY_SAMPLE = {sample.name: sample for sample in SAMPLES}


@dataclass(frozen=True)
class Shown:
    """One text as the phone of a sample person would show it."""

    label: str
    text: str
    size: Size

    @property
    def cost(self) -> float:
        """In US dollars."""
        return self.size.segments * settings.SMS_SEGMENT_COST

    @property
    def cost_of_1000(self) -> float:
        return 1000 * self.cost


@dataclass(frozen=True)
class Review:
    """A draft looked through. `problem`: why it cannot be saved, or "". `warnings`: what it costs
    or lacks. `tidied`: the draft with plain characters, if that makes a difference, else ""."""

    problem: str
    warnings: tuple[str, ...]
    tidied: str
    texts: tuple[Shown, ...]

    @property
    def sums_up(self) -> str:
        if self.problem:
            return self.problem
        most = max((text.size.segments for text in self.texts), default=1)
        return f"At most {most} segment{'s' * (most > 1)}; warnings: {len(self.warnings)}."


def review(template: MessageTemplate, body: str) -> Review:
    """Look through `body` as the words of `template`; costs no query."""
    body = unicodedata.normalize("NFC", body).replace("\r\n", "\n")
    problem = ""
    try:
        wording.validate(body)
    except ValueError as error:
        problem = str(error)
    texts = tuple(_texts(template, body))
    tidied = wording.plain(body)
    return Review(
        problem,
        (*_expensive(template, body), *_missing(template, body)),
        tidied if tidied != body else "",
        texts,
    )


def text_for(template: MessageTemplate, sample: Sample, body: str | None = None) -> str:
    """The whole text, with the words of `template` or with `body`.

    Raises LookupError for a cadence that is no more, and KeyError (which is one) or ValueError for
    placeholders that cannot be saved.
    """
    cadence, step = _declaration(template)
    key = (cadence.name, step.variant, template.language)
    words = Wording({key: template.body if body is None else body})
    return words.compose(sample.person(template.language), cadence, step)


def _declaration(template: MessageTemplate) -> tuple[Cadence, Step]:
    cadence = BY_NAME[template.cadence]
    for step in cadence.steps:
        if (step.stage, step.tier) == (template.stage, template.tier):
            return cadence, step
    raise LookupError(f"{template} is no longer part of the policy")


def is_used(template: MessageTemplate) -> bool:
    try:
        _declaration(template)
    except LookupError:
        return False
    return True


def _texts(template: MessageTemplate, body: str) -> Iterator[Shown]:
    if not body.strip():
        return
    for sample in SAMPLES:
        try:
            text = text_for(template, sample, body)
        except (LookupError, ValueError):
            continue
        yield Shown(sample.label, text, segments.measure(text))


# --- What is amiss ---


def _is_cheap(char: str) -> bool:
    return char in GSM_BASIC or char in GSM_EXTENSION


def _expensive(template: MessageTemplate, body: str) -> Iterator[str]:
    """Each character that is outside GSM-7, where it first stands, and what becomes of it."""
    counts = Counter(char for char in body if not _is_cheap(char))
    for char, count in counts.items():
        where = f"{_named(char)} at position {body.index(char) + 1}"
        if count > 1:
            where += f" ({count} times)"
        instead = wording.plain(char)
        if instead != char:
            written = f"goes out as {instead}" if instead.strip() else "goes out as a space"
            yield f"{where}: {written if instead else 'is left out'}, which costs nothing extra."
            continue
        try:
            text = text_for(template, USUAL, body)
        except (LookupError, ValueError):
            text = wording.plain(body)
        cheap = segments.measure("".join(one if _is_cheap(one) else "x" for one in text)).segments
        paid = segments.measure(text).segments
        of = f": {paid} segments in place of {cheap}" if paid > cheap else ""
        yield f"{where}: no cheap text has it, so a segment holds 70 characters, not 160{of}."


def _named(char: str) -> str:
    name = unicodedata.name(char, f"U+{ord(char):04X}").lower()
    return f"{char} ({name})" if char.isprintable() and not char.isspace() else f"A {name}"


def _missing(template: MessageTemplate, body: str) -> Iterator[str]:
    """What the words had to begin with, and these have not."""
    before = rewording.original(template) or ""
    for name in PLACEHOLDERS:
        if any(form in before for form in (f"${name}", f"${{{name}}}")) and name not in body:
            yield f"The original words have ${name}; these do not."
    if HELPLINE in before and HELPLINE not in body:
        yield f"The original words say how to reach help at once ({HELPLINE}); these do not."
