"""Accounts: nobody changes their own rights, gives what they lack, or takes over who has more."""

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from proactive import audit
from proactive.models import AuditEntry
from proactive.roles import ROLES

pytestmark = pytest.mark.django_db

LIST = reverse("admin:auth_user_changelist")


def staff(name, *roles, **fields):
    user = User.objects.create_user(name, is_staff=True, **fields)
    user.groups.set(Group.objects.filter(name__in=roles))
    return user


@pytest.fixture
def boss(client):
    user = staff("boss", "Administrator")
    client.force_login(user)
    return user


@pytest.fixture
def root(client):
    user = staff("root", is_superuser=True)
    client.force_login(user)
    return user


def page_of(user):
    return reverse("admin:auth_user_change", args=[user.pk])


def save(client, user, **fields):
    """Post the user's page as it stands, but for `fields`."""
    form = {
        "username": user.username,
        "first_name": user.first_name,
        "is_active": "on",
        "is_staff": "on",
        "groups": [group.pk for group in user.groups.all()],
    }
    return client.post(page_of(user), {**form, **fields})


def test_the_list_says_in_which_role_everybody_is_and_whether_they_have_a_second_factor(
    client, boss
):
    staff("nurse", "Care coordinator", "Viewer")
    staff("chief", is_superuser=True)

    html = client.get(LIST).content.decode()

    assert "Care coordinator, Viewer" in html
    assert "Superuser" in html
    assert "second factor" in html.lower()


def test_the_list_takes_as_many_queries_for_many_as_for_few(client, root):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert client.get(LIST).status_code == 200
        return len(captured)

    def fill(count):
        made = User.objects.bulk_create(
            User(username=f"user{User.objects.count() + n}", is_staff=True) for n in range(count)
        )
        viewer = Group.objects.get(name="Viewer")
        User.groups.through.objects.bulk_create(
            User.groups.through(user=user, group=viewer) for user in made
        )

    fill(100)
    few = queries()
    fill(9_900)
    assert queries() == few


def test_a_change_of_role_is_kept_with_what_was_before(client, boss):
    nurse = staff("nurse", "Viewer")
    lead = Group.objects.get(name="Clinical lead")

    assert save(client, nurse, groups=[lead.pk], is_active="").status_code == 302

    entry = AuditEntry.objects.get()
    assert (entry.action, entry.by, entry.target_label) == ("change_user", boss, "nurse")
    assert entry.changes == {"groups": [["Viewer"], ["Clinical lead"]], "is_active": [True, False]}


def test_saving_without_a_change_is_no_entry(client, boss):
    save(client, staff("nurse", "Viewer"))

    assert not AuditEntry.objects.exists()


def test_a_new_account_has_its_role_from_the_beginning(client, boss):
    viewer = Group.objects.get(name="Viewer")
    secret = "correct horse battery"

    answer = client.post(
        reverse("admin:auth_user_add"),
        {
            "username": "new",
            "password1": secret,
            "password2": secret,
            "is_staff": "on",
            "groups": [viewer.pk],
            "is_superuser": "on",
        },
    )

    assert answer.status_code == 302
    new = User.objects.get(username="new")
    assert (new.is_staff, new.is_superuser, list(new.groups.all())) == (True, False, [viewer])
    entry = AuditEntry.objects.get()
    assert entry.action == "add_user"
    assert secret not in str(entry.changes)


@pytest.mark.parametrize("who", ["boss", "root"])
def test_nobody_changes_their_own_rights(request, client, who):
    user = request.getfixturevalue(who)
    before = (user.is_superuser, set(user.groups.all()))

    save(client, user, first_name="Ada", groups=[1], is_superuser="on", is_active="")

    user.refresh_from_db()
    assert user.first_name == "Ada"
    assert user.is_active
    assert (user.is_superuser, set(user.groups.all())) == before


def test_an_administrator_makes_nobody_a_superuser(client, boss):
    nurse = staff("nurse", "Viewer")

    save(client, nurse, is_superuser="on", first_name="Ada")

    nurse.refresh_from_db()
    assert (nurse.first_name, nurse.is_superuser) == ("Ada", False)


def test_a_superuser_may_make_another_and_it_is_kept(client, root):
    nurse = staff("nurse")

    save(client, nurse, is_superuser="on")

    assert AuditEntry.objects.get().changes == {"is_superuser": [False, True]}


def test_an_administrator_does_nothing_to_a_superuser(client, boss):
    root = staff("root", is_superuser=True, password="x")

    assert client.get(page_of(root)).status_code == 200
    assert "pbkdf2" not in client.get(page_of(root)).content.decode()
    assert root.password not in client.get(page_of(root)).content.decode()
    assert save(client, root, first_name="Eve").status_code == 403
    for name, args in (
        ("auth_user_password_change", ()),
        ("auth_user_delete", ()),
    ):
        url = reverse(f"admin:{name}", args=[root.pk, *args])
        assert client.post(url, {"post": "yes"}).status_code == 403


