from typing import Any

from caregiving.management.base import ReportingCommand
from proactive.scheduling import sync_schedules


class Command(ReportingCommand):
    help = "Create beat's tick if it is missing. What staff changed stays as it is."

    def handle(self, *args: Any, **options: Any) -> None:
        created = sync_schedules()
        if options["json"]:
            self.print_json({"created": created})
        elif created:
            self.stdout.write(f"Created: {', '.join(created)}.")
        else:
            self.stdout.write("The schedule is in place; nothing was changed.")
