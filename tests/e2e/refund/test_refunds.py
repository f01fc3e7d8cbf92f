"""
Refunds that an operator orders, over HTTP and by payctl: in part or whole, once or several times,
repeated and at once; and their effect on the reservation and its seats.

Fails where more than the charge is refunded, a repeated order pays twice, or a ticket stays valid
after its refund.
"""

import json

import pytest

from harness import build, client, faults
from harness.client import refused
from harness.faults import Worker, problems, settle_with
from harness.shared_schema import SharedSchema, assert_paid
from harness.volley import post, tally
from harness.wait import until

STACK = {"workers": 2}
DONE_WITHIN_S = 10


@pytest.fixture
def admin(stack):
    return client.token(stack.shared.user("admin"), role="admin")


@pytest.fixture
def paid(stack):
    """(a paid reservation of 70,000 won, its intent)"""
    return pay(stack)


def pay(stack, **how):
    reservation = stack.reserve(**how)
    answer = stack.process(reservation)
    assert answer.status == 200, answer
    return reservation, answer.json["payment"]["paymentIntentId"]


def order(stack, intent, token, amount=None, reason="test", **headers):
    body = {"reason": reason} | ({} if amount is None else {"amount": amount})
    return stack.pool.http("POST", f"/intents/{intent}/refund", token=token, body=body,
                           headers={name.replace("_", "-"): value for name, value in headers.items()})


def returned(stack, intent):
    """(won given back, refunds that are not done)"""
    return stack.database.row(
        "SELECT coalesce(sum(amount_krw) FILTER (WHERE status = 'done'), 0)::bigint, "
        "count(*) FILTER (WHERE status <> 'done') FROM payments.refunds WHERE intent_id = %s", intent)


def wait_returned(stack, intent, won):
    until(f"{won} won are given back", lambda: returned(stack, intent) == (won, 0), DONE_WITHIN_S)


def test_part_refund_leaves_the_ticket(stack, paid, admin):
    reservation, intent = paid
    assert order(stack, intent, admin, 30000).status == 202
    wait_returned(stack, intent, 30000)
    assert stack.shared.state(reservation) == (("confirmed", "completed"), {"reserved"})
    assert stack.shared.intents(reservation) == ["succeeded"]
    assert stack.shared.ledger(reservation) == ({"CUSTOMER_PAYABLE": 40000, "MERCHANT_BALANCE": -40000}, 4)


def test_parts_that_make_the_whole(stack, paid, admin):
    reservation, intent = paid
    assert order(stack, intent, admin, 30000).status == 202
    assert order(stack, intent, admin, 40001).code == "REFUND_TOO_LARGE"
    assert order(stack, intent, admin, 40000).status == 202
    wait_returned(stack, intent, 70000)
    assert stack.shared.state(reservation) == (("cancelled", "refunded"), {"available"})
    assert stack.shared.intents(reservation) == ["refunded"]
    assert stack.shared.ledger(reservation)[0] == {"CUSTOMER_PAYABLE": 0, "MERCHANT_BALANCE": 0}
    assert order(stack, intent, admin, 1).code == "NOT_REFUNDABLE"


def test_whole_refund_frees_seats_for_the_next_buyer(stack, admin):
    reservation, intent = pay(stack, seats=2)
    assert order(stack, intent, admin).json["amount"] == 140000
    wait_returned(stack, intent, 140000)
    assert stack.shared.state(reservation) == (("cancelled", "refunded"), {"available"})
    again = stack.shared.reserve_same_seats(reservation, stack.user)
    assert stack.process(again).status == 200
    assert_paid(stack.shared, again)


def test_seats_sold_again_stay_sold(stack, paid, admin):
    """The monolith cancelled and sold the seat again before the refund was recorded."""
    reservation, intent = paid
    stack.shared.cancel(reservation)
    other = stack.shared.reserve_same_seats(reservation, stack.shared.user())
    stack.database.rows("UPDATE public.reservations SET status = 'confirmed', payment_status = 'completed' "
                        "WHERE id = %s", other.id)
    stack.database.rows("UPDATE public.seats SET status = 'reserved' WHERE id = ANY (%s::uuid[])", other.seats)
    order(stack, intent, admin)
    wait_returned(stack, intent, 70000)
    assert stack.shared.state(other) == (("confirmed", "completed"), {"reserved"})


