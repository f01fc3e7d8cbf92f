"""
The cutover's modes, each by an edit of payments-map.conf and a reload: which side answers a
request, the answers during a drain, and that no reservation is paid twice, whichever side its
requests reach.

Fails where a mode sends a request to the wrong side, a reload loses one, or both sides charge a
customer.
"""

import time

import pytest

from harness import client
from harness.client import refused
from harness.cutover import Cutover
from harness.shared_schema import Reservation
from harness.volley import tally
from harness.wait import until

API = "/api/payments/methods"
BOOKINGS = "/bookings/my"
OWN = f"{client.MOUNT}/methods"


@pytest.fixture(scope="module")
def stack(cluster):
    made = Cutover(cluster, settings={"PAYMENTS_MOCK_MIN_DELAY_MS": 20, "PAYMENTS_MOCK_MAX_DELAY_MS": 60})
    made.start()
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def off_at_first(stack):
    stack.set_mode("off", "bookings", reload=False)
    stack.set_mode("off")


def callers(stack, count):
    """Tokens of different callers; the user is the same."""
    return [client.token(stack.user, email=f"{n}@example.com") for n in range(count)]


# ---- which side answers ----

@pytest.mark.parametrize("mode, side", [("off", "monolith"), ("shadow", "monolith"), ("canary 5", "monolith"),
                                        ("on", "payments"), ("drain", "payments"), ("no-such-word", "monolith")])
def test_each_group_has_a_mode_of_its_own(stack, mode, side):
    headers = {"X-Payments-Side": "monolith"} if mode == "canary 5" else None
    stack.set_mode(mode)
    assert stack.side(API, headers=headers) == side
    assert stack.side(BOOKINGS, token=stack.token) == "monolith"
    stack.set_mode("off", reload=False)
    stack.set_mode(mode, "bookings")
    assert stack.side(API) == "monolith"
    assert stack.side(BOOKINGS, token=stack.token, headers=headers) == side


@pytest.mark.parametrize("path", ["/bookings", "/bookings/my", "/payments/execute", "/payments/execute/",
                                  "/occupiedSeats", "/occupiedSeats/x"])
def test_booking_addresses_move_as_one(stack, path):
    assert stack.side(path) == "monolith"
    stack.set_mode("on", "bookings")
    assert stack.side(path) == "payments"


def test_own_address_is_the_services_in_every_mode(stack):
    """The way to test the service before any cutover."""
    for mode in ("off", "shadow", "on"):
        stack.set_mode(mode)
        assert stack.side(OWN) == "payments"


def test_both_sides_pay(stack):
    for mode, side in (("off", "monolith"), ("on", "payments")):
        stack.set_mode(mode)
        reservation = stack.reserve()
        answer = stack.monolith_process(reservation)
        assert (answer.status, answer.header("X-Served-By")) == (200, side), answer
        assert stack.shared.state(reservation) == (("confirmed", "completed"), {"reserved"})
        refused_by_other = stack.process(reservation)
        refused(refused_by_other, 400, "ALREADY_PAID")


def test_address_and_query_reach_the_monolith_unchanged(stack):
    """nginx does not decode an escape in a path: 404 at the monolith, not another address."""
    assert stack.get("/api/payments/methods?x=%20y").status == 200
    assert stack.get("/api/payments/%6dethods?x").status == 404
    stack.set_mode("on")
    assert stack.get("/api/payments/methods?x=%20y").status == 200


# ---- canary ----

def test_canary_share_is_sticky_and_grows(stack):
    tokens = callers(stack, 400)

    def chosen():
        asked = [{"method": "GET", "path": API, "headers": {"Authorization": f"Bearer {one}"}} for one in tokens]
        shots = stack.fire(asked, most=20)
        assert tally(shots) == {(200, None): len(tokens)}
        return {shot.index for shot in shots if shot.headers["x-served-by"] == "payments"}

    stack.set_mode("canary 5")
    few = chosen()
    assert 5 <= len(few) <= 45, len(few)
    assert chosen() == few, "a caller changed sides"
    stack.set_mode("canary 50")
    half = chosen()
    assert 150 <= len(half) <= 250, len(half)
    assert few <= half, "a larger share sent callers back"


