"""Staff for tests: a member of each role, and signing them in."""

from typing import Any

from django.contrib.auth.models import Group, User
from django.test import Client

from proactive.roles import Role


def member_of(role: Role | None, **fields: Any) -> User:
    """Somebody of staff with this role only; None: nobody of staff, though with an account."""
    name = role.name if role else "Outsider"
    user = User.objects.create_user(
        name.replace(" ", "-").lower(), is_staff=role is not None, **fields
    )
    if role:
        user.groups.add(Group.objects.get(name=role.name))
    return user


def sign_in(client: Client, user: User) -> Client:
    """As after a complete sign-in, whatever that takes. Returns the client."""
    client.force_login(user)
    return client
