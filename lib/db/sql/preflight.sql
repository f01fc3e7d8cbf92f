-- The checks of `payctl check`. Each row is a line of its report.
-- columns of each: verdict (ok, warn, fail), what to say if it is ok, what to say if not, the remedy.

-- fragment: given
-- $1 workers, $2 connections of each, $3 whether statements are prepared, $4 the server process as libpq knows it,
-- $5 this machine's time in ms since 1970
WITH given AS (
	SELECT $1::int AS workers, $1::int * $2::int AS wanted, $3::boolean AS prepared, $4::int AS backend_pid,
		$5::bigint AS here_ms, quote_ident(current_user) AS role)

-- name: preflight_version
-- gen_random_uuid() without an extension
-- include: given
SELECT CASE WHEN current_setting('server_version_num')::int < 130000 THEN 'fail' ELSE 'ok' END,
	'PostgreSQL ' || current_setting('server_version'),
	'the server is PostgreSQL ' || current_setting('server_version'),
	'use PostgreSQL 13 or later';

-- name: preflight_role
-- include: given
SELECT CASE WHEN rolsuper THEN 'warn' ELSE 'ok' END,
	role || ', database ' || current_database(),
	role || ' is a superuser: a bug of the service could do anything',
	'payctl migrate --grant payments_service, and connect as that role'
FROM given, pg_roles WHERE rolname = current_user;

-- name: preflight_clock
-- Tokens expire by our clock, holds by that of the database. The way to the server counts as a difference.
-- include: given
SELECT CASE WHEN abs(skew_ms) > 2000 THEN 'warn' ELSE 'ok' END,
	'the clocks of the database and this machine differ by less than 2000 ms',
	'the clocks of the database and this machine differ by ' || skew_ms || ' ms',
	'run chrony or systemd-timesyncd on both machines'
FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint - here_ms AS skew_ms FROM given) measured;

-- name: preflight_pooler
-- A pooler reports a process id that is not the server's.
-- include: given
SELECT CASE WHEN pooled AND prepared THEN 'warn' ELSE 'ok' END,
	CASE WHEN pooled THEN 'a connection pooler; prepared statements are off' ELSE 'none' END,
	'there is a connection pooler, and prepared statements are on',
	'PAYMENTS_PREPARED_STATEMENTS=off, unless it is pgbouncer 1.21 or later with max_prepared_statements set'
FROM (SELECT pg_backend_pid() <> backend_pid AS pooled, prepared FROM given) measured;

-- name: preflight_room
-- include: given
SELECT CASE WHEN wanted > room - others OR wanted > most THEN 'warn' ELSE 'ok' END,
	format('%s workers need up to %s connections of %s, others use %s', workers, wanted, room, others),
	format('%s workers need up to %s connections; %s are allowed, others use %s', workers, wanted,
		least(room, most), others),
	'lower PAYMENTS_DB_CONNECTIONS, or raise max_connections'
FROM given, (
	SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS room,
		(SELECT count(*) FROM pg_stat_activity
		WHERE backend_type = 'client backend' AND usename IS DISTINCT FROM current_user) AS others,
		(SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user) AS most) measured;

-- name: preflight_limits
-- Limits of the role: they hold on every connection, behind a pooler too.
-- include: given
SELECT CASE WHEN now_ms BETWEEN 1 AND most_ms THEN 'ok' ELSE 'warn' END,
	format('%s is %s ms', name, now_ms),
	format('%s is %s: %s', name, CASE now_ms WHEN 0 THEN 'off' ELSE now_ms || ' ms' END, why),
	format('ALTER ROLE %s SET %s = ''%ss'';', role, name, most_ms / 1000)
FROM given, (VALUES
	('lock_timeout', 2000, 'a request may wait for a lock for ever'),
	('statement_timeout', 5000, 'a statement may run after its client has gone'),
	('idle_in_transaction_session_timeout', 60000, 'a worker that hangs keeps its row locks')) wise (name, most_ms, why),
	LATERAL (SELECT setting::int AS now_ms FROM pg_settings s WHERE s.name = wise.name) measured;

-- name: preflight_plans
-- Plans may have been made while the tables were empty: see schema/grants.sql.
-- include: given
SELECT CASE current_setting(name) WHEN 'off' THEN 'ok' ELSE 'warn' END,
	name || ' is off',
	name || ' is on: a plan made for a small table may scan a large one',
	format('ALTER ROLE %s SET %s = off;', role, name)
FROM given, unnest(ARRAY['enable_seqscan', 'enable_hashjoin', 'enable_mergejoin', 'enable_memoize']) AS name;

