"""Who may do what: four roles, made as groups by `migrate`, each with what the one before may.

A group of one of these names follows its declaration, also when a deploy changes it; whoever
needs something else makes a group of another name.
"""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db.models import Q


@dataclass(frozen=True)
class Role:
    """`permissions`: "app.codename", beyond those of `includes`."""

    name: str
    purpose: str
    permissions: tuple[str, ...]
    includes: "Role | None" = None

    @property
    def all_permissions(self) -> frozenset[str]:
        inherited = self.includes.all_permissions if self.includes else frozenset()
        return inherited | frozenset(self.permissions)


VIEWER = Role(
    "Viewer",
    "Sees who is cared for and whether outreach runs; no whole numbers, nothing that was written.",
    (
        "caregiving.view_caregiver",
        "caregiving.view_wellnessscore",
        "caregiving.view_inboundmessage",
        "proactive.view_message",
        "proactive.view_sweep",
        "proactive.view_carealert",
        "proactive.view_messagetemplate",
        "proactive.view_cadenceswitch",
        "proactive.view_weeklyreport",
    ),
)
COORDINATOR = Role(
    "Care coordinator",
    "Looks after people: reads, calls, acts for them, settles what is unknown, closes alerts; asks "
    "what another policy would do.",
    (
        "caregiving.see_number",
        "caregiving.add_caregiver",
        "caregiving.change_caregiver",
        "caregiving.act_on_caregiver",
        "proactive.see_body",
        "proactive.settle_message",
        "proactive.change_carealert",
        "proactive.view_note",
        "proactive.add_note",
        "proactive.view_simulation",
        "proactive.simulate",
    ),
    VIEWER,
)
LEAD = Role(
    "Clinical lead",
    "Answers for the policy: words, switches, sweeps that were held; exports lists; puts people "
    "under a legal hold, and erases who asks for it.",
    (
        "proactive.change_policy",
        "proactive.change_sweep",
        "proactive.export_list",
        "caregiving.hold_caregiver",
        "caregiving.erase_caregiver",
    ),
    COORDINATOR,
)
# What an administrator may do with each of these models: all that Django knows.
_ADMINISTERED = (
    *("auth.user", "auth.group"),
    *(
        f"django_celery_beat.{schedule}"
        for schedule in (
            *("periodictask", "intervalschedule", "crontabschedule"),
            *("solarschedule", "clockedschedule"),
        )
    ),
)
ADMINISTRATOR = Role(
    "Administrator",
    "Runs the service: accounts, imports, the schedule, API tokens, webhooks; sees who did what.",
    (
        "caregiving.import_caregiver",
        "proactive.view_auditentry",
        "proactive.view_refusedwebhook",
        "proactive.view_apitoken",
        "proactive.add_apitoken",
        "proactive.end_apitoken",
        "proactive.view_webhookendpoint",
        "proactive.add_webhookendpoint",
        "proactive.change_webhookendpoint",
        "proactive.view_webhookdelivery",
        "proactive.replay_webhookdelivery",
        "axes.view_accessattempt",
        "axes.view_accessfailurelog",
        "axes.view_accesslog",
        *(
            f"{app}.{verb}_{model}"
            for app, model in (name.split(".") for name in _ADMINISTERED)
            for verb in ("view", "add", "change", "delete")
        ),
    ),
    LEAD,
)
ROLES = (VIEWER, COORDINATOR, LEAD, ADMINISTRATOR)


def create_roles(**_: Any) -> None:
    """After every migrate: make the four groups, and give each exactly what its role declares.

    Not in a migration, where permissions do not exist yet: Django makes them after the last one.
    Raises LookupError for a permission that no model has.
    """
    for role in ROLES:
        group, _created = Group.objects.get_or_create(name=role.name)
        group.permissions.set(_find(role.all_permissions))


def _find(names: frozenset[str]) -> list[Permission]:
    wanted = Q()
    for name in names:
        app, codename = name.split(".")
        wanted |= Q(content_type__app_label=app, codename=codename)
    found = list(Permission.objects.filter(wanted).select_related("content_type"))
    known = {f"{one.content_type.app_label}.{one.codename}" for one in found}
    if missing := names - known:
        raise LookupError(f"no model has the permission {min(missing)}")
    return found
