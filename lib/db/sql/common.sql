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
-- a rival with the same key, whose transaction is short.
INSERT INTO payments.idempotency_keys AS k (user_id, operation, key, fingerprint, expires_at)
VALUES ($1, $2, $3, $4, now() + make_interval(hours => $5))
ON CONFLICT (user_id, operation, key) DO UPDATE
	SET fingerprint = excluded.fingerprint, intent_id = NULL, attempt_id = NULL, http = NULL, body = NULL,
	    created_at = now(), expires_at = excluded.expires_at
	WHERE k.expires_at <= now()
RETURNING 1;

-- name: idempotency_get
-- $1 user, $2 operation, $3 key
-- columns: fingerprint, http, body, intent, the attempt, the attempt's status, is its lease running
SELECT k.fingerprint, k.http, k.body, k.intent_id, k.attempt_id, a.status, a.lease_until > clock_timestamp()
FROM payments.idempotency_keys k
LEFT JOIN payments.attempts a ON a.id = k.attempt_id
WHERE k.user_id = $1 AND k.operation = $2 AND k.key = $3;
