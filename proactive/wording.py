"""From a template to the words of one text.

A template has placeholders such as `$first_name` and nothing else: no conditions, no attributes,
so that nobody can write one that fails, or tells more than it should, for some people only.
"""

import logging
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from string import Template
from typing import TYPE_CHECKING, Any, Protocol

from django.apps import apps as current_apps
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, router

from proactive.default_copy import DEFAULT_COPY
from proactive.models import MessageTemplate
from proactive.sms.segments import measure

if TYPE_CHECKING:
    from caregiving.models import Caregiver
    from proactive.declaring import Cadence, Step

logger = logging.getLogger(__name__)

PLACEHOLDERS = ("first_name", "care_recipient_name", "service_name")
FALLBACK_LANGUAGE = "en"

# The provider takes no more characters, about ten segments; the second bound is one of price.
MAX_CHARACTERS = 1600
MAX_SEGMENTS = 10

_LOVED_ONE = {"en": "your loved one", "es": "su ser querido"}
_WHOSE = {"en": "your", "es": "su"}


class Named(Protocol):
    """Whose names go into a text: a caregiver, or nobody in particular."""

    first_name: str
    care_recipient_name: str


class _Nobody:
    first_name = ""
    care_recipient_name = ""


# --- Checking what staff wrote ---


def validate(body: str) -> None:
    """Accept `body` as a template, or raise ValueError with words for the person who wrote it.

    Refused: unknown placeholders, a `$` that begins none, a placeholder without its `$`, and a
    text that without names is empty or longer than a text may be.
    """
    body = plain(body)  # as it will be sent: what is dropped from it may join its words
    if not body.strip():
        raise ValueError("The text is empty.")
    template = Template(body)
    for match in template.pattern.finditer(body):
        if match.group("invalid") is not None:
            raise ValueError(
                f'The "$" at character {match.start() + 1}, in "{_around(body, match.start())}", '
                f"does not begin a placeholder. For a dollar sign write $$. {_allowed()}"
            )
    unknown = [name for name in template.get_identifiers() if name not in PLACEHOLDERS]
    if unknown:
        names = ", ".join(f"${name}" for name in unknown)
        raise ValueError(
            f"Unknown placeholder{'s' * (len(unknown) > 1)}: {names}. {_allowed()} "
            "For a dollar sign write $$."
        )
    # {first_name} or $$first_name would reach the person as it stands.
    literal = template.substitute(dict.fromkeys(PLACEHOLDERS, "")).casefold()
    bare = [name for name in PLACEHOLDERS if name in literal]
    if bare:
        raise ValueError(f'"{bare[0]}" would be sent as it stands: write ${bare[0]}.')
    text = render(body, _Nobody(), language=FALLBACK_LANGUAGE)
    if not text:
        raise ValueError("The text is empty for a person whose name is not known.")
    size = measure(text)
    if len(text) > MAX_CHARACTERS or size.segments > MAX_SEGMENTS:
        raise ValueError(
            f"The text is too long: {len(text)} characters in {size.segments} segments even "
            f"without names. At most {MAX_CHARACTERS} characters in {MAX_SEGMENTS} segments."
        )


def _allowed() -> str:
    *most, last = (f"${name}" for name in PLACEHOLDERS)
    return f"The placeholders are {', '.join(most)} and {last}."


def _around(body: str, position: int) -> str:
    return " ".join(body[max(0, position - 12) : position + 12].split())


# --- Filling in the names ---

# Each of these alone turns a whole text into UCS-2, at two or three times the price.
_GSM_TWINS = str.maketrans(
    dict.fromkeys("‘’‚‛′`´", "'")
    | dict.fromkeys("“”„‟″«»", '"')
    | dict.fromkeys("‐‑‒–—―−", "-")
    | dict.fromkeys("\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a", " ")
    | dict.fromkeys("\u202f\u205f\u3000\t", " ")
    | dict.fromkeys("\u2028\u2029\u0085", "\n")
    | {"…": "...", "•": "-"}
    # Nothing to see, and a direction mark could turn the text after it around. The joiners
    # U+200C and U+200D stay: some scripts spell with them.
    | dict.fromkeys("\u00ad\u200b\u200e\u200f\u2060\ufeff", "")
    | dict.fromkeys("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069", "")
)
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

