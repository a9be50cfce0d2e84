"""From the bytes of a request to JSON, or to a problem."""

import json
from typing import Any, NoReturn

from django.http import HttpRequest
from ninja.parser import Parser

from proactive.api.problems import Problem, wrong_field

# Of a thousand events, with all of their fields filled: a fifth.
MOST_BYTES = 2**20
TOO_LARGE = Problem(
    413,
    "too-large",
    f"The body is larger than {MOST_BYTES:,} bytes. Send fewer events at once.",
)
BROKEN_OFF = Problem(400, "unreadable", "The request broke off. Send it again.")


class StrictParser(Parser):
    """JSON as RFC 8259 has it, of a size that one request may have. Raises Problem."""

    def parse_body(self, request: HttpRequest) -> Any:
        if request.content_type != "application/json":
            raise Problem(
                415, "not-json", "Send JSON, with the header Content-Type: application/json."
            )
        if len(request.body) > MOST_BYTES:
            raise TOO_LARGE
        try:
            return json.loads(request.body.decode(), parse_constant=_refuse)
        except UnicodeDecodeError as error:
            raise Problem(
                400, "not-json", f"The body is not UTF-8, from byte {error.start} on."
            ) from None
        except json.JSONDecodeError as error:
            where = f"line {error.lineno}, column {error.colno}"
            raise Problem(400, "not-json", f"The body is not JSON: {error.msg}, {where}.") from None
        except ValueError as error:
            raise Problem(400, "not-json", f"The body is not JSON: {error}.") from None
        except RecursionError:
            raise Problem(400, "not-json", "The body is nested too deeply.") from None


def take_only(request: HttpRequest, *known: str) -> None:
    """Refuse a query that has other parameters: one may be a known one misspelt. Raises Problem."""
    if unknown := sorted(request.GET.keys() - set(known)):
        says = (
            f"is not known here: give {', '.join(known)}"
            if known
            else "is not known here: give no parameters"
        )
        raise wrong_field(unknown[0], says)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")
