"""How the log is written: with what a line belongs to, and never with what a person wrote or is.

Whatever a library logs passes through here too. Numbers are masked in every line. Names and texts
cannot be known by their looks, so what could hold them is left out: the values that a database
quotes in its errors, and the loggers that tell what stands in rows, requests and pages.
"""

import json
import logging
import re
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from celery import current_task
from django.http import HttpRequest

from caregiving.fields import masked

# Of the request that is being answered; "" outside of one.
request_id: ContextVar[str] = ContextVar("request_id", default="")

# Each tells below WARNING what it was given: parameters of SQL, what is put into a page, the query
# of a request, what goes to the provider.
TALKATIVE = ("django.db.backends", "django.template", "django.server", "twilio")

# Below it paths hold numbers.
API = "/api/"

# What stands between the digits of a number, in its own characters or as an address has them.
_GAP = r"(?:[^\S\r\n]|[().\u2010-\u2015-]|%2[089]){0,3}"
# Not in the midst of a word or of a fraction; a line break that was written out is no word.
_BEGIN = r"(?:(?<!\w)(?<!\d\.)|(?<=\\[nrt]))"
_END = r"(?!\w|\.\d)"
_NUMBER = re.compile(
    # What is of no person, though it has as many digits: ids, moments, addresses of machines.
    r"(?P<other>(?<!\w)(?:[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
    r"|\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:[ ]?[+-]\d\d:?\d\d)?)?"
    r"|\d{1,3}(?:\.\d{1,3}){3})(?!\w))"
    # With its country.
    rf"|(?:\+|%2B){_GAP}\d(?:{_GAP}\d){{6,14}}"
    rf"|{_BEGIN}00{_GAP}[1-9](?:{_GAP}\d){{6,14}}{_END}"
    # As one writes it at home: of three, three and four digits, or with a 0 in front.
    rf"|{_BEGIN}[(]?(?:1{_GAP})?\d{{3}}{_GAP}\d{{3}}{_GAP}\d{{4}}{_END}"
    rf"|{_BEGIN}[(]?0[1-9](?:{_GAP}\d){{7,13}}{_END}"
    rf"|{_BEGIN}\d{{10,15}}{_END}"
)
_VALUES = re.compile(
    # What PostgreSQL adds to an error: the row, or the statement with its values. Up to the end,
    # or to the next error of a traceback: a value may have several lines.
    r"^[ ]*(?:DETAIL|CONTEXT|LINE \d+):.*?(?=^The above exception|^During handling|\Z)"
    # The same within the repr of an error, as Celery logs it: there a line break is written out,
    # and all of it is one line.
    r"|(?P<written_out>(?<=\\n)[ ]*(?:DETAIL|CONTEXT|LINE \d+):[^\n]*)",
    re.M | re.S,
)


def clean(text: str) -> str:
    """`text` without whole telephone numbers, and without the values in a database's error."""
    return _NUMBER.sub(_mask, _VALUES.sub(_leave_out, text)).rstrip()


def _leave_out(found: re.Match[str]) -> str:
    return "(values left out)" + ("" if found["written_out"] else "\n")


def _mask(found: re.Match[str]) -> str:
    if found["other"]:
        return found[0]
    digits = re.sub(r"\D", "", re.sub(r"%2[089B]", "", found[0]))
    return masked(f"+{digits}")


def address(request: HttpRequest) -> str:
    """Where a request went, as a log may have it: the path, on one line whatever was put into it.

    Below /api/ it is the route, as paths there hold whole numbers, spelt as the client likes.
    """
    if not request.path.startswith(API):
        return "".join(map(_printable, request.path))
    match = request.resolver_match
    return f"/{match.route}" if match is not None else f"{API}..."


def _printable(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape").decode()


class Discreet(logging.Filter):
    """Keeps out what a talkative logger tells below WARNING, whatever level somebody sets, and the
    path that Django puts into what it says of a request of the API."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = getattr(record, "request", None)
        if isinstance(request, HttpRequest) and isinstance(record.args, tuple):
            paths = (request.path, request.path.encode("unicode_escape").decode())
            record.args = tuple(
                address(request) if isinstance(one, str) and one in paths else one
                for one in record.args
            )
        return record.levelno >= logging.WARNING or not any(
            record.name == name or record.name.startswith(f"{name}.") for name in TALKATIVE
        )


class TextFormatter(logging.Formatter):
    """A line as people read it, with the ids at its end."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name}: {message}", style="{")

    def formatMessage(self, record: logging.LogRecord) -> str:
        ids = " ".join(f"{name}={value}" for name, value in belongs_to().items())
        return super().formatMessage(record) + (f" [{ids}]" if ids else "")

    def format(self, record: logging.LogRecord) -> str:
        return clean(super().format(record))


class JsonFormatter(logging.Formatter):
    """One JSON object a line; times in UTC. `fields` of a record stand beside its message."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **belongs_to(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = self.formatStack(record.stack_info)
        # The timestamp is ours, and looks like a number.
        cleaned = {
            name: clean(value) if isinstance(value, str) and name != "timestamp" else value
            for name, value in line.items()
        }
        return json.dumps(cleaned, ensure_ascii=False, default=str)


def belongs_to() -> dict[str, str]:
    """The ids of the request and of the task in whose course this is called."""
    ids = {"request_id": request_id.get()}
    if current_task and current_task.request.id:
        ids |= {"task": current_task.name, "task_id": current_task.request.id}
    return {name: value for name, value in ids.items() if value}


def configuration(*, form: str, level: str) -> dict[str, Any]:
    """For Django's LOGGING. `form`: text or json; `level`: of our own loggers; libraries' say only
    what is wrong, unless it is DEBUG."""
    formatter = JsonFormatter if form == "json" else TextFormatter
    # Django's handlers of its own are left out: each line goes through ours, once.
    plain: dict[str, Any] = {"handlers": [], "propagate": True}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"discreet": {"()": Discreet}},
        "formatters": {"line": {"()": formatter}},
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "formatter": "line",
                "filters": ["discreet"],
            }
        },
        "loggers": {
            "caregiving": {"level": level},
            "proactive": {"level": level},
            # When which task was received and done.
            "celery": {"level": level},
            "django": {**plain, "level": level},
            # Its lines have the query of each request: ours, in `middleware`, have not.
            "django.server": {**plain, "level": "CRITICAL"},
        },
        "root": {"handlers": ["console"], "level": "DEBUG" if level == "DEBUG" else "WARNING"},
    }