-- name: preflight_rights
-- As in schema/grants.sql. A missing table is a missing right.
-- include: given
SELECT CASE WHEN granted THEN 'ok' ELSE 'fail' END, what, 'missing: ' || what, format('GRANT %s TO %s;', what, role)
FROM given, (VALUES
	('public.users', 'SELECT', 'id, email, role'),
	('public.events', 'SELECT', ''),
	('public.seats', 'SELECT', ''),
	('public.ticket_types', 'SELECT', ''),
	('public.reservations', 'SELECT', ''),
	('public.reservation_items', 'SELECT', ''),
	('public.reservations', 'INSERT', ''),
	('public.reservation_items', 'INSERT', ''),
	('public.reservations', 'UPDATE', 'status, payment_status, payment_method, expires_at'),
	('public.seats', 'UPDATE', 'status'),
	('public.ticket_types', 'UPDATE', 'available_quantity')) needed (place, privilege, columns),
	LATERAL (SELECT privilege || coalesce(' (' || nullif(columns, '') || ')', '') || ' ON ' || place AS what) named,
	LATERAL (SELECT coalesce(bool_and(CASE one WHEN '' THEN has_table_privilege(to_regclass(place)::oid, privilege)
			ELSE has_column_privilege(to_regclass(place)::oid, one, privilege) END), false) AS granted
		FROM regexp_split_to_table(columns, ', ') one) measured;

-- name: preflight_excess
-- Rights that only a bug would use. A superuser has been warned of already.
-- include: given
SELECT CASE WHEN coalesce(owned, deletable) IS NULL THEN 'ok' ELSE 'warn' END,
	'no right to DELETE from shared tables, owner of none',
	role || coalesce(' owns ' || owned, ' may DELETE from ' || deletable),
	CASE WHEN owned IS NULL THEN format('REVOKE DELETE ON %s FROM %s;', deletable, role)
		ELSE 'payctl migrate --grant payments_service, and connect as that role' END
FROM given, (
	SELECT string_agg(t.name, ', ') FILTER (WHERE has_table_privilege(c.oid, 'DELETE')) AS deletable,
		string_agg(t.name, ', ') FILTER (WHERE pg_has_role(c.relowner, 'MEMBER')) AS owned
	FROM unnest(ARRAY['users', 'events', 'seats', 'ticket_types', 'reservations', 'reservation_items']) t (name)
	JOIN pg_class c ON c.oid = to_regclass('public.' || t.name)
	WHERE NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)) measured;

-- name: preflight_expired
-- The variant of the shared schema.
-- include: given
SELECT 'ok', format('reservations.status %s ''expired'': an expired hold becomes ''%s''',
	CASE WHEN taken THEN 'takes' ELSE 'refuses' END, CASE WHEN taken THEN 'expired' ELSE 'cancelled' END)
FROM (
	SELECT coalesce(bool_and(strpos(pg_get_constraintdef(c.oid), '''expired''') > 0), true) AS taken
	FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attname = 'status'
	WHERE c.conrelid = to_regclass('public.reservations') AND c.contype = 'c'
	  AND c.conkey = ARRAY[a.attnum]) measured;

-- name: preflight_index
-- An index that begins with the columns is enough, and one on all rows, where the proposed one has a predicate.
-- include: given
SELECT CASE WHEN found THEN 'ok' ELSE 'warn' END,
	format('%s (%s)', place, columns),
	format('no index on %s (%s): requests read the whole table', place, columns),
	format('CREATE INDEX CONCURRENTLY %s ON %s (%s)%s;', name, place, columns, predicate)
FROM (VALUES
	('public.reservation_items', 'reservation_id', 'idx_reservation_items_reservation_id', ''),
	('public.reservation_items', 'seat_id', 'idx_reservation_items_seat_id', ''),
	('public.seats', 'event_id, seat_label', 'idx_seats_event_id_seat_label', ''),
	('public.reservations', 'user_id, created_at', 'idx_reservations_user_id_created_at', ''),
	('public.reservations', 'expires_at', 'idx_reservations_pending_expires_at', ' WHERE status = ''pending'''))
	needed (place, columns, name, predicate),
	LATERAL (SELECT EXISTS (
		SELECT FROM pg_index i WHERE i.indrelid = to_regclass(place) AND i.indisvalid
		  AND (i.indpred IS NULL OR predicate <> '')
		  AND (SELECT string_agg(a.attname, ', ' ORDER BY k.place)
			FROM unnest(i.indkey) WITH ORDINALITY k (attnum, place)
			JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum) || ', '
			LIKE columns || ', %') AS found) measured;

-- name: preflight_holds
-- Holds of other services last five minutes. Another length, or a start in the future, means that their sessions
-- use another time zone: we would expire their holds at a wrong time.
-- include: given
SELECT CASE WHEN odd > 0 THEN 'warn' ELSE 'ok' END,
	format('time zone %s; %s holds of other services, about five minutes each', current_setting('TimeZone'), holds),
	format('%s of the last %s holds of other services do not last about five minutes in the time zone %s',
		odd, holds, current_setting('TimeZone')),
	format('ALTER ROLE %s SET TimeZone = ''(as in the other services)'';', role)
FROM given, (
	SELECT count(*) AS holds, count(*) FILTER (
		WHERE expires_at - created_at NOT BETWEEN interval '4 min' AND interval '6 min'
		OR created_at > LOCALTIMESTAMP + interval '1 min') AS odd
	FROM (
		SELECT created_at, expires_at FROM public.reservations r
		WHERE status = 'pending' AND expires_at IS NOT NULL
		  AND NOT EXISTS (SELECT FROM payments.intents i WHERE i.reservation_id = r.id)
		ORDER BY created_at DESC LIMIT 50) recent) measured;
