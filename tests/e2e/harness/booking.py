"""A buyer of the service's own bookings: hold seats, see them, pay, cancel."""

from . import client
from .volley import post

CARD_TOKEN = "tok_of_a_test"
APPROVED, DECLINED = "120", "122"  # the mock decides by the last digit


class Buyer:
    def __init__(self, stack, role="user"):
        self.stack = stack
        self.id = stack.shared.user(role)
        self.token = client.token(self.id, role=role)

    def ask(self, method, path, body=None, **how):
        return self.stack.pool.http(method, path, **({"token": self.token, "body": body} | how))

    def book(self, event, seats, method="CREDIT_CARD", **how):
        body = {"performanceId": event, "seatIds": seats, "paymentMethod": method}
        return self.ask("POST", "/bookings", body, **how)

    def hold(self, event, seats, **how):
        """A booking that must succeed; its body."""
        answer = self.book(event, seats, **how)
        assert answer.status == 201, answer
        return answer.json

    def execute(self, booking, cvv=APPROVED, **how):
        body = {"paymentIntentId": booking["paymentIntentId"], "paymentMethodToken": CARD_TOKEN,
                "cvv": cvv}
        return self.ask("POST", "/execute", body, **how)

    def cancel(self, booking, **how):
        return self.ask("DELETE", "/bookings/my", {"bookingId": booking["bookingId"]}, **how)

    def bookings(self, query=""):
        answer = self.ask("GET", "/bookings/my" + query)
        assert answer.status == 200, answer
        return answer.json

    def occupied(self, event, query="", **how):
        answer = self.ask("GET", f"/occupiedSeats/{event}{query}", **how)
        assert answer.status == 200, answer
        return answer.json

    # ---- prepared requests for a volley ----

    def booking_request(self, event, seats, **headers):
        body = {"performanceId": event, "seatIds": seats, "paymentMethod": "CREDIT_CARD"}
        return post(client.MOUNT + "/bookings", body, self.token, **headers)

    def execute_request(self, intent, cvv=APPROVED, **headers):
        body = {"paymentIntentId": intent, "paymentMethodToken": CARD_TOKEN, "cvv": cvv}
        return post(client.MOUNT + "/execute", body, self.token, **headers)

    def cancel_request(self, booking):
        one = post(client.MOUNT + "/bookings/my", {"bookingId": booking}, self.token)
        return one | {"method": "DELETE"}


def lapse(database, booking, seconds=1):
    """Makes the booking's hold end so many seconds ago."""
    database.rows(
        "WITH i AS (UPDATE payments.intents SET payable_until = LOCALTIMESTAMP - %s * interval '1 s', "
        "hold_expires_at = LOCALTIMESTAMP - %s * interval '1 s' WHERE reservation_id = %s) "
        "UPDATE public.reservations SET expires_at = LOCALTIMESTAMP - %s * interval '1 s' "
        "WHERE id = %s", seconds, seconds, booking["bookingId"], seconds, booking["bookingId"])


def unlapse(database):
    """
    Extends lapsed holds that were not ended: without a janitor the audit would soon report them.
    """
    database.rows("UPDATE public.reservations SET expires_at = LOCALTIMESTAMP + interval '1 hour' "
                  "WHERE status = 'pending' AND expires_at < LOCALTIMESTAMP + interval '10 s'")


def state(database, booking):
    """(status, payment status) of the reservation, its intent's status, its seats' statuses."""
    row = database.row(
        "SELECT r.status, r.payment_status, i.status FROM public.reservations r "
        "LEFT JOIN payments.intents i ON i.reservation_id = r.id WHERE r.id = %s",
        booking["bookingId"])
    seats = database.rows(
        "SELECT DISTINCT s.status FROM public.reservation_items t JOIN public.seats s "
        "ON s.id = t.seat_id WHERE t.reservation_id = %s", booking["bookingId"])
    return row[:2], row[2], {seat for seat, in seats}


HELD = (("pending", "pending"), "requires_payment", {"locked"})
PAID = (("confirmed", "completed"), "succeeded", {"reserved"})
CANCELLED = (("cancelled", "pending"), "cancelled", {"available"})
DECLINED_STATE = (("cancelled", "failed"), "failed", {"available"})
EXPIRED = (("expired", "failed"), "expired", {"available"})
EXPIRED_AS_CANCELLED = (("cancelled", "failed"), "expired", {"available"})
