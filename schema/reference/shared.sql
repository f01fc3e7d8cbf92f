-- The shared tables as the other services own them: for development and tests only. A real
-- database has them already, and nothing here is ever run on one. Load into an empty database,
-- in one transaction (psql -1).
--
-- Times are TIMESTAMP without a zone, in the zone of the database's sessions. Beyond primary
-- keys and unique constraints there is no index, because there is none where this service goes.
--
-- This is the variant whose reservations take the status 'expired';
-- variant-without-expired.sql turns it into the other one.

CREATE FUNCTION public.update_updated_at_column() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.updated_at = CURRENT_TIMESTAMP;
	RETURN NEW;
END
$$;

CREATE TABLE public.users (
	id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	email         varchar(255) UNIQUE NOT NULL,
	password_hash varchar(255) NOT NULL,
	name          varchar(100) NOT NULL,
	phone         varchar(20),
	role          varchar(20) DEFAULT 'user' CHECK (role IN ('user', 'admin')),
	created_at    timestamp DEFAULT CURRENT_TIMESTAMP,
	updated_at    timestamp DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE public.events (
	id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	title           varchar(255) NOT NULL,
	description     text,
	venue           varchar(255) NOT NULL,
	address         text,
	event_date      timestamp NOT NULL,
	sale_start_date timestamp NOT NULL,
	sale_end_date   timestamp NOT NULL,
	status          varchar(20) DEFAULT 'upcoming'
	                CHECK (status IN ('upcoming', 'on_sale', 'sold_out', 'ended', 'cancelled')),
	created_at      timestamp DEFAULT CURRENT_TIMESTAMP,
	updated_at      timestamp DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE public.seats (
	id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	event_id    uuid NOT NULL REFERENCES public.events ON DELETE CASCADE,
	section     varchar(50) NOT NULL,
	row_number  integer NOT NULL,
	seat_number integer NOT NULL,
	seat_label  varchar(50) NOT NULL,
	price       integer NOT NULL CHECK (price >= 0),
	status      varchar(20) DEFAULT 'available' CHECK (status IN ('available', 'reserved', 'locked')),
	created_at  timestamp DEFAULT CURRENT_TIMESTAMP,
	updated_at  timestamp DEFAULT CURRENT_TIMESTAMP,
	UNIQUE (event_id, section, row_number, seat_number)
);

CREATE TABLE public.ticket_types (
	id                 uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	event_id           uuid NOT NULL REFERENCES public.events ON DELETE CASCADE,
	name               varchar(100) NOT NULL,
	price              integer NOT NULL CHECK (price >= 0),
	total_quantity     integer NOT NULL CHECK (total_quantity >= 0),
	available_quantity integer NOT NULL CHECK (available_quantity >= 0),
	created_at         timestamp DEFAULT CURRENT_TIMESTAMP,
	updated_at         timestamp DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE public.reservations (
	id                 uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	user_id            uuid NOT NULL REFERENCES public.users,
	event_id           uuid REFERENCES public.events ON DELETE SET NULL,
	reservation_number varchar(50) UNIQUE NOT NULL,
	total_amount       integer NOT NULL CHECK (total_amount >= 0),
	status             varchar(20) DEFAULT 'pending' CONSTRAINT reservations_status_check
	                   CHECK (status IN ('pending', 'confirmed', 'cancelled', 'expired')),
	payment_method     varchar(50),
	payment_status     varchar(20) DEFAULT 'pending'
	                   CHECK (payment_status IN ('pending', 'completed', 'failed', 'refunded')),
	expires_at         timestamp,
	created_at         timestamp DEFAULT CURRENT_TIMESTAMP,
	updated_at         timestamp DEFAULT CURRENT_TIMESTAMP
);

-- A seat goes with its event; the items of what was sold stay and lose the reference.
CREATE TABLE public.reservation_items (
	id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	reservation_id uuid NOT NULL REFERENCES public.reservations ON DELETE CASCADE,
	ticket_type_id uuid REFERENCES public.ticket_types ON DELETE SET NULL,
	seat_id        uuid REFERENCES public.seats ON DELETE SET NULL,
	quantity       integer NOT NULL CHECK (quantity > 0),
	unit_price     integer NOT NULL CHECK (unit_price >= 0),
	subtotal       integer NOT NULL CHECK (subtotal >= 0),
	created_at     timestamp DEFAULT CURRENT_TIMESTAMP
);

CREATE TRIGGER update_users_updated_at BEFORE UPDATE ON public.users
	FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE TRIGGER update_events_updated_at BEFORE UPDATE ON public.events
	FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE TRIGGER update_seats_updated_at BEFORE UPDATE ON public.seats
	FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE TRIGGER update_ticket_types_updated_at BEFORE UPDATE ON public.ticket_types
	FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE TRIGGER update_reservations_updated_at BEFORE UPDATE ON public.reservations
	FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
