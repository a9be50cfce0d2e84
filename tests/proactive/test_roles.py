"""The four roles are groups that `migrate` makes, each with what its declaration says."""

from itertools import pairwise

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command

from proactive.roles import ADMINISTRATOR, COORDINATOR, LEAD, ROLES, VIEWER, Role, create_roles

pytestmark = pytest.mark.django_db


def held(role):
    names = Permission.objects.filter(group__name=role.name).values_list(
        "content_type__app_label", "codename"
    )
    return {f"{app}.{codename}" for app, codename in names}


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_each_role_is_a_group_with_its_permissions(role):
    assert held(role) == role.all_permissions


def test_each_role_may_what_the_one_before_may():
    names = [role.all_permissions for role in ROLES]

    assert names == sorted(names, key=len)
    assert all(fewer < more for fewer, more in pairwise(names))


def test_what_is_sensitive_takes_a_permission_of_its_own():
    sensitive = {
        "caregiving.see_number": COORDINATOR,
        "proactive.see_body": COORDINATOR,
        "proactive.simulate": COORDINATOR,
        "proactive.export_list": LEAD,
        "caregiving.hold_caregiver": LEAD,
        "proactive.change_policy": LEAD,
        "proactive.view_auditentry": ADMINISTRATOR,
    }
    for permission, first in sensitive.items():
        below = ROLES[: ROLES.index(first)]
        assert permission in first.all_permissions
        assert not any(permission in role.all_permissions for role in below)


def test_migrating_again_mends_a_group_and_leaves_those_of_staff_alone():
    group = Group.objects.get(name=VIEWER.name)
    group.permissions.clear()
    own = Group.objects.create(name="Night shift")
    own.permissions.set(Permission.objects.filter(codename="view_message"))

    call_command("migrate", verbosity=0)

    assert held(VIEWER) == VIEWER.all_permissions
    assert own.permissions.count() == 1


def test_a_permission_that_no_model_has_is_named(monkeypatch):
    odd = Role("Odd", "", ("caregiving.fly_caregiver",))
    monkeypatch.setattr("proactive.roles.ROLES", (odd,))

    with pytest.raises(LookupError, match=r"caregiving\.fly_caregiver"):
        create_roles()


def test_nobody_but_an_administrator_touches_accounts():
    assert not any(name.startswith("auth.") for name in LEAD.all_permissions)
