"""Names of the declarations as staff read them."""

from proactive.cadences import BY_NAME


def in_words(cadence: str, stage: int | None) -> str:
    """`crisis_followup`, 3 -> "Crisis follow-up 3"; a cadence that is no more keeps its name."""
    label = BY_NAME[cadence].label if cadence in BY_NAME else cadence
    return f"{label} {stage}" if stage else label
