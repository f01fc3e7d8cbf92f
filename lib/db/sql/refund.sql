-- Refunds: ordered in one transaction, sent to the gateway with nothing locked, booked in another.

-- name: refund_request_lock
-- $1 intent, $2 the asker, $3 the refund about to be ordered
-- columns: the asker exists, intent found, status, attempt, charged, promised or given back already, this
-- refund is there (an earlier run was committed) and its amount
WITH i AS MATERIALIZED (
	SELECT id, status, attempt_id, charged_krw, refund_krw FROM payments.intents WHERE id = $1
	FOR NO KEY UPDATE
)
SELECT EXISTS (SELECT FROM public.users WHERE id = $2), i.id IS NOT NULL, i.status, i.attempt_id, i.charged_krw,
	i.refund_krw, f.id IS NOT NULL, f.amount_krw
FROM (VALUES (1)) one LEFT JOIN i ON true LEFT JOIN payments.refunds f ON f.id = $3;

-- name: refund_order
-- $1 refund, $2 intent, $3 attempt, $4 amount, $5 reason, $6 note, $7 who asked or NULL, $8 intent's status after,
-- $9 request id, $10 idempotency key or NULL, $11 http, $12 body
-- The intent's CHECK keeps the sum of refunds from exceeding the charge.
WITH f AS (
	INSERT INTO payments.refunds (id, intent_id, attempt_id, amount_krw, reason, note, requested_by)
	VALUES ($1, $2, $3, $4::bigint, $5, $6, $7)
), i AS (
	UPDATE payments.intents SET refund_krw = refund_krw + $4::bigint, status = $8, updated_at = clock_timestamp()
	WHERE id = $2 RETURNING 1
), k AS (
	UPDATE payments.idempotency_keys SET intent_id = $2, http = $11, body = $12
	WHERE user_id = $7 AND operation = 'refund' AND key = $10::text
), e AS (
	INSERT INTO payments.events (intent_id, attempt_id, refund_id, kind, status, detail, request_id)
	VALUES ($2, $3, $1, CASE $5 WHEN 'followed' THEN 'followed' ELSE 'refund_requested' END, $8, $5, $9)
)
SELECT payments.expect((SELECT count(*) FROM i) = 1, 'refund_order');

-- name: refunds_take
-- $1 most, $2 ms until somebody else may take them
-- columns: refund, attempt, gateway, amount, reason, tries
UPDATE payments.refunds f
SET next_try_at = clock_timestamp() + make_interval(secs => $2::int / 1000.0), tries = f.tries + 1
FROM payments.attempts a
WHERE a.id = f.attempt_id AND f.id IN (
	SELECT id FROM payments.refunds
	WHERE status = 'pending' AND next_try_at <= clock_timestamp()
	ORDER BY next_try_at LIMIT $1::int FOR NO KEY UPDATE SKIP LOCKED)
RETURNING f.id, f.attempt_id, a.gateway, f.amount_krw, f.reason, f.tries;

