-- What one claim and one settle would cost as a single statement each, with the same rows written, the
-- same guards and the same answer: the yardstick of claim_at_once and record_at_once with arrays of one. Where it does not
-- apply it could tell a client no more than "not now"; the service's statements say what they found.

-- name: best_claim
-- $1 intent, $2 reservation, $3 user, $4 method, $5 attempt, $6 gateway, $7 lease in ms, $8 owner,
-- $9 idempotency key or NULL, $10 language, $11 request id, $12 margin in ms, $13 order id
WITH r AS (
	SELECT id, total_amount, expires_at FROM public.reservations
	WHERE id = $2 AND user_id = $3 AND status = 'pending' AND payment_status = 'pending'
	  AND (expires_at IS NULL
	       OR expires_at > clock_timestamp()::timestamp + make_interval(secs => $12::int / 1000.0))
	  AND EXISTS (SELECT FROM public.users WHERE id = $3)
	  AND NOT EXISTS (SELECT FROM public.reservation_items t JOIN public.seats s ON s.id = t.seat_id
	                  WHERE t.reservation_id = $2 AND s.status <> 'locked')
	FOR NO KEY UPDATE
), i AS (
	INSERT INTO payments.intents (id, reservation_id, user_id, origin, amount_krw, payment_method, status,
		attempt_id, attempts, hold_expires_at, payable_until, order_id)
	SELECT $1, r.id, $3, 'process', r.total_amount, $4, 'processing', $5, 1, r.expires_at, r.expires_at, $13
	FROM r
	RETURNING id, amount_krw
), a AS (
	INSERT INTO payments.attempts (id, intent_id, n, operation, gateway, payment_method, amount_krw, owner,
		lease_until, next_look_at, idempotency_key, language, request_id)
	SELECT $5, i.id, 1, 'process', $6, $4, i.amount_krw, $8,
		clock_timestamp() + make_interval(secs => $7::int / 1000.0),
		clock_timestamp() + make_interval(secs => $7::int / 1000.0), $9::text, $10, $11
	FROM i
	RETURNING id
), h AS (
	UPDATE public.reservations
	SET expires_at = clock_timestamp()::timestamp + make_interval(secs => $7::int / 1000.0)
	WHERE id = $2 AND expires_at < clock_timestamp()::timestamp + make_interval(secs => $7::int / 1000.0)
), k AS (
	UPDATE payments.idempotency_keys SET intent_id = $1, attempt_id = $5
	WHERE user_id = $3 AND operation = 'process' AND key = $9::text
), e AS (
	INSERT INTO payments.events (intent_id, attempt_id, kind, status, request_id)
	SELECT i.id, $5, 'claimed', 'processing', $11 FROM i
)
SELECT count(*) FROM a;

-- name: best_settle
-- $1 attempt, $2 idempotency key or NULL, $3 http, $4 body, $5 time of payment, $6 request id
WITH a AS (
	UPDATE payments.attempts
	SET status = 'approved', failure_code = NULL, failure_message = NULL, finished_at = $5
	WHERE id = $1 AND status <> 'approved'
	RETURNING id, intent_id, amount_krw, payment_method, operation
), i AS (
	UPDATE payments.intents i
	SET status = 'succeeded', charged_krw = charged_krw + a.amount_krw, settled_at = $5,
	    updated_at = clock_timestamp()
	FROM a WHERE i.id = a.intent_id AND i.attempt_id = a.id AND i.status = 'processing'
	RETURNING i.id, i.reservation_id, i.user_id
), r AS (
	UPDATE public.reservations r
	SET status = 'confirmed', payment_status = 'completed', payment_method = a.payment_method
	FROM i, a WHERE r.id = i.reservation_id AND r.status = 'pending' AND r.payment_status = 'pending'
	RETURNING r.id, r.event_id, r.reservation_number, r.total_amount
), t AS MATERIALIZED (
	SELECT seat_id, unit_price FROM public.reservation_items WHERE reservation_id = (SELECT id FROM r)
), s AS (
	UPDATE public.seats SET status = 'reserved'
	WHERE id IN (SELECT seat_id FROM t) AND status = 'locked'
	RETURNING id, seat_label, section, row_number, seat_number
), l AS (
	INSERT INTO payments.ledger_entries (intent_id, attempt_id, account, amount_krw)
	SELECT a.intent_id, a.id, x.account, x.sign * a.amount_krw
	FROM a, (VALUES ('CUSTOMER_PAYABLE', 1), ('MERCHANT_BALANCE', -1)) AS x (account, sign)
), k AS (
	UPDATE payments.idempotency_keys k SET http = $3, body = $4
	FROM i, a
	WHERE k.user_id = i.user_id AND k.operation = a.operation AND k.key = $2::text
	  AND k.attempt_id = a.id AND k.http IS NULL
), e AS (
	INSERT INTO payments.events (intent_id, attempt_id, kind, status, request_id)
	SELECT a.intent_id, a.id, 'settled', 'succeeded', $6 FROM a
)
SELECT payments.expect((SELECT count(*) FROM s) = (SELECT count(*) FROM t WHERE seat_id IS NOT NULL)
		AND (SELECT count(*) FROM r) = 1, 'best_settle'),
	r.reservation_number, r.total_amount, payments.iso(clock_timestamp()),
	(SELECT json_agg(row_to_json(x)) FROM (
		SELECT s.id, s.seat_label, s.section, s.row_number, s.seat_number, t.unit_price
		FROM s JOIN t ON t.seat_id = s.id ORDER BY s.section, s.row_number, s.seat_number) x),
	(SELECT row_to_json(x) FROM (
		SELECT title, venue, payments.iso(event_date::timestamptz) AS event_date
		FROM public.events WHERE id = r.event_id) x)
FROM r;
