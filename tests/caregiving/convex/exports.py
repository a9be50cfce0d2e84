"""Exports of Convex for the tests: a folder a table, a line a document."""

import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

NOW = datetime(2027, 1, 5, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ANA = "k" * 32
BEN = "j" * 32


def ms(at: datetime) -> float:
    return at.timestamp() * 1000


def ana(**fields: Any) -> dict[str, Any]:
    """Somebody who is there since 100 days and wrote two days ago."""
    return {
        "_id": ANA,
        "_creationTime": ms(NOW - 100 * DAY),
        "phoneNumber": "+12125550001",
        "firstName": "Ana",
        "relationship": "daughter",
        "zipCode": "10001",
        "journeyPhase": "active",
        "lastContactAt": ms(NOW - 2 * DAY),
    } | fields


def text(words: str, at: datetime, *, who: str = ANA, key: str = "", **fields: Any) -> Any:
    return {
        "_id": key or f"c{abs(hash((words, at)))}",
        "_creationTime": ms(at),
        "userId": who,
        "role": "user",
        "text": words,
        "timestamp": ms(at),
    } | fields


def score(value: Any, band: str, at: datetime, *, who: str = ANA) -> dict[str, Any]:
    return {
        "_id": f"w{ms(at):.0f}",
        "_creationTime": ms(at),
        "userId": who,
        "overallScore": value,
        "band": band,
        "recordedAt": ms(at),
    }


def export(path: Path, **tables: Any) -> Path:
    """A ZIP with these tables; a line that is text already stands there as it is."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("_tables/documents.jsonl", '{"name": "users", "id": 10001}\n')
        archive.writestr("_storage/documents.jsonl", "")
        for name, documents in tables.items():
            lines = (one if isinstance(one, str) else json.dumps(one) for one in documents)
            archive.writestr(f"{name}/documents.jsonl", "".join(f"{line}\n" for line in lines))
            archive.writestr(f"{name}/generated_schema.jsonl", '"any"\n')
    return path