# Stand-ins for what is not known, until the words around them are mended. Control characters,
# which neither a template nor a name can still have by then.
_NO_NAME, _NO_RECIPIENT = "\x01", "\x02"


def render(body: str, caregiver: Named, *, language: str) -> str:
    """The text for `caregiver` from a valid template in `language`, without a service prefix.

    What is not known leaves no gap: the words around a first name close up, and the person looked
    after becomes "your loved one". Raises KeyError or ValueError for placeholders that `validate`
    refuses.
    """
    filled = _template(body).substitute(
        first_name=_name(caregiver.first_name) or _NO_NAME,
        care_recipient_name=_name(caregiver.care_recipient_name) or _NO_RECIPIENT,
        service_name=_service_name(),
    )
    return _without_recipient(_without_name(filled, language), language).strip()


@lru_cache(maxsize=256)
def _template(body: str) -> Template:
    """There are few, and each is filled in for thousands of people."""
    return Template(plain(body))


def plain(text: str) -> str:
    """`text` in characters that cost nothing extra, where that leaves its letters as they are."""
    if text.isascii() and text.isprintable() and "`" not in text:
        return text  # as most names are, and then there is nothing to do
    # Composed first: "é" is one GSM-7 letter, "e" with a combining accent is UCS-2.
    text = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")
    # And once more: what is dropped may have stood between a letter and its accent.
    text = unicodedata.normalize("NFC", text.translate(_GSM_TWINS))
    return _CONTROL.sub(" ", text)


def _name(value: str) -> str:
    """A name as it may stand within a sentence; "" for one without a letter, such as "-"."""
    name = " ".join(plain(value or "").split()).strip(" ,;:")
    return name if any(char.isalnum() for char in name) else ""


def _service_name() -> str:
    return " ".join(plain(settings.SERVICE_NAME).split())


_SENTENCE_START = r"(?P<start>(?:^|[.!?:\n])[ \n]*[¿¡\"'(]*)"
# In this order: each takes what those before it have left.
_GAPS: tuple[tuple[re.Pattern[str], str], ...] = (
    # "Hi ($first_name), how are you?" and "¡$first_name! Buenas tardes."
    (re.compile(r"\(\x01\)|\"\x01\"|'\x01'|¿\x01\?|¡\x01!"), "\x01"),
    # "$first_name, how are you?": what follows begins the sentence.
    (re.compile(_SENTENCE_START + r"\x01[ ,;:.!?\n-]+(?P<next>\w?)"), ""),
    # "How are you, $first_name?" and "Thank you, $first_name, for writing."
    (re.compile(r" ?, ?\x01(?=[.!?,;:\n]|$)"), ""),
    (re.compile(r" ?\x01(?=[ .!?,;:\n]|$)"), ""),
    (re.compile(r"\x01 ?"), ""),
)


def _without_name(text: str, language: str) -> str:
    """`text` with its gaps for a first name closed."""
    if _NO_NAME not in text:
        return text
    whose = _WHOSE.get(language, _WHOSE[FALLBACK_LANGUAGE])
    text = _at_start_capital(text, f"{_NO_NAME}'s", whose)
    for gap, becomes in _GAPS:
        if "next" in gap.groupindex:
            text = gap.sub(lambda found: found["start"] + found["next"].upper(), text)
        else:
            text = gap.sub(becomes, text)
    return text


def _without_recipient(text: str, language: str) -> str:
    loved_one = _LOVED_ONE.get(language, _LOVED_ONE[FALLBACK_LANGUAGE])
    return _at_start_capital(text, _NO_RECIPIENT, loved_one)


