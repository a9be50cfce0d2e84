"""The steps of a rehearsal, and what must be true after each."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

from benchmarks.speed.children import ROOT, environ
from scripts import make_convex_export

ZONE = "America/New_York"
# Monday, five past midnight there. On the Sunday of that week clocks are put forward.
MONDAY = datetime(2026, 3, 2, 5, 5, tzinfo=UTC)
WEEK = "2026-W10"
# When the report of the week is there, an hour earlier by UTC since the Sunday.
REPORT = MONDAY + timedelta(days=7, hours=8)

CADENCES = 5
# What the service knows of its people whether or not there is outreach.
FINGERPRINT = """
import hashlib
from caregiving.models import Caregiver
fields = ("phone_number", "first_name", "burnout_band", "journey_phase", "zip_code")
seen = hashlib.sha256()
for row in Caregiver.objects.order_by("phone_number").values_list(*fields).iterator():
    seen.update(repr(row).encode())
print(Caregiver.objects.count(), seen.hexdigest())
"""
STRANGERS = """
from proactive import shares
from proactive.models import CadenceSwitch, Message
share = CadenceSwitch.objects.get(cadence="{cadence}").share
sent = Message.objects.exclude(sent_at=None).values_list("cadence", "caregiver_id")
print(sum(
    cadence != "{cadence}" or not shares.is_among(cadence, person, share=share)
    for cadence, person in sent
))
"""
OLD_TABLE = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("SELECT count(*) FROM caregiving_caregiver WHERE phone_number LIKE '+%'")
    print(cursor.fetchone()[0])
    print(sorted(t for t in connection.introspection.table_names() if t.startswith("proactive_")))
"""


class Broken(Exception):
    """A step did not do what the documents say; says which, and what it said."""


