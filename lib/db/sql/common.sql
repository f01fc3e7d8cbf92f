-- Statements of no single theme.

-- name: ping
SELECT 1;

-- name: schema_state
-- columns: highest migration applied (0: none)
SELECT coalesce(max(number), 0) FROM payments.schema_versions;

-- name: user_exists
-- $1 user
SELECT EXISTS (SELECT FROM public.users WHERE id = $1);

-- name: idempotency_begin
-- $1 user, $2 operation, $3 key, $4 fingerprint, $5 hours to keep
-- A row comes back where the key is new (or its time was over): the request is the first. Waits for
-- a rival who is inserting the same key, and for nobody else: a key that is there is not locked, because
-- who holds it might be waiting for an intent whose settlement waits for the key.
WITH over AS (
	DELETE FROM payments.idempotency_keys
	WHERE user_id = $1 AND operation = $2 AND key = $3 AND expires_at <= now() RETURNING 1
)
INSERT INTO payments.idempotency_keys (user_id, operation, key, fingerprint, expires_at)
SELECT $1, $2, $3, $4, now() + make_interval(hours => $5) WHERE (SELECT count(*) FROM over) >= 0
ON CONFLICT (user_id, operation, key) DO NOTHING
RETURNING 1;

-- name: idempotency_get
-- $1 user, $2 operation, $3 key
-- columns: fingerprint, http, body, intent, the attempt, the attempt's status, is its lease running
SELECT k.fingerprint, k.http, k.body, k.intent_id, k.attempt_id, a.status, a.lease_until > clock_timestamp()
FROM payments.idempotency_keys k
LEFT JOIN payments.attempts a ON a.id = k.attempt_id
WHERE k.user_id = $1 AND k.operation = $2 AND k.key = $3;
