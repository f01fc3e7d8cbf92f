-- The janitor's work. Rows are taken with SKIP LOCKED, so that janitors never wait for each other.

-- name: attempts_owners
-- columns: every process that has attempts at a gateway of which no janitor has asked
SELECT DISTINCT owner FROM payments.attempts WHERE status = 'sent' AND look_ups = 0;

-- name: attempts_orphaned
-- $1 process id, known to be dead: the gateway is asked now, not when the leases run out
UPDATE payments.attempts SET next_look_at = clock_timestamp()
WHERE status = 'sent' AND owner = $1 AND look_ups = 0 AND next_look_at > clock_timestamp()
RETURNING id;

-- name: attempts_take
-- $1 most, $2 ms until another janitor may take them
-- columns (enum in lib/pay/janitor/due.c): attempt, attempt, intent, reservation, gateway, amount,
-- questions so far, not-founds so far, its age in ms, NULL
UPDATE payments.attempts a
SET next_look_at = clock_timestamp() + make_interval(secs => $2::int / 1000.0), look_ups = look_ups + 1
WHERE id IN (
	SELECT id FROM payments.attempts
	WHERE status IN ('sent', 'unknown') AND next_look_at <= clock_timestamp()
	ORDER BY next_look_at LIMIT $1::int FOR NO KEY UPDATE SKIP LOCKED)
RETURNING id, id, intent_id, (SELECT i.reservation_id FROM payments.intents i WHERE i.id = a.intent_id),
	gateway, amount_krw, look_ups, not_founds,
	(extract(epoch FROM clock_timestamp() - started_at) * 1000)::bigint, NULL;

-- What may be over. Each is looked at again under its lock: see lib/pay/janitor/expire.c.

-- name: expire_find_due
-- Holds made or adopted here. $1 most
-- columns: reservation
SELECT reservation_id FROM payments.intents
WHERE due_at <= clock_timestamp()::timestamp AND status = 'requires_payment'
ORDER BY due_at LIMIT $1::int;

-- name: expire_find_others
-- Holds that other services made, and that are neither paid nor ended a minute after their time. $1 most
-- columns: reservation
SELECT r.id FROM public.reservations r
WHERE r.status = 'pending' AND r.payment_status = 'pending'
  AND r.expires_at < clock_timestamp()::timestamp - interval '1 minute'
  AND NOT EXISTS (SELECT FROM payments.intents i WHERE i.reservation_id = r.id AND i.live)
ORDER BY r.id LIMIT $1::int;

-- name: expire_find_seats
-- Holds that stand in a buyer's way. $1 seat ids
-- columns: reservation
SELECT DISTINCT r.id FROM public.reservation_items t
JOIN public.reservations r ON r.id = t.reservation_id
WHERE t.seat_id = ANY ((SELECT $1::uuid[])::uuid[])
  AND r.status = 'pending' AND r.payment_status = 'pending'
  AND r.expires_at <= clock_timestamp()::timestamp;

-- name: expire_look
-- $1 reservations
-- columns, a row a reservation: live_intents, row_counts
SELECT
	-- include: live_intents
	,
	-- include: row_counts
FROM unnest((SELECT $1::uuid[])) WITH ORDINALITY AS q (reservation, place)
ORDER BY q.place;

-- name: expire_write
-- $1 reservations to end, $2 intents to close, $3 their statuses after it
WITH r AS (
	UPDATE public.reservations SET status = payments.lapsed_status(), payment_status = 'failed'
	WHERE id = ANY ((SELECT $1::uuid[])::uuid[]) RETURNING id
),
-- include: hold_ends
, i AS (
	UPDATE payments.intents i SET status = q.status, updated_at = clock_timestamp()
	FROM unnest((SELECT $2::uuid[]), $3::text[]) AS q (id, status) WHERE i.id = q.id
	RETURNING i.id, i.status
), e AS (
	INSERT INTO payments.events (intent_id, kind, status) SELECT id, 'expired', status FROM i
)
SELECT payments.expect((SELECT count(*) FROM r) = cardinality($1::uuid[])
	AND (SELECT count(*) FROM i) = cardinality($2::uuid[]), 'expire_write');

-- name: task_take
-- $1 task, $2 seconds until it is due again
-- columns: its position; no row where it is not due, or another janitor has it
UPDATE payments.janitor_tasks SET next_at = clock_timestamp() + make_interval(secs => $2::int)
WHERE name = (SELECT name FROM payments.janitor_tasks WHERE name = $1 AND next_at <= clock_timestamp()
	FOR NO KEY UPDATE SKIP LOCKED)
RETURNING position;

-- name: keys_drop
-- $1 most
DELETE FROM payments.idempotency_keys
WHERE (user_id, operation, key) IN (
	SELECT user_id, operation, key FROM payments.idempotency_keys
	WHERE expires_at <= now() LIMIT $1::int FOR UPDATE SKIP LOCKED);
