"""The time of a rehearsal, for its processes: begins where it is put, and goes on as clocks do.

`python -m tests.rehearsal.clock INSTANT ARGUMENTS...` is `manage.py ARGUMENTS...` at that instant.
"""

import sys
from datetime import datetime

from django.core.management import execute_from_command_line
from django.utils import timezone


def put(instant: datetime) -> None:
    """Before Django is set up, so that everything sees it, defaults of models too."""
    real_now = timezone.now
    ahead = instant - real_now()
    timezone.now = lambda: real_now() + ahead


if __name__ == "__main__":
    put(datetime.fromisoformat(sys.argv[1]))
    execute_from_command_line(["manage.py", *sys.argv[2:]])
