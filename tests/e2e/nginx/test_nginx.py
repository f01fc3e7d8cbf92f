"""
nginx's own errors: where the service did not answer, the client still gets its one error shape.

Fails where a front end gets HTML, or the answer "not paid" for a payment that may have been made.
"""

import signal
import time

import pytest

from harness import client
from harness.client import refused
from harness.shared_schema import assert_paid
from harness.volley import tally
from harness.wait import until


@pytest.fixture
def hasty(make_stack):
    """nginx that waits one second for an answer."""
    def make(delay_ms):
        return make_stack(workers=1, settings={"PAYMENTS_MOCK_MIN_DELAY_MS": delay_ms,
                                               "PAYMENTS_MOCK_MAX_DELAY_MS": delay_ms},
                          nginx_edits=[("payments/payments-params.conf",
                                        "fastcgi_read_timeout 30s", "fastcgi_read_timeout 1s")])
    return make


def test_504_of_a_payment_says_unknown_and_it_goes_on(hasty):
    stack = hasty(1800)
    reservation = stack.reserve()
    refused(stack.process(reservation), 504, "PAYMENT_RESULT_UNKNOWN", retry_after=True)
    stack.settled()
    assert_paid(stack.shared, reservation)
    refused(stack.process(reservation), 400, "ALREADY_PAID")


def test_504_of_a_question_says_unavailable(hasty):
    stack = hasty(0)
    pid, = stack.pool.worker_pids()
    stack.pool.signal(pid, signal.SIGSTOP)
    try:
        refused(stack.pool.http("GET", "/methods"), 504, "SERVICE_UNAVAILABLE", retry_after=True)
    finally:
        stack.pool.signal(pid, signal.SIGCONT)
    assert stack.pool.http("GET", "/methods").status == 200


def test_502_without_a_pool(make_stack):
    stack = make_stack(workers=1)
    reservation = stack.reserve()
    stack.pool.stop_workers()
    before = stack.shared.snapshot()
    for _ in range(3):  # nginx marks no peer as failed: it uses the pool as soon as it is back
        refused(stack.process(reservation), 502, "SERVICE_UNAVAILABLE", retry_after=True)
    refused(stack.pool.http("GET", "/health"), 502, "SERVICE_UNAVAILABLE", retry_after=True)
    assert stack.shared.snapshot() == before
    stack.pool.start_workers()
    assert stack.process(reservation).status == 200


def test_413_far_beyond_the_limit(stack):
    sent = client.post_bytes(f"{client.MOUNT}/process", [
        ("Content-Type", "application/json"), ("Content-Length", "1000000000")])
    refused(stack.pool.raw(sent), 413, "PAYLOAD_TOO_LARGE")


def test_400_header_too_large(stack):
    refused(stack.pool.http("GET", "/methods", headers={"X-Large": "x" * 20000}),
            400, "BAD_REQUEST")
    assert stack.pool.http("GET", "/methods", headers={"X-Large": "x" * 7000}).status == 200


@pytest.mark.parametrize("sent", [b"GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n",
                                  b"GET /health HTTP/1.1\r\n\r\n",
                                  b"GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n"])
def test_400_that_never_reaches_the_pool(stack, sent):
    refused(stack.pool.raw(sent), 400, "BAD_REQUEST")


def test_404_beside_the_mounts(stack):
    refused(client.request(stack.pool.port, "GET", "/nothing"), 404, "NOT_FOUND")
    refused(client.request(stack.pool.port, "GET", "/.payments-error"), 404, "NOT_FOUND")


def test_429(make_stack):
    """
    A rate limit of nginx is answered in the service's error shape; requests below it are served.
    """
    stack = make_stack(workers=1, nginx_edits=[
        ("nginx.conf", "server_tokens off;",
         "server_tokens off;\n\tlimit_req_zone $server_port zone=e2e:64k rate=1r/s;"),
        ("payments/payments-params.conf", "limit_req_status 429;",
         "limit_req_status 429;\nlimit_req zone=e2e;")])
    answers = [stack.pool.http("GET", "/methods") for _ in range(3)]
    refused(answers[-1], 429, "TOO_MANY_REQUESTS", retry_after=True)
    time.sleep(1.1)
    assert stack.pool.http("GET", "/methods").status == 200


@pytest.mark.parametrize("language, word", [("en", "service"), ("ko", "서비스")])
def test_language_of_nginx(make_stack, language, word):
    stack = make_stack(workers=1)
    stack.pool.stop_workers()
    answer = stack.pool.http("GET", "/methods", headers={"Accept-Language": language})
    assert word in refused(answer, 502, "SERVICE_UNAVAILABLE", retry_after=True)["message"]
    stack.pool.start_workers()


def test_flood_of_1000_questions(stack):
    """A rush of cheap requests is answered completely."""
    one = {"method": "GET", "path": f"{client.MOUNT}/methods"}
    assert tally(stack.fire([one] * 1000, burst=True)) == {(200, None): 1000}


def test_access_log_tells_no_secret(stack):
    stack.pool.http("GET", "/methods?token=abc", token=stack.token)
    log = stack.pool.folder / "nginx-access.log"
    until("it is logged", lambda: "/methods" in log.read_text())
    text = log.read_text()
    assert stack.token not in text and "token=abc" not in text
