"""The ordinary report in one statement: a text that was sent has arrived, and that is all.

Most of what the provider ever tells is this. Whatever else would follow (an alert to close, a
number that proves to be alive, 24 hours to count anew) has the statement change nothing, and the
report goes the full way; so it does where a webhook is to tell of it. That is through
`proactive.reports`, which would have written the same.
"""

from datetime import datetime
from uuid import UUID

import psycopg
from django.db import connection

from proactive.hooks import outbox
from proactive.models import CareAlert, EventKind, Message, Status
from proactive.outcomes import CLOSED_BY_SUCCESS
from proactive.reports import code_of, status_of
from proactive.sms.gateway import Report

# Written out, for the ORM takes several times as long to make this statement as the database to
# run it. What it writes is what `Message.mark_reported` writes, in which a test holds it.
#
# The status is `sent` and not one below it: beside a failure an alert may be about to appear that
# this statement would not see.
#
# The person is locked, as in the full way, and before the text: else a failure of another text,
# under way at the same time, would not find this one delivered, nor this one that failure.
_STATEMENT = f"""
UPDATE {Message._meta.db_table} AS text
SET status = '{Status.DELIVERED}', delivered_at = %s, error_code = %s, reason = '',
    retry_at = NULL, look_up_at = NULL
WHERE id = %s AND provider_sid = %s AND status = '{Status.SENT}'
AND NOT EXISTS (
    SELECT 1 FROM {CareAlert._meta.db_table} AS alert
    WHERE alert.message_id = text.id AND alert.resolved_at IS NULL
    AND alert.kind IN ({", ".join(f"'{kind}'" for kind in CLOSED_BY_SUCCESS)})
)
AND EXISTS (
    SELECT 1 FROM caregiving_caregiver AS person
    WHERE person.id = text.caregiver_id AND person.unreachable_at IS NULL
    AND person.last_proactive_message_at >= text.sent_at
    {{lock}}
)
"""
_PREPARED = _STATEMENT.format(lock="FOR NO KEY UPDATE OF person").encode()


def take_receipt(message_id: UUID, report: Report, *, now: datetime) -> bool:
    """Record that a text arrived; False if that is not all there is to it, and nothing was done.

    Also where the connection broke. Then nobody knows whether it was done, and the full way, which
    opens a new connection, finds out.
    """
    if status_of(report) != Status.DELIVERED or outbox.wants(EventKind.DELIVERED):
        return False
    run = _run_prepared if connection.vendor == "postgresql" else _run
    return run(message_id, report, now) == 1


def _run(message_id: UUID, report: Report, now: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            # There is one writer at a time, and no lock on a row.
            _STATEMENT.format(lock=""),
            [
                connection.ops.adapt_datetimefield_value(now),
                code_of(report),
                Message._meta.pk.get_db_prep_value(message_id, connection),
                report.sid,
            ],
        )
        return cursor.rowcount


def _run_prepared(message_id: UUID, report: Report, now: datetime) -> int:
    """Past Django's cursor, which has the server read and plan the statement each time anew, and
    asks first whether the connection still works: either takes as long as the statement itself.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors:
        try:
            return (
                psycopg.Cursor(connection.connection)
                .execute(_PREPARED, [now, code_of(report), message_id, report.sid], prepare=True)
                .rowcount
            )
        except psycopg.OperationalError:
            if connection.in_atomic_block or not connection.connection.closed:
                raise
    connection.close()
    return 0
