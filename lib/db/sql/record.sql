-- Record: what the gateway said of an attempt becomes the state of the attempt, its intent, its
-- reservation and its seats, in one transaction: record_lock locks and reads, one of the others writes.
-- Locks are taken in the order intents -> reservations -> seats by id.
--
-- Seat ids come as (SELECT $n::uuid[]): the planner then cannot see how many they are. Where it can, each
-- plan for known values looks cheaper than the generic one, and PostgreSQL plans the statement anew for
-- every payment, which costs about as much as carrying it out.

-- An attempt is looked up by its id alone, so its status is asked for as NOT IN: what implies the predicate
-- of attempts_due would let the planner read all open attempts for it.

-- name: record_at_once
-- The ordinary ends of payments, in one trip: approved, and everything stands as the requests' own claims left
-- it. A payment of which anything else stands, or is locked by somebody else, is left out; where what was not
-- locked has changed meanwhile, the statement fails as a conflict and nothing is written.
-- $1 attempts, $2 intents, $3 reservations, $4 methods, $5 amounts, $6 request ids: arrays, an element for each
-- columns: attempt, reservation number, seats and event as JSON, time of payment; a row for each that was settled
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

-- name: record_lock
-- $1 attempt
-- columns: see enum record_column in lib/pay/payment/settle_row.c
WITH a AS MATERIALIZED (
	SELECT * FROM payments.attempts WHERE id = $1
), i AS MATERIALIZED (
	SELECT id, reservation_id, user_id, status, attempt_id, attempts
	FROM payments.intents WHERE id = (SELECT intent_id FROM a)
	FOR NO KEY UPDATE
), r AS MATERIALIZED (
	SELECT id, event_id, reservation_number, total_amount, status, payment_status
	FROM public.reservations WHERE id = (SELECT reservation_id FROM i)
	FOR NO KEY UPDATE
), t AS MATERIALIZED (
	SELECT seat_id, unit_price
	FROM public.reservation_items WHERE reservation_id = (SELECT id FROM r)
), s AS MATERIALIZED (
	SELECT id, seat_label, section, row_number, seat_number, status
	FROM public.seats WHERE id IN (SELECT seat_id FROM t)
	ORDER BY id
	FOR NO KEY UPDATE
)
SELECT a.intent_id, a.operation, a.gateway, a.amount_krw, a.payment_method, a.idempotency_key, a.language,
	a.request_id,
	i.user_id, i.status, i.attempt_id, i.attempts,
	r.id, r.reservation_number, r.total_amount, r.status, r.payment_status,
	(SELECT count(*) FROM t WHERE seat_id IS NULL),
	(SELECT count(*) FROM t WHERE seat_id IS NOT NULL),
	(SELECT count(*) FROM s WHERE status = 'locked'),
	(SELECT count(*) FROM s WHERE status = 'available'),
	(SELECT coalesce(array_agg(id), '{}') FROM s),
	(SELECT json_agg(row_to_json(x)) FROM (
		SELECT s.id, s.seat_label, s.section, s.row_number, s.seat_number, t.unit_price
		FROM s JOIN t ON t.seat_id = s.id ORDER BY s.section, s.row_number, s.seat_number) x),
	(SELECT row_to_json(x) FROM (
		SELECT title, venue, payments.iso(event_date::timestamptz) AS event_date
		FROM public.events WHERE id = r.event_id) x),
	coalesce((SELECT status = 'cancelled' FROM public.events WHERE id = r.event_id), false),
	payments.iso(clock_timestamp())
FROM i CROSS JOIN a LEFT JOIN r ON true;

-- name: record_attempt_lock
-- $1 attempt
-- columns: its status, certain to be fresh; failure code and message, when it was finished
SELECT status, failure_code, failure_message, payments.iso(finished_at) FROM payments.attempts WHERE id = $1 FOR NO KEY UPDATE;

