"""The page for whoever plays a caregiver: conversations, and a form to text the service."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from itertools import islice
from pathlib import Path
from string import Template
from urllib.parse import urlencode

from tests.fake_twilio.account import Account
from tests.fake_twilio.texts import FAILED, Text

PEOPLE_SHOWN = 50
TEXTS_SHOWN = 100

_PAGE = Template(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))

_ROLES = {
    "outbound-api": ("ours", "The service"),
    "outbound-reply": ("ours reply", "Automatic reply"),
    "inbound": ("theirs", "The caregiver"),
}


def address_of(person: str) -> str:
    """A conversation, scrolled to its end."""
    return f"/?{urlencode({'person': person})}#body"


def read_number(typed: str) -> str:
    """A number as people write it, in the form that Twilio uses; US if no country is given."""
    digits = re.sub(r"[\s().-]", "", typed)
    if re.fullmatch(r"1?[2-9][0-9]{9}", digits):
        return f"+1{digits[-10:]}"
    return digits


def render(
    account: Account, *, person: str = "", number: str = "", draft: str = "", error: str = ""
) -> str:
    """The whole page, with `person`'s conversation; the rest is a form that was filled in wrong."""
    texts = account.newest_first()
    return _PAGE.substitute(
        title=escape(f"{person} · Fake Twilio" if person else "Fake Twilio"),
        view="chosen" if person else "",
        people=_people(texts, person),
        conversation=_conversation(account, texts, person),
        number=escape(number),
        draft=escape(draft),
        number_error=f'<p class="notice" role="alert">{escape(error)}</p>' if error else "",
    )


def _people(texts: list[Text], chosen: str) -> str:
    latest: dict[str, Text] = {}
    for text in texts:
        latest.setdefault(text.person, text)
    if not latest:
        return "<p>Nobody has texted or been texted yet.</p>"
    items = []
    for person, text in islice(latest.items(), PEOPLE_SHOWN):
        current = ' aria-current="page"' if person == chosen else ""
        items.append(
            f'<li><a href="{escape(address_of(person))}"{current}>{escape(person)}'
            f"<span>{_time(text)} {escape(text.body)}</span></a></li>"
        )
    return f'<ul class="people">{"".join(items)}</ul>'


def _conversation(account: Account, texts: Iterable[Text], person: str) -> str:
    if not person:
        return "<h2>No conversation chosen</h2><p>Choose one, or text as any number.</p>"
    theirs = list(islice((text for text in texts if text.person == person), TEXTS_SHOWN))
    blocked = any(other == person for _, other in account.blocked)
    bubbles = "".join(_bubble(text) for text in reversed(theirs)) or "<li>No texts yet.</li>"
    if blocked:
        bubbles += '<li class="bad">They said STOP: Twilio refuses texts to them until START.</li>'
    hidden = f'<input type="hidden" name="from" value="{escape(person)}">'
    words = "".join(
        f'<button name="body" value="{word}">{word}</button>' for word in ("STOP", "START", "HELP")
    )
    return f"""<a class="back" href="/">All conversations</a>
<h2>{escape(person)}</h2>
<ul class="texts" id="texts" data-live aria-live="polite">{bubbles}</ul>
<form method="post" action="/text">{hidden}
<label for="body">Text as this caregiver</label>
<textarea id="body" name="body" rows="2" required maxlength="1600"></textarea>
<button>Send to the service</button></form>
<form class="quick" method="post" action="/text" aria-label="Quick texts">{hidden}{words}</form>"""


def _bubble(text: Text) -> str:
    kind, role = _ROLES[text.direction]
    status = text.status + (f", error {text.error_code}" if text.error_code else "")
    mood = "bad" if text.status in FAILED else "good" if text.status == "delivered" else ""
    trouble = (
        f'<div class="notice" role="alert">{escape(text.trouble)}</div>' if text.trouble else ""
    )
    return (
        f'<li class="{kind}"><p>{escape(text.body)}</p><small>{role}, {_time(text)}, '
        f'<span class="{mood}">{escape(status)}</span></small>{trouble}</li>'
    )


def _time(text: Text) -> str:
    moment = datetime.fromtimestamp(int(text.created), UTC)
    return f'<time datetime="{moment.isoformat()}">{moment:%a %H:%M}</time>'
