"""Every address of the admin, found by walking what is registered, with its arguments filled in.

Whatever a later page adds is found by itself; an argument that nobody has said how to fill stops
the walk with a sentence that says where to say it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db.models import Model
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern

# The last resort of the admin, for addresses that do not exist: not a page.
NO_PAGES = ("(?P<url>.*)$",)
# Of the file that an import works on; this one nobody has brought, which is an answer too.
NO_UPLOAD = UUID(int=0)
# Where the address of an act names its row by something else than its key.
ACTED_ON_BY = {"proactive.cadenceswitch": "cadence"}
_ARGUMENT = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True)
class Address:
    """`name`: the pattern's, else its route. `what`: what it does with `model`, such as "change"
    or "act"; for a page of no model, its name. `act`: which, where it is the page of one."""

    url: str
    name: str
    what: str
    model: str = ""
    act: str = ""

    def __str__(self) -> str:
        return f"{self.model or 'site'} {self.what} {self.act}".strip()


def addresses(rows: dict[str, Model]) -> list[Address]:
    """All of them. `rows`: for each model's label, the row that stands in its addresses.

    A model without a row has no addresses that need one. Raises LookupError for an argument that
    is not known here.
    """
    return [address for route, name in _routes() for address in _filled(route, name, rows)]


def models() -> dict[str, admin.ModelAdmin]:
    """What is registered: the label of each model, and its admin."""
    return {model._meta.label_lower: one for model, one in admin.site._registry.items()}


def acts(model: str) -> list[str]:
    return [act.name for act in getattr(models()[model], "acts", ())]


def _routes() -> Iterator[tuple[str, str]]:
    for entry in get_resolver().url_patterns:
        if isinstance(entry, URLResolver) and entry.namespace == "admin":
            yield from _below(entry.url_patterns, str(entry.pattern))


def _below(entries: list[URLPattern | URLResolver], prefix: str) -> Iterator[tuple[str, str]]:
    for entry in entries:
        if isinstance(entry, URLResolver):
            yield from _below(entry.url_patterns, prefix + str(entry.pattern))
        elif str(entry.pattern) in NO_PAGES:
            continue
        elif isinstance(entry.pattern, RoutePattern):
            yield prefix + str(entry.pattern), entry.name or ""
        elif entry.name == "app_list":
            for app in {model.split(".")[0] for model in models()}:
                yield f"{prefix}{app}/", f"app_list_{app}"
        else:
            raise LookupError(f"{entry.pattern} is a regular expression: write it as a route")


def _filled(route: str, name: str, rows: dict[str, Model]) -> Iterator[Address]:
    model = _model_of(route)
    what = _what(name, route, model)
    choices: list[dict[str, Any]] = [{}]
    for argument in _ARGUMENT.findall(route):
        choices = [
            chosen | {argument: value}
            for chosen in choices
            for value in _values(argument, route, model, rows)
        ]
    for chosen in choices:
        url = _ARGUMENT.sub(lambda found, chosen=chosen: str(chosen[found[1]]), route)
        yield Address(f"/{url}", name or route, what, model, chosen.get("act", ""))


def _model_of(route: str) -> str:
    parts = route.split("/")
    label = ".".join(parts[1:3])
    return label if len(parts) > 3 and label in models() else ""


def _what(name: str, route: str, model: str) -> str:
    if not model:
        return name or route
    if not name and route.endswith("<path:object_id>/"):
        return "old_change"
    opts = apps.get_model(model)._meta
    return name.removeprefix(f"{opts.app_label}_{opts.model_name}_") or route


def _values(argument: str, route: str, model: str, rows: dict[str, Model]) -> list[str]:
    if argument == "act":
        return acts(model)
    if argument == "content_type_id":
        return ["1"]
    if argument == "pk":
        return [str(NO_UPLOAD)]
    if argument in ("object_id", "id"):
        row = rows.get(model or "caregiving.caregiver")
        named = ACTED_ON_BY.get(model, "pk") if "/act/" in route else "pk"
        return [quote(getattr(row, named))] if row else []
    raise LookupError(f"{route}: say in tests/admin_site.py what <{argument}> may be")
