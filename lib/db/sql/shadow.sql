-- Shadow: what the service would have decided of a request that the monolith has answered. Reads and
-- locks nothing: a shadow may not make the monolith wait.

-- name: shadow_look
-- What the monolith paid is read as it stood just before: pending, its seats locked, at the moment of
-- the row's last change.
-- $1 reservation or NULL, $2 its payer, $3 whether the monolith says that it paid it, $4 the asker
-- columns: asker exists, payer exists, is paid, intent: status, attempts; reservation: status, payment
-- status, what is left of the hold in ms, seats not held
WITH r AS (
	SELECT id, status, payment_status, expires_at, updated_at,
		status = 'confirmed' AND payment_status = 'completed' AS paid
	FROM public.reservations WHERE id = $1 AND user_id = $2
), b AS (
	SELECT id, paid, expires_at, paid AND $3::boolean AS rewound,
		CASE WHEN paid AND $3::boolean THEN updated_at ELSE clock_timestamp()::timestamp END AS at,
		CASE WHEN paid AND $3::boolean THEN 'pending' ELSE status END AS status,
		CASE WHEN paid AND $3::boolean THEN 'pending' ELSE payment_status END AS payment_status
	FROM r
)
SELECT EXISTS (SELECT FROM public.users WHERE id = $4), EXISTS (SELECT FROM public.users WHERE id = $2),
	coalesce(b.paid, false), i.status, i.attempts, b.status, b.payment_status,
	floor(date_part('epoch', greatest(least(b.expires_at, b.at + interval '30 days'),
		b.at - interval '30 days') - b.at) * 1000)::bigint,
	(SELECT count(*) FROM public.reservation_items t JOIN public.seats s ON s.id = t.seat_id
	 WHERE t.reservation_id = b.id AND s.status <> 'locked' AND NOT (b.rewound AND s.status = 'reserved'))
FROM (VALUES (1)) one LEFT JOIN b ON true
LEFT JOIN payments.intents i ON i.reservation_id = b.id AND i.user_id = $2 AND i.live;
