-- Settle: what the gateway said of an attempt becomes the state of the attempt, its intent, its
-- reservation and its seats. lock_rows, settle_look, then one statement for each kind of verdict, with
-- COMMIT; lib/pay/payment/settle.c decides. Arrays have an element for each settlement.
--
-- An attempt is found by its id alone. Its status is asked for as NOT IN: a condition that implies
-- the predicate of attempts_due would let the planner read all open attempts for it.

-- name: settle_look
-- $1 attempts, $2 reservations
-- columns (enum look_column in lib/pay/payment/settle.c), a row for each settlement
SELECT q.place, a.operation, a.gateway, a.amount_krw, a.payment_method, a.idempotency_key, a.language,
	a.request_id, a.status, a.failure_code, a.failure_message, payments.iso(a.finished_at),
	-- include: row_counts
	,
	e.title, e.venue, payments.iso(e.event_date::timestamptz), coalesce(e.status = 'cancelled', false),
	payments.iso(statement_timestamp())
FROM unnest((SELECT $1::uuid[]), $2::uuid[]) WITH ORDINALITY AS q (attempt, reservation, place)
LEFT JOIN LATERAL (SELECT * FROM payments.attempts WHERE id = q.attempt LIMIT 1) a ON true
LEFT JOIN LATERAL (
	SELECT title, venue, event_date, status FROM public.events
	WHERE id = (SELECT r.event_id FROM public.reservations r WHERE r.id = q.reservation)
	LIMIT 1) e ON true
ORDER BY q.place;

-- The settlements of one kind of verdict.
-- $1 attempts, $2 intents, $3 reservations, $4 statuses of the intents after it, $5 methods, $6 amounts,
-- $7 event kinds, $8 failure codes or refund reasons, $9 messages, $10 refunds or NULL, $11 request ids,
-- $12 times, $13 users, $14 operations, $15 keys or NULL, $16 http, $17 bodies or NULL: arrays;
-- $18 of settle_confirm: all their seats; $18, $19 of settle_decline: grace, greatest grace, in s
-- fragment: settle_members
q AS MATERIALIZED (
	SELECT * FROM unnest((SELECT $1::uuid[]), $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::bigint[],
		$7::text[], $8::text[], $9::text[], $10::uuid[], $11::text[], $12::timestamptz[], $13::uuid[],
		$14::text[], $15::text[], $16::smallint[], $17::text[])
		AS q (attempt, intent, reservation, status, method, amount, kind, detail, message, refund,
			request, at, person, operation, key, http, body)
), e AS (
	INSERT INTO payments.events (intent_id, attempt_id, refund_id, kind, status, detail, request_id)
	SELECT intent, attempt, refund, kind, status, detail, request FROM q
), k AS (
	-- the answer that a key keeps
	UPDATE payments.idempotency_keys k SET http = q.http, body = q.body
	FROM q WHERE k.user_id = q.person AND k.operation = q.operation AND k.key = q.key
	  AND k.attempt_id = q.attempt AND k.http IS NULL
)

-- fragment: approved
a AS (
	UPDATE payments.attempts a
	SET status = 'approved', failure_code = NULL, failure_message = NULL, finished_at = q.at
	FROM q WHERE a.id = q.attempt AND a.status <> 'approved' RETURNING 1
), l AS (
	INSERT INTO payments.ledger_entries (intent_id, attempt_id, account, amount_krw)
	SELECT q.intent, q.attempt, x.account, x.sign * q.amount
	FROM q, (VALUES ('CUSTOMER_PAYABLE', 1), ('MERCHANT_BALANCE', -1)) AS x (account, sign)
)

-- fragment: declined
a AS (
	UPDATE payments.attempts a
	SET status = 'declined', failure_code = q.detail, failure_message = q.message, finished_at = q.at
	FROM q WHERE a.id = q.attempt AND a.status NOT IN ('approved', 'declined') RETURNING 1
)

-- fragment: all_settled
SELECT payments.expect((SELECT count(*) FROM a) = cardinality($1::uuid[])
	AND (SELECT count(*) FROM i) = cardinality($1::uuid[]), 'settle')

-- name: settle_confirm
-- Approved, and the reservation is ours to confirm: the hold stands, or was lost and is taken back.
WITH
-- include: settle_members
, i AS (
	UPDATE payments.intents i
	SET status = q.status, attempt_id = q.attempt, charged_krw = charged_krw + q.amount,
	    settled_at = q.at, updated_at = clock_timestamp()
	FROM q WHERE i.id = q.intent RETURNING 1
), r AS (
	UPDATE public.reservations r
	SET status = 'confirmed', payment_status = 'completed', payment_method = q.method
	FROM q WHERE r.id = q.reservation RETURNING 1
), s AS (
	UPDATE public.seats SET status = 'reserved'
	WHERE id = ANY ((SELECT $18::uuid[])::uuid[]) AND status <> 'reserved' RETURNING 1
),
-- include: approved
-- include: all_settled
, payments.expect((SELECT count(*) FROM r) = cardinality($1::uuid[]), 'settle_confirm'),
	-- a seat of two reservations of the batch
	payments.unchanged((SELECT count(*) FROM s) = cardinality($18::uuid[]), 'settle_confirm');

