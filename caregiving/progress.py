"""A progress bar for long commands: on standard error, and only when that is a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

# Called with how much is done and how much there is to do, in any one unit.
Advance = Callable[[int, int], None]


def no_bar(done: int, total: int) -> None:
    """For callers that nobody watches."""


@contextmanager
def bar(description: str) -> Iterator[Advance]:
    """Show a bar while the block runs. Standard output stays clean for `--json`."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(
        *columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task(description, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
