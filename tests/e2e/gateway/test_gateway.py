"""
Payments at a gateway across a real wire that keeps books of its own: each fault for charge,
reconciliation and refund; the client's answer, the database and the gateway's books agree.

Fails where money depends on an answer of the gateway: charged and not settled, declined and
charged, charged twice, refunded twice.
"""

import json
import os
import socket
import ssl
import subprocess
import threading
import time

import pytest

from harness import build, client
from harness.client import refused
from harness.gateway import SECRET_KEY, Gateway
from harness.shared_schema import assert_paid
from harness.stack import Stack
from harness.volley import post, tally
from harness.wait import until

PEOPLE = 1000
DEADLINE_MS = 1000
SETTLED_WITHIN_S = 30
WEBHOOK = "/webhooks/toss"

# (fault of the confirm, its effect on the money): in each of them the first answer proves nothing
DOUBTS = {
    "charge_hang": True, "hang": False, "charge_500": True, "500": False, "reset_before": False,
    "reset_after": True, "processing": False, "charge_processing": True, "duplicate": False,
    "charge_duplicate": True, "already": True, "provider_error": False, "charge_provider_error": True,
    "rubbish": True, "rubbish_before": False, "cut": True, "truncated": True, "other_order": True,
    "429": False, "401": False}
DECLINES = ["REJECT_CARD_PAYMENT", "REJECT_CARD_COMPANY", "REJECT_ACCOUNT_PAYMENT", "INVALID_CARD_EXPIRATION",
            "INVALID_STOPPED_CARD", "INVALID_REJECT_CARD", "INVALID_CARD_LOST_OR_STOLEN",
            "EXCEED_MAX_AUTH_COUNT"]


@pytest.fixture(scope="module")
def gateway():
    made = Gateway()
    try:
        yield made.start()
    finally:
        made.destroy()


@pytest.fixture(scope="module")
def stack(cluster, gateway):
    made = Stack(cluster, workers=4, settings=gateway.settings(PAYMENTS_DB_CONNECTIONS=2)).start()
    made.expect_errors = True  # refused keys and mismatches are logged at level error
    made.admin = client.token(made.shared.user("admin"), role="admin")
    yield made
    log = made.pool.log.read_text(encoding="utf-8")
    made.stop()
    assert SECRET_KEY not in log, "the gateway's key is in the log"


@pytest.fixture(autouse=True)
def healthy(gateway):
    """Each test begins, and is audited, with a gateway that works."""
    gateway.clear()
    yield
    gateway.clear()


def pay(stack, reservation, key=None, **how):
    body = {"reservationId": reservation.id, "paymentMethod": "kakao_pay", "paymentKey": key or new_key()}
    return stack.pool.http("POST", "/process", token=stack.token, body=body, **how)


def new_key():
    return "tgen_" + client.new_id().replace("-", "")


def order_of(stack, reservation):
    """The order id of the latest attempt."""
    return stack.database.value(
        "SELECT i.attempt_id::text FROM payments.intents i WHERE i.reservation_id = %s "
        "ORDER BY i.created_at DESC LIMIT 1", reservation.id)


def is_settled(stack, reservation):
    return stack.shared.attempts(reservation)[-1] in ("approved", "declined")


def settled(stack, reservation):
    """
    The gateway's webhooks bring each reconciliation forward: no test waits for the pauses between
    them.
    """
    order = order_of(stack, reservation)

    def settles():
        if is_settled(stack, reservation):
            return True
        webhook(stack, order)
        return False

    until(f"{reservation.id} is settled", settles, SETTLED_WITHIN_S, 0.4)


def assert_unpaid(stack, reservation):
    assert stack.shared.state(reservation) == (("pending", "pending"), {"locked"})
    assert stack.shared.ledger(reservation) == ({}, 0)


# ---- charge ----

def test_paid_once(stack, gateway):
    reservation = stack.reserve()
    assert pay(stack, reservation).status == 200
    assert_paid(stack.shared, reservation)
    order = order_of(stack, reservation)
    assert order == reservation.id, "a first process is charged under the reservation's own id"
    assert gateway.charged(order) == (reservation.amount, 1)


def test_no_payment_key(stack, gateway):
    reservation = stack.reserve()
    before = len(gateway.books())
    refused(stack.process(reservation), 400, "MISSING_FIELDS")
    refused(pay(stack, reservation, "k" * 201), 400, "INVALID_PARAMETER")
    assert len(gateway.books()) == before
    assert pay(stack, reservation, "k" * 200).status == 200