def test_same_key_orders_once(stack, paid, admin):
    _, intent = paid
    first = order(stack, intent, admin, 10000, Idempotency_Key="once")
    again = order(stack, intent, admin, 10000, Idempotency_Key="once")
    assert (first.status, again.status) == (202, 202) and first.body == again.body
    assert again.header("Idempotency-Replayed") == "true" and first.header("Idempotency-Replayed") is None
    assert order(stack, intent, admin, 20000, Idempotency_Key="once").code == "IDEMPOTENCY_MISMATCH"
    wait_returned(stack, intent, 10000)
    other = order(stack, intent, admin, 10000, Idempotency_Key="twice")
    assert other.json["refundId"] != first.json["refundId"]
    wait_returned(stack, intent, 20000)


@pytest.mark.parametrize("amount, through", [(None, 1), (20000, 3), (70000, 1)])
def test_orders_at_once_never_exceed_the_charge(stack, paid, admin, amount, through):
    _, intent = paid
    body = {"reason": "rush"} | ({} if amount is None else {"amount": amount})
    shots = stack.fire([post(f"{client.MOUNT}/intents/{intent}/refund", body, admin)] * 30, burst=True)
    counted = tally(shots)
    assert counted[(202, None)] == through, counted
    wait_returned(stack, intent, through * (amount or 70000))
    charged, refund = stack.database.row("SELECT charged_krw, refund_krw FROM payments.intents WHERE id = %s", intent)
    assert refund <= charged == 70000


def test_who_may_order(stack, paid, admin):
    _, intent = paid
    refused(order(stack, intent, stack.token), 403, "FORBIDDEN")
    assert returned(stack, intent) == (0, 0)
    assert order(stack, intent, admin, 1).status == 202


def test_what_cannot_be_refunded(stack, admin):
    reservation = stack.reserve()
    assert order(stack, client.new_id(), admin).code == "INTENT_NOT_FOUND"
    stack.process(reservation, method="kakao_pay")
    intent = stack.database.value("SELECT id FROM payments.intents WHERE reservation_id = %s", reservation.id)
    for amount in (0, -1, 70001, 1.5, "7"):
        assert order(stack, intent, admin, amount).status in (400, 409), amount
    assert stack.database.value("SELECT count(*) FROM payments.refunds WHERE intent_id = %s", intent) == 0


def test_payctl_refund(stack, paid):
    _, intent = paid
    url = stack.database.url()
    done = stack.cluster.payctl(url, "refund", intent, "--amount", "20000", "--reason", "by hand")
    assert json.loads(done)["amount"] == 20000
    assert stack.cluster.payctl(url, "refund", intent, "--amount", "50001", "--reason", "too much",
                                check=False).returncode == 1
    wait_returned(stack, intent, 20000)
    note = stack.database.value("SELECT note FROM payments.refunds WHERE intent_id = %s", intent)
    assert note == "by hand"


def test_tickets_are_given_back(stack, admin):
    reservation = stack.shared.reserve_tickets(stack.user, quantity=2)
    answer = stack.process(reservation)
    assert answer.status == 200
    left = "SELECT available_quantity FROM public.ticket_types WHERE event_id = %s"
    before = stack.database.value(left, reservation.event)
    intent = answer.json["payment"]["paymentIntentId"]
    assert order(stack, intent, admin).status == 202
    wait_returned(stack, intent, reservation.amount)
    assert stack.database.value(left, reservation.event) == before + 2


@pytest.fixture
def folder():
    with faults.scratch() as made:
        yield made


def test_gateway_is_away(cluster, folder):
    """The refund is retried until the gateway is back; the ticket stays until it is done."""
    database = cluster.database()
    shared = SharedSchema(database)
    user, admin = shared.user(), client.token(shared.user("admin"), role="admin")
    reservation, workers = shared.reserve_one(user), []

    def worker(**settings):
        workers.append(Worker(folder, database, settings, program=build.program("payments-fcgi"), janitor_ms=50))
        return workers[-1]

    try:
        away = worker()
        paid = away.post("/process", client.token(user),
                         {"reservationId": reservation.id, "paymentMethod": "kakao_pay"})
        away.kill()
        away = worker(PAYMENTS_MOCK_MODE="down")
        ordered = away.post(f"/intents/{paid.json['payment']['paymentIntentId']}/refund", admin, {"reason": "away"})
        assert ordered.status == 202
        tries = "SELECT tries FROM payments.refunds WHERE status = 'pending' AND failure_code = 'GATEWAY_DOWN'"
        until("it was tried in vain", lambda: database.rows(tries) == [(1,)], DONE_WITHIN_S)
        assert shared.state(reservation) == (("confirmed", "completed"), {"reserved"})
        away.kill()
        worker()
        assert settle_with(database) == []
        assert shared.state(reservation) == (("cancelled", "refunded"), {"available"})
        assert problems(database) == []
    finally:
        for one in workers:
            one.kill()
    database.drop()
