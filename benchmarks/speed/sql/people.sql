-- The people, as a service that has been running for years has them a minute after a sweep.
-- Ages are seconds before :now; of whom nothing is known they are null. `u(i, k)` is the k-th
-- number of person i, from 0 to 1, the same in every run.
INSERT INTO caregiving_caregiver (
    id, phone_number, first_name, relationship, care_recipient_name, zip_code, time_zone,
    derived_zones, language, journey_phase, burnout_band, created_at, last_contact_at,
    last_assessment_at, last_crisis_event_at, last_proactive_message_at, crisis_followup_count,
    reactivation_message_count, assessment_reminder_count, onboarding_nudge_count,
    wellness_opt_in, opted_out_at, outreach_paused_until, unreachable_at, unreachable_reason
)
WITH known AS (
    SELECT
        i,
        CASE WHEN u(i, 1) < 0.015 THEN 7 * u(i, 2) ELSE 1 + 1095 * u(i, 2) END * 86400 AS created,
        -- Many write every day, and are never due for a check-in.
        CASE
            WHEN u(i, 3) < 0.06 THEN NULL
            WHEN u(i, 3) < 0.34 THEN u(i, 4)
            WHEN u(i, 3) < 0.53 THEN 1 + 2 * u(i, 4)
            WHEN u(i, 3) < 0.66 THEN 3 + 4 * u(i, 4)
            WHEN u(i, 3) < 0.74 THEN 7 + 7 * u(i, 4)
            WHEN u(i, 3) < 0.78 THEN 14 + 17 * u(i, 4)
            ELSE 31 + 900 * u(i, 4)
        END * 86400 AS wrote,
        CASE
            WHEN u(i, 5) < 0.035 THEN %(cascade)s::float8 * u(i, 6)
            WHEN u(i, 5) < 0.06 THEN %(cascade)s::float8 * (1 + 20 * u(i, 6))
        END AS crisis,
        -- A fifth came with an import, with assessments that are years old.
        CASE
            WHEN u(i, 7) < 0.20 THEN (365 + 1500 * u(i, 8)) * 86400
            WHEN u(i, 7) < 0.70 THEN 150 * u(i, 8) * 86400
        END AS assessed,
        u(i, 7) < 0.20 AS imported,
        u(i, 9) < 0.08 AS incomplete,
        u(i, 10) < 0.05 AS out,
        -- Some texts went out a while after they fell due.
        least(u(i, 11), u(i, 12)) * 36000 AS lag
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS i
), history AS (
    SELECT
        i, imported, incomplete, out, lag, assessed,
        CASE WHEN imported THEN greatest(created, 60 * 86400.0) ELSE created END AS created,
        CASE WHEN crisis < created THEN crisis END AS crisis,
        -- A crisis and an assessment count as contact.
        CASE
            WHEN least(wrote, crisis, CASE WHEN NOT imported THEN assessed END) < created
            THEN least(wrote, crisis, CASE WHEN NOT imported THEN assessed END)
        END AS wrote
    FROM known
), standing AS (
    SELECT
        *,
        coalesce(wrote, created) AS silent,
        coalesce(crisis < %(cascade)s::float8, false) AS in_cascade,
        u(i, 13) < CASE WHEN created < 60 * 86400 THEN 0.30 ELSE 0.01 END AS onboarding
    FROM history
), sorted AS (
    SELECT
        *,
        CASE
            WHEN onboarding THEN 'onboarding'
            WHEN silent >= %(churn)s::float8 AND NOT in_cascade THEN 'churned'
            ELSE 'active'
        END AS phase,
        CASE
            WHEN onboarding OR assessed IS NULL THEN ''
            WHEN in_cascade AND u(i, 14) < 0.7 THEN 'crisis'
            WHEN u(i, 15) < 0.28 THEN 'thriving'
            WHEN u(i, 15) < 0.56 THEN 'mild'
            WHEN u(i, 15) < 0.78 THEN 'moderate'
            WHEN u(i, 15) < 0.94 THEN 'high'
            ELSE 'crisis'
        END AS band,
        u(i, 16) < 0.1 AS asked
    FROM standing
), tiers AS (
    SELECT
        sorted.*, tier.every,
        silent >= tier.silence AND phase = 'active' AND NOT out AS is_checked_on
    FROM sorted
    LEFT JOIN tier ON tier.name = CASE
        WHEN band = 'crisis' AND crisis <= %(recent_crisis)s THEN 'crisis_recent'
        WHEN band = 'crisis' THEN 'crisis'
        WHEN band IN ('high', 'moderate') THEN band
        WHEN band <> '' AND asked THEN 'well'
    END
), dealt_with AS (
    SELECT
        *,
        CASE
            WHEN crisis IS NULL THEN 0
            -- What was held up while they could not be texted: half of it.
            WHEN in_cascade AND out THEN width_bucket(crisis / 2, %(crisis_followup)s::float8[])
            WHEN in_cascade THEN width_bucket(crisis - lag, %(crisis_followup)s::float8[])
            ELSE cardinality(%(crisis_followup)s::float8[])
        END AS followups,
        CASE
            WHEN in_cascade OR onboarding THEN 0
            ELSE width_bucket(silent - lag, %(dormant_reactivation)s::float8[])
        END AS reactivations,
        CASE
            WHEN imported OR assessed IS NULL THEN 0
            -- Of those who write all the time some are owed one, and are in a conversation.
            WHEN silent < 86400 AND u(i, 17) < 0.3 THEN 0
            ELSE width_bucket(assessed - lag, %(assessment_reminder)s::float8[])
        END AS reminders,
        CASE
            WHEN incomplete THEN width_bucket(created - lag, %(onboarding_nudge)s::float8[])
            ELSE 0
        END AS nudges
    FROM tiers
), texted AS (
    SELECT
        *,
        -- The last text: some interval ago for whoever is checked on, and at the latest when the
        -- stage fell due that was dealt with last.
        least(
            CASE
                WHEN is_checked_on THEN every * 1.05 * u(i, 18)
                WHEN u(i, 19) < 0.88 THEN 45 * 86400 * u(i, 18) * u(i, 18)
            END,
            crisis - lag - (%(crisis_followup)s::float8[])[followups],
            silent - lag - (%(dormant_reactivation)s::float8[])[reactivations]
        ) AS text_age
    FROM dealt_with
)
SELECT
    i,
    place.start || lpad(mod(i, 10000000)::text, 7, '0'),
    CASE
        WHEN incomplete AND u(i, 20) < 0.5 THEN ''
        ELSE (%(first_names)s::text[])[1 + mod(i, cardinality(%(first_names)s::text[]))]
    END,
    CASE
        WHEN incomplete AND u(i, 20) >= 0.3 THEN ''
        ELSE (%(relationships)s::text[])[1 + mod(i, cardinality(%(relationships)s::text[]))]
    END,
    CASE
        WHEN u(i, 21) < 0.7
        THEN (%(first_names)s::text[])[1 + mod(i * 7, cardinality(%(first_names)s::text[]))]
        ELSE ''
    END,
    place.zip_code,
    place.time_zone,
    place.derived_zones,
    CASE WHEN u(i, 22) < 0.15 THEN 'es' ELSE 'en' END,
    phase,
    band,
    %(now)s - created * interval '1 second',
    %(now)s - wrote * interval '1 second',
    %(now)s - assessed * interval '1 second',
    %(now)s - crisis * interval '1 second',
    %(now)s - CASE WHEN text_age < created THEN text_age END * interval '1 second',
    -- Null where a counter has never been set.
    CASE WHEN followups > 0 OR u(i, 23) < 0.5 THEN followups END,
    CASE WHEN reactivations > 0 OR u(i, 24) < 0.5 THEN reactivations END,
    CASE WHEN reminders > 0 OR (u(i, 25) < 0.5 AND NOT imported) THEN reminders END,
    CASE WHEN nudges > 0 OR u(i, 26) < 0.5 THEN nudges END,
    asked,
    CASE WHEN u(i, 10) < 0.03 THEN %(now)s - u(i, 27) * least(created, 86400 * 30.0)
        * interval '1 second' END,
    CASE
        WHEN u(i, 28) < 0.004 THEN %(now)s + (1 + 20 * u(i, 29)) * interval '1 day'
        WHEN u(i, 28) < 0.02 THEN %(now)s - (1 + 90 * u(i, 29)) * interval '1 day'
    END,
    CASE WHEN u(i, 10) BETWEEN 0.03 AND 0.05 THEN %(now)s - u(i, 27) * least(created, 86400 * 30.0)
        * interval '1 second' END,
    CASE WHEN u(i, 10) BETWEEN 0.03 AND 0.05 THEN 'the number is not in service' ELSE '' END
FROM texted
JOIN place ON place.number = mod(hashint8extended(i, 30) & 1073741823, %(places)s)
