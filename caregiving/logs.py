"""What must not stand in a log: the numbers of people, which some addresses end with."""

import logging
import re

# Of the API: /api/v1/caregivers/+14155552671/
_ADDRESS = re.compile(r"(/caregivers/)[^/\s?\"]+")


def without_numbers(text: str) -> str:
    return _ADDRESS.sub(r"\1***", text)


class HideNumbers(logging.Filter):
    """Lets every record through, and takes numbers out of what it says."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                without_numbers(one) if isinstance(one, str) else one for one in record.args
            )
        return True