-- name: record_settle
-- Approved, and the reservation is ours to confirm ($12 'locked': the hold stands; 'available': it was
-- lost and is taken back).
-- $1 attempt, $2 intent, $3 reservation, $4 method, $5 seat ids, $6 amount, $7 user, $8 operation,
-- $9 idempotency key or NULL, $10 http, $11 body, $12 the seats' status now, $13 time of payment,
-- $14 request id, $15 event kind
WITH r AS (
	UPDATE public.reservations SET status = 'confirmed', payment_status = 'completed', payment_method = $4
	WHERE id = $3 RETURNING 1
), s AS (
	UPDATE public.seats SET status = 'reserved'
	WHERE id = ANY ((SELECT $5::uuid[])::uuid[]) AND status = $12 RETURNING 1
), a AS (
	UPDATE payments.attempts
	SET status = 'approved', failure_code = NULL, failure_message = NULL, finished_at = $13
	WHERE id = $1 AND status <> 'approved' RETURNING 1
), i AS (
	UPDATE payments.intents
	SET status = 'succeeded', attempt_id = $1, charged_krw = charged_krw + $6::bigint, settled_at = $13,
	    updated_at = clock_timestamp()
	WHERE id = $2 RETURNING 1
), l AS (
	INSERT INTO payments.ledger_entries (intent_id, attempt_id, account, amount_krw)
	VALUES ($2, $1, 'CUSTOMER_PAYABLE', $6::bigint), ($2, $1, 'MERCHANT_BALANCE', -$6::bigint)
), k AS (
	UPDATE payments.idempotency_keys SET http = $10, body = $11
	WHERE user_id = $7 AND operation = $8 AND key = $9::text AND attempt_id = $1 AND http IS NULL
), e AS (
	INSERT INTO payments.events (intent_id, attempt_id, kind, status, request_id)
	VALUES ($2, $1, $15, 'succeeded', $14)
)
SELECT payments.expect((SELECT count(*) FROM s) = cardinality($5::uuid[]) AND (SELECT count(*) FROM r) = 1
	AND (SELECT count(*) FROM a) = 1 AND (SELECT count(*) FROM i) = 1, 'record_settle');

-- name: record_refund
-- Approved, but the reservation is lost: the charge is booked and its refund ordered at once.
-- $1 attempt, $2 intent, $3 refund, $4 reason, $5 intent's status after, $6 amount, $7 user, $8 operation,
-- $9 idempotency key or NULL, $10 http, $11 body, $12 time, $13 request id
WITH a AS (
	UPDATE payments.attempts
	SET status = 'approved', failure_code = NULL, failure_message = NULL, finished_at = $12
	WHERE id = $1 AND status <> 'approved' RETURNING 1
), i AS (
	UPDATE payments.intents
	SET status = $5, charged_krw = charged_krw + $6::bigint, refund_krw = refund_krw + $6::bigint,
	    updated_at = clock_timestamp()
	WHERE id = $2 RETURNING 1
), f AS (
	INSERT INTO payments.refunds (id, intent_id, attempt_id, amount_krw, reason)
	VALUES ($3, $2, $1, $6::bigint, $4)
), l AS (
	INSERT INTO payments.ledger_entries (intent_id, attempt_id, account, amount_krw)
	VALUES ($2, $1, 'CUSTOMER_PAYABLE', $6::bigint), ($2, $1, 'MERCHANT_BALANCE', -$6::bigint)
), k AS (
	UPDATE payments.idempotency_keys SET http = $10, body = $11
	WHERE user_id = $7 AND operation = $8 AND key = $9::text AND attempt_id = $1 AND http IS NULL
), e AS (
	INSERT INTO payments.events (intent_id, attempt_id, refund_id, kind, status, detail, request_id)
	VALUES ($2, $1, $3, 'lost', $5, $4, $13)
)
SELECT payments.expect((SELECT count(*) FROM a) = 1 AND (SELECT count(*) FROM i) = 1, 'record_refund');

-- name: record_decline
-- Declined; the reservation stays payable until its hold's own deadline, or a grace from now where that
-- is later, never past the deadline + the greatest grace. $5 is the intent's status after it:
-- requires_payment, or what became of the reservation meanwhile.
-- $1 attempt, $2 intent, $3 reservation, $4 time, $5 status, $6 code, $7 message, $8 user, $9 operation,
-- $10 idempotency key or NULL, $11 http, $12 body, $13 request id, $14 grace in s, $15 greatest grace in s
WITH d AS (
	SELECT least(greatest(hold_expires_at, clock_timestamp()::timestamp + make_interval(secs => $14::int)),
		hold_expires_at + make_interval(secs => $15::int)) AS until
	FROM payments.intents WHERE id = $2 AND hold_expires_at IS NOT NULL
), r AS (
	UPDATE public.reservations SET expires_at = d.until FROM d
	WHERE id = $3 AND status = 'pending' AND payment_status = 'pending' AND expires_at IS DISTINCT FROM d.until
), a AS (
	UPDATE payments.attempts SET status = 'declined', failure_code = $6, failure_message = $7, finished_at = $4
	WHERE id = $1 AND status NOT IN ('approved', 'declined') RETURNING 1
), i AS (
	UPDATE payments.intents SET status = $5, payable_until = (SELECT until FROM d), updated_at = clock_timestamp()
	WHERE id = $2 AND attempt_id = $1 RETURNING 1
), k AS (
	UPDATE payments.idempotency_keys SET http = $11, body = $12
	WHERE user_id = $8 AND operation = $9 AND key = $10::text AND attempt_id = $1 AND http IS NULL
), e AS (
	INSERT INTO payments.events (intent_id, attempt_id, kind, status, detail, request_id)
	VALUES ($2, $1, 'declined', $5, $6, $13)
)
SELECT payments.expect((SELECT count(*) FROM a) = 1 AND (SELECT count(*) FROM i) = 1, 'record_decline');

