-- What time brings about. Rows are taken FOR UPDATE SKIP LOCKED, so that janitors never wait for each other.

-- name: attempts_owners
-- columns: every process that has attempts at a gateway and not looked up yet
SELECT DISTINCT owner FROM payments.attempts WHERE status = 'sent' AND look_ups = 0;

-- name: attempts_orphaned
-- $1 owner, known to be dead: its attempts are looked up now, not when their lease runs out
UPDATE payments.attempts SET next_look_at = clock_timestamp()
WHERE status = 'sent' AND owner = $1 AND look_ups = 0 AND next_look_at > clock_timestamp()
RETURNING id;

-- name: attempts_take
-- $1 most, $2 ms until somebody else may take them
-- columns: attempt, gateway, look-ups so far, not-founds so far, its age in ms, its amount
UPDATE payments.attempts
SET next_look_at = clock_timestamp() + make_interval(secs => $2::int / 1000.0), look_ups = look_ups + 1
WHERE id IN (
	SELECT id FROM payments.attempts
	WHERE status IN ('sent', 'unknown') AND next_look_at <= clock_timestamp()
	ORDER BY next_look_at LIMIT $1::int FOR NO KEY UPDATE SKIP LOCKED)
RETURNING id, gateway, look_ups, not_founds, (extract(epoch FROM clock_timestamp() - started_at) * 1000)::bigint,
	amount_krw;

-- name: expire_due
-- Holds made or adopted here whose time is over. $1 most, $2 also end reservations that others made
-- columns: intents expired
WITH i AS MATERIALIZED (
	SELECT id, reservation_id, origin FROM payments.intents
	WHERE due_at <= clock_timestamp()::timestamp AND status = 'requires_payment'
	ORDER BY due_at LIMIT $1::int FOR NO KEY UPDATE SKIP LOCKED
), r AS MATERIALIZED (
	SELECT id, status, payment_status, expires_at FROM public.reservations
	WHERE id IN (SELECT reservation_id FROM i)
	ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
), over AS MATERIALIZED (
	-- the reservation is locked, and over: lapsed now, or ended by somebody else before
	SELECT i.id AS intent_id, r.id AS reservation_id, r.status,
		r.status = 'pending' AND r.payment_status = 'pending' AND r.expires_at <= clock_timestamp()::timestamp
			AND (i.origin = 'booking' OR $2::boolean) AS lapsed
	FROM i JOIN r ON r.id = i.reservation_id
	WHERE r.status <> 'pending' OR r.payment_status <> 'pending' OR r.expires_at <= clock_timestamp()::timestamp
), t AS MATERIALIZED (
	SELECT seat_id, ticket_type_id, quantity FROM public.reservation_items
	WHERE reservation_id IN (SELECT reservation_id FROM over WHERE lapsed)
), s AS MATERIALIZED (
	SELECT id FROM public.seats WHERE id IN (SELECT seat_id FROM t) AND status = 'locked'
	ORDER BY id FOR NO KEY UPDATE
), free AS (
	UPDATE public.seats SET status = 'available' WHERE id IN (SELECT id FROM s) AND status = 'locked'
), tickets AS (
	UPDATE public.ticket_types y SET available_quantity = y.available_quantity + q.quantity
	FROM (SELECT ticket_type_id, sum(quantity)::int AS quantity FROM t
	      WHERE ticket_type_id IS NOT NULL AND seat_id IS NULL GROUP BY ticket_type_id) q
	WHERE y.id = q.ticket_type_id
), ended AS (
	UPDATE public.reservations SET status = payments.lapsed_status(), payment_status = 'failed'
	WHERE id IN (SELECT reservation_id FROM over WHERE lapsed)
), done AS (
	UPDATE payments.intents
	SET status = CASE WHEN o.status = 'cancelled' THEN 'cancelled' ELSE 'expired' END, updated_at = clock_timestamp()
	FROM over o WHERE intents.id = o.intent_id
	RETURNING intents.id, intents.status
), e AS (
	INSERT INTO payments.events (intent_id, kind, status) SELECT id, 'expired', status FROM done
)
SELECT count(*) FROM done;

-- name: expire_foreign
-- Holds that others made and nobody has paid or ended a minute after their time. $1 most
-- columns: reservations ended
WITH r AS MATERIALIZED (
	SELECT r.id FROM public.reservations r
	WHERE r.status = 'pending' AND r.payment_status = 'pending'
	  AND r.expires_at < clock_timestamp()::timestamp - interval '1 minute'
	  AND NOT EXISTS (SELECT FROM payments.intents i WHERE i.reservation_id = r.id AND i.live)
	ORDER BY r.id LIMIT $1::int FOR NO KEY UPDATE SKIP LOCKED
), t AS MATERIALIZED (
	SELECT seat_id, ticket_type_id, quantity FROM public.reservation_items
	WHERE reservation_id IN (SELECT id FROM r)
), s AS MATERIALIZED (
	SELECT id FROM public.seats WHERE id IN (SELECT seat_id FROM t) AND status = 'locked'
	ORDER BY id FOR NO KEY UPDATE
), free AS (
	UPDATE public.seats SET status = 'available' WHERE id IN (SELECT id FROM s) AND status = 'locked'
), tickets AS (
	UPDATE public.ticket_types y SET available_quantity = y.available_quantity + q.quantity
	FROM (SELECT ticket_type_id, sum(quantity)::int AS quantity FROM t
	      WHERE ticket_type_id IS NOT NULL AND seat_id IS NULL GROUP BY ticket_type_id) q
	WHERE y.id = q.ticket_type_id
), ended AS (
	UPDATE public.reservations SET status = payments.lapsed_status(), payment_status = 'failed'
	WHERE id IN (SELECT id FROM r) RETURNING 1
)
SELECT count(*) FROM ended;

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