class Rehearsal:
    """On `database`, which is empty, with files in `folder`; a beat every so many minutes."""

    def __init__(
        self,
        database: str,
        folder: Path,
        *,
        people: int,
        cadence: str,
        share: int,
        seed: int,
        every: int,
    ) -> None:
        self.people = people
        self.cadence = cadence
        self.share = share
        self.seed = seed
        self.every = every
        self._snapshot = folder / "snapshot.zip"
        self._environ = environ(
            database,
            SERVICE_TIME_ZONE=ZONE,
            TMPDIR=str(folder),
            BROKER_DIR=str(folder / "broker"),
            # The one person of the back office comes in without signing in.
            REQUIRE_SECOND_FACTOR="false",
            PYTHONHASHSEED="0",
        )
        self._began = monotonic()

    def run(self) -> None:
        """All steps, each told as it is done. Raises Broken at the first that fails."""
        self._move_over()
        self._look_at_the_first_day()
        self._let_a_few_in()
        self._live_through_a_week()
        self._read_the_report()
        self._take_it_back()

    # --- There ---

    def _move_over(self) -> None:
        self._tell("An empty database, and the tables", "manage.py migrate")
        self._manage("migrate", "--verbosity", "0")
        self._tell(f"A made-up export of {self.people:,} people")
        make_convex_export.write(
            self._snapshot, people=self.people, seed=self.seed, split=True, now=MONDAY
        )
        self._tell("What would come", "manage.py import_convex snapshot.zip --dry-run")
        self._manage("import_convex", self._snapshot, "--dry-run")
        self._expect("people after a dry run", self._count("Caregiver"), 0)
        self._tell("The import", "manage.py import_convex snapshot.zip")
        self._say(self._manage("import_convex", self._snapshot))
        again = json.loads(self._manage("import_convex", self._snapshot, "--json"))
        self._expect("people", self._count("Caregiver"), self.people)
        new = sum(table["new"] + table["changed"] for table in again["tables"].values())
        self._expect("rows that a second import of it brings", new, 0)
        off = self._count("CadenceSwitch", "is_on=False")
        self._expect("cadences that are off", off, CADENCES)

    def _look_at_the_first_day(self) -> None:
        self._tell("What the first day would do", "manage.py first_day")
        self._say(self._manage("first_day"))
        self._manage("sweep")
        self._expect("texts while all is off", self._count("Message", "sent_at__isnull=False"), 0)

    def _let_a_few_in(self) -> None:
        self._tell(
            f"{self.cadence} for {self.share} %",
            "Cadences, Share of people; look; then Switch on",
        )
        self._say(self._office("set_share", f"share={self.share}").splitlines()[-1])
        self._say(self._office("switch_on").splitlines()[-1])

    def _live_through_a_week(self) -> None:
        self._tell("A week, beat by beat: people write, answer, and say STOP")
        lived = self._python("tests.rehearsal.week", MONDAY.isoformat(), self.seed, self.every)
        told = json.loads(lived)
        self._say(f"{told['happenings']:,} happenings, {told['texts']:,} texts taken")
        if not told["texts"]:
            raise Broken("in the whole week not one text went out")
        strangers = self._ask(STRANGERS.format(cadence=self.cadence))
        self._expect("texts of other cadences, or to others", int(strangers), 0)

    def _read_the_report(self) -> None:
        self._tell("The report of that week", f"manage.py weekly_report --week {WEEK}")
        self._say(self._manage("weekly_report", "--week", WEEK, at=REPORT))
        self._tell("Is anything unaccounted for?", "manage.py promises")
        self._say(self._manage("promises", at=REPORT))

    # --- And back ---

    def _take_it_back(self) -> None:
        self._tell(f"{self.cadence} off", "Cadences, Switch off")
        self._say(self._office("switch_off", at=REPORT).splitlines()[-1])
        sent = self._count("Message", "sent_at__isnull=False")
        self._manage("sweep", at=REPORT)
        self._manage("deliver", at=REPORT)
        after = self._count("Message", "sent_at__isnull=False")
        self._expect("texts after it was switched off", after - sent, 0)
        self._tell("Outreach goes", "manage.py migrate proactive zero")
        before = self._ask(FINGERPRINT)
        self._manage("migrate", "proactive", "zero", "--verbosity", "0", at=REPORT)
        self._expect("people and their fields", self._ask(FINGERPRINT), before)
        self._tell("The people as they were before", "manage.py migrate caregiving 0001_initial")
        self._manage("migrate", "caregiving", "0001_initial", "--verbosity", "0", at=REPORT)
        people, tables = self._ask(OLD_TABLE).splitlines()
        self._expect("people", int(people), int(before.split()[0]))
        self._expect("tables of outreach", tables, "[]")

    # --- How ---

    def _manage(self, *arguments: object, at: datetime = MONDAY) -> str:
        return self._python("tests.rehearsal.clock", at.isoformat(), *arguments)

    def _office(self, act: str, *fields: str, at: datetime = MONDAY) -> str:
        return self._python("tests.rehearsal.office", at.isoformat(), self.cadence, act, *fields)

    def _ask(self, code: str, *, at: datetime = REPORT) -> str:
        return self._manage("shell", "--no-imports", "-c", code, at=at).strip()

    def _count(self, model: str, conditions: str = "") -> int:
        app = "caregiving" if model == "Caregiver" else "proactive"
        counted = f"{model}.objects.filter({conditions}).count()"
        return int(self._ask(f"from {app}.models import {model}; print({counted})"))

    def _python(self, module: str, *arguments: object) -> str:
        ended = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", module, *map(str, arguments)],
            env={**self._environ, "COLUMNS": "100"},
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if ended.returncode:
            words = " ".join(map(str, arguments))
            said = (ended.stdout + ended.stderr).strip()
            raise Broken(f"{module} {words} (status {ended.returncode})\n{said}")
        return ended.stdout

    def _tell(self, what: str, command: str = "") -> None:
        minutes, seconds = divmod(int(monotonic() - self._began), 60)
        print(f"\n== {minutes}:{seconds:02}  {what}", flush=True)
        if command:
            print(f"   {command}", flush=True)

    def _say(self, text: str) -> None:
        print("\n".join(f"   {line}".rstrip() for line in text.rstrip().splitlines()), flush=True)

    def _expect(self, what: str, found: Any, expected: Any) -> None:
        if found != expected:
            raise Broken(f"{what}: {found}, where it should be {expected}")
        self._say(f"{what}: {found}")
