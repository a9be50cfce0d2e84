"""Gunicorn's access log, without the numbers of people: `--logger-class` names this."""

from typing import Any

from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from caregiving.logs import without_numbers


class AccessLog(Logger):
    def atoms(self, *args: Any) -> dict[str, Any]:
        atoms: dict[str, Any] = super().atoms(*args)
        return {
            name: without_numbers(value) if isinstance(value, str) else value
            for name, value in atoms.items()
        }