def test_testers_choose_in_canary_only(stack):
    for mode, wanted in (("canary 5", {"payments": "payments", "monolith": "monolith"}),
                         ("off", {"payments": "monolith"}), ("on", {"monolith": "payments"})):
        stack.set_mode(mode)
        for asked, side in wanted.items():
            assert stack.side(API, headers={"X-Payments-Side": asked}) == side, (mode, asked)


# ---- shadow ----

def test_shadow_copies_gets_and_nothing_else(stack):
    stack.set_mode("shadow")
    identity = "shadow-copy-of-a-get"
    answer = stack.get(API, headers={"X-Request-Id": identity})
    assert (answer.status, answer.header("X-Served-By")) == (200, "monolith")
    copies = lambda: [line for line in stack.pool.log_lines("request") if line["requestId"] == identity]
    until("the copy arrives", copies)
    assert [(line["route"], line["status"]) for line in copies()] == [("GET methods", 200)]
    reservation = stack.reserve()
    identity = "shadow-never-of-a-post"
    answer = stack.monolith_process(reservation, **{"X-Request-Id": identity})
    assert (answer.status, answer.header("X-Served-By")) == (200, "monolith")
    time.sleep(0.3)
    assert not copies() and not stack.shared.intents(reservation)


def test_shadow_costs_the_caller_nothing_when_the_service_is_stopped(stack):
    stack.set_mode("shadow")
    stack.pool.stop_workers()
    try:
        for _ in range(3):
            begun = time.monotonic()
            answer = stack.get(API)
            assert (answer.status, answer.header("X-Served-By")) == (200, "monolith")
            assert time.monotonic() - begun < 0.5
    finally:
        stack.pool.start_workers()


# ---- shadow: decisions ----

@pytest.fixture(scope="module")
def admin(stack):
    return client.token(stack.shared.user("admin"), role="admin")


def shadow(stack, admin, reservation, said, **body):
    body = {"reservationId": reservation.id, "userId": reservation.user, "paymentMethod": "kakao_pay",
            "monolithStatus": said} | body
    return stack.pool.http("POST", "/shadow/process", token=admin, body=body)


def paid_late(stack):
    """A reservation that the monolith confirmed five seconds after its deadline."""
    late = stack.reserve(expires_in_s=-5)
    stack.database.rows("UPDATE public.reservations SET status = 'confirmed', payment_status = 'completed' "
                        "WHERE id = %s", late.id)
    stack.database.rows("UPDATE public.seats SET status = 'reserved' WHERE id = ANY (%s::uuid[])", late.seats)
    return late


def paid_by_monolith(stack):
    reservation = stack.reserve()
    assert stack.monolith_process(reservation).status == 200
    return reservation


UNKNOWN = Reservation(client.new_id(), client.new_id(), 0)


@pytest.mark.parametrize("make, said, body, compared, differs, decision", [
    (paid_by_monolith, 200, {}, True, False, "OK"),
    (paid_by_monolith, 400, {}, True, False, "ALREADY_PAID"),
    (paid_late, 200, {}, True, True, "RESERVATION_EXPIRED"),
    (lambda stack: stack.reserve(expires_in_s=-5), 400, {}, True, False, "RESERVATION_EXPIRED"),
    (Cutover.reserve, 400, {}, True, True, "OK"),
    (Cutover.reserve, 400, {"paymentMethod": "cash"}, True, False, "INVALID_PAYMENT_METHOD"),
    (Cutover.reserve, 400, {"reservationId": None}, True, False, "MISSING_FIELDS"),
    (Cutover.reserve, 200, {}, False, False, "OK"),  # undone since
    (Cutover.reserve, 500, {}, False, False, "OK"),
    (lambda stack: Reservation(client.new_id(), stack.user, 0), 404, {}, True, False, "RESERVATION_NOT_FOUND"),
    (lambda stack: UNKNOWN, 404, {}, True, True, "USER_NOT_FOUND"),
])
def test_shadow_decisions(stack, admin, make, said, body, compared, differs, decision):
    """The monolith's answer is compared with the service's decision; nothing is written."""
    reservation = make(stack)
    before = stack.shared.snapshot()
    logged = len(stack.pool.log_lines("shadow_differs"))
    answer = shadow(stack, admin, reservation, said, **body)
    assert answer.status == 200, answer
    found = (answer.json["compared"], answer.json["differs"], answer.json["decision"])
    assert found == (compared, differs, decision), answer
    assert len(stack.pool.log_lines("shadow_differs")) - logged == differs
    assert stack.shared.snapshot() == before


