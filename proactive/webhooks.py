"""What Twilio calls: a text came in, a text of ours went on its way.

Nothing is believed that Twilio has not signed. A view reads the request, calls one function, and
answers after its commit; nothing slow happens inside. Trouble of ours is a 503, which says that
the same request may succeed later.
"""

import json
import logging
from collections.abc import Callable, Mapping
from functools import wraps
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from proactive.models import Message, RefusedWebhook
from proactive.receipts import take_receipt
from proactive.receiving import Received, receive
from proactive.reports import apply_report
from proactive.sms.gateway import Report
from proactive.sms.twilio import answer_in_twiml, has_valid_signature

# Twilio sends at most ten files with a text.
MOST_MEDIA = 10
LONGEST_SID = LONGEST_SENDER = 64

logger = logging.getLogger(__name__)

Fields = Mapping[str, str]


def signed(endpoint: str) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """The view gets the fields of a POST that Twilio signed; any other is refused and counted."""

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @csrf_exempt
        @require_POST
        @wraps(view)
        def checked(request: HttpRequest, **arguments: UUID) -> HttpResponse:
            try:
                fields = _signed_fields(request)
                if fields is None:
                    _count_refusal(endpoint)
                    return HttpResponse("The signature is missing or wrong.", status=403)
                return view(fields, **arguments)
            except UnreadablePostError:
                return HttpResponse("The request broke off.", status=400)
            except DatabaseError:
                logger.exception("webhook %s: the database failed", endpoint)
                return HttpResponse("Try again later.", status=503)

        return checked

    return decorate


@signed("inbound")
def inbound(fields: Fields) -> HttpResponse:
    """A text from a person, known or not. The answer is TwiML, empty when there is none."""
    sid = fields.get("MessageSid") or fields.get("SmsSid") or ""
    if not 0 < len(sid) <= LONGEST_SID:
        return HttpResponse("MessageSid is missing or too long.", status=400)
    text = Received(
        sid=sid,
        from_number=fields.get("From", "")[:LONGEST_SENDER],
        body=fields.get("Body", ""),
        media=_media(fields),
        opt_out_type=fields.get("OptOutType", ""),
    )
    answer = receive(text, now=timezone.now())
    return HttpResponse(answer_in_twiml(answer), content_type="text/xml; charset=utf-8")


@signed("status")
def status(fields: Fields, message_id: UUID) -> HttpResponse:
    """What has become of a text of ours. Unknown fields and statuses are accepted."""
    sid = fields.get("MessageSid") or fields.get("SmsSid") or ""
    if not 0 < len(sid) <= LONGEST_SID:
        return HttpResponse("MessageSid is missing or too long.", status=400)
    report = Report(
        sid=sid,
        status=fields.get("MessageStatus") or fields.get("SmsStatus") or "",
        code=fields.get("ErrorCode", ""),
    )
    now = timezone.now()
    if take_receipt(message_id, report, now=now):
        return HttpResponse()
    try:
        apply_report(Message.objects.get(pk=message_id), report, now=now)
    except Message.DoesNotExist:
        # Never of ours, or pruned, maybe this very moment.
        logger.warning("a report of %s is about no text of ours", message_id)
        return HttpResponse("No such text.", status=404)
    return HttpResponse()


# --- Reading ---


def _signed_fields(request: HttpRequest) -> Fields | None:
    """The fields of a form, or of a JSON body, if Twilio signed them for the public address."""
    if request.content_type == "multipart/form-data":
        return None  # not Twilio's way, and its files would be taken in before we know whose
    try:
        is_json = request.content_type == "application/json"
        signed_part = request.body.decode() if is_json else request.POST
    except UnicodeDecodeError:
        return None  # the digest is taken of text: what stands in for broken bytes must not match
    valid = has_valid_signature(
        settings.PUBLIC_BASE_URL + request.get_full_path(),
        signed_part,
        request.headers.get("X-Twilio-Signature", ""),
        request.headers.get("X-Twilio-Webhooks-Signature-Settings", ""),
    )
    if not valid:
        return None
    raw = _json_fields(signed_part) if isinstance(signed_part, str) else signed_part
    return {_storable(name): _storable(value) for name, value in raw.items()}


def _json_fields(body: str) -> dict[str, str]:
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(read, dict):
        return {}
    return {name: str(value) for name, value in read.items() if isinstance(value, str | int)}


def _storable(text: str) -> str:
    """`text` without what no database can keep: NUL, and halves of surrogate pairs."""
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()


def _media(fields: Fields) -> list[dict[str, str]]:
    return [
        {"url": url, "content_type": fields.get(f"MediaContentType{number}", "")}
        for number in range(MOST_MEDIA)
        if (url := fields.get(f"MediaUrl{number}"))
    ]


def _count_refusal(endpoint: str) -> None:
    """One more today. A count that cannot be kept must not make a refusal fail."""
    try:
        today = RefusedWebhook.objects.filter(day=timezone.now().date(), endpoint=endpoint)
        if not today.update(count=F("count") + 1):
            RefusedWebhook.objects.get_or_create(
                day=timezone.now().date(), endpoint=endpoint, defaults={"count": 0}
            )
            today.update(count=F("count") + 1)
    except DatabaseError:
        logger.exception("webhook %s: a refusal could not be counted", endpoint)
