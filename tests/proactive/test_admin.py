"""The back office: everything that happens can be seen, and only what may be changed can be."""

from datetime import timedelta

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from caregiving.models import Caregiver
from proactive import tasks
from proactive.models import CadenceSwitch, CareAlert, Message, MessageTemplate, Sweep
from proactive.scheduling import sync_schedules
from proactive.sweeps import run_sweep
from tests.factories import CaregiverFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(admin_client):
    """The HTML of an admin page, which must answer with 200."""

    def get(name, *args, query=""):
        response = admin_client.get(reverse(f"admin:{name}", args=args) + query)
        assert response.status_code == 200
        return response.content.decode()

    return get


NOON = timezone.now().replace(hour=12, minute=0)


@pytest.fixture
def in_crisis():
    """Somebody to whom the first follow-up may go at NOON."""
    crisis = NOON - timedelta(hours=25)
    return CaregiverFactory(
        first_name="Josefina",
        time_zone="UTC",
        last_crisis_event_at=crisis,
        last_contact_at=crisis,
        created_at=crisis,
    )


def test_every_list_and_page_opens(page, in_crisis):
    sync_schedules()
    run_sweep(now=NOON)
    CareAlert.objects.create(kind=CareAlert.Kind.OUTCOME_UNKNOWN, caregiver=in_crisis)
    CadenceSwitch.objects.create(cadence="wellness")
    for model, model_admin in admin.site._registry.items():
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        page(f"{name}_changelist")
        if (row := model._default_manager.first()) is not None:
            page(f"{name}_change", row.pk)
        if model_admin.has_add_permission.__qualname__.startswith("BaseModelAdmin"):
            page(f"{name}_add")


def test_nobody_without_a_login_sees_anything(client, in_crisis):
    for name, args in (
        ("index", ()),
        ("caregiving_caregiver_changelist", ()),
        ("caregiving_caregiver_change", (in_crisis.pk,)),
        ("proactive_message_changelist", ()),
    ):
        response = client.get(reverse(f"admin:{name}", args=args))
        assert response.status_code == 302
        assert response.url.startswith("/admin/login/")


def test_a_persons_page_says_what_comes_and_why(page, in_crisis):
    html = page("caregiving_caregiver_change", in_crisis.pk)
    assert "if they stay silent" in html
    assert "Crisis follow-up 1" in html
    assert "has not opted out" in html
    assert "call or text 988" in html


@pytest.mark.parametrize("typed", ["%2B14155552671", "(415) 555-2671", "5552671", "josefina"])
def test_people_are_found_by_name_or_number_in_any_format(page, in_crisis, typed):
    Caregiver.objects.update(phone_number="+14155552671")
    others = [CaregiverFactory(first_name="Someone", phone_number=f"+1312555000{n}") for n in "123"]
    html = page("caregiving_caregiver_changelist", query=f"?q={typed}")
    assert "Josefina" in html
    assert all(other.phone_number not in html for other in others)


def test_where_a_person_stands_is_not_edited_by_hand(admin_client, in_crisis):
    url = reverse("admin:caregiving_caregiver_change", args=[in_crisis.pk])
    form = admin_client.get(url).context["adminform"].form
    assert set(form.fields) == {
        *("first_name", "phone_number", "relationship", "care_recipient_name"),
        *("zip_code", "time_zone", "language", "wellness_opt_in"),
    }


def test_a_person_added_by_hand_gets_one_form_of_number(admin_client):
    answer = admin_client.post(
        reverse("admin:caregiving_caregiver_add"),
        {"phone_number": "(415) 555-2671", "first_name": " Ana ", "language": "en"},
    )
    assert answer.status_code == 302
    added = Caregiver.objects.get()
    assert (added.phone_number, added.first_name) == ("+14155552671", "Ana")


def test_a_number_that_is_none_is_refused_with_words(admin_client):
    answer = admin_client.post(
        reverse("admin:caregiving_caregiver_add"), {"phone_number": "12", "language": "en"}
    )
    assert "with its country code, such as +14155552671" in answer.content.decode()
    assert not Caregiver.objects.exists()


