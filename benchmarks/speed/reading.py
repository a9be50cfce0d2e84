"""What a look costs with many people and with few: the admin's list of them, and `explain` for one.

`python -m benchmarks.speed.reading people_list` loads the first page of the list again and again;
`... explain_one` explains people who are spread over the whole table. Each prints
{"seconds": the median}. What is done once in a process, such as compiling templates, is done
before the clock starts.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.speed.databases import Databases, Size
    from benchmarks.speed.figures import Figure

WARM_UP = 5
LOADS = 40
PEOPLE = 300
# Staff sign in with a second factor; what it costs is not a matter of how many people there are.
SETTINGS = {"REQUIRE_SECOND_FACTOR": "false"}


# --- The table's side: no Django in this process ---


def people_list_growth(databases: "Databases", size: "Size") -> "Figure":
    """Seconds for the list of people with `size.people` of them, and with `size.few`."""
    with ExitStack() as stack:
        # Signing in writes, and so does whoever signs in.
        large = stack.enter_context(databases.copy(size.people))
        small = stack.enter_context(databases.copy(size.few))
        return _growth("people_list", large, small, size.runs)


def explain_one(databases: "Databases", size: "Size") -> "Figure":
    """Seconds to explain one person of `size.people`, and one of `size.few`."""
    return _growth("explain_one", databases.of(size.people), databases.of(size.few), size.runs)


MEASURES = {"people_list_growth": people_list_growth, "explain_one": explain_one}


def _growth(what: str, large: str, small: str, runs: int) -> "Figure":
    from benchmarks.speed import children
    from benchmarks.speed.figures import growth

    times: dict[str, list[float]] = {large: [], small: []}
    for number in range(runs):
        # In turns, and each first as often: what else the machine does falls on both alike.
        for database in (large, small) if number % 2 == 0 else (small, large):
            answer = children.run(
                "benchmarks.speed.reading", what, database=database, settings=SETTINGS
            )
            times[database].append(answer["seconds"])
    return growth(times[large], times[small], "s")


# --- The side that is measured ---


def load_people_list() -> float:
    """The median of LOADS loads of the first page, through the whole stack of middleware."""
    from django.contrib.auth.models import User
    from django.test import Client
    from django.urls import reverse

    user, _ = User.objects.get_or_create(
        username="reader", defaults={"is_staff": True, "is_superuser": True}
    )
    # As behind the proxy that ends TLS.
    client = Client(headers={"x-forwarded-proto": "https", "host": "localhost"})
    client.force_login(user)
    address = reverse("admin:caregiving_caregiver_changelist")

    def load() -> None:
        answer = client.get(address)
        if answer.status_code != 200:
            raise RuntimeError(f"the list of people answered {answer.status_code}")

    return _median(load for _ in range(LOADS))


def explain_people() -> float:
    """The median over PEOPLE people, evenly spread by key, read from the database as a view does.

    At the instant of the last sweep, which is the present of the population.
    """
    from django.utils import timezone

    from caregiving.models import Caregiver
    from proactive.explaining import explain
    from proactive.models import Sweep

    last = Sweep.objects.order_by("-started_at").first()
    now = last.now if last else timezone.now()
    first, end = (
        Caregiver.objects.order_by(order).values_list("pk", flat=True)[0] for order in ("pk", "-pk")
    )

    def look_at(key: int) -> None:
        person = Caregiver.objects.filter(pk__gte=key).order_by("pk")[0]
        explain(person, now=now)

    keys = [first + (end - first) * number // PEOPLE for number in range(PEOPLE)]
    return _median(partial(look_at, key) for key in keys)


def _median(looks: Iterator[Callable[[], None]]) -> float:
    times = []
    for look in looks:
        began = time.perf_counter()
        look()
        times.append(time.perf_counter() - began)
    return median(times[WARM_UP:])


MEASURED = {"people_list": load_people_list, "explain_one": explain_people}


def main(what: str) -> None:
    from django.conf import settings

    # The files of a release have hashes in their names once they are collected. Nothing is
    # collected here: their names are looked up in a table either way.
    settings.STORAGES["staticfiles"]["BACKEND"] = (
        "django.contrib.staticfiles.storage.StaticFilesStorage"
    )
    import django

    django.setup()
    print(json.dumps({"seconds": MEASURED[what]()}))


if __name__ == "__main__":
    main(sys.argv[1])