-- name: refund_lock
-- $1 refund
-- columns: intent, attempt, amount, the refund's status; the reservation to end with it or NULL, and which of
-- its seats to free. The reservation ends where it was confirmed by this intent and this refund gives
-- the last of its charge back; seats that were sold on stay with whoever has them.
WITH i AS MATERIALIZED (
	SELECT id, reservation_id, charged_krw, settled_at FROM payments.intents
	WHERE id = (SELECT intent_id FROM payments.refunds WHERE id = $1)
	FOR NO KEY UPDATE
), f AS MATERIALIZED (
	SELECT id, intent_id, attempt_id, amount_krw, status FROM payments.refunds
	WHERE id = $1 AND (SELECT count(*) FROM i) = 1
	FOR NO KEY UPDATE
), whole AS MATERIALIZED (
	SELECT i.reservation_id FROM i
	WHERE i.settled_at IS NOT NULL AND i.charged_krw = (
		SELECT coalesce(sum(x.amount_krw), 0) FROM payments.refunds x
		WHERE x.intent_id = i.id AND (x.status = 'done' OR x.id = $1))
), r AS MATERIALIZED (
	SELECT id FROM public.reservations
	WHERE id = (SELECT reservation_id FROM whole) AND status = 'confirmed' AND payment_status = 'completed'
	FOR NO KEY UPDATE
), s AS MATERIALIZED (
	SELECT id, status FROM public.seats
	WHERE id IN (SELECT seat_id FROM public.reservation_items WHERE reservation_id = (SELECT id FROM r))
	ORDER BY id FOR NO KEY UPDATE
)
SELECT f.intent_id, f.attempt_id, f.amount_krw, f.status, r.id,
	(SELECT coalesce(array_agg(s.id), '{}') FROM s WHERE s.status = 'reserved' AND NOT EXISTS (
		SELECT FROM public.reservation_items t JOIN public.reservations o ON o.id = t.reservation_id
		WHERE t.seat_id = s.id AND o.id <> r.id
		  AND (o.status = 'confirmed'
		       OR o.status = 'pending' AND (o.expires_at IS NULL OR o.expires_at > clock_timestamp()::timestamp))))
FROM f LEFT JOIN r ON true;

-- name: refund_done
-- The gateway gave it back: the reverse pair in the ledger; the intent is refunded when all of its
-- charges are.
-- $1 refund, $2 intent, $3 attempt, $4 amount, $5 reservation to end or NULL, $6 seats to free
WITH f AS (
	UPDATE payments.refunds SET status = 'done', failure_code = NULL, finished_at = clock_timestamp()
	WHERE id = $1 AND status <> 'done' RETURNING 1
), l AS (
	INSERT INTO payments.ledger_entries (intent_id, attempt_id, refund_id, account, amount_krw)
	VALUES ($2, $3, $1, 'CUSTOMER_PAYABLE', -$4::bigint), ($2, $3, $1, 'MERCHANT_BALANCE', $4::bigint)
), r AS (
	UPDATE public.reservations SET status = 'cancelled', payment_status = 'refunded' WHERE id = $5
), s AS (
	UPDATE public.seats SET status = 'available' WHERE id = ANY ((SELECT $6::uuid[])::uuid[]) AND status = 'reserved'
), tickets AS (
	UPDATE public.ticket_types y SET available_quantity = y.available_quantity + q.quantity
	FROM (SELECT ticket_type_id, sum(quantity)::int AS quantity FROM public.reservation_items
	      WHERE reservation_id = $5 AND ticket_type_id IS NOT NULL AND seat_id IS NULL GROUP BY ticket_type_id) q
	WHERE y.id = q.ticket_type_id
), left_over AS (
	SELECT EXISTS (SELECT FROM payments.refunds WHERE intent_id = $2 AND id <> $1 AND status <> 'done') AS pending
), i AS (
	UPDATE payments.intents
	SET status = CASE WHEN status = 'refund_pending' AND refund_krw = charged_krw
			AND NOT (SELECT pending FROM left_over) THEN 'refunded' ELSE status END,
	    updated_at = clock_timestamp()
	WHERE id = $2 RETURNING status
), e AS (
	INSERT INTO payments.events (intent_id, attempt_id, refund_id, kind, status)
	SELECT $2, $3, $1, 'refunded', i.status FROM i
)
SELECT payments.expect((SELECT count(*) FROM f) = 1 AND (SELECT count(*) FROM i) = 1, 'refund_done');

-- name: refund_again
-- Not given back yet: tried again later; where the gateway refused it for good, a person must look.
-- $1 refund, $2 seconds, $3 status (pending or needs_review), $4 code
UPDATE payments.refunds
SET next_try_at = clock_timestamp() + make_interval(secs => $2::int), status = $3, failure_code = $4
WHERE id = $1 AND status = 'pending';
