"""The sidebar: what this user may open, in groups by what they come for."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from proactive import figures
from proactive.counting import Counted, count

# So many are as bad as more.
MOST_ALERTS = 99


@dataclass(frozen=True)
class Item:
    """One entry. `view`: the name of its address; `permissions`: any of them opens it, and without
    any it is open to all staff."""

    title: str
    icon: str
    view: str
    permissions: tuple[str, ...] = ()
    counts_alerts: bool = False

    def may_open(self, request: HttpRequest) -> bool:
        return not self.permissions or any(map(request.user.has_perm, self.permissions))


def _list_of(model: str, title: str, icon: str, **options: Any) -> Item:
    """The list of a model ("app.model"), for whoever may view or change its rows."""
    app, name = model.split(".")
    permissions = (f"{app}.view_{name}", f"{app}.change_{name}")
    return Item(title, icon, f"admin:{app}_{name}_changelist", permissions, **options)


GROUPS: tuple[tuple[str, tuple[Item, ...]], ...] = (
    (
        "Today",
        (
            Item("Home", "home", "admin:index"),
            _list_of("caregiving.caregiver", "People", "groups"),
            _list_of(
                "proactive.carealert", "Care alerts", "notification_important", counts_alerts=True
            ),
        ),
    ),
    (
        "Log",
        (
            _list_of("proactive.message", "Texts", "outgoing_mail"),
            _list_of("caregiving.inboundmessage", "What people wrote", "inbox"),
            _list_of("proactive.sweep", "Sweeps", "schedule_send"),
            _list_of("proactive.weeklyreport", "Weekly report", "monitoring"),
        ),
    ),
    (
        "Policy",
        (
            Item(
                "Cadences",
                "rule",
                "admin:proactive_policy",
                ("proactive.view_cadenceswitch", "proactive.change_policy"),
            ),
            Item(
                "First day",
                "rocket_launch",
                "admin:proactive_first_day",
                ("proactive.view_cadenceswitch", "proactive.change_policy"),
            ),
            _list_of("proactive.messagetemplate", "Words", "edit_note"),
            _list_of("proactive.cadenceswitch", "Switches", "toggle_on"),
            _list_of("proactive.simulation", "What if?", "science"),
        ),
    ),
    (
        "Administration",
        (
            _list_of("auth.user", "Accounts", "person"),
            _list_of("auth.group", "Roles", "badge"),
            _list_of("django_celery_beat.periodictask", "Schedule", "schedule"),
            _list_of("proactive.apitoken", "API tokens", "key"),
            _list_of("proactive.webhookendpoint", "Webhooks out", "webhook"),
            _list_of("proactive.webhookdelivery", "Webhook deliveries", "outbox"),
            _list_of("proactive.refusedwebhook", "Refused webhooks", "gpp_bad"),
            _list_of("axes.accesslog", "Sign-ins", "login"),
            _list_of("axes.accessfailurelog", "Failed sign-ins", "no_accounts"),
            _list_of("proactive.auditentry", "Audit", "history"),
        ),
    ),
)


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups in Unfold's form, without what this user may not open and what is not there."""
    groups: list[dict[str, Any]] = [
        {"title": title, "items": [entry for one in items if (entry := _entry(request, one))]}
        for title, items in GROUPS
    ]
    _mark_where_one_is(request, [entry for group in groups for entry in group["items"]])
    return [group for group in groups if group["items"]]


def _mark_where_one_is(request: HttpRequest, entries: list[dict[str, Any]]) -> None:
    """One entry at most: the page of the cadences has an address below that of the switches."""
    home = reverse("admin:index")
    links = [str(entry["link"]) for entry in entries]
    here = [
        link
        for link in links
        if request.path == link or (link != home and request.path.startswith(link))
    ]
    nearest = max(here, key=len, default="")
    for entry in entries:
        entry["active"] = entry["link"] == nearest


def open_alerts(request: HttpRequest) -> Counted:
    """How many alerts are open; counted once for each page, however many places say it."""
    if not hasattr(request, "open_alerts"):
        request.open_alerts = count(  # type: ignore[attr-defined]
            figures.open_alerts(), bound=MOST_ALERTS
        )
    return request.open_alerts  # type: ignore[attr-defined]


def _entry(request: HttpRequest, item: Item) -> dict[str, Any] | None:
    if not item.may_open(request):
        return None
    try:
        link = reverse(item.view)
    except NoReverseMatch:
        return None
    entry: dict[str, Any] = {"title": item.title, "icon": item.icon, "link": link}
    if item.counts_alerts and (waiting := open_alerts(request)):
        entry |= {"badge": str(waiting), "badge_variant": "danger"}
    return entry
