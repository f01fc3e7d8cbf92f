-- Bookings: a booking is a reservation, a seat's state is its row in public.seats. On (SELECT $n) see
-- common.sql.

-- name: hold_turn
-- $1 user, $2 performance
-- One buyer's bookings of one performance take turns, so that two at once cannot pass the limit
-- together. No buyer waits for another one here.
SELECT pg_advisory_xact_lock(hashtextextended($1::text || $2::text, 0));

-- name: hold_lock
-- $1 performance, $2 seat ids, $3 seat labels
-- Locks the seats in the order of their ids. A transaction that meets another one's lock fails at once
-- (55P03) and keeps no lock, so one of two rivals always gets through.
-- columns: as hold_look, of the rows as they are locked
-- include: seats_to_hold
ORDER BY s.id FOR NO KEY UPDATE OF s NOWAIT;

-- name: hold_look
-- The seats as they stand, nothing locked: enough to refuse a late buyer.
-- $1 performance, $2 seat ids, $3 seat labels
-- columns, a row a seat: id, label, price, status, is it locked for a hold whose time is over
-- include: seats_to_hold
ORDER BY s.id;

-- fragment: seats_to_hold
SELECT s.id, s.seat_label, s.price, s.status,
	s.status = 'locked' AND EXISTS (
		SELECT FROM public.reservation_items t JOIN public.reservations r ON r.id = t.reservation_id
		WHERE t.seat_id = s.id AND r.status = 'pending' AND r.payment_status = 'pending'
		  AND r.expires_at <= clock_timestamp()::timestamp)
FROM public.seats s
WHERE
-- include: named_seats

-- fragment: named_seats
event_id = (SELECT $1::uuid)
AND (id = ANY ((SELECT $2::uuid[])::uuid[]) OR seat_label = ANY ((SELECT $3::text[])::text[]))

-- name: hold_facts
-- $1 user, $2 performance, $3 seconds of hold
-- columns: user exists, performance found, on sale, seats the user holds or has paid, deadline of a
-- hold made now (in the database's zone), the same on the wire
SELECT EXISTS (SELECT FROM public.users WHERE id = $1),
	e.id IS NOT NULL,
	coalesce(e.status = 'on_sale' AND (e.sale_start_date IS NULL OR e.sale_start_date <= n.now)
		AND (e.sale_end_date IS NULL OR e.sale_end_date > n.now), false),
	(SELECT count(*) FROM public.reservations r
	 JOIN public.reservation_items t ON t.reservation_id = r.id
	 WHERE r.user_id = (SELECT $1::uuid) AND r.event_id = (SELECT $2::uuid) AND t.seat_id IS NOT NULL
	   AND (r.status = 'confirmed'
	        OR r.status = 'pending' AND (r.expires_at IS NULL OR r.expires_at > n.now))),
	n.until, payments.iso(n.until::timestamptz)
FROM (SELECT clock_timestamp()::timestamp AS now,
	date_trunc('milliseconds', clock_timestamp()::timestamp) + make_interval(secs => $3::int) AS until) n
LEFT JOIN public.events e ON e.id = $2;

-- name: hold_rivals
-- Which of these seats are not to be had just now, asked after hold_lock met a lock.
-- $1 performance, $2 seat ids, $3 seat labels
-- columns: label, a row for each seat that is taken, or that another transaction is about to take
WITH w AS MATERIALIZED (
	SELECT id, seat_label, status FROM public.seats
	WHERE
	-- include: named_seats
), s AS MATERIALIZED (
	SELECT id, status FROM public.seats WHERE id IN (SELECT id FROM w)
	ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
)
SELECT w.seat_label FROM w LEFT JOIN s ON s.id = w.id
WHERE s.id IS NULL OR s.status <> 'available'
ORDER BY w.seat_label;

-- name: hold_write
-- $1 reservation, $2 user, $3 performance, $4 number, $5 total, $6 method, $7 deadline, $8 intent,
-- $9 seat ids, $10 their prices, $11 idempotency key or NULL, $12 body, $13 request id, $14 order id,
-- $15 fingerprint or NULL, $16 hours to keep the key
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
	INSERT INTO payments.intents (id, reservation_id, user_id, origin, amount_krw, payment_method,
		status, hold_expires_at, payable_until, order_id)
	VALUES ($8, $1, $2, 'booking', $5, $6, 'requires_payment', $7, $7, $14)
), k AS (
	INSERT INTO payments.idempotency_keys AS k (user_id, operation, key, fingerprint, intent_id,
		attempt_id, http, body, expires_at)
	SELECT $2, 'bookings', $11::text, $15::text, $8, NULL, 201, $12, now() + make_interval(hours => $16::int)
	WHERE $11::text IS NOT NULL
	-- include: key_conflict
), e AS (
	INSERT INTO payments.events (intent_id, kind, status, request_id)
	VALUES ($8, 'opened', 'requires_payment', $13)
)
SELECT payments.expect((SELECT count(*) FROM s) = cardinality($9::uuid[]), 'hold_write'),
	payments.unchanged((SELECT count(*) FROM k) = (SELECT count($11::text)), 'hold_write');

