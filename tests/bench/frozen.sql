-- The yardstick of ./dev bench: the service's own statements as they were at commit 3b0c56d, verbatim.
-- (Of their comments, only the parameters are kept.) pgbench runs them against the database to find the
-- limit that a figure is divided by. Never edit this file: the service's statements change, and a ratio
-- stays comparable only over a limit that does not.

-- name: claim_at_once
-- $1 intents, $2 reservations, $3 users, $4 methods, $5 attempts, $6 gateways, $7 leases in ms, $8 languages,
-- $9 request ids, $10 order ids of the next attempts (arrays, an element a claim), $11 process id, $12 margin in ms
WITH q AS MATERIALIZED (
	SELECT * FROM unnest((SELECT $1::uuid[]), $2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::text[], $7::int[],
		$8::text[], $9::text[], $10::uuid[])
		AS q (intent, reservation, person, method, attempt, gateway, lease_ms, language, request, next_order)
), r AS MATERIALIZED (
	SELECT q.*, r.total_amount, r.expires_at, clock_timestamp() + make_interval(secs => lease_ms / 1000.0) AS lease
	FROM q JOIN public.reservations r ON r.id = q.reservation AND r.user_id = q.person
	WHERE r.status = 'pending' AND r.payment_status = 'pending'
	  AND (r.expires_at IS NULL
	       OR r.expires_at > clock_timestamp()::timestamp + make_interval(secs => $12::int / 1000.0))
	FOR NO KEY UPDATE OF r SKIP LOCKED
), n AS (
	INSERT INTO payments.intents (id, reservation_id, user_id, origin, amount_krw, payment_method, status,
		attempt_id, attempts, hold_expires_at, payable_until, order_id)
	SELECT intent, reservation, person, 'process', total_amount, method, 'processing', attempt, 1, expires_at,
		expires_at, next_order
	FROM r
	WHERE (SELECT count(*) FROM public.users WHERE id = r.person) = 1
	  AND (SELECT count(*) FROM payments.intents i WHERE i.reservation_id = r.reservation AND i.live) = 0
	  AND (SELECT count(*) FROM public.reservation_items t JOIN public.seats s ON s.id = t.seat_id
		WHERE t.reservation_id = r.reservation AND s.status <> 'locked') = 0
	ON CONFLICT (reservation_id) WHERE live DO NOTHING
	RETURNING id
), c AS MATERIALIZED (
	SELECT r.* FROM n JOIN r ON r.intent = n.id
), a AS (
	INSERT INTO payments.attempts (id, intent_id, n, operation, gateway, payment_method, amount_krw, owner,
		lease_until, next_look_at, language, request_id)
	SELECT attempt, intent, 1, 'process', gateway, method, total_amount, $11, lease, lease, language, request
	FROM c
), h AS (
	UPDATE public.reservations v SET expires_at = c.lease::timestamp
	FROM c WHERE v.id = c.reservation AND c.expires_at < c.lease::timestamp
), e AS (
	INSERT INTO payments.events (intent_id, attempt_id, kind, status, request_id)
	SELECT intent, attempt, 'claimed', 'processing', request FROM c
)
SELECT intent, total_amount FROM c;

-- name: record_at_once
-- $1 attempts, $2 intents, $3 reservations, $4 methods, $5 amounts, $6 request ids: arrays, arrays
WITH q AS MATERIALIZED (
	SELECT q.*, r.event_id, r.reservation_number
	FROM unnest((SELECT $1::uuid[]), $2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::text[])
		AS q (attempt, intent, reservation, method, amount, request)
	JOIN payments.intents i ON i.id = q.intent
	JOIN public.reservations r ON r.id = q.reservation
	WHERE i.attempt_id = q.attempt AND i.status = 'processing' AND r.status = 'pending' AND r.payment_status = 'pending'
	FOR NO KEY UPDATE OF i, r SKIP LOCKED
), i AS (
	UPDATE payments.intents i
	SET status = 'succeeded', charged_krw = charged_krw + q.amount, settled_at = now(), updated_at = now()
	FROM q WHERE i.id = q.intent
	RETURNING 1
), r AS (
	UPDATE public.reservations r SET status = 'confirmed', payment_status = 'completed', payment_method = q.method
	FROM q WHERE r.id = q.reservation
	RETURNING 1
), t AS MATERIALIZED (
	SELECT q.attempt, t.seat_id, t.unit_price
	FROM q JOIN public.reservation_items t ON t.reservation_id = q.reservation
	ORDER BY t.seat_id
), s AS (
	UPDATE public.seats s SET status = 'reserved'
	FROM t WHERE s.id = t.seat_id AND s.status = 'locked'
	RETURNING t.attempt, s.id, seat_label, section, row_number, seat_number, t.unit_price
), a AS (
	UPDATE payments.attempts a SET status = 'approved', finished_at = now()
	FROM q WHERE a.id = q.attempt AND a.status NOT IN ('approved', 'declined')
	RETURNING 1
), l AS (
	INSERT INTO payments.ledger_entries (intent_id, attempt_id, account, amount_krw)
	SELECT q.intent, q.attempt, x.account, x.sign * q.amount
	FROM q, (VALUES ('CUSTOMER_PAYABLE', 1), ('MERCHANT_BALANCE', -1)) AS x (account, sign)
), e AS (
	INSERT INTO payments.events (intent_id, attempt_id, kind, status, request_id)
	SELECT intent, attempt, 'settled', 'succeeded', request FROM q
), ok AS (
	SELECT payments.unchanged((SELECT count(*) FROM i) = (SELECT count(*) FROM q)
		AND (SELECT count(*) FROM r) = (SELECT count(*) FROM q)
		AND (SELECT count(*) FROM a) = (SELECT count(*) FROM q)
		AND (SELECT count(*) FROM s) = (SELECT count(seat_id) FROM t), 'record_at_once') AS ok
)
SELECT q.attempt, q.reservation_number,
	(SELECT json_agg(row_to_json(x)) FROM (
		SELECT id, seat_label, section, row_number, seat_number, unit_price
		FROM s WHERE s.attempt = q.attempt ORDER BY section, row_number, seat_number) x),
	(SELECT row_to_json(x) FROM (
		SELECT title, venue, payments.iso(event_date::timestamptz) AS event_date
		FROM public.events WHERE id = q.event_id) x),
	payments.iso(now())
