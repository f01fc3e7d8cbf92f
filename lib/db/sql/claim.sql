-- Claim: the right to charge a reservation once. claim_lock, claim_look, then claim_first or
-- claim_write with COMMIT; lib/pay/payment/claim.c decides between them. Arrays have an element for
-- each claim of the batch. Two first payers who meet before there is an intent are told apart by the
-- unique index intents_one_live.

-- name: claim_lock
-- $1 intents (NULL: the reservation's newest), $2 reservations (NULL: the intent's), $3 users
-- Rows of other users are not locked.
-- columns (enum lock_column in lib/pay/payment/claim.c), a row for each claim
SELECT q.place, i.id, i.status, i.attempt_id, i.attempts, i.payment_method, i.order_id,
	r.id, r.total_amount, r.status, r.payment_status, r.expires_at,
	-- include: left_ms
FROM unnest((SELECT $1::uuid[]), $2::uuid[], $3::uuid[])
	WITH ORDINALITY AS q (intent, reservation, person, place)
LEFT JOIN LATERAL (
	SELECT id, reservation_id, status, attempt_id, attempts, payment_method, order_id
	FROM payments.intents
	WHERE id = coalesce(q.intent, (
		-- include: newest_intent
		)) AND user_id = q.person
	FOR NO KEY UPDATE SKIP LOCKED) i ON true
LEFT JOIN LATERAL (
	SELECT id, total_amount, status, payment_status, expires_at
	FROM public.reservations
	WHERE id = coalesce(q.reservation, i.reservation_id) AND user_id = q.person
	FOR NO KEY UPDATE SKIP LOCKED) r ON true;

-- What stands around the locked rows. Counted in sub-selects, so that the planner makes no join of
-- them, which may read a table whole.
-- fragment: claim_facts
(SELECT count(*) FROM public.users u WHERE u.id = q.person),
i.found, i.own, i.live,
(SELECT count(*) FROM public.reservations r WHERE r.id = q.reservation AND r.user_id = q.person),
(SELECT count(*) FROM public.reservation_items t WHERE t.reservation_id = q.reservation
	AND (SELECT s.status FROM public.seats s WHERE s.id = t.seat_id) <> 'locked')

-- fragment: claim_intents
CROSS JOIN LATERAL (
	SELECT count(*) AS found, count(*) FILTER (WHERE x.user_id = q.person) AS own,
		count(*) FILTER (WHERE x.live) AS live
	FROM payments.intents x WHERE x.reservation_id = q.reservation) i

-- name: claim_look
-- $1 intents or NULL, $2 reservations or NULL, $3 users
-- columns (enum look_column in claim.c), a row for each claim: users, intents of the reservation,
-- those of this user, those that are live, reservations of this user, seats not held
SELECT q.place,
	-- include: claim_facts
FROM (SELECT x.place, x.person, coalesce(x.booking, (
		SELECT n.reservation_id FROM payments.intents n WHERE n.id = x.intent)) AS reservation
	FROM unnest((SELECT $1::uuid[]), $2::uuid[], $3::uuid[])
		WITH ORDINALITY AS x (intent, booking, person, place) OFFSET 0) q
-- include: claim_intents
;

-- name: claim_look_keyed
-- $1 to $3 as claim_look, $4 operations, $5 keys or NULL
-- columns: those of claim_look and key_columns
SELECT q.place,
	-- include: claim_facts
	,
	-- include: key_columns
FROM (SELECT x.place, x.person, x.operation, x.key, coalesce(x.booking, (
		SELECT n.reservation_id FROM payments.intents n WHERE n.id = x.intent)) AS reservation
	FROM unnest((SELECT $1::uuid[]), $2::uuid[], $3::uuid[], $4::text[], $5::text[])
		WITH ORDINALITY AS x (intent, booking, person, operation, key, place) OFFSET 0) q
-- include: claim_intents
-- include: key_lateral
;

-- The claims of a batch.
-- $1 intents, $2 reservations, $3 users, $4 methods, $5 attempts, $6 their numbers, $7 gateways,
-- $8 leases in ms, $9 languages, $10 request ids, $11 order ids of the attempts after these,
-- $12 amounts, $13 deadlines of the holds or NULL, $14 operations, $15 keys or NULL,
-- $16 fingerprints or NULL, $17 whether the intent is new: arrays; $18 process id,
-- $19 hours to keep a key
-- fragment: claim_attempts
a AS (
	INSERT INTO payments.attempts (id, intent_id, n, operation, gateway, payment_method, amount_krw,
		owner, lease_until, next_look_at, idempotency_key, language, request_id)
	SELECT attempt, intent, n, operation, gateway, method, amount, $18, lease, lease, key, language,
		request
	FROM q
), e AS (
	INSERT INTO payments.events (intent_id, attempt_id, kind, status, request_id)
	SELECT intent, attempt, 'claimed', 'processing', request FROM q
)

-- fragment: claim_intent_new
n AS (
	INSERT INTO payments.intents (id, reservation_id, user_id, origin, amount_krw, payment_method,
		status, attempt_id, attempts, hold_expires_at, payable_until, order_id)
	SELECT intent, reservation, person, 'process', amount, method, 'processing', attempt, n,
		expires_at, expires_at, next_order
	FROM q WHERE is_new
)

-- fragment: claim_members
q AS MATERIALIZED (
	SELECT q.*, clock_timestamp() + make_interval(secs => lease_ms / 1000.0) AS lease
	FROM unnest((SELECT $1::uuid[]), $2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::smallint[],
		$7::text[], $8::int[], $9::text[], $10::text[], $11::uuid[], $12::bigint[],
		$13::timestamp[], $14::text[], $15::text[], $16::text[], $17::boolean[])
		AS q (intent, reservation, person, method, attempt, n, gateway, lease_ms, language, request,
			next_order, amount, expires_at, operation, key, fingerprint, is_new)
)

-- name: claim_first
-- First payments without a key, whose holds outlast the lease: most claims.
WITH
-- include: claim_members
,
-- include: claim_intent_new
,
-- include: claim_attempts
SELECT $19::int;

-- name: claim_write
-- All other claims.
WITH
-- include: claim_members
,
-- include: claim_intent_new
, u AS (
	UPDATE payments.intents i
	SET status = 'processing', attempt_id = q.attempt, attempts = q.n, payment_method = q.method,
	    amount_krw = q.amount, order_id = q.next_order, updated_at = clock_timestamp()
	FROM q WHERE i.id = q.intent AND NOT q.is_new AND i.status = 'requires_payment'
	RETURNING 1
), h AS (
	-- no cleaner may free the seats while the gateway is at work
	UPDATE public.reservations v SET expires_at = q.lease::timestamp
	FROM q WHERE v.id = q.reservation AND q.expires_at < q.lease::timestamp
), k AS (
	INSERT INTO payments.idempotency_keys AS k (user_id, operation, key, fingerprint, intent_id,
		attempt_id, expires_at)
	SELECT person, operation, key, fingerprint, intent, attempt, now() + make_interval(hours => $19::int)
	FROM q WHERE key IS NOT NULL ORDER BY 1, 2, 3
	-- include: key_conflict
),
-- include: claim_attempts
SELECT payments.expect((SELECT count(*) FROM u) = (SELECT count(*) FROM q WHERE NOT is_new), 'claim_write'),
	payments.unchanged((SELECT count(*) FROM k) = (SELECT count(key) FROM q), 'claim_write');
