-- Two roles: the owner migrates, the application only reads and writes rows.
--
--   psql -v owner=outreach -v app=outreach_app -f ops/postgres/roles.sql "$DATABASE_URL"
--
-- Run it as the owner (or a superuser) after the first `migrate`; again does no harm. Make the role
-- first: CREATE ROLE outreach_app LOGIN PASSWORD '...';  Then `migrate` keeps the owner's
-- DATABASE_URL, and web, worker, beat and watch get the application's. Tables of later migrations
-- are granted by themselves.

\set ON_ERROR_STOP on
BEGIN;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
REVOKE CREATE ON SCHEMA public FROM :"app";
GRANT USAGE ON SCHEMA public TO :"app";
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO :"app";
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO :"app";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO :"app";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA public
    GRANT USAGE, SELECT ON SEQUENCES TO :"app";

-- Which migrations ran is the owner's to say.
REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM :"app";

-- The audit is only ever added to. Erasing a person blanks what it says of them, and not who did
-- what and when.
REVOKE UPDATE, DELETE ON proactive_auditentry FROM :"app";
GRANT UPDATE (says, reason, target_label, changes) ON proactive_auditentry TO :"app";

COMMIT;