FROM q
WHERE (SELECT ok FROM ok);

-- name: hold_turn
-- $1 user, $2 performance
SELECT pg_advisory_xact_lock(hashtextextended($1::text || $2::text, 0));

-- name: hold_facts
-- $1 user, $2 performance, $3 seconds of hold
SELECT EXISTS (SELECT FROM public.users WHERE id = $1),
	e.id IS NOT NULL,
	coalesce(e.status = 'on_sale' AND (e.sale_start_date IS NULL OR e.sale_start_date <= n.now)
		AND (e.sale_end_date IS NULL OR e.sale_end_date > n.now), false),
	(SELECT count(*) FROM public.reservations r JOIN public.reservation_items t ON t.reservation_id = r.id
	 WHERE r.user_id = (SELECT $1::uuid) AND r.event_id = (SELECT $2::uuid) AND t.seat_id IS NOT NULL
	   AND (r.status = 'confirmed'
	        OR r.status = 'pending' AND (r.expires_at IS NULL OR r.expires_at > n.now))),
	n.until, payments.iso(n.until::timestamptz)
FROM (SELECT clock_timestamp()::timestamp AS now,
	date_trunc('milliseconds', clock_timestamp()::timestamp) + make_interval(secs => $3::int) AS until) n
LEFT JOIN public.events e ON e.id = $2;

-- name: hold_look
-- $1 performance, $2 seat ids, $3 seat labels
SELECT s.id, s.seat_label, s.price, s.status,
	s.status = 'locked' AND EXISTS (
		SELECT FROM public.reservation_items t JOIN public.reservations r ON r.id = t.reservation_id
		WHERE t.seat_id = s.id AND r.status = 'pending' AND r.payment_status = 'pending'
		  AND r.expires_at <= clock_timestamp()::timestamp)
FROM public.seats s
WHERE s.event_id = (SELECT $1::uuid)
  AND (s.id = ANY ((SELECT $2::uuid[])::uuid[]) OR s.seat_label = ANY ((SELECT $3::text[])::text[]))
ORDER BY s.id;

-- name: hold_seats
-- $1 performance, $2 seat ids, $3 seat labels
WITH w AS MATERIALIZED (
	SELECT id, seat_label, price, status FROM public.seats
	WHERE event_id = (SELECT $1::uuid)
	  AND (id = ANY ((SELECT $2::uuid[])::uuid[]) OR seat_label = ANY ((SELECT $3::text[])::text[]))
), s AS MATERIALIZED (
	SELECT id, seat_label, price, status FROM public.seats
	WHERE id IN (SELECT id FROM w) AND (SELECT bool_and(status = 'available') FROM w)
	ORDER BY id
	FOR NO KEY UPDATE NOWAIT
)
SELECT w.id, w.seat_label, coalesce(s.price, w.price), coalesce(s.status, w.status),
	w.status = 'locked' AND EXISTS (
		SELECT FROM public.reservation_items t JOIN public.reservations r ON r.id = t.reservation_id
		WHERE t.seat_id = w.id AND r.status = 'pending' AND r.payment_status = 'pending'
		  AND r.expires_at <= clock_timestamp()::timestamp)
FROM w LEFT JOIN s ON s.id = w.id
ORDER BY w.id;

