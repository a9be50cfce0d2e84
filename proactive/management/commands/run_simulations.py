import os
import signal
import sys
from typing import Any

from caregiving.management.base import ReportingCommand
from proactive.simulation import background

# The texts of today come first, whatever somebody wonders about those of tomorrow.
NICENESS = 15


class Command(ReportingCommand):
    help = (
        'Run what was asked on the page "What if?" and waits, until nothing does. The page starts '
        "this by itself."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        os.nice(NICENESS)
        # Ended in an orderly way: scratch databases and the copy of the people are removed.
        before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        try:
            count = background.run_waiting()
        finally:
            signal.signal(signal.SIGTERM, before)
        if options["json"]:
            self.print_json({"run": count})
        else:
            self.stdout.write(f"{count} run; nothing waits that could run now.")
