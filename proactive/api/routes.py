"""The addresses of the API: each reads, calls one function, and answers."""

import logging
from typing import Annotated, Any

from django.core.exceptions import RequestDataTooBig
from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.utils import timezone
from ninja import Body, Path, Query
from ninja.errors import HttpError, ValidationError
from ninja.responses import Status

from caregiving.models import Caregiver as Someone
from proactive.api import examples, recording, tokens
from proactive.api.answers import Caregiver
from proactive.api.authenticating import Token
from proactive.api.documenting import DocumentedAPI, refusals, shown
from proactive.api.idempotency import Answer
from proactive.api.problems import Problem, invalid, wrong_field
from proactive.api.reading import BROKEN_OFF, TOO_LARGE, StrictParser, take_only
from proactive.api.schemas import (
    Batch,
    Done,
    EventOrBatch,
    Number,
    PutCaregiver,
    Results,
    without_tags,
)
from proactive.explaining import explain
from proactive.forecasting import forecast
from proactive.models import Scope

MOST_DAYS = 90
REPEATED = "Idempotent-Replayed"

logger = logging.getLogger(__name__)

api = DocumentedAPI(
    title="Caregiver outreach",
    version="1",
    description="What the conversation side tells about caregivers, and asks. Every refusal is a "
    "problem (RFC 9457) that names the field.",
    docs_url="/docs/",
    parser=StrictParser(),
    urls_namespace="api",
)


@api.post(
    "/events/",
    auth=Token(Scope.WRITE_EVENTS),
    response={200: Done | Results, 207: Results, **refusals(400, 404, 413, 415, 422)},
    operation_id="tell",
    summary="Tell one event, or up to 1,000 at once",
    tags=["events"],
    openapi_extra=shown(examples.EVENTS),
)
def tell(
    request: HttpRequest, response: HttpResponse, payload: Annotated[EventOrBatch, Body(...)]
) -> Any:
    """A single event is answered by its result or a problem. A batch is answered by a result for
    each of its events, in order, with 200 if all were done and else 207: one that is refused stops
    no other.

    Needs `events:write`; a `profile_change` also `caregivers:write`.
    """
    take_only(request)
    token, now = request.auth, timezone.now()  # type: ignore[attr-defined]
    if not isinstance(payload, Batch):
        return _answer(recording.record(token, payload, now=now), response)
    # Before they are done: what fails halfway has cost as much.
    tokens.count_batch(token, len(payload.events), now=now)
    results = recording.record_batch(token, payload.events, now=now)
    all_done = all(one["status"] < 300 for one in results)
    return Status(200 if all_done else 207, {"results": results})


@api.get(
    "/caregivers/{phone_number}/",
    auth=Token(Scope.READ_CAREGIVERS),
    response={200: Caregiver, **refusals(404, 422)},
    by_alias=True,
    operation_id="read_caregiver",
    summary="Read a person: who they are, why they hear from us, what comes",
    tags=["caregivers"],
)
def read_caregiver(
    request: HttpRequest,
    response: HttpResponse,
    phone_number: Annotated[Number, Path(...)],
    days: Annotated[int, Query(ge=1, le=MOST_DAYS, description="How far the forecast goes.")] = 35,
) -> Any:
    """Needs `caregivers:read`. Texts that are to come are shown in full."""
    take_only(request, "days")
    now = timezone.now()
    person = Someone.objects.filter(phone_number=phone_number).first()
    if person is None:
        raise wrong_field(
            "phone_number", "nobody has this number", status=404, kind="unknown-caregiver"
        )
    # It outlives whoever read it in no cache on the way.
    response.headers["Cache-Control"] = "no-store"
    return {
        "caregiver": person,
        "explanation": explain(person, now=now),
        "forecast": forecast(person, now=now, days=days),
    }


@api.put(
    "/caregivers/{phone_number}/",
    auth=Token(Scope.WRITE_CAREGIVERS),
    response={200: Done, 201: Done, **refusals(400, 413, 415, 422)},
    operation_id="put_caregiver",
    summary="Add a person, or change their profile",
    tags=["caregivers"],
    openapi_extra=shown(examples.PROFILE),
)
def put_caregiver(
    request: HttpRequest,
    response: HttpResponse,
    phone_number: Annotated[Number, Path(...)],
    profile: PutCaregiver,
) -> Any:
    """Needs `caregivers:write`. What is not given stays as it is. Somebody new begins at `at`."""
    take_only(request)
    answer = recording.put(request.auth, phone_number, profile, now=timezone.now())  # type: ignore[attr-defined]
    return _answer(answer, response)


def _answer(answer: Answer, response: HttpResponse) -> Status[Any]:
    if answer.is_repeat:
        response.headers[REPEATED] = "true"
    return Status(answer.result["status"], answer.result)


# --- Refusals ---


@api.exception_handler(Problem)
def _problem(request: HttpRequest, problem: Problem) -> HttpResponse:
    return problem.response()


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    # A path begins with where it was read from; within a body, with the name of the parameter.
    paths = [
        {**one, "loc": one["loc"][2:] if one["loc"][0] == "body" else one["loc"][1:]}
        for one in error.errors
    ]
    if any(one["loc"] == () and one["type"] == "missing" for one in paths):
        return Problem(400, "not-json", "The body is empty. Send JSON.").response()
    return invalid(without_tags(paths)).response()


@api.exception_handler(HttpError)
def _unreadable(request: HttpRequest, error: HttpError) -> HttpResponse:
    if isinstance(error.__cause__, Problem):
        return error.__cause__.response()
    return Problem(error.status_code, "refused", str(error)).response()


@api.exception_handler(RequestDataTooBig)
def _too_large(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    return TOO_LARGE.response()


@api.exception_handler(UnreadablePostError)
def _broken_off(request: HttpRequest, error: UnreadablePostError) -> HttpResponse:
    return BROKEN_OFF.response()


@api.exception_handler(Error)
def _trouble(request: HttpRequest, error: Error) -> HttpResponse:
    # Not what it says: that may hold a number or a name.
    logger.error("API: the database failed (%s)", type(error).__name__)
    says = "The database failed. Send the same again: what was done is not done twice."
    return Problem(503, "try-again", says, headers={"Retry-After": "5"}).response()


@api.exception_handler(Exception)
def _bug(request: HttpRequest, error: Exception) -> HttpResponse:
    raise error
