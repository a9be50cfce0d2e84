"""What all long lists of the admin have in common: they stay cheap, tell nobody what they may not
see, and leave as a file only with a reason, streamed and kept in the audit."""

import csv
from io import StringIO

import pytest
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.admin import ShowFacets, site
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.db.models import DateTimeField
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from caregiving.models import Caregiver, InboundMessage
from proactive.admin.base import GuardedAdmin
from proactive.admin.exporting import ExportingAdmin
from proactive.admin.paging import BoundedPaginator
from proactive.models import (
    AuditEntry,
    CadenceSwitch,
    CareAlert,
    Message,
    MessageTemplate,
    RefusedWebhook,
    Sweep,
)
from proactive.roles import ADMINISTRATOR
from tests import admin_rows
from tests.factories import CaregiverFactory, MessageFactory
from tests.staff import member_of

pytestmark = pytest.mark.django_db

SIGN_INS = (AccessLog, AccessFailureLog, AccessAttempt)
GROWING = (
    *(Caregiver, Message, InboundMessage, Sweep, CareAlert, AuditEntry, RefusedWebhook),
    *SIGN_INS,
)
# These stay small, and can be exported as well.
SMALL = (MessageTemplate, CadenceSwitch, User, PeriodicTask)
EXPORTED = (*GROWING, *SMALL)


def by_name(models):
    return pytest.mark.parametrize("model", models, ids=lambda model: model.__name__)


def url(model, page):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}")


def sign_ins(count):
    for model in SIGN_INS:
        counted = {"failures_since_start": 1} if model is AccessAttempt else {}
        there = model.objects.count()
        model.objects.bulk_create(
            model(username=f"of-{i}", ip_address="10.0.0.1", user_agent="Firefox", **counted)
            for i in range(there, there + count)
        )


def of(answer):
    assert answer.status_code == 200
    assert answer.streaming
    text = b"".join(answer.streaming_content).decode()
    return text, list(csv.DictReader(StringIO(text[1:])))


@pytest.fixture
def auditor(client):
    """May look at all lists and export them; sees neither whole numbers nor what was written."""
    user = User.objects.create_user("auditor", is_staff=True)
    views = [f"view_{model._meta.model_name}" for model in GROWING]
    user.user_permissions.set(Permission.objects.filter(codename__in=[*views, "export_list"]))
    client.force_login(user)
    return client


@by_name(GROWING)
def test_a_list_that_grows_never_reads_its_whole_table(model):
    shown = site._registry[model]

    assert shown.paginator is BoundedPaginator
    assert (shown.show_full_result_count, shown.show_facets) == (False, ShowFacets.NEVER)


def test_every_list_with_an_export_is_tried_here():
    exporting = {
        model for model, shown in site._registry.items() if isinstance(shown, ExportingAdmin)
    }
    assert exporting == {*GROWING, *SMALL}


@by_name(site._registry)
def test_a_list_leads_back_from_an_address_with_a_number_that_no_column_can_hold(
    admin_client, model
):
    fields = model._meta.concrete_fields
    lookups = [
        *("pk__in", "stage__exact"),
        *(f"{field.name}__exact" for field in fields if field.is_relation),
        *(f"{field.name}__id__exact" for field in fields if field.is_relation),
        *(f"{field.name}__year" for field in fields if isinstance(field, DateTimeField)),
    ]
    pages = [page for page in ("changelist", "export") if page == "changelist" or model in EXPORTED]
    numbers = ("9" * 30, "9" * 5000)

    answers = {
        f"{url(model, page)}?{lookup}={number[:40]}": admin_client.get(
            url(model, page), {lookup: number}
        ).status_code
        for page in pages
        for lookup in lookups
        for number in numbers
    }

    assert {address: code for address, code in answers.items() if code not in (200, 302, 400)} == {}


@by_name((Message, CareAlert, AuditEntry))
def test_a_list_narrowed_by_a_person_that_there_cannot_be_says_that_the_address_is_wrong(
    admin_client, model
):
    answer = admin_client.get(url(model, "changelist"), {"caregiver__exact": "9" * 30})

    # PostgreSQL compares with any number, and finds nothing.
    assert answer.status_code == (302 if connection.vendor == "sqlite" else 200)
    assert answer.status_code == 200 or answer.url.endswith("?e=1")


@pytest.mark.parametrize("key", ["9" * 30, "x"])
def test_choosing_rows_that_there_cannot_be_finds_nobody(admin_client, key):
    chosen = {"action": "pause", "_selected_action": key}
    assert admin_client.post(url(Caregiver, "changelist"), chosen).status_code == 404


@by_name(GROWING)
def test_no_list_offers_to_show_what_it_shows_already(admin_client, model):
    admin_rows.grow_to(3)
    sign_ins(3)

    html = admin_client.get(url(model, "changelist")).content.decode()

    assert "result_list" in html
    assert "Show all" not in html