def test_a_group_that_may_more_than_oneself_cannot_be_given_and_its_members_not_taken_over(
    client, boss
):
    powerful = Group.objects.create(name="Powerful")
    powerful.permissions.add(Permission.objects.get(codename="delete_logentry"))
    nurse, strong = staff("nurse"), staff("strong", "Powerful")

    save(client, nurse, groups=[powerful.pk])
    strong_answer = save(client, strong, first_name="Eve")

    assert not nurse.groups.exists()
    assert strong_answer.status_code == 403
    # Not even while they cannot sign in: whoever made them active would be in their place.
    User.objects.filter(pk=strong.pk).update(is_active=False)
    assert save(client, strong, first_name="Eve").status_code == 403


def test_a_password_is_set_for_others_with_an_entry_and_ones_own_with_the_old_one(client, boss):
    nurse = staff("nurse", password="before")
    url = reverse("admin:auth_user_password_change", args=[nurse.pk])
    new = "correct horse battery"

    page = client.get(url)
    client.post(url, {"password1": new, "password2": new, "usable_password": "true"})

    nurse.refresh_from_db()
    assert nurse.check_password(new)
    assert 'name="password1"' in page.content.decode()
    assert [entry.action for entry in AuditEntry.objects.all()] == ["set_password_of_user"]
    own = reverse("admin:auth_user_password_change", args=[boss.pk])
    assert client.post(own, {"password1": new, "password2": new}).url == reverse(
        "admin:password_change"
    )


def test_whoever_has_done_something_is_deactivated_and_not_deleted(client, boss):
    nurse = staff("nurse")
    audit.record("call", by=nurse, says="called", now=timezone.now())

    answer = client.post(
        reverse("admin:auth_user_delete", args=[nurse.pk]), {"post": "yes"}, follow=True
    )

    assert "Take away “Active” instead" in answer.content.decode()
    assert User.objects.filter(pk=nurse.pk).exists()


def test_whoever_has_done_nothing_can_be_deleted_and_that_is_kept(client, boss):
    nurse = staff("nurse", "Viewer")

    client.post(reverse("admin:auth_user_delete", args=[nurse.pk]), {"post": "yes"})

    assert not User.objects.filter(pk=nurse.pk).exists()
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.target_label) == ("delete_user", "nurse")
    assert entry.changes["groups"] == [["Viewer"], None]


def test_nobody_deletes_their_own_account(client, root):
    assert (
        client.post(reverse("admin:auth_user_delete", args=[root.pk]), {"post": "yes"}).status_code
        == 403
    )


def test_a_declared_role_is_looked_at_and_says_why_it_is_not_changed(client, root):
    for role in ROLES:
        group = Group.objects.get(name=role.name)
        url = reverse("admin:auth_group_change", args=[group.pk])

        html = client.get(url).content.decode()

        assert role.purpose.split("'")[0][:30] in html
        assert "not changed here" in html
        assert client.post(url, {"name": "Mine"}).status_code == 403
        gone = reverse("admin:auth_group_delete", args=[group.pk])
        assert client.post(gone, {"post": "yes"}).status_code == 403


def test_a_group_of_ones_own_making_gets_only_what_its_maker_may(client, boss):
    seen = Permission.objects.get(codename="view_message")
    more = Permission.objects.get(codename="delete_logentry")
    url = reverse("admin:auth_group_add")

    refused = client.post(url, {"name": "Night shift", "permissions": [seen.pk, more.pk]})
    client.post(url, {"name": "Night shift", "permissions": [seen.pk]})

    assert refused.status_code == 200
    entry = AuditEntry.objects.get()
    assert entry.changes["permissions"] == [None, ["proactive.view_message"]]


def test_saving_a_group_keeps_a_permission_that_no_role_has(client, root):
    group = Group.objects.create(name="Night shift")
    group.permissions.add(kept := Permission.objects.get(codename="view_logentry"))
    url = reverse("admin:auth_group_change", args=[group.pk])

    html = client.get(url).content.decode()
    client.post(url, {"name": "Late shift", "permissions": [kept.pk]})

    assert "Can view log entry" in html
    assert list(group.permissions.all()) == [kept]


def test_nobody_changes_the_group_that_they_are_in(client, boss):
    own = Group.objects.create(name="Own")
    boss.groups.add(own)
    url = reverse("admin:auth_group_change", args=[own.pk])

    assert client.post(url, {"name": "Owned"}).status_code == 403


def test_whoever_is_no_administrator_sees_no_accounts(client):
    client.force_login(staff("lead", "Clinical lead"))

    for name in ("auth_user", "auth_group", "axes_accesslog", "proactive_auditentry"):
        assert client.get(reverse(f"admin:{name}_changelist")).status_code == 403


def test_the_secret_of_a_phone_has_no_page(client, root):
    for kind in ("otp_totp/totpdevice", "otp_static/staticdevice"):
        assert client.get(f"/admin/{kind}/").status_code == 404