def test_shadow_is_the_admins(stack, admin):
    reservation = stack.reserve()
    refused(shadow(stack, stack.token, reservation, 200), 403, "FORBIDDEN")
    refused(shadow(stack, None, reservation, 200), 401, "AUTH_REQUIRED")
    refused(shadow(stack, admin, reservation, None), 400, "MISSING_FIELDS")
    refused(shadow(stack, admin, reservation, 200, userId="x"), 400, "INVALID_ID")
    assert shadow(stack, admin, reservation, 400).status == 200


def test_shadow_waits_for_no_lock(stack, admin):
    """
    The monolith holds the row during its gateway's call: a shadow request must not wait for it.
    """
    reservation = stack.reserve()
    holder = stack.cluster.connect(stack.database.name)
    holder.autocommit = False
    try:
        with holder.cursor() as cursor:
            cursor.execute("SELECT FROM public.reservations WHERE id = %s FOR UPDATE", (reservation.id,))
            begun = time.monotonic()
            assert shadow(stack, admin, reservation, 400).status == 200
            assert time.monotonic() - begun < 0.5
    finally:
        holder.close()


# ---- drain ----

def test_drain_refuses_new_payments_and_answers_questions(stack):
    stack.set_mode("drain", "bookings", reload=False)
    stack.set_mode("drain")
    before = stack.shared.snapshot()
    for path in ("/api/payments/process", "/api/payments/process/", f"{client.MOUNT}/process",
                 "/bookings", "/payments/execute", f"{client.MOUNT}/bookings", f"{client.MOUNT}/execute"):
        answer = client.request(stack.pool.port, "POST", path, token=stack.token, body={})
        refused(answer, 503, "SERVICE_UNAVAILABLE", retry_after=True)
        assert answer.header("X-Served-By") == "nginx"
    assert stack.shared.snapshot() == before
    for path in (API, BOOKINGS, f"{client.MOUNT}/bookings/my"):
        answer = stack.get(path, token=stack.token)
        assert (answer.status, answer.header("X-Served-By")) == (200, "payments"), path
    english = client.request(stack.pool.port, "POST", "/bookings", body={}, headers={"Accept-Language": "en"})
    assert "payments" in english.json["message"]


def test_drain_of_one_group_leaves_the_other(stack):
    stack.set_mode("drain", "bookings", reload=False)
    stack.set_mode("on")
    assert stack.monolith_process(stack.reserve()).status == 200
    answer = client.request(stack.pool.port, "POST", "/bookings", token=stack.token, body={})
    refused(answer, 503, "SERVICE_UNAVAILABLE", retry_after=True)


# ---- trouble, on either side ----

def test_monolith_gone_is_json(stack):
    stack.stop_monolith()
    try:
        for answer in (stack.get(API), stack.monolith_process(stack.reserve())):
            refused(answer, 502, "SERVICE_UNAVAILABLE", retry_after=True)
            assert answer.header("X-Served-By") == "nginx"
    finally:
        stack.start_monolith()
    assert stack.get(API).status == 200


def test_workers_gone_is_json_and_off_goes_on(stack):
    stack.set_mode("on")
    stack.pool.stop_workers()
    try:
        for answer in (stack.get(API), stack.monolith_process(stack.reserve())):
            refused(answer, 502, "SERVICE_UNAVAILABLE", retry_after=True)
        stack.set_mode("off")
        assert stack.monolith_process(stack.reserve()).status == 200
    finally:
        stack.pool.start_workers()
    stack.set_mode("on")
    assert stack.monolith_process(stack.reserve()).status == 200


