"""
Card data: after a run with known tokens, card numbers and cvv, none of them is in any table of
either schema nor in any log, with PostgreSQL logging every statement and every parameter.

Fails where one of them reaches a column, a parameter, an error message or a log line.
"""

import re
import threading

import pytest

from harness import client
from harness.booking import Buyer, lapse
from harness.client import new_id
from harness.stack import Stack
from harness.wait import until

TOKEN = "tok_Zq7vX9kWm3"  # the start of every token sent; the rest tells them apart
NUMBER = "4929-8812-7741-6603"
NUMBER_BARE = NUMBER.replace("-", "")
# Four digits that stand alone nowhere else: not a part of a time, an id or a measured figure.
CVV = {"approved": "7390", "declined": "7392", "unknown": "7399", "number": "7391"}
CHATTY = ("log_statement = 'all'", "log_min_duration_statement = 0", "log_duration = on",
          "log_error_verbosity = verbose", "log_min_messages = debug1",
          "log_parameter_max_length_on_error = -1")
LOGS = ("pool.log", "nginx-access.log", "nginx-error.log")
# Figures in a log: PostgreSQL's prefix and durations, positions of the source it reports.
FIGURES = re.compile(r"^\S+ \S+ \S+ \[\d+\]|duration: [\d.]+ ms|\w+\.c:\d+|"
                     r'"(?:pid|queuedMs|db\w+|gatewayMs|totalMs|bytes|\w*[sS]econds)":"?[\d.]+', re.MULTILINE)


def alone(digits):
    """The digits as a word of their own; in a UUID or behind a decimal point they mean nothing."""
    return re.compile(rf"(?<![0-9A-Za-z.:-]){digits}(?![0-9A-Za-z.:-])")


SECRETS = [re.compile(TOKEN, re.IGNORECASE), re.compile(re.escape(NUMBER)), re.compile(NUMBER_BARE)]
SECRETS += [alone(cvv) for cvv in CVV.values()]


def execute(buyer, booking, cvv, **how):
    return buyer.ask("POST", "/execute", body_of(booking, cvv), **how)


def body_of(booking, code, **change):
    return {"paymentIntentId": booking["paymentIntentId"], "paymentMethodToken": TOKEN + new_id()[:8],
            "cvv": code, "cardNumber": NUMBER} | change


def run_of_outcomes(stack):
    """Success, decline, replay, each refusal, and rubbish; the ids in use."""
    event, _ = stack.shared.event(20)
    buyer, stranger = Buyer(stack), Buyer(stack)
    bookings = [buyer.hold(event, [f"VIP-1-{n}"]) for n in range(1, 8)]
    key = {"Idempotency-Key": new_id()}
    for _ in range(2):
        assert execute(buyer, bookings[0], CVV["approved"], headers=key).json["success"] is True
    assert execute(buyer, bookings[1], CVV["declined"]).json["success"] is False
    assert execute(buyer, bookings[2], int(CVV["number"])).json["success"] is True
    lapse(stack.database, bookings[3])
    refusals = [(bookings[0], {}), (bookings[3], {}), ({"paymentIntentId": new_id()}, {}),
                (bookings[4], {"cvv": CVV["approved"] + "x"}), (bookings[4], {"cvv": [CVV["approved"]]}),
                (bookings[4], {"paymentIntentId": NUMBER}), (bookings[4], {"paymentIntentId": None}),
                (bookings[4], {"paymentMethodToken": {"token": TOKEN}}),
                (bookings[4], {"paymentMethodToken": TOKEN * 100})]
    for booking, change in refusals:
        answer = buyer.ask("POST", "/execute", body_of(booking, CVV["approved"], **change))
        assert 400 <= answer.status < 500, answer
    good = body_of(bookings[4], CVV["approved"])
    assert stranger.ask("POST", "/execute", good).status == 403
    assert buyer.ask("POST", "/execute", good, token="x").status == 403
    for body in (f'{{"paymentMethodToken":"{TOKEN}","cvv":"{CVV["approved"]}"',
                 f'{TOKEN} {CVV["approved"]} {NUMBER}', f'["{TOKEN}","{NUMBER}"]',
                 f'{{"cvv":"{CVV["approved"]}","cvv":"{CVV["declined"]}"}}', TOKEN + "x" * 70000):
        assert 400 <= buyer.ask("POST", "/execute", body).status < 500
    text = {"Content-Type": f"text/plain; token={TOKEN}"}
    assert buyer.ask("POST", "/execute", good, headers=text).status == 415
    assert buyer.ask("POST", f"/execute?cvv={CVV['approved']}&token={TOKEN}", good).status == 200
    assert client.request(stack.pool.port, "POST", "/payments/execute", token=buyer.token,
                          body=body_of(bookings[5], CVV["declined"])).status == 200
    # a field of another name is not kept either
    assert buyer.ask("POST", "/bookings", {
        "performanceId": event, "seatIds": ["VIP-1-9"], "paymentMethod": "CREDIT_CARD",
        "cardNumber": NUMBER, "cvv": CVV["approved"], "paymentMethodToken": TOKEN}).status == 201
    return bookings


