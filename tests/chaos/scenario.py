"""One scenario, in a process of its own: `python -m tests.chaos.scenario --seed N --leaps N`.

The environment names the database (migrated, empty), the broker and CHAOS_DIR. Standard output
says what happened; the last line is JSON, and the status is 1 when a promise was broken.
"""

import argparse
import json
import os
import random
import signal
import socket
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from tests.chaos.breaking import WEB_POINTS, WORKER_POINTS, move_the_clock, offset, points
from tests.chaos.processes import WORKERS, Fake, Processes, wait_until

FOLDER = Path(os.environ["CHAOS_DIR"])
HOUR = timedelta(hours=1)
# A Friday before clocks go forward in the US on Sunday.
BEGINS = datetime(2027, 3, 12, 14, tzinfo=UTC)
PEOPLE = 60
TALKATIVE = 10
POINTS = points(WORKER_POINTS) + points(WEB_POINTS)
# Not more: whoever is dead most of the time gets little done, and breaks little.
KILLS_A_PHASE = 3
NAPS_A_PHASE = 4
NAP = "0.5"
# Whoever is about to queue check-ins sleeps on what was read, while others queue and deliver them:
# no constraint stops two check-ins, as it does two of a stage.
LONG_NAP = ("proactive.sweeps:_Run._drafts:before", "1.5 wellness")
# Leaps of time between phases, when nobody is at work: nights, weekends, outages.
LEAPS = (3, 8, 5, 26, 13, 24)
STOP_WORDS = ("please stop texting me", "STOP", "no me manden mas mensajes")
SMALL_TALK = ("Thank you", "I can't stop crying", "her pain won't stop", "ok", "HELP", "")
FAULTS: dict[str, Any] = {
    "drop_before": 0.05,
    "drop_after": 0.08,
    "error_500_before": 0.03,
    "error_500_after": 0.05,
    "slow_after": 0.03,
    "slow_seconds": 1.5,
    "busy_429": 0.05,
    "codes": {"21614": 0.01, "21610": 0.01},
    "fail": {"30003": 0.05, "30006": 0.02},
    "repeat": 0.3,
    "reorder": 0.4,
    "unknown_status": 0.1,
}
# Of each phase: how many reports get lost, and how long the provider's list lags, in seconds.
LOSE = (0.2, 1.0)
LIST_LAG = (0, 900, 6 * 3600)


