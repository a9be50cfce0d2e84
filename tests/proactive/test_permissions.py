"""Who may do what: every address of the admin, for everybody, by looking and by posting.

The tables say from which role on something is allowed; each role may what the one before may. What
is registered and stands in no table fails here, with a sentence that says where to add it.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from django.db import connection, transaction
from django.http import HttpResponseBase
from django.test import Client
from django.test.utils import CaptureQueriesContext

from proactive.roles import ADMINISTRATOR, COORDINATOR, LEAD, ROLES, VIEWER, Role
from tests import admin_rows, admin_site, posting
from tests.admin_site import Address
from tests.staff import member_of, sign_in

pytestmark = pytest.mark.django_db

NOBODY = None  # not even an administrator
ALL_BY_ADMINISTRATORS = (ADMINISTRATOR,) * 4

# From which role on a model's rows may be looked at, added, changed and deleted in the admin.
MODELS: dict[str, tuple[Role | None, Role | None, Role | None, Role | None]] = {
    # model                                view           add            change         delete
    "caregiving.caregiver":               (VIEWER,        COORDINATOR,   COORDINATOR,   NOBODY),
    "caregiving.inboundmessage":          (VIEWER,        NOBODY,        NOBODY,        NOBODY),
    "proactive.message":                  (VIEWER,        NOBODY,        NOBODY,        NOBODY),
    "proactive.sweep":                    (VIEWER,        NOBODY,        NOBODY,        NOBODY),
    "proactive.carealert":                (VIEWER,        NOBODY,        NOBODY,        NOBODY),
    "proactive.messagetemplate":          (VIEWER,        NOBODY,        LEAD,          NOBODY),
    "proactive.cadenceswitch":            (VIEWER,        NOBODY,        NOBODY,        NOBODY),
    "proactive.simulation":               (COORDINATOR,   COORDINATOR,   NOBODY,        NOBODY),
    "proactive.apitoken":                 (ADMINISTRATOR, ADMINISTRATOR, NOBODY,        NOBODY),
    "proactive.webhookendpoint":          (ADMINISTRATOR, ADMINISTRATOR, ADMINISTRATOR, NOBODY),
    "proactive.webhookdelivery":          (ADMINISTRATOR, NOBODY,        NOBODY,        NOBODY),
    "proactive.weeklyreport":             (VIEWER,        NOBODY,        NOBODY,        NOBODY),
    "proactive.refusedwebhook":           (ADMINISTRATOR, NOBODY,        NOBODY,        NOBODY),
    "proactive.auditentry":               (ADMINISTRATOR, NOBODY,        NOBODY,        NOBODY),
    "axes.accessattempt":                 (ADMINISTRATOR, NOBODY,        NOBODY,        NOBODY),
    "axes.accessfailurelog":              (ADMINISTRATOR, NOBODY,        NOBODY,        NOBODY),
    "axes.accesslog":                     (ADMINISTRATOR, NOBODY,        NOBODY,        NOBODY),
    "auth.user":                          ALL_BY_ADMINISTRATORS,
    "auth.group":                         ALL_BY_ADMINISTRATORS,
    "django_celery_beat.periodictask":    ALL_BY_ADMINISTRATORS,
    "django_celery_beat.intervalschedule": ALL_BY_ADMINISTRATORS,
    "django_celery_beat.crontabschedule": ALL_BY_ADMINISTRATORS,
    "django_celery_beat.solarschedule":   ALL_BY_ADMINISTRATORS,
    "django_celery_beat.clockedschedule": ALL_BY_ADMINISTRATORS,
}  # fmt: skip

# From which role on each act may be done, on one row and on several.
ACTS: dict[tuple[str, str], Role | None] = {
    ("proactive.message", "it_arrived"): COORDINATOR,
    ("proactive.message", "send_again"): COORDINATOR,
    ("caregiving.caregiver", "send_now"): COORDINATOR,
    ("caregiving.caregiver", "record_contact"): COORDINATOR,
    ("caregiving.caregiver", "record_crisis"): COORDINATOR,
    ("caregiving.caregiver", "pause"): COORDINATOR,
    ("caregiving.caregiver", "resume"): COORDINATOR,
    ("caregiving.caregiver", "opt_out"): COORDINATOR,
    ("caregiving.caregiver", "opt_in"): COORDINATOR,
    ("caregiving.caregiver", "clear_unreachable"): COORDINATOR,
    ("caregiving.caregiver", "reactivate"): COORDINATOR,
    ("caregiving.caregiver", "reset_crisis_counter"): COORDINATOR,
    ("caregiving.caregiver", "reset_reactivation_counter"): COORDINATOR,
    ("caregiving.caregiver", "restart_crisis_followups"): COORDINATOR,
    ("caregiving.caregiver", "end_cascade"): COORDINATOR,
    ("caregiving.caregiver", "hold"): LEAD,
    ("caregiving.caregiver", "lift_hold"): LEAD,
    ("caregiving.caregiver", "erase"): LEAD,
    ("proactive.carealert", "claim"): COORDINATOR,
    ("proactive.carealert", "release"): COORDINATOR,
    ("proactive.carealert", "add_note"): COORDINATOR,
    ("proactive.carealert", "resolve"): COORDINATOR,
    ("proactive.carealert", "reopen"): COORDINATOR,
    ("proactive.sweep", "let_it_go_on"): LEAD,
    ("proactive.simulation", "stop"): COORDINATOR,
    ("proactive.cadenceswitch", "switch_off"): LEAD,
    ("proactive.cadenceswitch", "pause"): LEAD,
    ("proactive.cadenceswitch", "switch_on"): LEAD,
    ("proactive.cadenceswitch", "set_share"): LEAD,
    ("proactive.messagetemplate", "back_to_original"): LEAD,
    ("proactive.messagetemplate", "revert"): LEAD,
    ("auth.user", "reset_second_factor"): ADMINISTRATOR,
    ("proactive.apitoken", "rotate"): ADMINISTRATOR,
    ("proactive.apitoken", "revoke"): ADMINISTRATOR,
    ("proactive.webhookendpoint", "rotate"): ADMINISTRATOR,
    ("proactive.webhookendpoint", "disable_endpoint"): ADMINISTRATOR,
    ("proactive.webhookendpoint", "enable_endpoint"): ADMINISTRATOR,
    ("proactive.webhookdelivery", "replay"): ADMINISTRATOR,
    ("django_celery_beat.periodictask", "enable_task"): ADMINISTRATOR,
    ("django_celery_beat.periodictask", "disable_task"): ADMINISTRATOR,
}

# From which role on every other page of a model opens, by the name of its address.
PAGES: dict[tuple[str, str], Role | None] = {
    ("caregiving.caregiver", "note"): COORDINATOR,
    ("caregiving.caregiver", "import"): ADMINISTRATOR,
    ("caregiving.caregiver", "import_preview"): ADMINISTRATOR,
    ("caregiving.caregiver", "import_rejected"): NOBODY,  # of a file that nobody has brought
    ("caregiving.caregiver", "export"): LEAD,
    ("caregiving.inboundmessage", "export"): LEAD,
    ("proactive.message", "export"): LEAD,
    ("proactive.sweep", "export"): LEAD,
    ("proactive.carealert", "export"): LEAD,
    ("proactive.messagetemplate", "export"): LEAD,
    ("proactive.cadenceswitch", "export"): LEAD,
    ("proactive.auditentry", "export"): ADMINISTRATOR,
    ("proactive.refusedwebhook", "export"): ADMINISTRATOR,
    ("auth.user", "export"): ADMINISTRATOR,
    ("django_celery_beat.periodictask", "export"): ADMINISTRATOR,
    ("axes.accesslog", "export"): ADMINISTRATOR,
    ("axes.accessfailurelog", "export"): ADMINISTRATOR,
    ("axes.accessattempt", "export"): ADMINISTRATOR,
    ("proactive.cadenceswitch", "proactive_policy"): VIEWER,
    ("proactive.cadenceswitch", "proactive_first_day"): VIEWER,
    ("proactive.cadenceswitch", "proactive_first_day_rejects"): NOBODY,  # nothing was rejected
    ("proactive.cadenceswitch", "proactive_send_test"): LEAD,
    ("proactive.simulation", "progress"): COORDINATOR,
    ("proactive.simulation", "csv"): COORDINATOR,
    ("proactive.simulation", "json"): COORDINATOR,
    ("proactive.messagetemplate", "preview"): LEAD,
    ("proactive.messagetemplate", "test"): LEAD,
    ("auth.user", "password_change"): ADMINISTRATOR,
}

# The same for pages of no model.
SITE: dict[str, Role | None] = {
    "index": VIEWER,
    "search": VIEWER,
    "autocomplete": NOBODY,  # without saying for which field
    "jsi18n": VIEWER,
    "password_change": VIEWER,
    "password_change_done": VIEWER,
    "view_on_site": NOBODY,  # none of our models has a page outside the admin
    "app_list_proactive": VIEWER,
    "app_list_caregiving": VIEWER,
    "app_list_auth": ADMINISTRATOR,
    "app_list_axes": ADMINISTRATOR,
    "app_list_django_celery_beat": ADMINISTRATOR,
}
# What somebody without a login may open too.
OPEN = {"login", "logout"}

# What takes more than a form to do something; each has tests of its own.
NEEDS_MORE = {
    "revert",  # an older version of the words
    "reset_second_factor",  # somebody who has one
    "erase",  # somebody whose texts have all come to an end
}

REFUSED = {403, 404, 405}
# What any request may write: who is signed in, and that somebody was refused.
NO_STATE = ("django_session", "axes_")


# --- The tables know everything ----------------------------------------------------------------


def test_everything_that_is_registered_stands_in_a_table(rows):
    unknown = [
        f"{address} ({address.url}): add it to {table}"
        for address in admin_site.addresses(rows)
        for table, known in [stands_in(address)]
        if not known
    ]

    assert not unknown, "\n".join(unknown)


def test_nothing_stands_in_a_table_that_is_gone(rows):
    there = admin_site.addresses(rows)

    assert set(MODELS) == set(admin_site.models())
    assert set(ACTS) == {(address.model, address.act) for address in there if address.act}
    assert set(PAGES) <= {(address.model, address.what) for address in there}
    assert set(SITE) | OPEN == {address.what for address in there if not address.model}


# --- By looking --------------------------------------------------------------------------------


def test_whoever_is_not_signed_in_is_sent_to_the_login(rows):
    client = Client()

    for address in guarded(rows):
        for answer in (client.get(address.url), client.post(address.url)):
            assert sent_to_login(answer), f"{address}: {answer.status_code}"


def test_an_account_that_is_not_of_staff_opens_nothing(rows):
    client = sign_in(Client(), member_of(None))

    for address in guarded(rows):
        for answer in (client.get(address.url), client.post(address.url)):
            assert sent_to_login(answer), f"{address}: {answer.status_code}"


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_each_role_opens_what_it_may_and_nothing_else_and_looking_changes_nothing(role, rows):
    client = sign_in(Client(), member_of(role))
    wrong = []
    for address in guarded(rows):
        with watched() as seen:
            answer = client.get(address.url)
        if answer.status_code >= 500:
            wrong.append(f"{address}: {answer.status_code}")
        allowed = is_allowed(role, address, posting=False)
        # 405: it is only posted to.
        if (answer.status_code in REFUSED) == allowed and answer.status_code != 405:
            wrong.append(f"{address}: {answer.status_code}")
        wrong += [f"{address} wrote by GET: {sql}" for sql in seen.written]

    assert not wrong, "\n".join(wrong)


# --- By posting --------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_post_changes_nothing_for_whoever_may_not_and_breaks_for_nobody(role, rows):
    client = sign_in(Client(raise_request_exception=False), member_of(role))
    wrong = []
    for address in guarded(rows):
        allowed = is_allowed(role, address, posting=True)
        for data in ({}, *posting.plausible(address, rows)):
            with watched() as seen:
                answer = client.post(address.url, data)
            status = answer.status_code
            if status >= 500:
                wrong.append(f"{address} with {data}: {answer.exc_info[1]!r}")
            if (status in REFUSED) == allowed and status != 405:
                wrong.append(f"{address} with {data}: {status}")
            if not may_write(role, address):
                wrong += [f"{address} with {data} wrote: {sql}" for sql in seen.written]

    assert not wrong, "\n".join(wrong)


def test_what_is_posted_here_would_do_something(rows):
    """Else the test above would prove nothing."""
    client = sign_in(Client(), member_of(ADMINISTRATOR))
    idle = []
    for address in guarded(rows):
        if address.what not in ("add", "change", "delete", "act"):
            continue
        if not is_allowed(ADMINISTRATOR, address, posting=True) or address.act in NEEDS_MORE:
            continue
        for data in posting.plausible(address, rows):
            with transaction.atomic():
                admin_rows.make_ready(rows[address.model], address.act)
                with watched() as seen:
                    answer = client.post(address.url, data)
                transaction.set_rollback(True)
            if answer.status_code != 302 or not seen.written:
                idle.append(f"{address}: {answer.status_code} {posting.errors(answer)}")

    assert not idle, "\n".join(idle)


# --- What the tables say -----------------------------------------------------------------------

VERBS = ("view", "add", "change", "delete")
NEEDS = {
    "changelist": "view",
    "history": "view",
    "old_change": "view",
    "add": "add",
    "change": "view",
    "delete": "delete",
}


def stands_in(address: Address) -> tuple[str, bool]:
    """The table that decides on it, and whether it is there."""
    if not address.model:
        return "SITE", address.what in SITE or address.what in OPEN
    if address.act:
        return "ACTS", (address.model, address.act) in ACTS
    if address.what in NEEDS:
        return "MODELS", address.model in MODELS
    return "PAGES", (address.model, address.what) in PAGES


def is_allowed(role: Role, address: Address, *, posting: bool) -> bool:
    if not address.model:
        return may(role, SITE[address.what])
    if address.act:
        return may(role, ACTS[address.model, address.act])
    if address.what not in NEEDS:
        return may(role, PAGES[address.model, address.what])
    if address.what == "old_change":
        return True  # a redirect to the page, which asks
    verb = "change" if posting and address.what == "change" else NEEDS[address.what]
    return may(role, MODELS[address.model][VERBS.index(verb)])


def may_write(role: Role, address: Address) -> bool:
    if address.what == "changelist":
        return may(role, MODELS[address.model][VERBS.index("delete")])
    return is_allowed(role, address, posting=True)


def may(role: Role, least: Role | None) -> bool:
    return least is not NOBODY and ROLES.index(role) >= ROLES.index(least)


# --- Watching ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """`written`: the statements that changed something."""

    written: list[str]


@contextmanager
def watched() -> Iterator[Seen]:
    """What the requests inside write, which is undone afterwards."""
    seen = Seen([])
    with transaction.atomic():
        with CaptureQueriesContext(connection) as captured:
            yield seen
        transaction.set_rollback(True)
    for query in captured:
        verb, *_ = query["sql"].split(maxsplit=1)
        if verb in ("INSERT", "UPDATE", "DELETE") and not any(
            f'"{table}' in query["sql"] for table in NO_STATE
        ):
            seen.written.append(query["sql"][:200])


@pytest.fixture(autouse=True)
def sessions(settings):
    """In the cookie: one that is made anew inside `watched` outlives what is undone there."""
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"


@pytest.fixture(autouse=True)
def quiet(caplog):
    """Django tells of each refusal; here that would be thousands of lines."""
    caplog.set_level(logging.CRITICAL, "django.request")


@pytest.fixture
def rows(db):
    return admin_rows.one_of_each()


def guarded(rows) -> list[Address]:
    return [one for one in admin_site.addresses(rows) if one.model or one.what not in OPEN]


def sent_to_login(answer: HttpResponseBase) -> bool:
    return answer.status_code == 302 and answer.headers["Location"].startswith("/admin/login/")
