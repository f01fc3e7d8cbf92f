-- Claim: the intent and the reservation are locked, in that order, and read in one statement; what is
-- decided on is written by one more, in the same trip as COMMIT.
--
-- One snapshot serves the whole statement, so only what stands on the locked rows themselves is
-- certain to be fresh after a wait for a lock. That is why the intent's row carries its status, its
-- attempt and their number. Two first payers who meet before there is an intent are told apart by the
-- unique index intents_one_live: the later one's insert fails (23505) and it looks again.
--
-- Ordinary first payments are decided by the database itself and written in the same statement, as many as
-- wait at the same moment: claim_at_once, one trip. Whatever is out of the ordinary it leaves alone.

-- name: claim_at_once
-- Makes the claims where there is no live intent and all of what claim_decide_process asks for holds; says
-- nothing of what does not. What somebody else has locked is left out: one claim must not wait for another's
-- rival. No Idempotency-Key: its answer would have to be judged first.
-- $1 intents, $2 reservations, $3 users, $4 methods, $5 attempts, $6 gateways, $7 leases in ms, $8 languages,
-- $9 request ids, $10 order ids of the attempts after these: arrays, an element for each claim; $11 owner,
-- $12 margin in ms
-- columns: intent, amount; no row where no claim was made
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
	-- counted, so that the planner cannot make joins of them, which may read a table whole
	WHERE (SELECT count(*) FROM public.users WHERE id = r.person) = 1
	  AND (SELECT count(*) FROM payments.intents i WHERE i.reservation_id = r.reservation AND i.live) = 0
	  AND (SELECT count(*) FROM public.reservation_items t JOIN public.seats s ON s.id = t.seat_id
		WHERE t.reservation_id = r.reservation AND s.status <> 'locked') = 0
	-- two claims of one reservation in the same array, or a rival since the statement began
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
	-- no cleaner may free the seats while the gateway is at work
	UPDATE public.reservations v SET expires_at = c.lease::timestamp
	FROM c WHERE v.id = c.reservation AND c.expires_at < c.lease::timestamp
), e AS (
	INSERT INTO payments.events (intent_id, attempt_id, kind, status, request_id)
	SELECT intent, attempt, 'claimed', 'processing', request FROM c
)
SELECT intent, total_amount FROM c;

-- name: claim_lock_reservation
-- $1 reservation, $2 user, $3 margin in ms
-- columns (struct claim_row): user exists, intent: found, owned, id, status, attempt, attempts;
-- reservation: id, amount, status, payment status, past its deadline, within the margin of it,
-- seats no longer held, payment method of the intent, order id of its next attempt
WITH i AS MATERIALIZED (
	SELECT id, status, attempt_id, attempts, payment_method, order_id
	FROM payments.intents
	WHERE reservation_id = $1 AND user_id = $2 AND live
	FOR NO KEY UPDATE
), r AS MATERIALIZED (
	SELECT id, total_amount, status, payment_status, expires_at
	FROM public.reservations
	WHERE id = $1 AND user_id = $2 AND (SELECT count(*) FROM i) >= 0
	FOR NO KEY UPDATE
)
SELECT EXISTS (SELECT FROM public.users WHERE id = $2),
	i.id IS NOT NULL, i.id IS NOT NULL, i.id, i.status, i.attempt_id, i.attempts,
	r.id, r.total_amount, r.status, r.payment_status,
	coalesce(r.expires_at <= clock_timestamp()::timestamp, false),
	coalesce(r.expires_at <= clock_timestamp()::timestamp + make_interval(secs => $3::int / 1000.0), false),
	(SELECT count(*) FROM public.reservation_items t JOIN public.seats s ON s.id = t.seat_id
	 WHERE t.reservation_id = r.id AND s.status <> 'locked'),
	i.payment_method, i.order_id
FROM (VALUES (1)) one LEFT JOIN r ON true LEFT JOIN i ON true;

-- name: claim_lock_intent
-- $1 intent or NULL, $2 booking or NULL, $3 user, $4 margin in ms
-- columns: as claim_lock_reservation. Another user's intent is found, not owned, and not locked.
WITH wanted AS MATERIALIZED (
	SELECT id, user_id FROM payments.intents WHERE id = $1
	UNION ALL
	(SELECT id, user_id FROM payments.intents WHERE reservation_id = $2 ORDER BY live DESC, created_at DESC LIMIT 1)
), i AS MATERIALIZED (
	SELECT id, reservation_id, status, attempt_id, attempts, payment_method, order_id
	FROM payments.intents
	WHERE id = (SELECT id FROM wanted WHERE user_id = $3)
	FOR NO KEY UPDATE
), r AS MATERIALIZED (
	SELECT id, total_amount, status, payment_status, expires_at
	FROM public.reservations
	WHERE id = (SELECT reservation_id FROM i)
	FOR NO KEY UPDATE
)
SELECT EXISTS (SELECT FROM public.users WHERE id = $3),
	EXISTS (SELECT FROM wanted), i.id IS NOT NULL, i.id, i.status, i.attempt_id, i.attempts,
	r.id, r.total_amount, r.status, r.payment_status,
	coalesce(r.expires_at <= clock_timestamp()::timestamp, false),
	coalesce(r.expires_at <= clock_timestamp()::timestamp + make_interval(secs => $4::int / 1000.0), false),
	(SELECT count(*) FROM public.reservation_items t JOIN public.seats s ON s.id = t.seat_id
	 WHERE t.reservation_id = r.id AND s.status <> 'locked'),
	i.payment_method, i.order_id