@pytest.mark.parametrize("page", ["add", "change"])
def test_a_number_that_somebody_else_takes_at_the_same_moment_is_refused_as_any_that_is_taken(
    admin_client, monkeypatch, page
):
    taken = CaregiverFactory(phone_number="+14155552671")
    edited = CaregiverFactory(phone_number="+14155552672")
    keys = [edited.pk] if page == "change" else []
    posted = {
        "phone_number": taken.phone_number,
        "initial-phone_number": edited.phone_number,
        "language": "en",
        "initial-language": "en",
    }
    address = reverse(f"admin:caregiving_caregiver_{page}", args=keys)
    known = admin_client.post(address, posted).context["adminform"].form.errors
    # The colleague's row appears when the form has just been found to be in order.
    look, looks = Caregiver.validate_unique, []

    def blind_at_first(self, exclude=None):
        looks.append(self)
        if len(looks) > 1:
            look(self, exclude)

    monkeypatch.setattr(Caregiver, "validate_unique", blind_at_first)

    answer = admin_client.post(address, posted)

    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors == known
    assert set(known) == {"phone_number"}
    assert len(looks) == 2
    assert set(Caregiver.objects.values_list("pk", flat=True)) == {taken.pk, edited.pk}


@pytest.mark.parametrize("model", [Message, Sweep])
def test_the_log_is_read_only(admin_client, in_crisis, model):
    run_sweep(now=NOON)
    row = model.objects.get()
    name = f"admin:proactive_{model._meta.model_name}"
    for action in ("change", "delete"):
        url = reverse(f"{name}_{action}", args=[row.pk])
        assert admin_client.post(url, {"post": "yes"}).status_code == 403
    assert admin_client.get(reverse(f"{name}_add")).status_code == 403
    assert model.objects.filter(pk=row.pk).exists()


def test_a_template_with_an_unknown_placeholder_is_refused_and_nothing_is_lost(admin_client):
    template = MessageTemplate.objects.first()
    before = template.body
    url = reverse("admin:proactive_messagetemplate_change", args=[template.pk])
    answer = admin_client.post(url, {"body": "Hi $frist_name"})
    assert answer.status_code == 200
    html = answer.content.decode()
    assert "Unknown placeholder: $frist_name" in html
    assert "Hi $frist_name" in html  # what was typed is still there to be corrected
    template.refresh_from_db()
    assert template.body == before


def test_switching_everything_off_stops_the_next_sweep_and_rings(
    admin_client, in_crisis, monkeypatch, django_capture_on_commit_callbacks
):
    rung = []
    monkeypatch.setattr(tasks, "ring", lambda: rung.append(True))
    with django_capture_on_commit_callbacks(execute=True):
        answer = admin_client.post(
            reverse(
                "admin:proactive_cadenceswitch_act", args=[CadenceSwitch.EVERYTHING, "switch_off"]
            ),
            {"reason": "drill"},
        )
    assert answer.status_code == 302
    run_sweep(now=NOON)
    assert Message.objects.count() == 0
    CadenceSwitch.objects.all().delete()
    run_sweep(now=NOON)
    assert Message.objects.count() == 1
    assert rung == [True]


@pytest.mark.parametrize(
    "name", ["caregiving_caregiver", "proactive_message", "proactive_sweep", "proactive_carealert"]
)
def test_a_list_takes_as_many_queries_for_many_rows_as_for_few(admin_client, name):
    def fill(count):
        for person in CaregiverFactory.create_batch(count):
            message = Message.objects.create(
                caregiver=person,
                to_number=person.phone_number,
                cadence="wellness",
                sweep=Sweep.objects.create(now=timezone.now()),
            )
            CareAlert.objects.create(
                kind=CareAlert.Kind.OUTCOME_UNKNOWN, caregiver=person, message=message
            )

    def queries():
        with CaptureQueriesContext(
            connection,
        ) as captured:
            admin_client.get(reverse(f"admin:{name}_changelist"))
        return len(captured)

    fill(3)
    few = queries()
    fill(30)
    assert queries() == few


def test_saving_a_person_undoes_nothing_that_was_recorded_meanwhile(admin_client, monkeypatch):
    person = CaregiverFactory(phone_number="+14155552671")
    save = Caregiver.save

    def save_after_an_opt_out(self, *args, **kwargs):
        Caregiver.objects.filter(pk=self.pk).update(opted_out_at=NOON)
        save(self, *args, **kwargs)

    url = reverse("admin:caregiving_caregiver_change", args=[person.pk])
    form = admin_client.get(url).context["adminform"].form
    monkeypatch.setattr(Caregiver, "save", save_after_an_opt_out)
    typed = {name: value for name, value in form.initial.items() if value and name in form.fields}
    answer = admin_client.post(url, typed | {"first_name": "Renamed"})
    assert answer.status_code == 302
    person.refresh_from_db()
    assert person.first_name == "Renamed"
    assert person.opted_out_at == NOON
