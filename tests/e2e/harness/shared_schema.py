"""The shared tables: the monolith's writes there, and reading what became of them."""

import hashlib
import uuid
from dataclasses import dataclass, field

# tables that change although no payment does
RESTLESS = {"payments.janitor_tasks"}


@dataclass
class Reservation:
    id: str
    user: str
    amount: int
    event: str = None
    seats: list = field(default_factory=list)


class SharedSchema:
    def __init__(self, database):
        self.db = database
        self.event_count = 0

    def user(self, role="user"):
        identity = str(uuid.uuid4())
        self.db.rows("INSERT INTO public.users (id, email, password_hash, name, role) "
                     "VALUES (%s, %s, 'x', '홍길동', %s)", identity, f"{identity}@example.com", role)
        return identity

    def event(self, seats, price=70000):
        """An event on sale with its seats; (event id, [seat ids])."""
        event = str(uuid.uuid4())
        self.event_count += 1
        self.db.rows(
            "INSERT INTO public.events (id, title, venue, event_date, sale_start_date, "
            "sale_end_date, status) VALUES (%s, %s, '올림픽홀', LOCALTIMESTAMP + '30 days', "
            "LOCALTIMESTAMP - '1 day'::interval, LOCALTIMESTAMP + '29 days', 'on_sale')",
            event, f"공연 {self.event_count}")
        ids = [str(uuid.uuid4()) for _ in range(seats)]
        self.db.rows(
            "INSERT INTO public.seats (id, event_id, section, row_number, seat_number, seat_label, "
            "price) SELECT u.id, %s, 'VIP', (u.n - 1) / 50 + 1, (u.n - 1) %% 50 + 1, "
            "'VIP-' || (u.n - 1) / 50 + 1 || '-' || (u.n - 1) %% 50 + 1, %s "
            "FROM unnest(%s::uuid[]) WITH ORDINALITY AS u (id, n)", event, price, ids)
        return event, ids

    def reserve(self, user, count=1, seats=1, price=70000, expires_in_s=300):
        """
        `count` reservations as the monolith makes them: seats locked, reservation pending, its
        items, five minutes. In bulk: one event for all, four statements.
        """
        event, seat_ids = self.event(count * seats, price)
        made = [Reservation(str(uuid.uuid4()), user, seats * price, event,
                            seat_ids[i * seats:(i + 1) * seats]) for i in range(count)]
        self.db.rows("UPDATE public.seats SET status = 'locked' WHERE event_id = %s", event)
        self.db.rows(
            "INSERT INTO public.reservations (id, user_id, event_id, reservation_number, "
            "total_amount, expires_at) SELECT id, %s, %s, 'TK' || id, %s, "
            "LOCALTIMESTAMP + make_interval(secs => %s) FROM unnest(%s::uuid[]) AS id",
            user, event, seats * price, expires_in_s, [one.id for one in made])
        self.db.rows(
            "INSERT INTO public.reservation_items (reservation_id, seat_id, quantity, unit_price, "
            "subtotal) SELECT r, s, 1, %s, %s FROM unnest(%s::uuid[], %s::uuid[]) AS i (r, s)",
            price, price, [one.id for one in made for _ in one.seats],
            [seat for one in made for seat in one.seats])
        return made

    def reserve_one(self, user, **how):
        return self.reserve(user, 1, **how)[0]

    def reserve_tickets(self, user, quantity=2, price=55000):
        """A reservation by ticket type: no seats and no deadline."""
        event, _ = self.event(0)
        made = Reservation(str(uuid.uuid4()), user, quantity * price, event)
        ticket_type = self.db.value(
            "INSERT INTO public.ticket_types (event_id, name, price, total_quantity, "
            "available_quantity) VALUES (%s, '스탠딩', %s, 100, %s) RETURNING id",
            event, price, 100 - quantity)
        self.db.rows("INSERT INTO public.reservations (id, user_id, event_id, reservation_number, "
                     "total_amount) VALUES (%s, %s, %s, %s, %s)", made.id, user, event,
                     f"TK{made.id}", made.amount)
        self.db.rows("INSERT INTO public.reservation_items (reservation_id, ticket_type_id, "
                     "quantity, unit_price, subtotal) VALUES (%s, %s, %s, %s, %s)",
                     made.id, ticket_type, quantity, price, made.amount)
        return made

    def reserve_same_seats(self, reservation, user):
        """Another user's reservation of seats that were freed."""
        made = Reservation(str(uuid.uuid4()), user, reservation.amount, reservation.event,
                           reservation.seats)
        self.db.rows("UPDATE public.seats SET status = 'locked' WHERE id = ANY (%s::uuid[])",
                     made.seats)
        self.db.rows("INSERT INTO public.reservations (id, user_id, event_id, reservation_number, "
                     "total_amount, expires_at) VALUES (%s, %s, %s, %s, %s, "
                     "LOCALTIMESTAMP + '5 minutes'::interval)", made.id, user, made.event,
                     f"TK{made.id}", made.amount)
        self.db.rows("INSERT INTO public.reservation_items (reservation_id, seat_id, quantity, "
                     "unit_price, subtotal) SELECT %s, id, 1, price, price FROM public.seats "
                     "WHERE id = ANY (%s::uuid[])", made.id, made.seats)
        return made

    def cancel(self, reservation):
        """The monolith's cancel: no money moves there, the seats are free at once."""
        self.db.rows("UPDATE public.reservations SET status = 'cancelled', "
                     "payment_status = 'refunded' WHERE id = %s", reservation.id)
        self.free_seats(reservation)

    def free_seats(self, reservation):
        self.db.rows("UPDATE public.seats SET status = 'available' WHERE id = ANY (%s::uuid[])",
                     reservation.seats)

    def state(self, reservation):
        """(status, payment_status) of the reservation and the set of its seats' statuses."""
        status = self.db.row("SELECT status, payment_status FROM public.reservations "
                             "WHERE id = %s", reservation.id)
        seats = self.db.rows("SELECT DISTINCT status FROM public.seats "
                             "WHERE id = ANY (%s::uuid[])", reservation.seats)
        return status, {seat for seat, in seats}

    def intents(self, reservation):
        return [status for status, in self.db.rows(
            "SELECT status FROM payments.intents WHERE reservation_id = %s ORDER BY created_at",
            reservation.id)]

    def attempts(self, reservation):
        return [status for status, in self.db.rows(
            "SELECT a.status FROM payments.attempts a "
            "JOIN payments.intents i ON i.id = a.intent_id "
            "WHERE i.reservation_id = %s ORDER BY a.n", reservation.id)]

    def ledger(self, reservation):
        """{account: sum} over the entries of a reservation, and how many entries there are."""
        rows = self.db.rows(
            "SELECT l.account, sum(l.amount_krw)::bigint, count(*) FROM payments.ledger_entries l "
            "JOIN payments.intents i ON i.id = l.intent_id WHERE i.reservation_id = %s "
            "GROUP BY l.account", reservation.id)
        return {account: total for account, total, _ in rows}, sum(row[2] for row in rows)

    def open_attempts(self):
        return self.db.value("SELECT count(*) FROM payments.attempts "
                             "WHERE status IN ('sent', 'unknown')")

    def snapshot(self):
        """A digest of every table's content: equal before and after where nothing was changed."""
        tables = self.db.rows(
            "SELECT table_schema || '.' || table_name FROM information_schema.tables WHERE "
            "table_schema IN ('public', 'payments') AND table_type = 'BASE TABLE' ORDER BY 1")
        digests = {}
        for table, in tables:
            if table not in RESTLESS:
                content = self.db.value("SELECT coalesce(string_agg(t::text, chr(10) "
                                        f"ORDER BY t::text), '') FROM {table} t")
                digests[table] = hashlib.sha256(content.encode()).hexdigest()
        return digests


def assert_paid(shared, reservation):
    """Paid exactly once: confirmed, its seats reserved, one approved attempt, one ledger pair."""
    status, seats = shared.state(reservation)
    assert status == ("confirmed", "completed"), f"{reservation.id}: {status}"
    assert seats <= {"reserved"}, f"{reservation.id}: seats {seats}"
    assert shared.intents(reservation)[-1] == "succeeded"
    assert shared.attempts(reservation).count("approved") == 1, shared.attempts(reservation)
    totals, entries = shared.ledger(reservation)
    assert entries == 2 and sum(totals.values()) == 0, totals
    assert abs(totals["CUSTOMER_PAYABLE"]) == reservation.amount, totals
