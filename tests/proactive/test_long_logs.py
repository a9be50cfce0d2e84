"""The logs of a service that has run for years: each page reads what it shows and counts, of
tables that hold fifty thousand rows."""

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from caregiving.models import InboundMessage
from proactive.admin.paging import BoundedPaginator
from proactive.models import AuditEntry, CareAlert, Message, Status, Sweep
from proactive.roles import ADMINISTRATOR
from tests.proactive.reading_rows import rows_read
from tests.staff import member_of

ROWS = 50_000
BOUND = 200
# A few times what is counted, and far from all.
FEW = ROWS // 25

PEOPLE = """
INSERT INTO caregiving_caregiver (phone_number, first_name, relationship, care_recipient_name,
    zip_code, time_zone, language, journey_phase, burnout_band, created_at, last_contact_at)
SELECT '+1415' || 2000000 + n, 'Ada', 'daughter', 'Rosa', '60601', 'America/Chicago', 'en',
    'active', 'high', now() - interval '2 years', now()
FROM generate_series(1, 2000) AS n
"""
# In the order in which it happened, of which statistics know.
TEXTS = f"""
INSERT INTO proactive_message (id, caregiver_id, to_number, cadence, stage, tier, occasion,
    priority, body, segments, status, because, reason, queued_at, attempts, lookups,
    attempt_started_at, sent_at, replied_at, provider_sid, error_code)
SELECT gen_random_uuid(), people.first + n % 2000, '+14155552671',
    CASE WHEN n % 100 = 0 THEN 'crisis_followup' ELSE 'wellness' END,
    CASE WHEN n % 100 = 0 THEN CASE WHEN n % 5000 = 0 THEN 7 ELSE 1 END END, '',
    at, 0, '', 1,
    CASE WHEN n % 1000 = 5 THEN 'failed' WHEN n % 2000 = 7 THEN 'undelivered'
         WHEN n % 2000 = 9 THEN 'cancelled' WHEN n % 5000 = 11 THEN 'superseded'
         WHEN n % 5000 = 13 THEN 'unknown' WHEN n % 5000 = 17 THEN 'sent' ELSE 'delivered' END,
    '', '', at, 1, 0, at, at + interval '1 second',
    CASE WHEN n % 4 = 0 THEN at + interval '1 hour' END, 'SM' || n, ''
FROM generate_series(1, {ROWS}) AS n,
    LATERAL (SELECT now() - ({ROWS} - n) * interval '10 minutes' AS at) AS times,
    (SELECT min(id) AS first FROM caregiving_caregiver) AS people
"""
INBOUND = f"""
INSERT INTO caregiving_inboundmessage (caregiver_id, from_number, body, media, intent, received_at,
    provider_sid)
SELECT people.first + n % 2000, '+14155552671', 'Fine', '[]',
    CASE WHEN n % 1000 = 0 THEN 'stop' WHEN n % 5000 = 1 THEN 'help' ELSE '' END,
    now() - ({ROWS} - n) * interval '10 minutes', 'MM' || n
FROM generate_series(1, {ROWS}) AS n, (SELECT min(id) AS first FROM caregiving_caregiver) AS people
"""
ALERTS = f"""
INSERT INTO proactive_carealert (kind, caregiver_id, occasion, detail, opened_at, resolved_at, note)
SELECT CASE WHEN n % 5000 = 0 THEN 'duplicate' ELSE 'followup_missed' END, people.first + n % 2000,
    at, '', at, CASE WHEN n < {ROWS} - 50 THEN at + interval '1 hour' END, ''
FROM generate_series(1, {ROWS}) AS n,
    LATERAL (SELECT now() - ({ROWS} - n) * interval '10 minutes' AS at) AS times,
    (SELECT min(id) AS first FROM caregiving_caregiver) AS people
"""
SWEEPS = f"""
INSERT INTO proactive_sweep (started_at, finished_at, now, dry_run, counts, error, texts_queued,
    held)
SELECT at, at, at, n % 5000 = 0, '{{}}', CASE WHEN n % 5000 = 1 THEN 'the disk' ELSE '' END, 0,
    CASE WHEN n % 6000 = 2 THEN 'far more than usual' ELSE '' END
FROM generate_series(1, {ROWS}) AS n,
    LATERAL (SELECT now() - ({ROWS} - n) * interval '1 minute' AS at) AS times
"""
AUDIT = f"""
INSERT INTO proactive_auditentry (at, by_id, action, says, reason, target_type, target_id,
    target_label, caregiver_id, changes)
SELECT now() - ({ROWS} - n) * interval '10 minutes', NULL,
    CASE WHEN n % 5000 = 0 THEN 'export_list' ELSE 'pause' END, 'did it', '', '', '', '',
    people.first + n % 2000, '{{}}'
FROM generate_series(1, {ROWS}) AS n, (SELECT min(id) AS first FROM caregiving_caregiver) AS people
"""


def since(days):
    return (timezone.now() - timedelta(days=days)).isoformat()


PAGES = {
    Message: [
        {},
        {"p": "4"},
        *({"status__exact": status.value} for status in Status),
        {"cadence__exact": "crisis_followup"},
        {"cadence__exact": "crisis_followup", "stage__exact": "7"},
        {"stage__exact": "7"},
        {"stage__exact": "2"},
        {"replied_at__isnull": "False"},
        {"sent_at__gte": since(2)},
        {"queued_at__gte": since(2)},
        {"status__in": "failed,undelivered", "attempt_started_at__gte": since(30)},
        # Columns that no index brings in order are not sorted by, though the address asks for it.
        *({"o": str(column)} for column in range(1, 9)),
    ],
    InboundMessage: [
        {},
        {"intent__exact": "stop"},
        {"intent__exact": "help"},
        {"received_at__gte": since(2)},
        *({"o": str(column)} for column in range(1, 8)),
    ],
    CareAlert: [
        {},
        *({"state": state} for state in ("unclaimed", "mine", "resolved", "all")),
        {"state": "all", "kind__exact": "duplicate"},
        {"state": "resolved", "kind__exact": "sweep_held"},
        *({"state": "all", "o": str(column)} for column in range(1, 7)),
    ],
    Sweep: [
        {},
        {"held__isempty": "0"},
        {"error__isempty": "0"},
        {"dry_run__exact": "1"},
        *({"o": str(column)} for column in range(1, 8)),
    ],
    AuditEntry: [{}, {"action": "export_list"}, {"action": "pause"}, {"o": "1"}],
}

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="it is PostgreSQL that has years"),
]


def test_no_page_of_a_log_reads_the_whole_table(client, monkeypatch):
    monkeypatch.setattr(BoundedPaginator, "bound", BOUND)
    with connection.cursor() as cursor:
        for statement in (PEOPLE, TEXTS, INBOUND, ALERTS, SWEEPS, AUDIT):
            cursor.execute(statement)
        # Of all rows, not of a sample: what is rare would be missing from some.
        cursor.execute("SET LOCAL default_statistics_target = 1000")
        cursor.execute("ANALYZE")
    client.force_login(member_of(ADMINISTRATOR))

    read = {}
    for model, queries in PAGES.items():
        table = model._meta.db_table
        address = reverse(f"admin:{table}_changelist")
        for query in queries:
            with CaptureQueriesContext(connection) as captured:
                assert client.get(address, query).status_code == 200
            read[f"{table} {json.dumps(query)}"] = sum(
                rows_read(one["sql"], table) for one in captured
            )

    assert {page: rows for page, rows in read.items() if rows > FEW} == {}
    # Each page was really read.
    assert sum(rows > BOUND // 2 for rows in read.values()) > len(PAGES)
