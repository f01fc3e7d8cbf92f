-- Statements and fragments that several files use.
--
-- Arrays come as (SELECT $n::uuid[]): the planner then cannot see how many elements they have. If it
-- could, a plan for the known values would always look cheaper than the generic one, and PostgreSQL
-- would plan the statement again for every request, which costs about as much as its execution.

-- name: ping
SELECT 1;

-- name: schema_state
-- columns: highest migration applied (0: none)
SELECT coalesce(max(number), 0) FROM payments.schema_versions;

-- name: user_exists
-- $1 user
SELECT EXISTS (SELECT FROM public.users WHERE id = $1);

-- name: batch_patience
-- In a batch a wait for another transaction's uncommitted row would delay all members. The batch
-- gives up early instead, and its members run alone.
SELECT set_config('lock_timeout', '50ms', true);

-- name: lock_wait
-- What a transaction of one member does before lock_rows or claim_lock: it waits for the rows, in the
-- order that all transactions keep (intents, reservations, seats by id). The statement after it
-- decides on nothing that this one has read.
-- $1 intent or NULL (the reservation's newest), $2 reservation or NULL (the intent's),
-- $3 how far: 1 the intent, 2 the reservation, 3 its seats
WITH i AS MATERIALIZED (
	SELECT id, reservation_id FROM payments.intents
	WHERE id = coalesce((SELECT $1::uuid), (
		-- include: newest_intent_of_2
		))
	FOR NO KEY UPDATE
), r AS MATERIALIZED (
	SELECT id FROM public.reservations
	WHERE (SELECT $3::int) >= 2 AND id = coalesce((SELECT $2::uuid), (SELECT reservation_id FROM i))
	  AND (SELECT count(*) FROM i) >= 0
	FOR NO KEY UPDATE
), s AS MATERIALIZED (
	SELECT id FROM public.seats
	WHERE (SELECT $3::int) >= 3 AND id IN (
		SELECT seat_id FROM public.reservation_items WHERE reservation_id = (SELECT id FROM r))
	ORDER BY id FOR NO KEY UPDATE
)
SELECT (SELECT count(*) FROM i) + (SELECT count(*) FROM r) + (SELECT count(*) FROM s);

-- fragment: newest_intent_of_2
SELECT x.id FROM payments.intents x WHERE x.reservation_id = (SELECT $2::uuid)
ORDER BY x.live DESC, x.created_at DESC LIMIT 1

-- fragment: newest_intent
SELECT x.id FROM payments.intents x WHERE x.reservation_id = q.reservation
ORDER BY x.live DESC, x.created_at DESC LIMIT 1