def run_in_doubt(stack):
    """No answer of the gateway in time; and a charge that is cut off by the worker's death."""
    event, _ = stack.shared.event(2)
    buyer = Buyer(stack)
    bookings = [buyer.hold(event, [f"VIP-1-{n}"]) for n in (1, 2)]
    assert execute(buyer, bookings[0], CVV["unknown"]).status == 504
    cut = threading.Thread(target=execute, args=(buyer, bookings[1], CVV["unknown"]))
    cut.start()
    until("it is claimed", lambda: stack.shared.open_attempts() == 2)
    stack.pool.signal(stack.pool.worker_pids()[0], 9)
    cut.join()
    stack.settled()
    return bookings


def table_texts(database):
    """Every row of every table of both schemas, as text."""
    for table, in database.rows(
            "SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables "
            "WHERE table_schema IN ('public', 'payments') AND table_type = 'BASE TABLE'"):
        for row, in database.rows(f"SELECT t::text FROM {table} t"):
            yield table, row


def check(stack, bookings, log_from):
    with open(stack.cluster.log, encoding="utf-8", errors="replace") as log:
        log.seek(log_from)
        places = {"PostgreSQL's log": log.read()}
    for name in LOGS:
        places[name] = (stack.pool.folder / name).read_text(encoding="utf-8", errors="replace")
    for table, row in table_texts(stack.database):
        places[table] = places.get(table, "") + row + "\n"
    # the control: permitted data is found
    intent = bookings[0]["paymentIntentId"]
    for place in ("PostgreSQL's log", "pool.log", "payments.intents", "payments.attempts"):
        assert intent in places[place], place
    assert "arameters: $1 = '" in places["PostgreSQL's log"]
    assert "/execute" in places["nginx-access.log"] and len(places) > 12
    for place, text in places.items():
        text = FIGURES.sub("", text)
        for secret in SECRETS:
            found = secret.search(text)
            assert not found, f"{place}: {text[max(0, found.start() - 200):found.end() + 60]!r}"


@pytest.mark.parametrize("run, settings", [
    (run_of_outcomes, {}),
    (run_in_doubt, {"PAYMENTS_MOCK_MODE": "silent", "PAYMENTS_MOCK_DEADLINE_MS": 400,
                    "PAYMENTS_MOCK_LEASE_MS": 800})])
def test_no_card_data_anywhere(cluster, run, settings):
    stack = Stack(cluster, workers=1, settings=settings | {"PAYMENTS_LOG_LEVEL": "debug"})
    for setting in CHATTY:
        stack.database.rows(f"ALTER DATABASE {stack.database.name} SET {setting}")
    log_from = cluster.log.stat().st_size
    stack.start()
    try:
        bookings = run(stack)
        check(stack, bookings, log_from)
    finally:
        stack.stop()


def test_a_leak_would_be_seen():
    """The control: each secret is found in a row or a line that has it."""
    lines = [f"(x,{TOKEN}9f3a,y)", f'"cardNumber":"{NUMBER}"', f"$3 = '{NUMBER_BARE}'"]
    lines += [line for cvv in CVV.values() for line in (f"(a,{cvv},b)",)]
    for secret, line in zip(SECRETS, lines):
        assert secret.search(FIGURES.sub("", line)), line
    assert not any(secret.search(FIGURES.sub("", '2026-11-20 10:00:00.739 UTC [7390] LOG:  duration: 0.7392 ms '
                                                 '"dbUs":7391 81a2-7390-4aaa')) for secret in SECRETS)