-- name: hold_make
-- $1 reservation, $2 user, $3 performance, $4 number, $5 total, $6 method, $7 deadline, $8 intent,
-- $9 seat ids, $10 their prices, $11 idempotency key or NULL, $12 body, $13 request id, $14 order id
WITH s AS (
	UPDATE public.seats SET status = 'locked'
	WHERE id = ANY ((SELECT $9::uuid[])::uuid[]) AND status = 'available' RETURNING 1
), r AS (
	INSERT INTO public.reservations (id, user_id, event_id, reservation_number, total_amount, status,
		payment_method, payment_status, expires_at)
	VALUES ($1, $2, $3, $4, $5, 'pending', $6, 'pending', $7)
), t AS (
	INSERT INTO public.reservation_items (reservation_id, seat_id, quantity, unit_price, subtotal)
	SELECT $1, x.seat, 1, x.price, x.price FROM unnest($9::uuid[], $10::int[]) AS x (seat, price)
), i AS (
	INSERT INTO payments.intents (id, reservation_id, user_id, origin, amount_krw, payment_method, status,
		hold_expires_at, payable_until, order_id)
	VALUES ($8, $1, $2, 'booking', $5, $6, 'requires_payment', $7, $7, $14)
), k AS (
	UPDATE payments.idempotency_keys SET intent_id = $8, http = 201, body = $12
	WHERE user_id = $2 AND operation = 'bookings' AND key = $11::text
), e AS (
	INSERT INTO payments.events (intent_id, kind, status, request_id) VALUES ($8, 'opened', 'requires_payment', $13)
)
SELECT payments.expect((SELECT count(*) FROM s) = cardinality($9::uuid[]), 'hold_make');

-- name: bookings_pages
-- $1 askers, $2 whose bookings, $3 created before, $4 and with a smaller id at that time, $5 most: arrays
SELECT q.place, u.id IS NOT NULL, b.*
FROM unnest((SELECT $1::uuid[]), (SELECT $2::uuid[]), (SELECT $3::timestamp[]), (SELECT $4::uuid[]), (SELECT $5::int[]))
	WITH ORDINALITY AS q (asker, whose, before, last, most, place)
LEFT JOIN public.users u ON u.id = q.asker
LEFT JOIN LATERAL (
	SELECT r.user_id, r.id, r.created_at::timestamp, r.event_id, t.labels, t.quantity, r.total_amount::bigint,
		r.payment_method::text,
		CASE WHEN r.status = 'pending' AND r.expires_at <= clock_timestamp()::timestamp THEN 'expired'
		     WHEN r.status = 'cancelled' AND i.status = 'expired' THEN 'expired'
		     ELSE r.status::text END,
		r.payment_status::text, i.id, r.expires_at::timestamptz, r.created_at::timestamptz, r.updated_at::timestamptz
	FROM public.reservations r
	LEFT JOIN LATERAL (
		SELECT i.id, i.status FROM payments.intents i WHERE i.reservation_id = r.id
		ORDER BY i.live DESC, i.created_at DESC LIMIT 1) i ON true
	CROSS JOIN LATERAL (
		SELECT coalesce(json_agg(s.seat_label ORDER BY s.section, s.row_number, s.seat_number)
				FILTER (WHERE s.id IS NOT NULL), '[]') AS labels,
			coalesce(sum(x.quantity), 0)::bigint AS quantity
		FROM public.reservation_items x LEFT JOIN public.seats s ON s.id = x.seat_id
		WHERE x.reservation_id = r.id) t
	WHERE r.user_id = q.whose AND (r.created_at, r.id) < (q.before, q.last)
	ORDER BY r.created_at DESC, r.id DESC
	LIMIT q.most) b (user_id, id) ON true;

-- name: occupied_performance
-- $1 performance
SELECT EXISTS (SELECT FROM public.events WHERE id = $1);

-- name: occupied_all
-- $1 performance, $2 the askers, an array
WITH own AS MATERIALIZED (
	SELECT t.seat_id FROM public.reservations r JOIN public.reservation_items t ON t.reservation_id = r.id
	WHERE r.user_id = ANY ((SELECT $2::uuid[])::uuid[]) AND r.event_id = (SELECT $1::uuid) AND r.status = 'confirmed'
)
SELECT s.seat_label::text, s.status = 'reserved',
	CASE WHEN s.status = 'locked' THEN h.expires_at::timestamptz END,
	CASE WHEN s.status = 'locked' THEN CASE WHEN h.user_id = ANY ((SELECT $2::uuid[])::uuid[]) THEN h.user_id END
	     WHEN s.id IN (SELECT seat_id FROM own) THEN (
		SELECT r.user_id FROM public.reservation_items t JOIN public.reservations r ON r.id = t.reservation_id
		WHERE t.seat_id = s.id AND r.status = 'confirmed' AND r.user_id = ANY ((SELECT $2::uuid[])::uuid[])
		ORDER BY r.created_at DESC LIMIT 1) END
FROM public.seats s
LEFT JOIN LATERAL (
	SELECT r.user_id, r.expires_at FROM public.reservation_items t JOIN public.reservations r ON r.id = t.reservation_id
	WHERE t.seat_id = s.id AND s.status = 'locked' AND r.status IN ('pending', 'confirmed')
	ORDER BY r.created_at DESC LIMIT 1) h ON true
WHERE s.event_id = (SELECT $1::uuid) AND s.status <> 'available'
  AND (s.status = 'reserved' OR h.expires_at IS NULL OR h.expires_at > clock_timestamp()::timestamp)
ORDER BY s.section, s.row_number, s.seat_number;