@pytest.mark.parametrize("mode", ["off", "on"])
def test_body_past_the_servers_limit_is_json(stack, mode):
    stack.set_mode(mode)
    answer = client.request(stack.pool.port, "POST", "/api/payments/process", token=stack.token,
                            body=b"{" + b" " * (2 << 20))
    refused(answer, 413, "PAYLOAD_TOO_LARGE")


# ---- no reservation is paid twice ----

def paid_by(stack, reservations):
    """How many charges each reservation has that were not returned, over both sides."""
    stack.settled()
    old = stack.monolith_charges()
    kept = {}
    for reservation in reservations:
        charged, returned = stack.database.row(
            "SELECT coalesce(sum(charged_krw), 0), coalesce(sum(refund_krw), 0) FROM payments.intents "
            "WHERE reservation_id = %s", reservation.id)
        kept[reservation.id] = old.count(reservation.id) + (charged - returned) / reservation.amount
    return kept


@pytest.mark.parametrize("first", ["monolith", "payments", "both at once"])
def test_a_retry_on_the_other_side_does_not_pay_again(stack, first):
    """The second side waits for the row, or sees it paid, or returns its charge."""
    stack.set_mode("canary 50")
    reservations = stack.shared.reserve(stack.user, 60)
    sides = ["payments", "monolith"] if first == "payments" else ["monolith", "payments"]
    volleys = []
    for side in sides:
        shots = [stack.monolith_request(one, X_Payments_Side=side) for one in reservations]
        volleys.append(stack.volley(shots, burst=first == "both at once", most=20))
        if first != "both at once":
            volleys[-1].process.wait(30)
    answers = [volley.finish() for volley in volleys]
    for one, two in zip(*answers):
        assert sorted([one.status, two.status])[0] == 200, (one, two)
        assert sorted([one.status, two.status])[1] in (400, 409), two.body
    assert set(paid_by(stack, reservations).values()) == {1}
    for reservation in reservations:
        assert stack.shared.state(reservation) == (("confirmed", "completed"), {"reserved"})


def test_switch_back_while_at_the_gateway(stack):
    """
    A customer repeats at the monolith a payment that the service is just charging: one of the two
    stays.
    """
    stack.set_mode("canary 50")
    reservation = stack.reserve()
    silent = stack.volley([stack.monolith_request(reservation, X_Payments_Side="payments")])
    until("it is at the gateway", lambda: stack.shared.attempts(reservation))
    stack.set_mode("off")
    again = stack.monolith_process(reservation)
    shot, = silent.finish()
    assert sorted([again.status, shot.status])[0] == 200, (again, shot)
    assert set(paid_by(stack, [reservation]).values()) == {1}


def test_reloads_lose_nothing(stack):
    """All modes in turn under load, a reload each 150 ms."""
    reservations = stack.shared.reserve(stack.user, 300)
    volley = stack.volley([stack.monolith_request(one) for one in reservations], rate=100)
    for mode in ("shadow", "canary 5", "canary 50", "on", "off", "on", "canary 50", "off", "on") * 2:
        stack.set_mode(mode)
        time.sleep(0.1)
    shots = volley.finish()
    assert tally(shots) == {(200, None): len(reservations)}
    assert {shot.headers["x-served-by"] for shot in shots} == {"monolith", "payments"}
    assert set(paid_by(stack, reservations).values()) == {1}


def test_a_bad_edit_is_refused_before_it_is_in_force(stack):
    stack.set_mode("on")
    path = stack.pool.folder / "nginx/payments-map.conf"
    good = path.read_text(encoding="utf-8")
    path.write_text(good.replace("default on;", "default on"), encoding="utf-8")
    with pytest.raises(RuntimeError, match="payments-map.conf"):
        stack.reload_nginx()
    path.write_text(good, encoding="utf-8")
    assert stack.side(API) == "payments"


def test_secrets_of_a_caller_are_in_no_log(stack):
    stack.set_mode("canary 50")
    stack.get(API + "?token=abc", token=stack.token)
    log = stack.pool.folder / "nginx-access.log"
    until("it is logged", lambda: API in log.read_text())
    assert stack.token not in log.read_text() and "token=abc" not in log.read_text()
