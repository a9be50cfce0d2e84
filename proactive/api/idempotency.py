"""What is told once is done once, however often and by however many it is told.

What is done and its receipt are one transaction: a crash leaves both or neither, so it may be told
again. Of two at once the second fails at the unique key, is rolled back, and gets the first one's
answer. What was refused leaves no receipt: mended, it may come again under its key.
"""

import hashlib
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from proactive.api.problems import wrong_field
from proactive.models import ApiReceipt, ApiToken

Result = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """`is_repeat`: it was done before, and is not done again."""

    result: Result
    is_repeat: bool = False


def once(
    token: ApiToken,
    key: str,
    content: dict[str, Any],
    do: Callable[[], Result],
    *,
    now: datetime,
    known: ApiReceipt | None,
) -> Answer:
    """Call `do` in a transaction unless `token` has told this under `key` before.

    `content`: what is told, which a repeat must have too. `known`: the receipt of the key, if there
    was one a moment ago. Raises Problem, 422, for other content, and whatever `do` does.
    """
    digest = _digest(content)
    if known is None:
        try:
            return Answer(_do_with_receipt(token, key, digest, do, now))
        except IntegrityError:
            # Somebody else was faster: with this key, or with something that `do` adds.
            known = receipts(token, [key]).get(key)
            if known is None:
                return Answer(_do_with_receipt(token, key, digest, do, now))
    if known.digest != digest:
        raise wrong_field(
            "idempotency_key",
            "was used for something else before: give everything that you tell a key of its own",
            kind="key-reused",
        )
    return Answer(known.result, is_repeat=True)


def receipts(token: ApiToken, keys: Collection[str]) -> dict[str, ApiReceipt]:
    """Those that there are, by key."""
    return {one.key: one for one in ApiReceipt.objects.filter(token=token, key__in=keys)}


def _do_with_receipt(
    token: ApiToken, key: str, digest: str, do: Callable[[], Result], now: datetime
) -> Result:
    with transaction.atomic():
        result = do()
        ApiReceipt.objects.create(
            token=token, key=key, digest=digest, result=result, received_at=now
        )
    return result


def _digest(content: dict[str, Any]) -> str:
    written = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(written.encode()).hexdigest()