-- name: lock_rows
-- Locks intents, their reservations and the seats of these. What another transaction has locked is
-- NULL, as is what does not exist; the statement that follows counts to tell them apart.
-- $1 intents (NULL: the reservation's newest), $2 reservations (NULL: none)
-- columns (enum in lib/pay/lock.c), a row for each item of a reservation and at least one for each
-- element, in the order of the arrays
SELECT q.place,
	i.id, i.status, i.attempt_id, i.user_id, i.origin, i.charged_krw, i.refund_krw,
	i.settled_at IS NOT NULL,
	r.id, r.reservation_number, r.total_amount, r.status, r.payment_status,
	-- include: left_ms
	,
	t.item, t.seat_id, t.unit_price, s.id, s.seat_label, s.section, s.row_number, s.seat_number, s.status
FROM unnest((SELECT $1::uuid[]), $2::uuid[]) WITH ORDINALITY AS q (intent, reservation, place)
LEFT JOIN LATERAL (
	SELECT id, status, attempt_id, user_id, origin, charged_krw, refund_krw, settled_at
	FROM payments.intents
	WHERE id = coalesce(q.intent, (
		-- include: newest_intent
		))
	FOR NO KEY UPDATE SKIP LOCKED) i ON true
LEFT JOIN LATERAL (
	SELECT id, reservation_number, total_amount, status, payment_status, expires_at
	FROM public.reservations WHERE id = q.reservation
	FOR NO KEY UPDATE SKIP LOCKED) r ON true
LEFT JOIN LATERAL (
	SELECT true AS item, seat_id, unit_price
	FROM public.reservation_items WHERE reservation_id = r.id OFFSET 0) t ON true
LEFT JOIN LATERAL (
	SELECT id, seat_label, section, row_number, seat_number, status
	FROM public.seats WHERE id = t.seat_id
	FOR NO KEY UPDATE SKIP LOCKED) s ON true
ORDER BY q.place, s.section, s.row_number, s.seat_number;

-- What lock_rows would have locked, if no other transaction had.
-- columns: live intents of the reservation, the reservation, its seats
-- fragment: row_counts
(SELECT count(*) FROM payments.intents x WHERE x.reservation_id = q.reservation AND x.live),
(SELECT count(*) FROM public.reservations x WHERE x.id = q.reservation),
(SELECT count(*) FROM public.reservation_items x WHERE x.reservation_id = q.reservation
	AND (SELECT count(*) FROM public.seats s WHERE s.id = x.seat_id) = 1)

-- The reservation's seats that no other live reservation has.
-- fragment: own_seats
(SELECT coalesce(array_agg(t.seat_id), '{}') FROM public.reservation_items t
 WHERE t.reservation_id = q.reservation AND t.seat_id IS NOT NULL AND NOT EXISTS (
	SELECT FROM public.reservation_items x JOIN public.reservations o ON o.id = x.reservation_id
	WHERE x.seat_id = t.seat_id AND o.id <> q.reservation
	  AND (o.status = 'confirmed' OR o.status = 'pending'
		AND (o.expires_at IS NULL OR o.expires_at > clock_timestamp()::timestamp))))

-- How long a hold still lasts, in ms; NULL: it has no deadline. Bounded, because a deadline of
-- 'infinity' cannot be subtracted from.
-- fragment: left_ms
floor(date_part('epoch', greatest(least(r.expires_at, clock_timestamp()::timestamp + interval '30 days'),
	clock_timestamp()::timestamp - interval '30 days') - clock_timestamp()::timestamp) * 1000)::bigint

-- An Idempotency-Key as it stands.
-- columns (enum in lib/pay/payment/idempotency.c)
-- fragment: key_columns
k.fingerprint, k.http, k.body, k.intent_id, k.attempt_id, k.status, k.running

-- fragment: key_lateral
LEFT JOIN LATERAL (
	SELECT k.fingerprint, k.http, k.body, k.intent_id, k.attempt_id, a.status,
		a.lease_until > clock_timestamp() AS running
	FROM payments.idempotency_keys k LEFT JOIN payments.attempts a ON a.id = k.attempt_id
	WHERE k.user_id = q.person AND k.operation = q.operation AND k.key = q.key
	  AND k.expires_at > now()
	LIMIT 1) k ON true

-- name: key_get
-- $1 user, $2 operation, $3 key
-- columns: key_columns
SELECT
	-- include: key_columns
FROM (VALUES ($1::uuid, $2::text, $3::text)) AS q (person, operation, key)
-- include: key_lateral
;

-- A key is written with the first thing that its request records, sorted, so that two batches with
-- the same keys wait for each other in one direction only. A row that stays is another request's.
-- fragment: key_conflict
ON CONFLICT (user_id, operation, key) DO UPDATE
	SET fingerprint = excluded.fingerprint, intent_id = excluded.intent_id,
	    attempt_id = excluded.attempt_id, http = excluded.http, body = excluded.body,
	    created_at = CASE WHEN k.expires_at <= now() THEN now() ELSE k.created_at END,
	    expires_at = CASE WHEN k.expires_at <= now() THEN excluded.expires_at ELSE k.expires_at END
	WHERE k.expires_at <= now() OR k.http IS NULL AND k.fingerprint = excluded.fingerprint
	RETURNING 1

-- A hold ends: the reservations of r, just ended, give back their seats and tickets.
-- fragment: hold_ends
t AS MATERIALIZED (
	SELECT seat_id, ticket_type_id, quantity FROM public.reservation_items
	WHERE reservation_id IN (SELECT id FROM r)
), free AS (
	UPDATE public.seats SET status = 'available'
	WHERE id IN (SELECT seat_id FROM t) AND status = 'locked'
),
-- include: tickets_back

-- fragment: tickets_back
tickets AS (
	UPDATE public.ticket_types y SET available_quantity = y.available_quantity + x.quantity
	FROM (SELECT ticket_type_id, sum(quantity)::int AS quantity FROM t
	      WHERE ticket_type_id IS NOT NULL AND seat_id IS NULL
	      GROUP BY ticket_type_id) x
	WHERE y.id = x.ticket_type_id
)
