-- What a gateway's word, or doubt about its books, brings about.

-- name: attempt_look_now
-- $1 attempt: asked about now, unless its own worker is still at the gateway with it
-- columns: attempts made due
WITH a AS (
	UPDATE payments.attempts SET next_look_at = clock_timestamp()
	WHERE id = $1 AND next_look_at > clock_timestamp()
	  AND (status = 'unknown' OR status = 'sent' AND lease_until <= clock_timestamp())
	RETURNING 1
)
SELECT count(*) FROM a;

-- name: audit_gateway_page
-- $1 days, $2 seconds that an open attempt may be on its way, $3 start of the page's last row, $4 its attempt,
-- $5 most
-- columns: attempt, gateway, status, amount, refunded, refunds not sent yet, is it on its way, when it started.
-- Every attempt since then, and every open one; also those refunded since then. A declined one that was charged
-- nevertheless is just what is looked for.
SELECT a.id, a.gateway, a.status, a.amount_krw,
	coalesce((SELECT sum(f.amount_krw)::bigint FROM payments.refunds f
		  WHERE f.attempt_id = a.id AND f.status = 'done'), 0),
	coalesce((SELECT sum(f.amount_krw)::bigint FROM payments.refunds f
		  WHERE f.attempt_id = a.id AND f.status <> 'done'), 0),
	a.status IN ('sent', 'unknown') AND a.started_at > clock_timestamp() - make_interval(secs => $2::int),
	a.started_at
FROM payments.attempts a
WHERE (a.started_at, a.id) > ($3::timestamptz, $4::uuid)
  AND (a.started_at > clock_timestamp() - make_interval(days => $1::int)
       OR a.status IN ('sent', 'unknown')
       OR EXISTS (SELECT FROM payments.refunds f WHERE f.attempt_id = a.id
		  AND f.created_at > clock_timestamp() - make_interval(days => $1::int)))
ORDER BY a.started_at, a.id
LIMIT $5::int;