class Scenario:
    def __init__(self, seed: int, leaps: int) -> None:
        self.random = random.Random(seed)
        self.leaps = leaps
        self.web_port = _free_port()
        self.processes = Processes(FOLDER, self._environ())
        self.log_path = FOLDER / "twilio.jsonl"
        self.storm_over = threading.Event()
        self.opted_out: set[str] = set()
        self.restarts = 0

    def run(self) -> list[str]:
        self.move_to(BEGINS)
        self.start()
        try:
            storm = threading.Thread(target=self.storm, daemon=True)
            storm.start()
            for number in range(self.leaps):
                self.phase(number)
                self.leap(LEAPS[number % len(LEAPS)] * HOUR)
            self.storm_over.set()
            storm.join()
            self.come_to_rest()
            return self.judge()
        finally:
            self.processes.stop()

    # --- The stage ---

    def _environ(self) -> dict[str, str]:
        return {**os.environ, "PUBLIC_BASE_URL": f"http://127.0.0.1:{self.web_port}"}

    def start(self) -> None:
        from tests.chaos.people import create_people

        self.people = create_people(self.random, self.now(), PEOPLE)
        _set_the_beat()
        twilio = self.processes.start(
            "twilio",
            *("tests.fake_twilio", "--log", str(self.log_path), "--delay", "0.02"),
            *("--webhooks", f"http://127.0.0.1:{self.web_port}", "--number", "+12025550100"),
            *("--clock-file", str(FOLDER / "clock"), "--seed", str(self.random.random())[2:8]),
            "--no-opt-out-handling",
        )
        assert twilio.stdout
        self.fake = Fake(twilio.stdout.readline().split()[-1])
        self.processes.environ["TWILIO_API_BASE_URL"] = self.fake.url
        self.processes.start_web(self.web_port)
        for name in WORKERS:
            self.processes.start_worker(name)
        for name in ("beat-1", "beat-2"):
            self.processes.start_beat(name)
        wait_until(self._web_answers, "the web server answers")
        wait_until(self._a_sweep_has_begun, "a worker is at work")

    def _a_sweep_has_begun(self) -> bool:
        from proactive.models import Sweep

        return Sweep.objects.exists()

    def _web_answers(self) -> bool:
        self.processes.look_after()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.web_port)) == 0

    # --- Time ---

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=offset())

    def move_to(self, instant: datetime) -> None:
        seconds = (instant - datetime.now(UTC)).total_seconds()
        # Renamed into place: whoever reads meanwhile sees one time or the other.
        (FOLDER / "clock.new").write_text(f"{seconds}\n")
        (FOLDER / "clock.new").rename(FOLDER / "clock")

    def phase(self, number: int) -> None:
        """A while in which everybody works, and some die of it."""
        self.fake.post(
            "/_fake/faults",
            **FAULTS,
            lose=self.random.choice(LOSE),
            list_lag=self.random.choice(LIST_LAG),
        )
        self.set_points("kill", dict.fromkeys(self.random.sample(POINTS, KILLS_A_PHASE), ""))
        naps = dict.fromkeys(self.random.sample(POINTS, NAPS_A_PHASE), NAP)
        self.set_points("nap", {**naps, LONG_NAP[0]: LONG_NAP[1]})
        self.work(seconds=(0.5, 2), requests=3)
        match number % 4:
            case 0:
                self.crash_servers()
            case 1:
                self.move_to(self.now() + timedelta(seconds=self.random.uniform(-90, 90)))
            case 2:
                self.processes.restart_worker("worker-1")
            case 3:
                self.restarts += self.processes.look_after()
                with self.processes.without_children():
                    pass
        self.work(seconds=(1, 4), requests=6)

    def work(self, *, seconds: tuple[float, float], requests: int) -> None:
        """Let everybody work until the provider had so many requests more, within these times."""
        began, before = time.monotonic(), self.fake.state()["requests"]
        time.sleep(seconds[0])
        while time.monotonic() < began + seconds[1]:
            if self.fake.state()["requests"] >= before + requests:
                return
            time.sleep(0.1)

    def set_points(self, what: str, chosen: dict[str, str]) -> None:
        for left in (FOLDER / what).iterdir():
            left.unlink(missing_ok=True)
        for point, says in chosen.items():
            # Renamed into place: a file that says nothing yet would be read at once.
            (FOLDER / "said").write_text(says)
            (FOLDER / "said").rename(FOLDER / what / point)

    def leap(self, length: timedelta) -> None:
        """Time goes on while nobody is at work: a night without power.

        No submission may be on its way then, or it would arrive hours late, which no network does:
        the provider takes nothing while everybody who might be submitting is killed.
        """
        self.restarts += self.processes.look_after()
        self.fake.post("/_fake/pause", on=True)
        with self.processes.without_children():
            self.somebody_who_is_queued_says_stop()
            self.move_to(self.now() + length)
        self.fake.post("/_fake/pause", on=False)

    def crash_servers(self) -> None:
        """Whoever started them is asked: it holds them."""
        print("crash", flush=True)
        sys.stdin.readline()

    # --- People write ---

    def storm(self) -> None:
        talker = random.Random(self.random.random())
        while not self.storm_over.wait(talker.uniform(0.02, 0.15)):
            if talker.random() < 0.04 and len(self.opted_out) < PEOPLE // 6:
                self.say(talker.choice(self.people).number, talker.choice(STOP_WORDS))
            else:
                # The others stay silent, or no routine text would ever be due.
                talkative = self.people[:: PEOPLE // TALKATIVE]
                self.say(talker.choice(talkative).number, talker.choice(SMALL_TALK))

    def somebody_who_is_queued_says_stop(self) -> None:
        from proactive.models import Message

        _reconnect()
        waiting = Message.objects.queued()
        number = waiting.order_by("?").values_list("to_number", flat=True).first()
        if number is not None:
            self.say(number, STOP_WORDS[0])

    def say(self, number: str, words: str) -> None:
        if words in STOP_WORDS:
            self.opted_out.add(number)
        self.fake.post("/_fake/inbound", **{"from": number, "body": words})

    # --- The end ---

    def come_to_rest(self) -> None:
        """No more faults: what is under way comes to its end, what is unknown to a person."""
        self.fake.post("/_fake/faults")
        self.set_points("kill", {})
        self.set_points("nap", {})
        for hours in (2, 26):
            self.leap(hours * HOUR)
            self._let_it_tick(self.now())
            wait_until(self._nothing_is_sending, "nothing is being sent")
        self.fake.post("/_fake/drain", timeout=20)
        self.processes.kill("beat-1")
        self.processes.kill("beat-2")
        wait_until(self._nothing_is_sending, "nothing is being sent")

    def _let_it_tick(self, since: datetime) -> None:
        """Celery does not always get over the death of a child that it had only just forked: its
        worker lives on and works no more. Whoever watches over a worker starts it again."""
        ticked = partial(self._has_ticked_since, since)
        try:
            wait_until(ticked, "two whole ticks", seconds=15)
        except AssertionError:
            self.restarts += 1
            for name in WORKERS:
                self.processes.restart_worker(name)
            wait_until(ticked, "two whole ticks of new workers", seconds=60)

    def _has_ticked_since(self, instant: datetime) -> bool:
        """Two whole ticks. The last to have swept may still deliver, so that one does not count."""
        from proactive.models import Sweep

        _reconnect()
        swept = Sweep.objects.filter(now__gte=instant, finished_at__isnull=False).count()
        return swept - 1 >= 2

    def _nothing_is_sending(self) -> bool:
        from proactive.models import Message, Status

        _reconnect()
        return not Message.objects.filter(status=Status.SENDING).exists()

    def judge(self) -> list[str]:
        from proactive.models import Message
        from tests.chaos.checking import Log, broken_promises, idle, unaccounted

        _reconnect()
        log = Log(self.log_path)
        stop_words = frozenset(STOP_WORDS)
        wrong = [
            *broken_promises(log, self.people, stop_words),
            *unaccounted(log, self.now()),
            *idle(log, stop_words),
        ]
        killed = self.processes.killed()
        self.summary = {
            "accepted": len(log.accepted),
            "requests": sum(1 for _ in log.of("create")),
            "callbacks": sum(1 for _ in log.of("callback")),
            "inbound": sum(1 for _ in log.of("inbound")),
            "opted_out": len(log.opt_outs(stop_words)),
            "killed": killed,
            "restarts": self.restarts,
            "statuses": dict(Counter(Message.objects.values_list("status", flat=True))),
        }
        return wrong


def _set_the_beat() -> None:
    """Both beats ring every second. Their own clock is the real one, so it starts from there."""
    from django_celery_beat.models import IntervalSchedule, PeriodicTask

    every_second = IntervalSchedule.objects.create(every=1, period=IntervalSchedule.SECONDS)
    PeriodicTask.objects.create(
        name="tick",
        task="proactive.tasks.tick",
        interval=every_second,
        last_run_at=datetime.now(UTC),
    )


def _reconnect() -> None:
    """The server may have crashed since the last query."""
    from django.db import connection

    connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--leaps", type=int, default=len(LEAPS))
    options = parser.parse_args()
    # However it is ended, its processes end with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("it was ended"))
    move_the_clock()
    import django

    django.setup()
    scenario = Scenario(options.seed, options.leaps)
    wrong = scenario.run()
    print(json.dumps({"wrong": wrong, **scenario.summary}), flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
