"""The promise "accounted": each crisis follow-up that fell due has an end that staff can read."""

from datetime import datetime

from proactive.models import CareAlert
from tests.proactive.machine.consistency import rows
from tests.proactive.machine.facts import Facts
from tests.proactive.machine.numbers import STAGES
from tests.proactive.people import DAY

# The system remembers a crisis for so long.
REMEMBERED = 84 * DAY


def unaccounted(people: dict[int, Facts], now: datetime) -> list[str]:
    """Obligations that have no end though all is over, by what was reported to the system."""
    _, texts = rows()
    told = set(CareAlert.objects.values_list("message_id", flat=True))
    lost = []
    for facts in people.values():
        ends: dict[tuple[datetime, int], list[tuple[str, bool]]] = {}
        for text in texts.get(facts.key, []):
            if text["cadence"] == "crisis_followup":
                end = text["status"], text["pk"] in told
                ends.setdefault((text["occasion"], text["stage"]), []).append(end)
        for number, crisis in enumerate(facts.crises, start=1):
            newer = facts.crises[number] if number < len(facts.crises) else None
            for stage, due in enumerate(STAGES["crisis_followup"][:-1], start=1):
                is_owed = crisis + due <= min(now, newer or now)
                if is_owed and not _has_end(ends.get((crisis, stage), [])):
                    lost.append(
                        f"stage {stage} of the crisis {crisis} of {facts.key} has no end: "
                        f"{ends.get((crisis, stage))}"
                    )
    return lost


def _has_end(ends: list[tuple[str, bool]]) -> bool:
    return any(
        status not in ("queued", "sending", "unknown") or is_told for status, is_told in ends
    )
