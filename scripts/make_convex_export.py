"""A made-up export of Convex, as `npx convex export` writes it, to try the move with.

`python -m scripts.make_convex_export --people 50000 FILE.zip`. The same seed makes the same
documents. `--split` writes the later shape: users, caregiverProfiles and conversationState.
Needs no settings and no database.
"""

import argparse
import base64
import json
import random
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

DAY = 24 * 3600 * 1000.0
HOUR = DAY / 24
BANDS = ("thriving", "mild", "moderate", "high", "crisis")
WEIGHTS = (15, 25, 35, 20, 5)
NAMES = ("Ana", "Ben", "Carla", "Dev", "Eun-ji", "Fatima", "Grace", "Hector", "Inés", "Jo", "")
RELATIONS = ("daughter", "son", "spouse", "parent", "sibling", "")
ZIPS = ("10001", "33101", "60601", "77001", "80202", "90001", "98101", "99501", "96801", "")
AREAS = (212, 305, 312, 713, 303, 213, 206, 808)
SAID = ("thank you", "a hard night again", "she slept well", "I am so tired", "yes please")
STATE = {"lastContactAt", "reactivationMessageCount", "lastProactiveMessageAt"}
IDENTITY = {"_id", "_creationTime", "phoneNumber", "createdAt", "optedOutAt"}
_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"

Document = dict[str, Any]


def write(
    path: Path, *, people: int, seed: int = 1, split: bool = False, now: datetime, texts: int = 4
) -> None:
    """Write an export of `people` as of `now`, `texts` each on average."""
    start = now.timestamp() * 1000
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:

        def table(name: str, documents: Iterator[Document]) -> None:
            with archive.open(f"{name}/documents.jsonl", "w", force_zip64=True) as file:
                for document in documents:
                    file.write(json.dumps(document, ensure_ascii=False).encode() + b"\n")
            archive.writestr(f"{name}/generated_schema.jsonl", '"any"\n')

        def users() -> Iterator[Document]:
            return (person(number, seed, start) for number in range(people))

        names = ("users", "wellnessScores", "conversations", "caregiverProfiles")
        archive.writestr(
            "_tables/documents.jsonl",
            "".join(json.dumps({"name": name, "id": n}) + "\n" for n, name in enumerate(names)),
        )
        archive.writestr("_storage/documents.jsonl", "")
        archive.writestr("README.md", "# Snapshot\n")
        if split:
            table("users", (_only(one, IDENTITY) for one in users()))
            table("caregiverProfiles", (_belonging(one, IDENTITY | STATE, "p") for one in users()))
            table("conversationState", (_belonging(_state(one), IDENTITY, "s") for one in users()))
        else:
            table("users", users())
        table("wellnessScores", (one for user in users() for one in scores(user, seed)))
        table("conversations", (one for user in users() for one in said(user, seed, texts)))


def person(number: int, seed: int, start: float) -> Document:
    """The document of one person, all in one; `start` in milliseconds is the time of the export."""
    chance = random.Random(f"{seed} {number}")
    created = start - chance.uniform(1, 400) * DAY
    contact = created + chance.betavariate(6, 1) * (start - created)
    band = chance.choices(BANDS, WEIGHTS)[0]
    silence = (start - contact) / DAY
    document: Document = {
        "_id": identifier("k", number),
        "_creationTime": created,
        "phoneNumber": phone(number),
        "firstName": chance.choice(NAMES),
        "relationship": chance.choice(RELATIONS),
        "careRecipientName": chance.choice(NAMES),
        "zipCode": chance.choice(ZIPS),
        "languagePreference": chance.choices(("en", "es"), (9, 1))[0],
        "journeyPhase": "active",
        "burnoutBand": band,
        "burnoutScore": float(chance.randrange(101)),
        "createdAt": created,
        "lastContactAt": contact,
        "subscriptionStatus": "active",
        "updatedAt": start,
    }
    if chance.random() < 0.15:
        del document["burnoutBand"], document["lastContactAt"]
        document["journeyPhase"] = "onboarding"
    elif silence > 31:
        document |= {"journeyPhase": "churned", "reactivationMessageCount": 3.0}
    elif silence > 7:
        document["reactivationMessageCount"] = 1.0 if silence < 14 else 2.0
    if chance.random() < 0.7:
        document["lastProactiveMessageAt"] = start - chance.uniform(0.1, 20) * DAY
    if band == "crisis" and chance.random() < 0.8:
        crisis = start - chance.uniform(0, min(50, (start - created) / DAY)) * DAY
        document["lastCrisisEventAt"] = crisis
        due = (1, 3, 7, 14, 21, 28, 35)
        done = sum(days * DAY <= start - crisis for days in due)
        document["crisisFollowupCount"] = _int64(done)
    if chance.random() < 0.03:
        document["optedOutAt"] = start - chance.uniform(0, 1) * (start - created)
    return document


