"""
A thousand buyers at the same moment, at the gateway's real pace: threads wait, connections do not.

Fails where a payment holds a connection or a row lock over the gateway's call, which is what
stopped the monolith at 19 payments a second with 38 % errors at 200 buyers.
"""

from harness.volley import tally
from harness.wait import until

PEOPLE = 1000
STACK = {"workers": 4, "settings": {
    "PAYMENTS_DB_CONNECTIONS": 8,
    "PAYMENTS_MOCK_MIN_DELAY_MS": 500, "PAYMENTS_MOCK_MAX_DELAY_MS": 1500}}
MONOLITH_PER_S = 19


def logged(stack):
    return [line for line in stack.pool.log_lines("request") if line["route"].endswith("process")]


def test_1000_in_flight(stack, capsys):
    reservations = stack.shared.reserve(stack.user, PEOPLE)
    volley = stack.volley([stack.process_request(one) for one in reservations], most=PEOPLE,
                          burst=True)
    shots = volley.finish()
    until("every request is logged", lambda: len(logged(stack)) >= PEOPLE)  # which is after its answer
    lines = logged(stack)
    waited_ms = max(line["dbWaitUs"] for line in lines) / 1000
    summary = volley.summary
    with capsys.disabled():
        print(f"\n1,000 payments in flight: {summary['perSecond']:.0f} a second (the monolith: "
              f"{MONOLITH_PER_S}), p50 {summary['p50Ms']:.0f} ms, p99 {summary['p99Ms']:.0f} ms, "
              f"longest {summary['maxMs']:.0f} ms, longest wait for a connection "
              f"{waited_ms:.0f} ms, {len(shots) - tally(shots)[(200, None)]} errors")
    assert tally(shots) == {(200, None): PEOPLE}
    assert len(lines) == PEOPLE
    assert waited_ms < 1000
    assert summary["perSecond"] > 5 * MONOLITH_PER_S
    paid = stack.database.value(
        "SELECT count(*) FROM public.reservations WHERE status = 'confirmed' AND "
        "payment_status = 'completed' AND id = ANY (%s::uuid[])", [one.id for one in reservations])
    assert paid == PEOPLE