@pytest.mark.parametrize("code", DECLINES)
def test_declined_then_paid_under_a_new_order(stack, gateway, code):
    reservation = stack.reserve()
    gateway.fault("decline", code=code)
    error = refused(pay(stack, reservation), 402, "PAYMENT_DECLINED")
    assert error["failure"]["code"] == code and error["failure"]["message"]
    assert_unpaid(stack, reservation)
    first = order_of(stack, reservation)
    assert gateway.charged(first) == (0, 0)
    intent = stack.pool.http("GET", f"/intents/{error['paymentIntentId']}", token=stack.token).json
    assert intent["orderId"] != first
    assert pay(stack, reservation).status == 200
    assert_paid(stack.shared, reservation)
    assert order_of(stack, reservation) == intent["orderId"]
    assert gateway.charged(intent["orderId"]) == (reservation.amount, 1)


def test_each_unknown_result_is_reconciled(stack, gateway):
    """All at once, each on a reservation of its own: all of them wait for one horizon."""
    reservations = dict(zip(DOUBTS, stack.shared.reserve(stack.user, len(DOUBTS))))
    keys = {fault: new_key() for fault in DOUBTS}
    for fault in DOUBTS:
        gateway.fault(fault, paymentKey=keys[fault])
    requests = [post(client.MOUNT + "/process", {"reservationId": reservations[fault].id,
                "paymentMethod": "kakao_pay", "paymentKey": keys[fault]}, stack.token) for fault in DOUBTS]
    shots = stack.fire(requests)
    assert tally(shots) == {(504, "PAYMENT_RESULT_UNKNOWN"): len(DOUBTS)}
    assert max(shot.ms for shot in shots) < DEADLINE_MS + 1500, "the deadline is not kept"
    for fault, charges in DOUBTS.items():
        settled(stack, reservations[fault])
        order = order_of(stack, reservations[fault])
        if charges:
            assert_paid(stack.shared, reservations[fault])
            assert gateway.charged(order) == (reservations[fault].amount, 1), fault
        else:
            assert_unpaid(stack, reservations[fault])
            assert gateway.charged(order) == (0, 0), fault
            code = stack.database.value("SELECT failure_code FROM payments.attempts WHERE id = %s", order)
            assert code == "NOT_CHARGED", fault


def test_not_found_counts_past_the_horizon_and_twice(stack, gateway):
    """
    The gateway charges after the client's deadline: a reconciliation before that finds nothing.
    """
    reservation = stack.reserve()
    gateway.fault("hang_charge", ms=2500)
    refused(pay(stack, reservation), 504, "PAYMENT_RESULT_UNKNOWN", retry_after=True)
    order = order_of(stack, reservation)
    for _ in range(3):
        webhook(stack, order)
        time.sleep(0.4)
    look_ups, not_founds = stack.database.row("SELECT look_ups, not_founds FROM payments.attempts WHERE id = %s",
                                              order)
    assert look_ups >= 2 and not_founds == 0, "a not-found before the horizon was counted"
    settled(stack, reservation)
    assert_paid(stack.shared, reservation)
    assert gateway.charged(order_of(stack, reservation)) == (reservation.amount, 1)


def test_refused_key_is_said_once_and_leaves_the_intent(stack, gateway):
    reservations = stack.shared.reserve(stack.user, 3)
    gateway.fault("401", "any", times=0)
    for reservation in reservations:
        refused(pay(stack, reservation), 504, "PAYMENT_RESULT_UNKNOWN", retry_after=True)
    time.sleep(1)
    assert [stack.shared.intents(one) for one in reservations] == [["unknown"]] * 3
    lines = stack.pool.log_lines("gateway_key_refused")
    assert 1 <= len(lines) <= 4 + 1, "not once a process"
    gateway.clear()
    for reservation in reservations:
        settled(stack, reservation)
        assert_unpaid(stack, reservation)


def test_another_amount_is_never_trusted(stack, gateway):
    reservation = stack.reserve()
    refused(pay(stack, reservation, f"amt_1000_{client.new_id()}"), 504, "PAYMENT_RESULT_UNKNOWN",
            retry_after=True)
    time.sleep(3)
    assert stack.shared.intents(reservation) == ["unknown"]
    order = order_of(stack, reservation)
    audit = stack.cluster.payctl(stack.database.url(), "audit", check=False)
    assert audit.returncode == 0, "it is not past its horizon yet"
    # a person corrects it at the gateway; the next reconciliation believes that
    gateway.control("payment", orderId=order, paymentKey="none", amount=reservation.amount, status="EXPIRED")
    webhook(stack, order)
    settled(stack, reservation)
    assert_unpaid(stack, reservation)


