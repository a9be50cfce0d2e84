-- What has happened to them so far: texts that ended, words received, scores, crises, alerts,
-- and the sweeps of two weeks. Statements are separated by lines of dashes.
INSERT INTO proactive_sweep (
    id, started_at, finished_at, now, dry_run, counts, error, texts_queued, held
)
SELECT
    minute,
    %(now)s - (%(minutes)s - minute) * interval '1 minute',
    %(now)s - (%(minutes)s - minute) * interval '1 minute' + interval '1 second',
    %(now)s - (%(minutes)s - minute) * interval '1 minute',
    false,
    jsonb_build_object(
        'queued', jsonb_build_object('crisis_followup', 0, 'wellness', texts),
        'superseded', jsonb_build_object('crisis_followup', 0),
        'churned', 0
    ),
    '', texts, ''
FROM (
    SELECT
        minute,
        -- By night in the United States nothing goes out.
        CASE WHEN mod(minute, 1440) BETWEEN 300 AND 700 THEN 0
            ELSE ceil(%(people)s * 0.0005 * u(minute, 1))::int END AS texts
    FROM generate_series(1, %(minutes)s - 1) AS minute
) AS sweeps
----
INSERT INTO proactive_message (
    id, caregiver_id, sweep_id, to_number, cadence, stage, tier, occasion, priority, body,
    segments, status, because, reason, queued_at, gate_before, attempts, attempt_started_at,
    lookups, sent_at, delivered_at, provider_sid, error_code
)
WITH one AS (
    SELECT
        person.id, phone_number, first_name, k, u(person.id, 40 + k) AS chance,
        last_proactive_message_at - k * (1 + 6 * u(person.id, 50 + k)) * interval '1 day' AS at
    FROM caregiving_caregiver AS person,
        generate_series(0, floor(4 * u(person.id, 40))::int) AS k
    -- The follow-ups of those in a cascade are told of below.
    WHERE last_proactive_message_at IS NOT NULL
        AND (k > 0 OR last_crisis_event_at IS NULL OR crisis_followup_count IS NULL)
), text AS (
    SELECT
        *,
        CASE WHEN chance < 0.65 THEN 'wellness' WHEN chance < 0.85 THEN 'dormant_reactivation'
            ELSE 'assessment_reminder' END AS cadence,
        u(id, 60 + k) AS end
    FROM one
)
SELECT
    md5('text ' || id || ' ' || k)::uuid, id,
    CASE WHEN at > %(now)s - (%(minutes)s - 2) * interval '1 minute'
        THEN %(minutes)s - 1 - floor(extract(epoch FROM %(now)s - at) / 60) END,
    phone_number, cadence,
    CASE WHEN cadence <> 'wellness' THEN 1 END,
    CASE WHEN cadence = 'wellness' THEN 'moderate' ELSE '' END,
    at - interval '7 days 5 minutes',
    CASE cadence WHEN 'wellness' THEN 1 WHEN 'dormant_reactivation' THEN 2 ELSE 3 END,
    'Hi ' || first_name || ', how have the last days been? A word or two is enough, whenever you '
        'find a minute for it.',
    1,
    CASE WHEN "end" < 0.02 THEN 'undelivered' WHEN "end" < 0.03 THEN 'failed'
        WHEN "end" < 0.04 THEN 'sent' WHEN "end" < 0.043 THEN 'cancelled' ELSE 'delivered' END,
    'burnout band is moderate; every 7 days: next after Mon 2 Mar 11:04; last heard from Thu 26 '
        'Feb 10:17, silent for 3 days at Sun 1 Mar 10:17',
    '', at, at - interval '7 days', 1, at + interval '2 seconds', 0,
    CASE WHEN "end" >= 0.03 THEN at + interval '3 seconds' END,
    CASE WHEN "end" >= 0.043 THEN at + interval '9 seconds' END,
    CASE WHEN "end" >= 0.03 THEN 'SM' || md5('sid ' || id || ' ' || k) END,
    CASE WHEN "end" < 0.02 THEN '30003' WHEN "end" < 0.03 THEN '21211' ELSE '' END
FROM text
----
INSERT INTO proactive_message (
    id, caregiver_id, to_number, cadence, stage, tier, occasion, priority, body, segments, status,
    because, reason, queued_at, gate_before, attempts, attempt_started_at, lookups, sent_at,
    delivered_at, provider_sid, error_code
)
SELECT
    md5('follow-up ' || id || ' ' || stage)::uuid, id, phone_number, 'crisis_followup', stage, '',
    last_crisis_event_at, 0,
    'Hi ' || first_name || ', how are you holding up today? One word back is enough. If it gets '
        'too heavy, call or text 988, day or night.',
    1, 'delivered', 'crisis on record', '', at, at - interval '2 days', 1, at, 0, at,
    at + interval '6 seconds', 'SM' || md5('follow-up sid ' || id || ' ' || stage), ''
FROM (
    SELECT
        *,
        least(
            last_crisis_event_at + (
                (%(crisis_followup)s::float8[])[stage] + 14400 * u(id, 70 + stage)
            ) * interval '1 second',
            %(now)s - interval '1 minute'
        ) AS at
    FROM caregiving_caregiver, generate_series(1, crisis_followup_count) AS stage
    WHERE last_crisis_event_at IS NOT NULL
) AS followup
----
INSERT INTO caregiving_crisisevent (caregiver_id, at, source, recorded_at)
SELECT id, last_crisis_event_at, 'wellness score', last_crisis_event_at
FROM caregiving_caregiver
WHERE last_crisis_event_at IS NOT NULL
----
INSERT INTO caregiving_wellnessscore (caregiver_id, score, burnout_band, created_at)
SELECT id, mod(id * 7919, 101), burnout_band, last_assessment_at
FROM caregiving_caregiver
WHERE last_assessment_at IS NOT NULL AND burnout_band <> ''
----
INSERT INTO caregiving_inboundmessage (
    caregiver_id, from_number, body, media, intent, received_at, provider_sid
)
SELECT
    id, phone_number, 'It was a long week but we managed.', '[]', '', last_contact_at,
    'SM' || md5('received ' || id)
FROM caregiving_caregiver
WHERE last_contact_at > %(now)s - interval '7 days'
----
-- Somebody who could not be texted while a follow-up was owed: staff know of it, or have.
INSERT INTO proactive_carealert (
    kind, caregiver_id, occasion, detail, opened_at, note
)
SELECT
    'followup_missed', id, last_crisis_event_at,
    'Its time has passed, and it is held up.', %(now)s - u(id, 80) * interval '1 day', ''
FROM caregiving_caregiver
WHERE last_crisis_event_at > %(now)s - %(cascade)s * interval '1 second'
    AND coalesce(crisis_followup_count, 0) < width_bucket(
        extract(epoch FROM %(now)s - last_crisis_event_at)::float8, %(crisis_followup)s::float8[]
    )
----
-- Not a word since a crisis, through all follow-ups: staff have called.
INSERT INTO proactive_carealert (
    kind, caregiver_id, occasion, detail, opened_at, resolved_at, note
)
SELECT
    'cascade_unanswered', id, last_crisis_event_at,
    'Not a word since the crisis, through all follow-ups. Consider calling.',
    last_crisis_event_at + %(cascade)s * interval '1 second',
    last_crisis_event_at + (%(cascade)s + 90000) * interval '1 second',
    'Called.'
FROM caregiving_caregiver
WHERE last_crisis_event_at <= %(now)s - %(cascade)s * interval '1 second'
    AND last_contact_at <= last_crisis_event_at
