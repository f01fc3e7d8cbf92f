-- The other variant: a reservations.status that refuses 'expired'. Run after shared.sql.

ALTER TABLE public.reservations
	DROP CONSTRAINT reservations_status_check,
	ADD CONSTRAINT reservations_status_check CHECK (status IN ('pending', 'confirmed', 'cancelled'));