# ---- gateway away ----

def test_gateway_killed_and_restarted_keeps_its_books(stack, gateway):
    reservation, other = stack.shared.reserve(stack.user, 2)
    gateway.fault("charge_hang")
    refused(pay(stack, reservation), 504, "PAYMENT_RESULT_UNKNOWN", retry_after=True)
    gateway.kill()
    refused(pay(stack, other), 504, "PAYMENT_RESULT_UNKNOWN", retry_after=True)
    gateway.start()
    settled(stack, reservation)
    assert_paid(stack.shared, reservation)
    assert gateway.charged(order_of(stack, reservation)) == (reservation.amount, 1)
    settled(stack, other)
    assert_unpaid(stack, other)


@pytest.fixture
def impostor(tmp_path):
    """
    A server with a certificate that no authority signed; (its port, what it received after the
    handshake).
    """
    build.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
               "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", tmp_path / "key", "-out", tmp_path / "cert"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    heard, listener = [], socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(connection, server_side=True) as peer:
                    heard.append(peer.recv(65536))
            except OSError as problem:
                heard.append(problem)

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1], heard
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def test_certificate_that_does_not_verify_gets_nothing(cluster, gateway, impostor):
    """
    Neither the secret key nor the payment key reaches it; the operator is told. On a worker's small
    stack.
    """
    port, heard = impostor
    made = Stack(cluster, workers=1, settings=gateway.settings(TOSS_BASE_URL=f"https://127.0.0.1:{port}")).start()
    made.expect_errors = True
    try:
        reservation = made.reserve()
        refused(pay(made, reservation), 504, "PAYMENT_RESULT_UNKNOWN", retry_after=True)
        until("the handshake is over", lambda: heard)
        assert not any(isinstance(one, bytes) and one for one in heard), heard
        assert made.pool.log_lines("gateway_not_trusted")
        assert made.database.value("SELECT failure_code FROM payments.attempts") == "GATEWAY_NOT_TRUSTED"
    finally:
        made.stop()


# ---- webhook ----

def webhook(stack, order, **how):
    body = {"eventType": "PAYMENT_STATUS_CHANGED", "createdAt": "2026-11-20T08:40:12.934",
            "data": {"paymentKey": "x", "orderId": order, "status": "DONE"}} | how
    answer = stack.pool.http("POST", WEBHOOK, body=body)
    assert (answer.status, answer.json) == (200, {}), answer


def test_webhook_brings_the_reconciliation_forward(stack, gateway):
    reservation = stack.reserve()
    gateway.fault("charge_500")
    gateway.fault("500", "lookup", times=0)
    refused(pay(stack, reservation), 504, "PAYMENT_RESULT_UNKNOWN", retry_after=True)
    order = order_of(stack, reservation)
    stack.database.rows("UPDATE payments.attempts SET next_look_at = now() + interval '1 hour' WHERE id = %s",
                        order)
    gateway.clear()
    webhook(stack, client.new_id())
    webhook(stack, order, eventType="DEPOSIT_CALLBACK")
    time.sleep(1)
    assert not is_settled(stack, reservation)
    webhook(stack, order)
    until("it is reconciled now", lambda: is_settled(stack, reservation), 3)
    assert_paid(stack.shared, reservation)


def test_webhook_is_not_believed(stack, unchanged):
    """It says DONE of an unknown order, of rubbish, and of nothing."""
    webhook(stack, client.new_id())
    webhook(stack, "no-uuid")
    refused(stack.pool.http("POST", WEBHOOK, body="{"), 400, "MALFORMED_JSON")
    refused(stack.pool.http("POST", WEBHOOK, body={"eventType": "PAYMENT_STATUS_CHANGED"}), 400,
            "MISSING_FIELDS")
    refused(stack.pool.http("GET", WEBHOOK), 405, "METHOD_NOT_ALLOWED")


# ---- refunds ----

def order_refund(stack, reservation, amount=None):
    intent = stack.database.value("SELECT id::text FROM payments.intents WHERE reservation_id = %s",
                                  reservation.id)
    body = {"reason": "고객 요청"} | ({"amount": amount} if amount else {})
    answer = stack.pool.http("POST", f"/intents/{intent}/refund", token=stack.admin, body=body)
    assert answer.status == 202, answer
    return intent


