-- Refunds: ordered in one transaction, sent to the gateway with nothing locked, booked in another.

-- name: refund_request_look
-- $1 the asker or NULL, $2 the refund about to be ordered, $3 operation, $4 key or NULL
-- columns: the asker exists, this refund is there (an earlier run was committed), its amount,
-- key_columns
SELECT EXISTS (SELECT FROM public.users u WHERE u.id = q.person), f.id IS NOT NULL, f.amount_krw,
	-- include: key_columns
FROM (VALUES ($1::uuid, $2::uuid, $3::text, $4::text)) AS q (person, refund, operation, key)
LEFT JOIN payments.refunds f ON f.id = q.refund
-- include: key_lateral
;

-- name: refund_order
-- $1 refund, $2 intent, $3 attempt, $4 amount, $5 reason, $6 note, $7 user or NULL, $8 intent's status
-- after it, $9 request id, $10 idempotency key or NULL, $11 http, $12 body, $13 fingerprint or NULL,
-- $14 hours to keep the key
-- The intent's CHECK keeps the sum of refunds from exceeding the charge.
WITH f AS (
	INSERT INTO payments.refunds (id, intent_id, attempt_id, amount_krw, reason, note, requested_by)
	VALUES ($1, $2, $3, $4::bigint, $5, $6, $7)
), i AS (
	UPDATE payments.intents
	SET refund_krw = refund_krw + $4::bigint, status = $8, updated_at = clock_timestamp()
	WHERE id = $2 RETURNING 1
), k AS (
	INSERT INTO payments.idempotency_keys AS k (user_id, operation, key, fingerprint, intent_id,
		attempt_id, http, body, expires_at)
	SELECT $7, 'refund', $10::text, $13::text, $2, NULL, $11::smallint, $12,
		now() + make_interval(hours => $14::int)
	WHERE $10::text IS NOT NULL
	-- include: key_conflict
), e AS (
	INSERT INTO payments.events (intent_id, attempt_id, refund_id, kind, status, detail, request_id)
	VALUES ($2, $3, $1, CASE $5 WHEN 'followed' THEN 'followed' ELSE 'refund_requested' END, $8, $5, $9)
)
SELECT payments.expect((SELECT count(*) FROM i) = 1, 'refund_order'),
	payments.unchanged((SELECT count(*) FROM k) = (SELECT count($10::text)), 'refund_order');

-- name: refunds_take
-- $1 most, $2 ms until another janitor may take them
-- columns: as attempts_take: refund, attempt, intent, reservation, gateway, amount, tries, NULL, NULL,
-- reason
UPDATE payments.refunds f
SET next_try_at = clock_timestamp() + make_interval(secs => $2::int / 1000.0), tries = f.tries + 1
FROM payments.attempts a
WHERE a.id = f.attempt_id AND f.id IN (
	SELECT id FROM payments.refunds
	WHERE status = 'pending' AND next_try_at <= clock_timestamp()
	ORDER BY next_try_at LIMIT $1::int FOR NO KEY UPDATE SKIP LOCKED)
RETURNING f.id, f.attempt_id, f.intent_id,
	(SELECT i.reservation_id FROM payments.intents i WHERE i.id = f.intent_id),
	a.gateway, f.amount_krw, f.tries, NULL, NULL, f.reason;

-- name: refund_look
-- $1 refund, $2 reservation
-- columns: its status, what other refunds of the intent have given back, whether one of them is not
-- done, the seats that no other live reservation has, row_counts
SELECT f.status,
	(SELECT coalesce(sum(x.amount_krw), 0)::bigint FROM payments.refunds x
	 WHERE x.intent_id = f.intent_id AND x.status = 'done' AND x.id <> f.id),
	EXISTS (SELECT FROM payments.refunds x
		WHERE x.intent_id = f.intent_id AND x.status <> 'done' AND x.id <> f.id),
	-- include: own_seats
	,
	-- include: row_counts
FROM payments.refunds f, (VALUES ($2::uuid)) AS q (reservation)
WHERE f.id = $1;

-- name: refund_done
-- The gateway gave it back: the reverse pair in the ledger.
-- $1 refund, $2 intent, $3 attempt, $4 amount, $5 reservation to end or NULL, $6 seats to free,
-- $7 intent's status after it
WITH f AS (
	UPDATE payments.refunds
	SET status = 'done', failure_code = NULL, finished_at = clock_timestamp()
	WHERE id = $1 AND status <> 'done' RETURNING 1
), l AS (
	INSERT INTO payments.ledger_entries (intent_id, attempt_id, refund_id, account, amount_krw)
	VALUES ($2, $3, $1, 'CUSTOMER_PAYABLE', -$4::bigint), ($2, $3, $1, 'MERCHANT_BALANCE', $4::bigint)
), r AS (
	UPDATE public.reservations SET status = 'cancelled', payment_status = 'refunded'
	WHERE id = $5 RETURNING id
), t AS MATERIALIZED (
	SELECT seat_id, ticket_type_id, quantity FROM public.reservation_items
	WHERE reservation_id IN (SELECT id FROM r)
), s AS (
	UPDATE public.seats SET status = 'available'
	WHERE id = ANY ((SELECT $6::uuid[])::uuid[]) AND status = 'reserved' AND (SELECT count(*) FROM r) = 1
),
-- include: tickets_back
, i AS (
	UPDATE payments.intents SET status = $7, updated_at = clock_timestamp() WHERE id = $2 RETURNING 1
), e AS (
	INSERT INTO payments.events (intent_id, attempt_id, refund_id, kind, status)
	VALUES ($2, $3, $1, 'refunded', $7)
)
SELECT payments.expect((SELECT count(*) FROM f) = 1 AND (SELECT count(*) FROM i) = 1, 'refund_done');

-- name: refund_delay
-- Not given back yet: tried again later. If the gateway refused it for good, a person must decide.
-- $1 refund, $2 seconds, $3 status (pending or needs_review), $4 code
UPDATE payments.refunds
SET next_try_at = clock_timestamp() + make_interval(secs => $2::int), status = $3, failure_code = $4
WHERE id = $1 AND status = 'pending';