-- name: record_cancel
-- Declined, and the booking goes with it (execute): cancelled, its seats freed, tickets given back.
-- $1 attempt, $2 intent, $3 reservation, $4 time, $5 seat ids, $6 code, $7 message, $8 user, $9 operation,
-- $10 idempotency key or NULL, $11 http, $12 body, $13 request id
WITH r AS (
	UPDATE public.reservations SET status = 'cancelled', payment_status = 'failed'
	WHERE id = $3 AND status = 'pending' AND payment_status = 'pending' RETURNING id
), s AS (
	UPDATE public.seats SET status = 'available'
	WHERE id = ANY ((SELECT $5::uuid[])::uuid[]) AND status = 'locked' AND EXISTS (SELECT FROM r)
), q AS (
	UPDATE public.ticket_types y SET available_quantity = y.available_quantity + t.quantity
	FROM (SELECT ticket_type_id, sum(quantity)::int AS quantity FROM public.reservation_items
	      WHERE reservation_id = (SELECT id FROM r) AND ticket_type_id IS NOT NULL AND seat_id IS NULL
	      GROUP BY ticket_type_id) t
	WHERE y.id = t.ticket_type_id
), a AS (
	UPDATE payments.attempts SET status = 'declined', failure_code = $6, failure_message = $7, finished_at = $4
	WHERE id = $1 AND status NOT IN ('approved', 'declined') RETURNING 1
), i AS (
	UPDATE payments.intents SET status = 'failed', updated_at = clock_timestamp()
	WHERE id = $2 AND attempt_id = $1 RETURNING 1
), k AS (
	UPDATE payments.idempotency_keys SET http = $11, body = $12
	WHERE user_id = $8 AND operation = $9 AND key = $10::text AND attempt_id = $1 AND http IS NULL
), e AS (
	INSERT INTO payments.events (intent_id, attempt_id, kind, status, detail, request_id)
	VALUES ($2, $1, 'declined', 'failed', $6, $13)
)
SELECT payments.expect((SELECT count(*) FROM a) = 1 AND (SELECT count(*) FROM i) = 1, 'record_cancel');

-- name: record_unknown
-- No answer that proves anything: the hold lasts as long as the attempt is open, and the janitor looks
-- it up after $5 seconds.
-- $1 attempt, $2 intent, $3 reservation, $4 code, $5 seconds, $6 not-founds to add, $7 request id,
-- $8 lease in ms (kept beyond the look-up)
WITH a AS (
	UPDATE payments.attempts
	SET status = 'unknown', failure_code = $4, not_founds = not_founds + $6::int,
	    next_look_at = clock_timestamp() + make_interval(secs => $5::int)
	WHERE id = $1 AND status NOT IN ('approved', 'declined') RETURNING 1
), i AS (
	UPDATE payments.intents SET status = 'unknown', updated_at = clock_timestamp()
	WHERE id = $2 AND attempt_id = $1 RETURNING 1
), h AS (
	UPDATE public.reservations
	SET expires_at = clock_timestamp()::timestamp + make_interval(secs => $5::int + $8::int / 1000.0)
	WHERE id = $3 AND status = 'pending' AND payment_status = 'pending'
	  AND expires_at < clock_timestamp()::timestamp + make_interval(secs => $5::int + $8::int / 1000.0)
), e AS (
	INSERT INTO payments.events (intent_id, attempt_id, kind, status, detail, request_id)
	VALUES ($2, $1, 'unknown', 'unknown', $4, $7)
)
SELECT payments.expect((SELECT count(*) FROM a) = 1 AND (SELECT count(*) FROM i) = 1, 'record_unknown');

-- name: intent_show
-- $1 intent, $2 user, $3 is admin
-- columns: user exists, id, reservation, amount, method, status, attempts as JSON, created, updated, order id
-- of the next attempt (only while there may be one)
SELECT EXISTS (SELECT FROM public.users WHERE id = $2), i.id, i.reservation_id, i.amount_krw, i.payment_method,
	CASE i.status WHEN 'unknown' THEN 'processing' ELSE i.status END,
	(SELECT coalesce(json_agg(row_to_json(x)), '[]') FROM (
		SELECT a.n, CASE a.status WHEN 'sent' THEN 'processing' WHEN 'unknown' THEN 'processing' ELSE a.status END AS status,
			CASE WHEN a.status = 'declined' THEN a.failure_code END AS "failureCode",
			payments.iso(a.started_at) AS "startedAt", payments.iso(a.finished_at) AS "finishedAt"
		FROM payments.attempts a WHERE a.intent_id = i.id ORDER BY a.n) x),
	payments.iso(i.created_at), payments.iso(i.updated_at),
	CASE i.status WHEN 'requires_payment' THEN i.order_id END
FROM (VALUES (1)) one
LEFT JOIN payments.intents i ON i.id = $1 AND (i.user_id = $2 OR $3::boolean);