def refunds(stack, reservation):
    return stack.database.rows(
        "SELECT f.status, f.amount_krw FROM payments.refunds f JOIN payments.intents i ON i.id = f.intent_id "
        "WHERE i.reservation_id = %s ORDER BY f.created_at", reservation.id)


REFUND_FAULTS = [None, "charge_hang", "hang", "charge_500", "500", "reset_before", "reset_after", "processing",
                 "charge_processing", "rubbish", "cut", "truncated", "429", "already"]


def test_each_refund_is_given_back_once(stack, gateway):
    """Whatever happens to the cancel's answer: the query before the next try tells its outcome."""
    reservations = stack.shared.reserve(stack.user, len(REFUND_FAULTS))
    for reservation, fault in zip(reservations, REFUND_FAULTS):
        key = new_key()
        assert pay(stack, reservation, key).status == 200
        if fault:
            how = {"ms": 1500} if fault.endswith("hang") else {}
            gateway.fault(fault, "cancel", paymentKey=key, **how)
        order_refund(stack, reservation)
    for reservation, fault in zip(reservations, REFUND_FAULTS):
        until(f"refunded after {fault}", lambda: refunds(stack, reservation) == [("done", reservation.amount)],
              SETTLED_WITHIN_S, 0.1)
        payment = gateway.books()[order_of(stack, reservation)]
        assert [one["amount"] for one in payment["cancels"]] == [reservation.amount], fault
        assert stack.shared.intents(reservation) == ["refunded"], fault


def test_part_refunds_add_up_and_the_gateways_no_is_final(stack, gateway):
    reservation = stack.reserve()
    assert pay(stack, reservation).status == 200
    for amount in (10000, 20000):
        order_refund(stack, reservation, amount)
    until("both are done", lambda: [status for status, _ in refunds(stack, reservation)] == ["done"] * 2,
          SETTLED_WITHIN_S)
    order = order_of(stack, reservation)
    assert gateway.charged(order) == (reservation.amount - 30000, 1)
    gateway.fault("code", "cancel", http=403, code="NOT_CANCELABLE_PAYMENT")
    order_refund(stack, reservation, 5000)
    until("it needs review", lambda: refunds(stack, reservation)[-1][0] == "needs_review", SETTLED_WITHIN_S)
    assert gateway.charged(order) == (reservation.amount - 30000, 1)
    # the person sends it again
    stack.database.rows("UPDATE payments.refunds SET status = 'pending', next_try_at = now() "
                        "WHERE status = 'needs_review'")
    until("done after all", lambda: refunds(stack, reservation)[-1][0] == "done", SETTLED_WITHIN_S)
    assert gateway.charged(order) == (reservation.amount - 35000, 1)


def test_lost_reservation_is_given_back(stack, gateway):
    """
    Cancelled by the monolith while the payment is at the gateway: charged, and refunded at once.
    """
    reservation = stack.reserve()
    gateway.fault("slow", ms=600)
    volley = stack.volley([post(client.MOUNT + "/process", {"reservationId": reservation.id,
                          "paymentMethod": "kakao_pay", "paymentKey": new_key()}, stack.token)])
    until("it is at the gateway", lambda: stack.shared.attempts(reservation) == ["sent"])
    stack.shared.cancel(reservation)
    assert tally(volley.finish()) == {(409, "RESERVATION_LOST"): 1}
    until("it is given back", lambda: refunds(stack, reservation) == [("done", reservation.amount)],
          SETTLED_WITHIN_S)
    assert gateway.charged(order_of(stack, reservation)) == (0, 1)


# ---- bookings ----

def test_booking_is_charged_under_the_order_handed_out(stack, gateway):
    event, _ = stack.shared.event(1)
    held = stack.pool.http("POST", "/bookings", token=stack.token, body={
        "performanceId": event, "seatIds": ["VIP-1-1"], "paymentMethod": "CREDIT_CARD"}).json
    intent = stack.pool.http("GET", f"/intents/{held['paymentIntentId']}", token=stack.token).json
    assert intent["orderId"] == held["orderId"]
    answer = stack.pool.http("POST", "/execute", token=stack.token, body={
        "paymentIntentId": held["paymentIntentId"], "paymentMethodToken": new_key(), "cvv": "123"})
    assert answer.status == 200 and answer.json["status"] == "SUCCESS", answer
    assert gateway.charged(held["orderId"]) == (held["totalAmount"], 1)
    after = stack.pool.http("GET", f"/intents/{held['paymentIntentId']}", token=stack.token).json
    assert "orderId" not in after, "there is no next attempt"


