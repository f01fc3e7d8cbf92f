"""
The monolith's own statements on the shared tables, in its order and with its faults.

    pay            reservations before seats, under locks: its only correct program
    cancel         the buyer's cancel: seats before reservations, marks refunded, moves no money
    find_expired   the cleaner's first half: reads which holds are over, without a lock
    clean          its second half: frees and ends them without reading again
    cancel_event   the admin's cancel of a whole event, in bulk

Each is one transaction of one session. A Monolith has a connection of its own: one thread each.
"""

import psycopg2
from psycopg2.errors import CheckViolation, DeadlockDetected

PAYABLE = "status = 'pending' AND payment_status = 'pending' AND " \
          "(expires_at IS NULL OR expires_at > LOCALTIMESTAMP)"
SEATS_OF = "(SELECT seat_id FROM public.reservation_items WHERE reservation_id = %s)"


class Monolith:
    def __init__(self, database):
        self.connection = psycopg2.connect(database.url("postgres"))

    def close(self):
        self.connection.close()

    def _run(self, body):
        """
        True where it was committed; a deadlock or a refused value rolls it back and is ignored.
        """
        try:
            with self.connection, self.connection.cursor() as cursor:
                return body(cursor) is not False
        except (CheckViolation, DeadlockDetected):
            return False

    def pay(self, reservation, method="credit_card"):
        def body(cursor):
            cursor.execute(f"SELECT 1 FROM public.reservations WHERE id = %s AND {PAYABLE} FOR UPDATE",
                           [reservation])
            if cursor.rowcount == 0:
                return False
            cursor.execute("UPDATE public.reservations SET status = 'confirmed', payment_status = "
                           "'completed', payment_method = %s WHERE id = %s", [method, reservation])
            cursor.execute(f"UPDATE public.seats SET status = 'reserved' WHERE id IN {SEATS_OF}",
                           [reservation])
            return True
        return self._run(body)

    def cancel(self, reservation):
        def body(cursor):
            cursor.execute("SELECT 1 FROM public.reservations WHERE id = %s AND status IN "
                           "('pending', 'confirmed')", [reservation])
            if cursor.rowcount == 0:
                return False
            cursor.execute(f"UPDATE public.seats SET status = 'available' WHERE id IN {SEATS_OF}",
                           [reservation])
            cursor.execute("UPDATE public.reservations SET status = 'cancelled', payment_status = "
                           "'refunded' WHERE id = %s", [reservation])
            return True
        return self._run(body)

    def find_expired(self):
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute("SELECT id FROM public.reservations WHERE status = 'pending' AND "
                           "expires_at < LOCALTIMESTAMP")
            return [identity for identity, in cursor.fetchall()]

    def clean(self, reservation):
        """Where the CHECK refuses 'expired', all of it is rolled back: the seats stay locked."""
        def body(cursor):
            cursor.execute(f"UPDATE public.seats SET status = 'available' WHERE id IN {SEATS_OF}",
                           [reservation])
            cursor.execute("UPDATE public.reservations SET status = 'expired', payment_status = "
                           "'failed' WHERE id = %s", [reservation])
        return self._run(body)

    def cancel_event(self, event):
        def body(cursor):
            cursor.execute("UPDATE public.events SET status = 'cancelled' WHERE id = %s", [event])
            cursor.execute("UPDATE public.seats SET status = 'available' WHERE event_id = %s", [event])
            cursor.execute("UPDATE public.reservations SET status = 'cancelled', payment_status = "
                           "'refunded' WHERE event_id = %s AND status IN ('pending', 'confirmed')",
                           [event])
        return self._run(body)
