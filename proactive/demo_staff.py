"""Made-up staff for a demonstration: one who may do everything, and one for each role of care.

Their password is known to all, so they exist only beside made-up people; see `proactive.demo`.
"""

from django.contrib.auth.models import Group, User

from proactive.roles import COORDINATOR, LEAD, VIEWER

PASSWORD = "demo"
# Who may do everything.
LOGIN = "demo"
# Who has looked after the people so far.
NURSE = "demo-nurse"
ROLES = {"demo-viewer": VIEWER, NURSE: COORDINATOR, "demo-lead": LEAD}


def create_logins() -> None:
    """Those who are missing. To be called in a transaction."""
    there = set(
        User.objects.filter(username__in=[LOGIN, *ROLES]).values_list("username", flat=True)
    )
    if LOGIN not in there:
        User.objects.create_superuser(LOGIN, password=PASSWORD)
    for name, role in ROLES.items():
        if name not in there:
            user = User.objects.create_user(name, password=PASSWORD, is_staff=True)
            user.groups.add(Group.objects.get(name=role.name))
