-- Repair: settled payments whose reservation another service changed afterwards.
--
-- Both scans go by ids, which are in the order of time, some at a time: what they cost a second does
-- not grow with what was paid. Their last row is the new position: the last intent scanned, or the nil
-- id at the end, from which the next scan begins again. How many they scan is written here and is no
-- parameter, for the planner would take an unknown LIMIT for a tenth of the table.

-- name: repair_scan
-- $1 position, $2 seconds since the settlement
-- columns: intent, whether it is only the new position, reservation; intents settled within that time
-- whose reservation is no longer confirmed and completed
WITH scanned AS MATERIALIZED (
	SELECT id, reservation_id, status, settled_at FROM payments.intents
	WHERE id > greatest($1::uuid, payments.uuid_at(now() - make_interval(secs => $2::int) - interval '1 hour'))
	ORDER BY id LIMIT 2000
)
SELECT w.id, false, w.reservation_id FROM scanned w LEFT JOIN public.reservations r ON r.id = w.reservation_id
WHERE w.status = 'succeeded' AND w.settled_at > now() - make_interval(secs => $2::int)
  AND (r.status, r.payment_status) IS DISTINCT FROM ('confirmed', 'completed')
UNION ALL
SELECT coalesce((SELECT id FROM scanned ORDER BY id OFFSET 1999), '00000000-0000-0000-0000-000000000000'),
	true, NULL;

-- name: repair_full_scan
-- $1 position
-- columns: as repair_scan; settled payments of any age that another service cancelled or marked
-- refunded since, or whose seats it freed
WITH scanned AS MATERIALIZED (
	SELECT id, reservation_id, status FROM payments.intents WHERE id > $1::uuid ORDER BY id LIMIT 1000
)
SELECT w.id, false, w.reservation_id FROM scanned w JOIN public.reservations r ON r.id = w.reservation_id
WHERE w.status = 'succeeded'
  AND (r.payment_status = 'refunded' OR r.status = 'cancelled' AND r.payment_status <> 'failed'
       OR r.status = 'confirmed' AND EXISTS (
		SELECT FROM public.reservation_items t JOIN public.seats s ON s.id = t.seat_id
		WHERE t.reservation_id = r.id AND s.status <> 'reserved'))
UNION ALL
SELECT coalesce((SELECT id FROM scanned ORDER BY id OFFSET 999), '00000000-0000-0000-0000-000000000000'),
	true, NULL;

-- name: task_move
-- $1 task, $2 its new position
UPDATE payments.janitor_tasks SET position = $2 WHERE name = $1;

-- name: repair_all
-- $1 most
-- columns: intent, false, reservation: all settled intents that are not as they were settled, of any
-- age (payctl audit --repair)
SELECT i.id, false, i.reservation_id
FROM payments.intents i
LEFT JOIN public.reservations r ON r.id = i.reservation_id
WHERE i.status = 'succeeded' AND ((r.status, r.payment_status) IS DISTINCT FROM ('confirmed', 'completed')
	OR EXISTS (SELECT FROM public.reservation_items t JOIN public.seats s ON s.id = t.seat_id
		   WHERE t.reservation_id = i.reservation_id AND s.status <> 'reserved'))
LIMIT $1::int;

-- name: repair_look
-- $1 reservation
-- columns: how many of its seats no other live reservation has
SELECT cardinality(x.own) FROM (SELECT
	-- include: own_seats
	AS own FROM (VALUES ($1::uuid)) AS q (reservation) OFFSET 0) x;

-- name: repair_restore
-- $1 intent, $2 attempt, $3 reservation, $4 seat ids
WITH r AS (
	UPDATE public.reservations SET status = 'confirmed', payment_status = 'completed'
	WHERE id = $3 RETURNING 1
), s AS (
	UPDATE public.seats SET status = 'reserved'
	WHERE id = ANY ((SELECT $4::uuid[])::uuid[]) AND status <> 'reserved'
), i AS (
	UPDATE payments.intents SET updated_at = clock_timestamp()
	WHERE id = $1 AND status = 'succeeded' RETURNING 1
), e AS (
	INSERT INTO payments.events (intent_id, attempt_id, kind, status)
	VALUES ($1, $2, 'healed', 'succeeded')
)
SELECT payments.expect((SELECT count(*) FROM r) = 1 AND (SELECT count(*) FROM i) = 1, 'repair_restore');

-- name: repair_review
-- $1 intent, $2 attempt, $3 what is wrong
WITH i AS (
	UPDATE payments.intents SET status = 'needs_review', updated_at = clock_timestamp()
	WHERE id = $1 AND status = 'succeeded' RETURNING 1
), e AS (
	INSERT INTO payments.events (intent_id, attempt_id, kind, status, detail)
	VALUES ($1, $2, 'needs_review', 'needs_review', $3)
)
SELECT payments.expect((SELECT count(*) FROM i) = 1, 'repair_review');