def _at_start_capital(text: str, stand_in: str, words: str) -> str:
    """`words` instead of `stand_in`, with a capital where a sentence begins."""
    if stand_in not in text:
        return text
    capital = words[0].upper() + words[1:]
    text = re.sub(_SENTENCE_START + stand_in, lambda found: found["start"] + capital, text)
    return text.replace(stand_in, words)


# --- Choosing the words ---


class Wording:
    """The templates as they are at one moment: a sweep reads them once for all its texts."""

    def __init__(self, bodies: dict[tuple[str, str, str], str | None]) -> None:
        """By cadence, step variant and language; None for a template that cannot be used."""
        self._bodies = bodies

    @classmethod
    def load(cls) -> "Wording":
        """All templates, in one query. One that cannot be used is logged, not raised."""
        rows = MessageTemplate.objects.values_list(
            "pk", "cadence", "stage", "tier", "language", "body"
        )
        return cls(
            {
                (cadence, _variant(stage, tier), language): _usable(pk, body)
                for pk, cadence, stage, tier, language, body in rows
            }
        )

    def compose(self, caregiver: "Caregiver", cadence: "Cadence", step: "Step") -> str:
        """The whole text for `caregiver`, before the claim sets `last_proactive_message_at`.

        In their language if there are words in it, else in English; a template before the default
        copy. The first text that a person ever gets says whom it is from. Raises LookupError when
        a step has neither template nor default copy.
        """
        body, language = self._choose(cadence.name, step.variant, caregiver.language)
        text = render(body, caregiver, language=language)
        service = _service_name()
        if caregiver.last_proactive_message_at is None and service not in text:
            return f"{service}: {text}"
        return text

    def _choose(self, cadence: str, variant: str, language: str) -> tuple[str, str]:
        """The body, and the language that it is in."""
        defaults = DEFAULT_COPY.get((cadence, variant), {})
        for choice in (language, FALLBACK_LANGUAGE):
            if body := self._bodies.get((cadence, variant, choice)) or defaults.get(choice):
                return body, choice
        raise LookupError(
            f"No words for {cadence} {variant}: add them to proactive/default_copy.py."
        )


def _usable(pk: int, body: str) -> str | None:
    """`body`, or None with a warning: one bad template must not keep a sweep from everybody."""
    try:
        # Not only at save: SQL and bulk updates come past MessageTemplate.save().
        validate(body)
    except ValueError as error:
        logger.warning(
            "Message template %s cannot be used, so the default copy goes out instead: correct it "
            "in the admin, or delete it and run migrate. %s",
            pk,
            error,
        )
        return None
    return body


def _variant(stage: int | None, tier: str) -> str:
    """As `Step.variant` has it."""
    return str(stage) if stage is not None else tier


# --- The rows that staff edit ---


def create_missing_templates(
    *, using: str = DEFAULT_DB_ALIAS, apps: Any = current_apps, **kwargs: Any
) -> None:
    """Create each template that has default copy and no row yet. Receives `post_migrate`.

    A row that exists is left alone, whatever it says.
    """
    try:
        # As the database is after this migrate, which may have stopped short of today's model.
        template = apps.get_model("proactive", "MessageTemplate")
    except LookupError:
        return
    if not router.allow_migrate_model(using, template):
        return
    rows = template._default_manager.using(using)
    existing = {
        (cadence, _variant(stage, tier), language)
        for cadence, stage, tier, language in rows.values_list(
            "cadence", "stage", "tier", "language"
        )
    }
    rows.bulk_create(
        [template(**fields) for key, fields in _default_rows() if key not in existing],
        # Two deploys may migrate at once.
        ignore_conflicts=True,
    )


def _default_rows() -> Iterator[tuple[tuple[str, str, str], dict[str, Any]]]:
    for (cadence, variant), copy in DEFAULT_COPY.items():
        is_stage = variant.isdigit()
        for language, body in copy.items():
            yield (
                (cadence, variant, language),
                {
                    "cadence": cadence,
                    "stage": int(variant) if is_stage else None,
                    "tier": "" if is_stage else variant,
                    "language": language,
                    "body": body,
                },
            )