@by_name(GROWING)
def test_a_list_offers_its_export_and_the_audit_keeps_who_took_it_and_why(client, model):
    admin_rows.grow_to(3)
    sign_ins(3)
    administrator = member_of(ADMINISTRATOR)
    client.force_login(administrator)

    assert f'href="{url(model, "export")}' in client.get(url(model, "changelist")).content.decode()
    listed = client.get(url(model, "changelist")).context["cl"].result_count
    _, rows = of(client.post(url(model, "export"), {"reason": "for the board"}))

    assert len(rows) == listed > 0
    assert all(None not in row and None not in row.values() for row in rows)
    entry = AuditEntry.objects.get(action="export_list")
    assert (entry.by, entry.reason) == (administrator, "for the board")
    assert entry.says.startswith(f"exported {len(rows)} {model._meta.verbose_name_plural}: ")


@by_name(GROWING)
def test_a_file_has_no_whole_number_and_no_words_for_whoever_may_not_see_them(auditor, model):
    nobody = CaregiverFactory(first_name="")
    admin_rows.grow_to(3)
    sign_ins(3)
    text = MessageFactory(caregiver=nobody, body=admin_rows.BODY)
    CareAlert.objects.create(kind="duplicate", message=text, caregiver=nobody, note="She wept")
    InboundMessage.objects.create(
        caregiver=None,
        from_number="+14155552671",
        body=admin_rows.WRITTEN,
        received_at=timezone.now(),
        provider_sid="SM9",
    )

    text, rows = of(auditor.post(url(model, "export"), {"reason": "count"}))

    assert rows
    numbers = [*Caregiver.objects.values_list("phone_number", flat=True), "+14155552671"]
    # By all but the area code, however it may be written.
    assert not [number for number in numbers if str(number)[5:] in text]
    assert not [words for words in (admin_rows.BODY, admin_rows.WRITTEN, "wept") if words in text]


def test_whoever_may_see_them_has_numbers_and_words_in_the_file(client):
    admin_rows.grow_to(1)
    client.force_login(member_of(ADMINISTRATOR))

    _, (row,) = of(client.post(url(InboundMessage, "export"), {"reason": "count"}))

    inbound = InboundMessage.objects.get()
    assert {f"'{inbound.from_number}", admin_rows.WRITTEN} < set(row.values())


GUARDED = [
    (shown.model, field)
    for shown in site._registry.values()
    if isinstance(shown, GuardedAdmin)
    for field in shown.guarded
]


def test_what_is_guarded():
    assert {(model.__name__, field) for model, field in GUARDED} == {
        ("Caregiver", "phone_number"),
        ("Message", "body"),
        ("Message", "to_number"),
        ("InboundMessage", "body"),
        ("InboundMessage", "from_number"),
        ("CareAlert", "note"),
    }


@pytest.mark.parametrize(("model", "field"), GUARDED)
@pytest.mark.parametrize("page", ["changelist", "export"])
def test_nobody_finds_out_by_asking_in_the_address(auditor, admin_user, model, field, page):
    query = {f"{field}__startswith": "+1415"}

    assert auditor.get(url(model, page), query).status_code == 400

    auditor.force_login(admin_user)
    assert auditor.get(url(model, page), query).status_code == 200


@pytest.mark.parametrize(
    ("model", "lookup"),
    [
        (CareAlert, "caregiver__phone_number__startswith"),
        (Message, "caregiver__phone_number__startswith"),
        (InboundMessage, "caregiver__phone_number__startswith"),
        (Caregiver, "messages__body__startswith"),
        (Caregiver, "inbound__from_number__startswith"),
        (AuditEntry, "changes__phone_number__0__startswith"),
        (AuditEntry, "caregiver__phone_number__startswith"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_nor_by_way_of_another_table(auditor, model, lookup):
    assert auditor.get(url(model, "changelist"), {lookup: "+1415"}).status_code == 400


def test_the_file_of_alerts_says_which_and_since_when(client):
    opened = timezone.now().replace(microsecond=0)
    CareAlert.objects.create(kind="duplicate", caregiver=CaregiverFactory(), opened_at=opened)
    CareAlert.objects.create(kind="duplicate", caregiver=CaregiverFactory(), resolved_at=opened)
    client.force_login(member_of(ADMINISTRATOR))

    _, (row,) = of(client.post(url(CareAlert, "export"), {"reason": "count"}))

    assert row["Opened at"] == timezone.localtime(opened).isoformat()
    alert = CareAlert._meta.verbose_name
    assert AuditEntry.objects.get().says == f"exported 1 {alert}: state: Open"


@by_name(GROWING)
def test_a_file_takes_as_many_queries_for_many_rows_as_for_few(client, model):
    client.force_login(member_of(ADMINISTRATOR))

    def queries():
        with CaptureQueriesContext(connection) as captured:
            _, rows = of(client.post(url(model, "export"), {"reason": "count"}))
        return len(rows), len(captured)

    admin_rows.grow_to(3)
    sign_ins(3)
    queries()
    rows, few = queries()
    admin_rows.grow_to(60)
    sign_ins(60)
    more_rows, many = queries()

    assert (many, more_rows > rows + 50) == (few, True)
