"""Refusals, as problem details (RFC 9457): what is wrong, with which field, and what to do."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse

CONTENT_TYPE = "application/problem+json"
PREFIX = "/api/"
# What stands in for a sentence of its own.
ORDINARY = {
    400: "The request cannot be read.",
    404: "There is nothing at this address.",
    405: "This address does not take that method; Allow names those that it takes.",
    413: "The request is too large.",
}


@dataclass
class Problem(Exception):
    """`status`: the HTTP status; `kind`: a name that clients can compare; `says`: for people.

    `errors`: [{"field", "pointer", "detail"}], where fields are wrong. `headers` go with it.
    """

    status: int
    kind: str
    says: str
    errors: list[dict[str, str]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "type": f"urn:problem:{self.kind}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.says,
        }
        return told | ({"errors": self.errors} if self.errors else {})

    def response(self) -> HttpResponse:
        return HttpResponse(
            json.dumps(self.as_json()),
            status=self.status,
            content_type=CONTENT_TYPE,
            headers=self.headers,
        )


def wrong_field(name: str, says: str, *, status: int = 422, kind: str = "invalid") -> Problem:
    return Problem(status, kind, f"{name}: {says}", [_error((name,), says)])


def invalid(errors: Sequence[Any]) -> Problem:
    """What pydantic found: [{"loc", "msg", "type"}], where `loc` is the path in the request."""
    found = [_error(one["loc"], _in_words(one)) for one in errors]
    first = found[0]
    says = f"{first['field']}: {first['detail']}" if first["field"] else first["detail"]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return Problem(422, "invalid", says + more, found)


def _error(path: Sequence[str | int], says: str) -> dict[str, str]:
    parts = [str(part) for part in path]
    escaped = [part.replace("~", "~0").replace("/", "~1") for part in parts]
    pointer = "#" + "".join(f"/{part}" for part in escaped)
    return {"field": ".".join(parts), "pointer": pointer, "detail": says}


def _in_words(error: Any) -> str:
    match error["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return "is not a field of this; see the documentation for those that are"
        case _:
            said = str(error["msg"]).removeprefix("Value error, ")
            return said[:1].lower() + said[1:]


def tell_problems(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Below /api/ every refusal is a problem, also what Django refuses before any of our code."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if (
            not request.path.startswith(PREFIX)
            or response.status_code < 400
            or response.headers.get("Content-Type") == CONTENT_TYPE
        ):
            return response
        status = response.status_code
        says = ORDINARY.get(status) or f"{HTTPStatus(status).phrase}."
        kept = {name: response.headers[name] for name in ("Allow",) if name in response.headers}
        kind = HTTPStatus(status).phrase.lower().replace(" ", "-")
        return Problem(status, kind, says, headers=kept).response()

    return answer