-- name: settle_refund
-- Approved, but the reservation is lost: the charge is booked and its refund ordered at once.
WITH
-- include: settle_members
, i AS (
	UPDATE payments.intents i
	SET status = q.status, charged_krw = charged_krw + q.amount, refund_krw = refund_krw + q.amount,
	    updated_at = clock_timestamp()
	FROM q WHERE i.id = q.intent RETURNING 1
), f AS (
	INSERT INTO payments.refunds (id, intent_id, attempt_id, amount_krw, reason)
	SELECT refund, intent, attempt, amount, detail FROM q
),
-- include: approved
-- include: all_settled
;

-- name: settle_decline
-- Declined; the reservation stays payable until its hold's own deadline, or a grace from now where that
-- is later, never past the deadline + the greatest grace.
WITH
-- include: settle_members
, d AS MATERIALIZED (
	SELECT id, CASE WHEN hold_expires_at IS NOT NULL THEN least(
		greatest(hold_expires_at, clock_timestamp()::timestamp + make_interval(secs => $18::int)),
		hold_expires_at + make_interval(secs => $19::int)) END AS until
	FROM payments.intents WHERE id = ANY ((SELECT $2::uuid[])::uuid[])
), r AS (
	UPDATE public.reservations r SET expires_at = d.until
	FROM q JOIN d ON d.id = q.intent
	WHERE r.id = q.reservation AND r.status = 'pending' AND r.payment_status = 'pending'
	  AND d.until IS NOT NULL AND r.expires_at IS DISTINCT FROM d.until
), i AS (
	UPDATE payments.intents i
	SET status = q.status, payable_until = d.until, updated_at = clock_timestamp()
	FROM q JOIN d ON d.id = q.intent WHERE i.id = q.intent AND i.attempt_id = q.attempt RETURNING 1
),
-- include: declined
-- include: all_settled
;

-- name: settle_cancel
-- Declined, and the booking ends with it (execute).
WITH
-- include: settle_members
, r AS (
	UPDATE public.reservations r SET status = 'cancelled', payment_status = 'failed'
	FROM q WHERE r.id = q.reservation AND r.status = 'pending' AND r.payment_status = 'pending'
	RETURNING r.id
),
-- include: hold_ends
, i AS (
	UPDATE payments.intents i SET status = q.status, updated_at = clock_timestamp()
	FROM q WHERE i.id = q.intent AND i.attempt_id = q.attempt RETURNING 1
),
-- include: declined
-- include: all_settled
;

-- name: settle_unknown
-- No answer that proves anything: the hold lasts as long as the attempt is open, and the janitor asks
-- the gateway after some seconds.
-- $1 attempts, $2 intents, $3 reservations, $4 codes, $5 seconds, $6 not-founds to add, $7 request ids,
-- $8 leases in ms (kept beyond the next question)
WITH q AS MATERIALIZED (
	SELECT q.*, clock_timestamp() + make_interval(secs => pause_s) AS next_at,
		clock_timestamp()::timestamp + make_interval(secs => pause_s + lease_ms / 1000.0) AS until
	FROM unnest((SELECT $1::uuid[]), $2::uuid[], $3::uuid[], $4::text[], $5::int[], $6::int[], $7::text[],
		$8::int[])
		AS q (attempt, intent, reservation, code, pause_s, not_founds, request, lease_ms)
), a AS (
	UPDATE payments.attempts a
	SET status = 'unknown', failure_code = q.code, not_founds = a.not_founds + q.not_founds,
	    next_look_at = q.next_at
	FROM q WHERE a.id = q.attempt AND a.status NOT IN ('approved', 'declined') RETURNING 1
), i AS (
	UPDATE payments.intents i SET status = 'unknown', updated_at = clock_timestamp()
	FROM q WHERE i.id = q.intent AND i.attempt_id = q.attempt RETURNING 1
), h AS (
	UPDATE public.reservations r SET expires_at = q.until
	FROM q WHERE r.id = q.reservation AND r.status = 'pending' AND r.payment_status = 'pending'
	  AND r.expires_at < q.until
), e AS (
	INSERT INTO payments.events (intent_id, attempt_id, kind, status, detail, request_id)
	SELECT intent, attempt, 'unknown', 'unknown', code, request FROM q
)
-- include: all_settled
;

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