FROM (VALUES (1)) one LEFT JOIN r ON true LEFT JOIN i ON true;

-- name: claim_adopt
-- The first claim on a reservation that somebody else made.
-- $1 intent, $2 reservation, $3 user, $4 amount, $5 method, $6 attempt, $7 gateway, $8 lease in ms,
-- $9 owner, $10 idempotency key or NULL, $11 language, $12 request id, $13 operation (process),
-- $14 order id of the attempt after this
WITH i AS (
	INSERT INTO payments.intents (id, reservation_id, user_id, origin, amount_krw, payment_method, status,
		attempt_id, attempts, hold_expires_at, payable_until, order_id)
	SELECT $1, r.id, $3, 'process', $4, $5, 'processing', $6, 1, r.expires_at, r.expires_at, $14
	FROM public.reservations r WHERE r.id = $2
	RETURNING id
), a AS (
	INSERT INTO payments.attempts (id, intent_id, n, operation, gateway, payment_method, amount_krw, owner,
		lease_until, next_look_at, idempotency_key, language, request_id)
	SELECT $6, i.id, 1, $13, $7, $5, $4, $9,
		clock_timestamp() + make_interval(secs => $8::int / 1000.0),
		clock_timestamp() + make_interval(secs => $8::int / 1000.0), $10::text, $11, $12
	FROM i
	RETURNING id
), h AS (
	-- no cleaner may free the seats while the gateway is at work
	UPDATE public.reservations
	SET expires_at = clock_timestamp()::timestamp + make_interval(secs => $8::int / 1000.0)
	WHERE id = $2 AND expires_at < clock_timestamp()::timestamp + make_interval(secs => $8::int / 1000.0)
), k AS (
	UPDATE payments.idempotency_keys SET intent_id = $1, attempt_id = $6
	WHERE user_id = $3 AND operation = $13 AND key = $10::text
), e AS (
	INSERT INTO payments.events (intent_id, attempt_id, kind, status, request_id)
	SELECT $1, $6, 'claimed', 'processing', $12
)
SELECT payments.expect((SELECT count(*) FROM a) = 1, 'claim_adopt');

-- name: claim_again
-- A claim on an intent that is there: one made by a booking, or one whose last attempt was declined.
-- $1 intent, $2 reservation, $3 user, $4 amount, $5 method, $6 attempt, $7 gateway, $8 lease in ms,
-- $9 owner, $10 idempotency key or NULL, $11 language, $12 request id, $13 operation, $14 order id of the
-- attempt after this
WITH i AS (
	UPDATE payments.intents
	SET status = 'processing', attempt_id = $6, attempts = attempts + 1, payment_method = $5, amount_krw = $4,
	    order_id = $14, updated_at = clock_timestamp()
	WHERE id = $1 AND status = 'requires_payment'
	RETURNING id, attempts
), a AS (
	INSERT INTO payments.attempts (id, intent_id, n, operation, gateway, payment_method, amount_krw, owner,
		lease_until, next_look_at, idempotency_key, language, request_id)
	SELECT $6, i.id, i.attempts, $13, $7, $5, $4, $9,
		clock_timestamp() + make_interval(secs => $8::int / 1000.0),
		clock_timestamp() + make_interval(secs => $8::int / 1000.0), $10::text, $11, $12
	FROM i
	RETURNING id
), h AS (
	UPDATE public.reservations
	SET expires_at = clock_timestamp()::timestamp + make_interval(secs => $8::int / 1000.0)
	WHERE id = $2 AND expires_at < clock_timestamp()::timestamp + make_interval(secs => $8::int / 1000.0)
), k AS (
	UPDATE payments.idempotency_keys SET intent_id = $1, attempt_id = $6
	WHERE user_id = $3 AND operation = $13 AND key = $10::text
), e AS (
	INSERT INTO payments.events (intent_id, attempt_id, kind, status, request_id)
	SELECT $1, $6, 'claimed', 'processing', $12
)
SELECT payments.expect((SELECT count(*) FROM a) = 1, 'claim_again');
