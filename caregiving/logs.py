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

from caregiving.fields import masked

# Of the request that is being answered; "" outside of one.
request_id: ContextVar[str] = ContextVar("request_id", default="")

# Each tells below WARNING what it was given: parameters of SQL, what is put into a page, the query
# of a request, what goes to the provider.
TALKATIVE = ("django.db.backends", "django.template", "django.server", "twilio")

_NUMBER = re.compile(
    r"(?:\+|%2B|(?<![\d.,:])00)[ ]?[\d][\d ().-]{6,18}\d"  # with its country, however it is spaced
    r"|(?<![\w.-])\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?![\w-])"  # as one writes it at home
    r"|(?<![\w.-])\d{10,15}(?![\w.-])"
)
# What PostgreSQL adds to an error: the row, or the statement with its values. Up to the end, or to
# the next error of a traceback: a value may have several lines.
_VALUES = re.compile(
    r"^[ ]*(?:DETAIL|CONTEXT|LINE \d+):.*?(?=^The above exception|^During handling|\Z)", re.M | re.S
)


def clean(text: str) -> str:
    """`text` without whole telephone numbers, and without the values in a database's error."""
    return _NUMBER.sub(_mask, _VALUES.sub("(values left out)\n", text)).rstrip()


def _mask(found: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", found[0].removeprefix("%2B"))
    return masked(f"+{digits}")


class Discreet(logging.Filter):
    """Keeps out what a talkative logger tells below WARNING, whatever level somebody sets."""

    def filter(self, record: logging.LogRecord) -> bool:
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
