"""Who may change whose account: nobody gives what they do not have, or takes over who has more."""

from django.contrib.auth.models import Group, Permission, User
from django.db.models import Q, QuerySet

from proactive.roles import ADMINISTRATOR


def held(user: User) -> frozenset[int]:
    """Keys of the permissions that a user's groups and the user have, active or not.

    Without what being a superuser adds.
    """
    through = Q(user=user) | Q(group__user=user)
    return frozenset(Permission.objects.filter(through).values_list("pk", flat=True))


def may_administer(by: User, whom: User) -> bool:
    """Whether `by` may change the account of `whom`, their password included.

    A superuser may. Anybody else only where `whom` may nothing that they may not: else a new
    password would be a way to more rights.
    """
    if by.is_superuser:
        return True
    return not whom.is_superuser and held(whom) <= held(by)


def may_change(by: User, group: Group) -> bool:
    """Whether `by` may change what members of `group` may do: never what they may do themselves."""
    if by.is_superuser:
        return True
    given = frozenset(group.permissions.values_list("pk", flat=True))
    return given <= held(by) and not group.user_set.filter(pk=by.pk).exists()


def groups_to_give(by: User) -> QuerySet[Group]:
    """The groups into which `by` may put others: those that may nothing that `by` may not."""
    if by.is_superuser:
        return Group.objects.all()
    return Group.objects.exclude(permissions__in=Permission.objects.exclude(pk__in=held(by)))


def permissions_to_give(by: User, *, beside: int | None = None) -> QuerySet[Permission]:
    """What `by` may give a group: of what any role may, what they may themselves.

    `beside`: the key of a group, whose own permissions are kept among them.
    """
    wanted = Q(group__name=ADMINISTRATOR.name)
    if beside is not None:
        wanted |= Q(group=beside)
    permissions = Permission.objects.filter(wanted).distinct().order_by("name")
    return permissions if by.is_superuser else permissions.filter(pk__in=held(by))
