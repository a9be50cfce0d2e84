"""The audit's page: found by who, what and when; read, and changed by nobody."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from caregiving.models import Caregiver
from proactive import audit
from proactive.models import AuditEntry, CadenceSwitch
from tests.factories import CaregiverFactory

pytestmark = pytest.mark.django_db

LIST = reverse("admin:proactive_auditentry_changelist")


@pytest.fixture
def boss(client):
    user = User.objects.create_user("boss", is_staff=True)
    user.groups.add(Group.objects.get(name="Administrator"))
    client.force_login(user)
    return user


@pytest.fixture
def nurse():
    return User.objects.create_user("nurse")


def record(action="edit", *, says="edited", now=None, **fields):
    return audit.record(
        action, **{"by": None, "says": says, "now": now or timezone.now(), **fields}
    )


def page_of(entry):
    return reverse("admin:proactive_auditentry_change", args=[entry.pk])


def texts(client, query=""):
    """What the list shows of each entry."""
    rows = client.get(LIST + query).context["cl"].result_list
    return [entry.says for entry in rows]


def test_a_row_says_who_did_what_to_whom_and_why(client, boss, nurse):
    josefina = CaregiverFactory(first_name="Josefina")
    record(by=nurse, says="paused for a week", target=josefina, reason="she asked")
    record(says="swept by hand")

    html = client.get(LIST).content.decode()

    for part in ("nurse", "paused for a week", "Josefina", "she asked", "the command line"):
        assert part in html


def test_it_is_found_by_what_by_who_by_whom_and_by_day(client, boss, nurse):
    josefina = CaregiverFactory()
    noon = datetime(2026, 3, 10, 12, tzinfo=UTC)
    record("pause", says="one", by=nurse, now=noon, target=josefina)
    record("opt_out", says="two", by=boss, now=noon + timedelta(hours=11, minutes=59))
    record("pause", says="three", by=boss, now=noon + timedelta(hours=12))

    assert texts(client) == ["three", "two", "one"]
    assert texts(client, "?action=pause") == ["three", "one"]
    assert texts(client, f"?by__id__exact={nurse.pk}") == ["one"]
    assert texts(client, f"?caregiver__id__exact={josefina.pk}") == ["one"]
    assert texts(client, "?at_from=2026-03-10&at_to=2026-03-10") == ["two", "one"]
    assert texts(client, "?at_from=2026-03-11") == ["three"]
    assert texts(client, "?at_from=nonsense") == ["three", "two", "one"]
    assert texts(client, "?at_to=9999-12-31") == ["three", "two", "one"]


def test_what_was_done_is_chosen_in_words(client, boss):
    record("export_list")
    record("pause")
    record("of_a_program_before")

    html = client.get(LIST).content.decode()
    (what,) = (spec for spec in client.get(LIST).context["cl"].filter_specs if spec.title == "what")

    words = dict(what.lookup_choices)
    whom = Caregiver._meta.verbose_name
    assert words["export_list"] == "Export list"
    assert words["of_a_program_before"] == "Of a program before"
    assert words["record_contact"] == f"Record a contact ({whom})"
    assert words["pause"] == f"Pause ({whom}) or Pause until ({CadenceSwitch._meta.verbose_name})"
    assert list(words.values()) == sorted(words.values())
    for label in words.values():
        assert escape(label) in html


def test_every_act_has_a_name_like_every_other_and_no_two_of_a_page_the_same():
    for model_admin in admin.site._registry.values():
        names = [act.name for act in getattr(model_admin, "acts", ())]
        assert len(set(names)) == len(names)
        for name in names:
            assert re.fullmatch("[a-z]+(_[a-z]+)*", name)
            assert len(name) <= AuditEntry._meta.get_field("action").max_length


def test_its_page_shows_each_value_before_and_after(client, boss):
    josefina = CaregiverFactory(first_name="Josefina")
    entry = record(
        target=josefina,
        changes={"wellness_opt_in": [True, False], "language": ["", "es"], "groups": [[], ["A"]]},
    )

    html = client.get(page_of(entry)).content.decode()

    assert '<th scope="row">Wellness opt in</th><td>yes</td><td>no</td>' in html
    assert '<th scope="row">Language</th><td>nothing</td><td>es</td>' in html
    assert '<th scope="row">Groups</th><td>nothing</td><td>A</td>' in html
    assert reverse("admin:caregiving_caregiver_change", args=[josefina.pk]) in html


def test_whoever_may_not_read_numbers_and_texts_reads_none_here(client):
    auditor = User.objects.create_user("auditor", is_staff=True)
    auditor.user_permissions.add(Permission.objects.get(codename="view_auditentry"))
    client.force_login(auditor)
    entry = record(
        changes={"phone_number": ["+14155550123", "+14155550124"], "body": ["Hello", "Good day"]}
    )

    html = client.get(page_of(entry)).content.decode()

    assert "+1415***0123" in html
    assert "You may not read this" in html
    assert not any(hidden in html for hidden in ("+14155550123", "+14155550124", "Good day"))


def test_nothing_can_be_added_changed_or_deleted_not_even_by_a_superuser(admin_client):
    entry = record()

    assert admin_client.post(reverse("admin:proactive_auditentry_add"), {}).status_code == 403
    assert admin_client.post(page_of(entry), {"says": "no"}).status_code == 403
    gone = reverse("admin:proactive_auditentry_delete", args=[entry.pk])
    assert admin_client.post(gone, {"post": "yes"}).status_code == 403
    admin_client.post(LIST, {"action": "delete_selected", "_selected_action": [entry.pk]})
    assert AuditEntry.objects.get().says == "edited"


@pytest.mark.parametrize("role", ["Viewer", "Care coordinator", "Clinical lead"])
def test_only_administrators_read_it(client, role):
    entry = record()
    user = User.objects.create_user("other", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client.force_login(user)

    assert client.get(LIST).status_code == 403
    assert client.get(page_of(entry)).status_code == 403


def test_its_length_costs_nothing_rows_are_counted_to_a_bound_and_no_user_is_listed(
    client, boss, nurse
):
    person = CaregiverFactory()

    def fill(count):
        AuditEntry.objects.bulk_create(
            AuditEntry(action="edit", says="edited", by=nurse, caregiver=person)
            for _ in range(count)
        )

    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert client.get(LIST + "?action=edit").status_code == 200
        return [one["sql"] for one in captured]

    fill(100)
    few = queries()
    fill(9_900)
    User.objects.bulk_create(User(username=f"somebody{n}") for n in range(100))
    many = queries()

    assert len(many) == len(few)
    assert all("LIMIT" in sql for sql in many if "COUNT(" in sql)
    assert "somebody7" not in client.get(LIST).content.decode()


def test_the_newest_come_by_an_index(client, boss):
    newest = AuditEntry.objects.order_by("-at")[:50]

    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
    assert "audit_newest_first" in newest.explain()