# ---- audit ----

def gateway_audit(stack, gateway):
    environment = {"PATH": build.SYSTEM_PATH, "PAYMENTS_ENV": "development",
                   "DATABASE_URL": stack.database.url(), "JWT_SECRET": client.SECRET}
    environment |= {name: str(value) for name, value in gateway.settings().items()}
    environment |= {name: value for name, value in os.environ.items() if "SAN_OPTIONS" in name}
    done = subprocess.run([build.program("payctl"), "audit", "--gateway", "--json"], env=environment,
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in (0, 1), done
    return done.returncode, json.loads(done.stdout)


def test_audit_against_the_gateways_books(stack, gateway):
    """
    Last in this file: after all of the above the books agree; then one of each difference is
    planted.
    """
    code, report = gateway_audit(stack, gateway)
    assert (code, report["findings"]) == (0, []), report
    assert report["compared"] > 20
    lost, extra, less, more, amount = stack.shared.reserve(stack.user, 5)
    for reservation in (lost, extra, less, more, amount):
        assert pay(stack, reservation).status == 200
    order = {one.id: order_of(stack, one) for one in (lost, extra, less, more, amount)}

    def book(one, status, won):
        gateway.control("payment", orderId=order[one.id], paymentKey="tgen_x", amount=won, status=status)

    book(lost, "EXPIRED", lost.amount)
    book(amount, "DONE", amount.amount + 1)
    book(more, "CANCELED", more.amount)
    stack.database.rows("UPDATE payments.attempts SET status = 'declined' WHERE id = %s", order[extra.id])
    stack.database.rows(
        "INSERT INTO payments.refunds (id, intent_id, attempt_id, amount_krw, reason, status, finished_at) "
        "SELECT gen_random_uuid(), intent_id, id, 1, 'requested', 'done', now() FROM payments.attempts "
        "WHERE id = %s", order[less.id])
    try:
        code, report = gateway_audit(stack, gateway)
        assert code == 1
        found = {one["attempt"]: one["id"] for one in report["findings"]}
        assert found == {order[lost.id]: "G1", order[extra.id]: "G2", order[amount.id]: "G4",
                         order[less.id]: "G5", order[more.id]: "G6"}
        assert all(one["advice"] for one in report["findings"])
        gateway.fault("500", "lookup", times=0)
        assert {one["id"] for one in gateway_audit(stack, gateway)[1]["findings"]} == {"G0"}
    finally:
        stack.database.rows("UPDATE payments.attempts SET status = 'approved' WHERE id = %s", order[extra.id])
        stack.database.rows("DELETE FROM payments.refunds WHERE attempt_id = %s", order[less.id])


# ---- many at once ----

def test_1000_slow_confirms_on_8_connections(cluster, gateway, capsys):
    """Four workers with two connections each; every confirm takes a second and a half."""
    made = Stack(cluster, workers=4, settings=gateway.settings(
        PAYMENTS_DB_CONNECTIONS=2, PAYMENTS_DB_WAIT_MS=5000, PAYMENTS_TOSS_DEADLINE_MS=20000,
        PAYMENTS_TOSS_LEASE_MS=30000)).start()
    try:
        gateway.fault("slow", ms=1500, times=0)
        reservations = made.shared.reserve(made.user, PEOPLE)
        volley = made.volley([post(client.MOUNT + "/process", {
            "reservationId": one.id, "paymentMethod": "kakao_pay", "paymentKey": new_key()}, made.token)
            for one in reservations], most=PEOPLE, burst=True)
        shots = volley.finish()
        with capsys.disabled():
            print(f"\n1,000 slow confirms on 8 connections: {volley.summary['perSecond']:.0f} a second, "
                  f"p50 {volley.summary['p50Ms']:.0f} ms, p99 {volley.summary['p99Ms']:.0f} ms")
        assert tally(shots) == {(200, None): PEOPLE}
        books = gateway.books()
        assert all((books[one.id]["balance"], books[one.id]["confirms"]) == (one.amount, 1)
                   for one in reservations)
        made.audit()
    finally:
        made.stop()
