"""Text in the cells of a CSV file, such that no spreadsheet takes it for a formula."""

# What begins a formula in one spreadsheet or another; a number like +1415... is one as well.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def harmless(text: str) -> str:
    """An apostrophe before what could be a formula: `'=1+1`, `'+14155552671`.

    A spreadsheet then shows the cell as text. `as_typed` takes the apostrophe off again.
    """
    return f"'{text}" if text.startswith(_FORMULA) else text


def as_typed(text: str) -> str:
    """What `harmless` was given. A name such as 't Hooft keeps its apostrophe."""
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text
