-- The invariants, each as a query for what breaks it.
-- columns of each: the subject's id, what is wrong with it. At most 1,000 rows.

-- name: audit_begin
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;

-- name: audit_patience
-- What the role has for short statements (schema/grants.sql) is not for these, which do read everything.
SELECT set_config('statement_timeout', '0', true), set_config(name, 'on', true)
FROM unnest(ARRAY['enable_seqscan', 'enable_hashjoin', 'enable_mergejoin', 'enable_memoize']) AS name;

-- name: audit_double_charge
SELECT 'reservation ' || i.reservation_id, count(*) || ' unrefunded charges: ' || string_agg(a.id::text, ' ')
FROM payments.attempts a JOIN payments.intents i ON i.id = a.intent_id
WHERE a.status = 'approved'
  AND a.amount_krw > coalesce((SELECT sum(f.amount_krw) FROM payments.refunds f WHERE f.attempt_id = a.id), 0)
GROUP BY i.reservation_id HAVING count(*) > 1
LIMIT 1000;

-- name: audit_charged_and_lost
SELECT 'attempt ' || a.id, 'charged ' || a.amount_krw || ' won; reservation ' || i.reservation_id || ' is '
	|| coalesce(r.status || '/' || r.payment_status, 'gone') || ', seats not reserved: ' || x.missing
FROM payments.attempts a
JOIN payments.intents i ON i.id = a.intent_id
LEFT JOIN public.reservations r ON r.id = i.reservation_id
CROSS JOIN LATERAL (
	SELECT count(*) AS missing FROM public.reservation_items t JOIN public.seats s ON s.id = t.seat_id
	WHERE t.reservation_id = i.reservation_id AND s.status <> 'reserved') x
WHERE a.status = 'approved'
  AND a.amount_krw > coalesce((SELECT sum(f.amount_krw) FROM payments.refunds f WHERE f.attempt_id = a.id), 0)
  AND (r.id IS NULL OR r.status <> 'confirmed' OR r.payment_status <> 'completed' OR x.missing > 0)
LIMIT 1000;

-- name: audit_settled_without_charge
SELECT 'intent ' || i.id, 'succeeded with ' || x.charges || ' charges of ' || x.won || ' won; reservation '
	|| i.reservation_id || ' costs ' || coalesce(r.total_amount::text, '?')
FROM payments.intents i
LEFT JOIN public.reservations r ON r.id = i.reservation_id
CROSS JOIN LATERAL (
	SELECT count(*) AS charges, coalesce(sum(a.amount_krw), 0) AS won FROM payments.attempts a
	WHERE a.intent_id = i.id AND a.status = 'approved'
	  AND NOT EXISTS (SELECT FROM payments.refunds f WHERE f.attempt_id = a.id AND f.reason <> 'requested')) x
WHERE i.status = 'succeeded' AND (x.charges <> 1 OR x.won <> i.amount_krw OR x.won IS DISTINCT FROM r.total_amount)
LIMIT 1000;

-- name: audit_seat_twice
SELECT 'seat ' || t.seat_id, 'in ' || count(DISTINCT r.id) || ' live reservations: ' || string_agg(DISTINCT r.id::text, ' ')
FROM public.reservation_items t JOIN public.reservations r ON r.id = t.reservation_id
WHERE t.seat_id IS NOT NULL
  AND (r.status = 'confirmed'
       OR r.status = 'pending' AND (r.expires_at IS NULL OR r.expires_at > clock_timestamp()::timestamp))
GROUP BY t.seat_id HAVING count(DISTINCT r.id) > 1
LIMIT 1000;

-- name: audit_over_refunded
SELECT 'intent ' || i.id, 'books ' || i.charged_krw || ' charged, ' || i.refund_krw || ' refunded; attempts say '
	|| x.charged || ', refunds say ' || x.refunded
FROM payments.intents i
CROSS JOIN LATERAL (SELECT
	(SELECT coalesce(sum(a.amount_krw), 0) FROM payments.attempts a WHERE a.intent_id = i.id AND a.status = 'approved') AS charged,
	(SELECT coalesce(sum(f.amount_krw), 0) FROM payments.refunds f WHERE f.intent_id = i.id) AS refunded) x
WHERE x.charged <> i.charged_krw OR x.refunded <> i.refund_krw OR x.refunded > x.charged
LIMIT 1000;

-- name: audit_unresolved
SELECT 'attempt ' || a.id, a.status || ' since ' || a.started_at || ', asked about ' || a.look_ups || ' times'
FROM payments.attempts a
WHERE a.status IN ('sent', 'unknown') AND a.lease_until < clock_timestamp() - interval '15 minutes'
UNION ALL
SELECT 'refund ' || f.id, f.status || ' since ' || f.created_at || ', tried ' || f.tries || ' times: ' || coalesce(f.failure_code, '-')
FROM payments.refunds f
WHERE f.status = 'needs_review' OR f.status = 'pending' AND f.created_at < clock_timestamp() - interval '15 minutes'
UNION ALL
SELECT 'intent ' || i.id, i.status || ', but it has no open attempt'
FROM payments.intents i
WHERE i.status IN ('processing', 'unknown')
  AND NOT EXISTS (SELECT FROM payments.attempts a WHERE a.intent_id = i.id AND a.status IN ('sent', 'unknown'))
