"""Names as they are searched: without accents and in small letters, alike in Python and in SQL.

PostgreSQL's own `unaccent` is an extension that a managed database may not have, and cannot be
indexed as it is.
"""

import unicodedata
from typing import Any

from django.db.models import Func, TextField


def _plain_letters() -> dict[str, str]:
    """Each accented Latin letter up to U+017F, which Unicode promises to keep as they are."""
    plain = {"Ø": "O", "ø": "o", "Đ": "D", "đ": "d", "Ł": "L", "ł": "l", "ı": "i"}
    for code in range(0xC0, 0x180):
        parts = unicodedata.normalize("NFD", chr(code))
        if len(parts) > 1 and parts[0].isascii():
            plain[chr(code)] = parts[0]
    return plain


_PLAIN = _plain_letters()
# Accents that stand by themselves, as some systems write them.
_MARKS = "".join(map(chr, (*range(0x300, 0x30D), 0x327, 0x328)))
_FROM, _TO = "".join(_PLAIN), "".join(_PLAIN.values())
_TABLE = str.maketrans(_FROM, _TO, _MARKS)


def fold(text: str) -> str:
    """`José` -> `jose`."""
    return text.translate(_TABLE).lower()


class Folded(Func):
    """`fold` in SQL. An index is built on it: whoever changes it must build that index anew."""

    arity = 1
    output_field = TextField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        # What has no counterpart in the second list is left out. In collation "C" an index serves
        # a search by beginning.
        template = f"(lower(translate(%(expressions)s, '{_FROM}{_MARKS}', '{_TO}')) COLLATE \"C\")"
        return self.as_sql(compiler, connection, template=template, **context)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        # It has nothing like it, so it calls ours; therefore no index may be built on it there.
        connection.ensure_connection()
        connection.connection.create_function("folded", 1, _fold_or_null, deterministic=True)
        return self.as_sql(compiler, connection, function="folded", **context)


def _fold_or_null(text: str | None) -> str | None:
    return None if text is None else fold(text)