-- name: hold_made
-- $1 reservation
-- columns: it is there (an earlier run, whose COMMIT was never answered, went through)
SELECT EXISTS (SELECT FROM public.reservations WHERE id = $1);

-- name: cancel_look
-- $1 booking, $2 its owner, $3 may act for others (an admin), $4 the asker
-- columns: asker exists, the booking is that owner's, live_intents, row_counts
SELECT EXISTS (SELECT FROM public.users WHERE id = $4),
	EXISTS (SELECT FROM public.reservations r
		WHERE r.id = q.reservation AND (r.user_id = $2 OR $3::boolean)),
	-- include: live_intents
	,
	-- include: row_counts
FROM (VALUES ($1::uuid)) AS q (reservation);

-- name: cancel_write
-- $1 reservation, $2 intent or NULL, $3 request id
-- payment_status stays pending: nothing was paid, nothing failed.
WITH r AS (
	UPDATE public.reservations SET status = 'cancelled' WHERE id = $1 AND status = 'pending' RETURNING id
),
-- include: hold_ends
, i AS (
	UPDATE payments.intents SET status = 'cancelled', updated_at = clock_timestamp()
	WHERE id = $2 AND status = 'requires_payment' RETURNING id
), e AS (
	INSERT INTO payments.events (intent_id, kind, status, request_id)
	SELECT id, 'cancelled', 'cancelled', $3 FROM i
)
SELECT payments.expect((SELECT count(*) FROM r) = 1
	AND (SELECT count(*) FROM i) = CASE WHEN $2 IS NULL THEN 0 ELSE 1 END, 'cancel_write');

-- name: bookings_pages
-- Pages of several askers. Arrays of one length: $1 askers, $2 whose bookings, $3 created before
-- ('infinity': from the newest on), $4 and with a smaller id at that time, $5 most
-- Read in binary form: the types are spelled out.
-- columns, a row a booking, and one with no booking for an empty page: place of the page in the
-- arrays, its asker exists, whose it is, booking, created in the database's zone (the cursor's), then
-- what the wire shows: performance, labels as JSON, quantity, total, method, status, payment status,
-- intent, expires, created, updated
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
-- columns: it exists
SELECT EXISTS (SELECT FROM public.events WHERE id = $1);

-- name: occupied_all
-- $1 performance, $2 the askers, an array
-- Read in binary form: the types are spelled out.
-- columns, a row a taken seat: label, booked, locked until or NULL, the asker whose it is or NULL
-- include: taken_seats
ORDER BY s.section, s.row_number, s.seat_number;

-- name: occupied_some
-- $1 performance, $2 the askers, an array, $3 labels
-- columns: as occupied_all
-- include: taken_seats
  AND s.seat_label = ANY ((SELECT $3::text[])::text[])
ORDER BY s.section, s.row_number, s.seat_number;

-- Whose a sold seat is, is read from the askers' own bookings, not seat by seat: a hall has thousands of
-- sold seats with a history each, but few that are locked at one time. No id but an asker's leaves the
-- server.
-- fragment: taken_seats
WITH own AS MATERIALIZED (
	SELECT t.seat_id FROM public.reservations r
	JOIN public.reservation_items t ON t.reservation_id = r.id
	WHERE r.user_id = ANY ((SELECT $2::uuid[])::uuid[]) AND r.event_id = (SELECT $1::uuid)
	  AND r.status = 'confirmed'
)
SELECT s.seat_label::text, s.status = 'reserved',
	CASE WHEN s.status = 'locked' THEN h.expires_at::timestamptz END,
	CASE WHEN s.status = 'locked'
		THEN CASE WHEN h.user_id = ANY ((SELECT $2::uuid[])::uuid[]) THEN h.user_id END
	     WHEN s.id IN (SELECT seat_id FROM own) THEN (
		SELECT r.user_id FROM public.reservation_items t
		JOIN public.reservations r ON r.id = t.reservation_id
		WHERE t.seat_id = s.id AND r.status = 'confirmed'
		  AND r.user_id = ANY ((SELECT $2::uuid[])::uuid[])
		ORDER BY r.created_at DESC LIMIT 1) END
FROM public.seats s
LEFT JOIN LATERAL (
	SELECT r.user_id, r.expires_at FROM public.reservation_items t
	JOIN public.reservations r ON r.id = t.reservation_id
	WHERE t.seat_id = s.id AND s.status = 'locked' AND r.status IN ('pending', 'confirmed')
	ORDER BY r.created_at DESC LIMIT 1) h ON true
WHERE s.event_id = (SELECT $1::uuid) AND s.status <> 'available'
  AND (s.status = 'reserved' OR h.expires_at IS NULL OR h.expires_at > clock_timestamp()::timestamp)
