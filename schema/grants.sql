-- What the service's role may do, and no more. @ROLE@ is the quoted name of the role.
-- Shared tables: read what a payment reads, insert bookings, change the columns a payment changes.
-- No DELETE, no DDL. Safe to run again.

GRANT USAGE ON SCHEMA public, payments TO @ROLE@;

GRANT SELECT (id, email, role) ON public.users TO @ROLE@;
GRANT SELECT ON public.events, public.seats, public.ticket_types,
	public.reservations, public.reservation_items TO @ROLE@;
GRANT UPDATE (status, payment_status, payment_method, expires_at, updated_at) ON public.reservations TO @ROLE@;
GRANT UPDATE (status, updated_at) ON public.seats TO @ROLE@;
GRANT UPDATE (available_quantity) ON public.ticket_types TO @ROLE@;
GRANT INSERT ON public.reservations, public.reservation_items TO @ROLE@;

GRANT SELECT ON payments.schema_versions TO @ROLE@;
GRANT SELECT, INSERT, UPDATE ON payments.intents, payments.attempts, payments.refunds TO @ROLE@;
GRANT SELECT, INSERT ON payments.ledger_entries, payments.events TO @ROLE@;
GRANT SELECT, INSERT, UPDATE, DELETE ON payments.idempotency_keys TO @ROLE@;
GRANT SELECT, UPDATE ON payments.janitor_tasks TO @ROLE@;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA payments TO @ROLE@;

-- On the role, so that they hold behind a pooler too, where a session's SET would not.
ALTER ROLE @ROLE@ SET lock_timeout = '2s';
ALTER ROLE @ROLE@ SET statement_timeout = '5s';
ALTER ROLE @ROLE@ SET idle_in_transaction_session_timeout = '10s';
-- Every statement looks rows up by their ids. A plan that reads a table whole, or joins by a hash or a
-- sort of it, is cheap only while the table is small; but a plan made before the first sale is kept
-- while the sale fills the table, until the next ANALYZE. Memoize would stand above row locks.
ALTER ROLE @ROLE@ SET enable_seqscan = off;
ALTER ROLE @ROLE@ SET enable_hashjoin = off;
ALTER ROLE @ROLE@ SET enable_mergejoin = off;
ALTER ROLE @ROLE@ SET enable_memoize = off;
-- Every statement is short: compiling one costs more than it saves.
ALTER ROLE @ROLE@ SET jit = off;
-- what a transaction of one statement, sent without BEGIN, runs at
ALTER ROLE @ROLE@ SET default_transaction_isolation = 'read committed';