UNION ALL
SELECT 'attempt ' || a.id, 'open, but its intent is ' || i.status
FROM payments.attempts a JOIN payments.intents i ON i.id = a.intent_id
WHERE a.status IN ('sent', 'unknown') AND i.status NOT IN ('processing', 'unknown')
LIMIT 1000;

-- name: audit_seat_stuck
-- Seats of holds made here.
SELECT 'seat ' || s.id, 'locked, but its last hold ended at ' || coalesce(max(r.expires_at)::text, '?')
FROM public.seats s
JOIN public.reservation_items t ON t.seat_id = s.id
JOIN public.reservations r ON r.id = t.reservation_id
WHERE s.status = 'locked'
GROUP BY s.id
HAVING bool_and(r.status <> 'pending' AND r.status <> 'confirmed' AND r.updated_at < clock_timestamp()::timestamp - interval '1 minute'
	OR r.status = 'pending' AND r.expires_at < clock_timestamp()::timestamp - interval '1 minute')
   AND bool_or(EXISTS (SELECT FROM payments.intents i WHERE i.reservation_id = r.id AND i.origin = 'booking'))
LIMIT 1000;

-- name: audit_seat_stuck_foreign
-- Seats of holds that others made: a warning.
SELECT 'seat ' || s.id, 'locked, but the last hold on it (made elsewhere) ended at ' || coalesce(max(r.expires_at)::text, '?')
FROM public.seats s
LEFT JOIN public.reservation_items t ON t.seat_id = s.id
LEFT JOIN public.reservations r ON r.id = t.reservation_id
WHERE s.status = 'locked'
GROUP BY s.id
HAVING coalesce(bool_and(r.status <> 'pending' AND r.status <> 'confirmed' AND r.updated_at < clock_timestamp()::timestamp - interval '1 minute'
	OR r.status = 'pending' AND r.expires_at < clock_timestamp()::timestamp - interval '1 minute'), true)
   AND NOT coalesce(bool_or(EXISTS (SELECT FROM payments.intents i WHERE i.reservation_id = r.id AND i.origin = 'booking')), false)
LIMIT 1000;

-- name: audit_key_twice
SELECT 'key of user ' || i.user_id, count(*) || ' unrefunded charges under one Idempotency-Key'
FROM payments.attempts a JOIN payments.intents i ON i.id = a.intent_id
JOIN payments.idempotency_keys k ON k.user_id = i.user_id AND k.operation = a.operation AND k.key = a.idempotency_key
	AND a.started_at >= k.created_at - interval '1 minute'
WHERE a.status = 'approved' AND NOT EXISTS (SELECT FROM payments.refunds f WHERE f.attempt_id = a.id)
GROUP BY i.user_id, a.operation, a.idempotency_key HAVING count(*) > 1
UNION ALL
SELECT 'key of user ' || k.user_id, 'an answer is stored, but its attempt is ' || a.status
FROM payments.idempotency_keys k JOIN payments.attempts a ON a.id = k.attempt_id
WHERE k.body IS NOT NULL AND a.status IN ('sent', 'unknown')
LIMIT 1000;

-- name: audit_ledger
SELECT 'intent ' || intent_id, 'its entries sum to ' || sum(amount_krw) || ' won'
FROM payments.ledger_entries GROUP BY intent_id HAVING sum(amount_krw) <> 0
UNION ALL
SELECT 'attempt ' || a.id, a.status || ' for ' || a.amount_krw || ' won, but the ledger has '
	|| x.entries || ' entries and debits ' || coalesce(x.debit, 0)
FROM payments.attempts a
CROSS JOIN LATERAL (
	SELECT count(*) AS entries, sum(amount_krw) FILTER (WHERE account = 'CUSTOMER_PAYABLE') AS debit
	FROM payments.ledger_entries l WHERE l.attempt_id = a.id AND l.refund_id IS NULL) x
WHERE (a.status = 'approved' AND (x.entries <> 2 OR x.debit IS DISTINCT FROM a.amount_krw))
   OR (a.status <> 'approved' AND x.entries <> 0)
UNION ALL
SELECT 'refund ' || f.id, f.status || ' of ' || f.amount_krw || ' won, but the ledger has '
	|| x.entries || ' entries and credits ' || coalesce(-x.debit, 0)
FROM payments.refunds f
CROSS JOIN LATERAL (
	SELECT count(*) AS entries, sum(amount_krw) FILTER (WHERE account = 'CUSTOMER_PAYABLE') AS debit
	FROM payments.ledger_entries l WHERE l.refund_id = f.id) x
WHERE (f.status = 'done' AND (x.entries <> 2 OR -x.debit IS DISTINCT FROM f.amount_krw))
   OR (f.status <> 'done' AND x.entries <> 0)
LIMIT 1000;

-- name: audit_journal
SELECT 'intent ' || i.id, 'is ' || i.status || ', its last event says ' || coalesce(e.status, 'nothing')
FROM payments.intents i
LEFT JOIN (SELECT DISTINCT ON (intent_id) intent_id, status FROM payments.events ORDER BY intent_id, id DESC) e
	ON e.intent_id = i.id
WHERE e.status IS DISTINCT FROM i.status
LIMIT 1000;