def scores(user: Document, seed: int) -> Iterator[Document]:
    chance = random.Random(f"{seed} scores {user['_id']}")
    span = user["updatedAt"] - user["createdAt"]
    for number in range(chance.randrange(4)):
        yield {
            "_id": identifier("w", user["_id"], number),
            "_creationTime": user["createdAt"] + span * number / 4,
            "userId": user["_id"],
            "overallScore": float(chance.randrange(101)),
            "band": user.get("burnoutBand", "moderate"),
            "pressureZones": ["time"],
            "recordedAt": user["createdAt"] + span * number / 4,
        }


def said(user: Document, seed: int, most: int) -> Iterator[Document]:
    """What they wrote, each answered; the last a moment after what the person's document says."""
    chance = random.Random(f"{seed} said {user['_id']}")
    last = user.get("lastContactAt")
    if last is None:
        return
    for number in range(chance.randrange(most + 1)):
        at = last + 250 - number * chance.uniform(1, 60) * HOUR
        for role, text, later in (
            ("user", chance.choice(SAID), 0),
            ("assistant", "I hear you.", 900),
        ):
            yield {
                "_id": identifier("c", user["_id"], number, role),
                "_creationTime": at + later,
                "userId": user["_id"],
                "role": role,
                "text": text,
                "mode": "sms",
                "timestamp": at + later,
            }


def identifier(*parts: object) -> str:
    """As long as those of Convex, and the same for the same parts."""
    chance = random.Random(repr(parts))
    return "".join(chance.choice(_LETTERS) for _ in range(32))


def phone(number: int) -> str:
    """Of the numbers that nobody has: 555-0100 to 0199 and their neighbours are not enough."""
    area = AREAS[number % len(AREAS)]
    return f"+1{area}5{number // len(AREAS):06}"


def _int64(number: int) -> dict[str, str]:
    packed = number.to_bytes(8, "little", signed=True)
    return {"$integer": base64.b64encode(packed).decode()}


def _only(document: Document, fields: set[str]) -> Document:
    return {name: value for name, value in document.items() if name in fields}


def _state(document: Document) -> Document:
    own = {"_id", "_creationTime", "updatedAt", *STATE}
    return _only(document, own) | {"totalInteractionCount": 12.0}


def _belonging(document: Document, without: set[str], kind: str) -> Document:
    rest = {name: value for name, value in document.items() if name not in without}
    key = document["_id"]
    own = {"_id": identifier(kind, key), "_creationTime": document["_creationTime"]}
    return own | {"userId": key} | rest


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path, metavar="FILE.zip")
    parser.add_argument("--people", type=int, default=1000, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--split", action="store_true", help="the later shape, of three tables")
    parser.add_argument("--texts", type=int, default=4, metavar="N", help="at most, of a person")
    options = parser.parse_args(arguments)
    write(
        options.file,
        people=options.people,
        seed=options.seed,
        split=options.split,
        texts=options.texts,
        now=datetime.now(UTC),
    )
    print(f"{options.file}: {options.people:,} people, {options.file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
