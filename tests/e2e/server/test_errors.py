"""
Everything that is refused before the payment is read, through nginx: each with its own status and
code in the one error shape, each without changing a row, each beside a request that differs only in
the fault and is executed.

Fails where rubbish is accepted, where a fault gets another fault's code, or where a refusal leaves
a trace.
"""

import json
import re
import socket

import pytest

from harness.client import MOUNT, new_id, post_bytes, refused, token
from harness.stack import process_body

STACK = {"workers": 1}
PROCESS = f"{MOUNT}/process"


def text_of(reservation, extra=""):
    """A good body as text, with more members put in."""
    return json.dumps(process_body(reservation))[:-1] + extra + "}"


def send(stack, body, **how):
    return stack.pool.http("POST", "/process", token=stack.token, body=body, **how)


# ---- the body ----

DEEP = 1000
MALFORMED = {
    "nothing": lambda one: "",
    "blank": lambda one: "  ",
    "no JSON": lambda one: "reservationId=1",
    "cut short": lambda one: text_of(one)[:-1],
    "more behind": lambda one: text_of(one) + "x",
    "two objects": lambda one: text_of(one) * 2,
    "an array": lambda one: f"[{text_of(one)}]",
    "a string": lambda one: '"x"',
    "a number": lambda one: "1",
    "null": lambda one: "null",
    "U+0000 in a value": lambda one: text_of(one, ', "x": "a\\u0000b"'),
    "U+0000 in a key": lambda one: text_of(one, ', "reservationId\\u0000": "b"'),
    "a NUL byte": lambda one: text_of(one, ', "x": "\0"'),
    "a NUL byte behind": lambda one: text_of(one) + "\0",
    "a lone surrogate": lambda one: text_of(one, ', "x": "\\ud800"'),
    "a key twice": lambda one: text_of(one, ', "paymentMethod": "naver_pay"'),
    "a key twice, escaped": lambda one: text_of(one, ', "payment\\u004dethod": "naver_pay"'),
    "invalid UTF-8": lambda one: text_of(one, ', "x": "').encode() + b'\xff\xfe"}',
    "overlong UTF-8": lambda one: text_of(one, ', "x": "')[:-1].encode() + b'\xc0\xaf"}',
    "depth 1000": lambda one: text_of(one, ', "x": ' + "[" * DEEP + "]" * DEEP),
    "depth 1000, objects": lambda one: text_of(one, ', "x": ' + '{"a":' * DEEP + "1" + "}" * DEEP),
    "a number like 007": lambda one: text_of(one, ', "x": 007'),
    "a raw newline in a string": lambda one: text_of(one, ', "x": "\n"'),
    "single quotes": lambda one: "{'reservationId': 'x'}",
    "a comment": lambda one: text_of(one, " /* x */"),
    "a comma too many": lambda one: text_of(one, ","),
    "NaN": lambda one: text_of(one, ', "x": NaN'),
}


@pytest.mark.parametrize("fault", MALFORMED)
def test_malformed_json(stack, reservation, fault):
    refused(send(stack, MALFORMED[fault](reservation)), 400, "MALFORMED_JSON")


HARMLESS = {
    "an unknown field": ', "couponCode": "X-1"',
    "an unknown object": ', "x": {"reservationId": "no"}',
    "another case": ', "ReservationId": "no"',
    "nesting": ', "x": ' + "[" * 8 + "]" * 8,
    "escapes": ', "x": "\\u00e9\\ud83d\\ude00\\n"',
    "Korean": ', "x": "좌석"',
    "a large number": ', "x": 1e300',
}


@pytest.mark.parametrize("extra", HARMLESS)
def test_harmless_json_is_taken(stack, extra):
    made = stack.reserve()
    assert send(stack, text_of(made, HARMLESS[extra])).status == 200


WRONG_FIELDS = {
    "no reservationId": ({"reservationId": None}, "MISSING_FIELDS"),
    "no paymentMethod": ({"paymentMethod": None}, "MISSING_FIELDS"),
    "reservationId empty": ({"reservationId": ""}, "MISSING_FIELDS"),
    "paymentMethod empty": ({"paymentMethod": ""}, "MISSING_FIELDS"),
    "neither": ({"reservationId": None, "paymentMethod": None}, "MISSING_FIELDS"),
    "reservationId is a word": ({"reservationId": "abc"}, "INVALID_ID"),
    "reservationId is a number": ({"reservationId": 12}, "INVALID_ID"),
    "reservationId is a list": ({"reservationId": []}, "INVALID_ID"),
    "reservationId is an object": ({"reservationId": {}}, "INVALID_ID"),
    "reservationId is true": ({"reservationId": True}, "INVALID_ID"),
    "reservationId too long": ({"reservationId": "0" * 37}, "INVALID_ID"),
    "reservationId with SQL": ({"reservationId": "' OR 1=1 --"}, "INVALID_ID"),
    "another method": ({"paymentMethod": "bitcoin"}, "INVALID_PAYMENT_METHOD"),
    "another case": ({"paymentMethod": "KAKAO_PAY"}, "INVALID_PAYMENT_METHOD"),
    "method is a number": ({"paymentMethod": 1}, "INVALID_PAYMENT_METHOD"),
    "method is a list": ({"paymentMethod": ["kakao_pay"]}, "INVALID_PAYMENT_METHOD"),
}


@pytest.mark.parametrize("fault", WRONG_FIELDS)
def test_wrong_field(stack, reservation, fault):
    change, code = WRONG_FIELDS[fault]
    refused(send(stack, process_body(reservation) | change), 400, code)


def test_absent_field(stack, reservation):
    for name in process_body(reservation):
        body = process_body(reservation)
        del body[name]
        refused(send(stack, body), 400, "MISSING_FIELDS")
    refused(send(stack, {}), 400, "MISSING_FIELDS")


def test_uuid_in_any_case_is_answered_in_lower(stack):
    made = stack.reserve()
    answer = send(stack, process_body(made) | {"reservationId": made.id.upper()})
    assert answer.status == 200
    assert answer.json["payment"]["reservationId"] == made.id


# ---- size and type ----

@pytest.mark.parametrize("size", [64 * 1024 + 1, 70 * 1024, 1024 * 1024])
def test_body_too_large(stack, reservation, size):
    """By the application just past its limit, by nginx beyond: the client sees no difference."""
    refused(send(stack, text_of(reservation).ljust(size)), 413, "PAYLOAD_TOO_LARGE")


def test_64_kib_are_taken(stack):
    made = stack.reserve()
    assert send(stack, text_of(made).ljust(64 * 1024)).status == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "text/json",
                                  "multipart/form-data; boundary=x", "application/jsonx", ""])
def test_other_media_type(stack, reservation, kind):
    refused(send(stack, process_body(reservation), headers={"Content-Type": kind}),
            415, "UNSUPPORTED_MEDIA_TYPE")


def test_no_media_type(stack, reservation):
    refused(send(stack, process_body(reservation), headers={"Content-Type": None}),
            415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON",
                                  "application/json;charset=UTF-8", "application/json ; x=y"])
def test_json_by_any_spelling(stack, kind):
    made = stack.reserve()
    assert send(stack, process_body(made), headers={"Content-Type": kind}).status == 200


def headers_for(stack, body):
    return [("Content-Type", "application/json"), ("Authorization", f"Bearer {stack.token}"),
            ("Content-Length", str(len(body)))]


@pytest.mark.parametrize("name, value", [
    ("Authorization", None), ("authorization", "Bearer x"), ("Content-Type", "application/json"),
    ("Idempotency-Key", "one")])
def test_header_twice(stack, reservation, name, value):
    """Two values are ambiguous: nginx and the service could each use another one."""
    body = text_of(reservation).encode()
    twice = [(name, value or f"Bearer {stack.token}")] * (2 if name == "Idempotency-Key" else 1)
    sent = post_bytes(PROCESS, headers_for(stack, body) + twice, body)
    refused(stack.pool.raw(sent), 400, "BAD_REQUEST")


def test_header_once(stack):
    """The control of the above, by the same bytes."""
    made = stack.reserve()
    body = text_of(made).encode()
    sent = post_bytes(PROCESS, headers_for(stack, body) + [("Idempotency-Key", new_id())], body)
    assert stack.pool.raw(sent).status == 200


def test_body_shorter_than_declared(stack, reservation):
    """nginx gives up; no charge may be made although the part that came is valid JSON."""
    body = text_of(reservation).encode()
    sent = post_bytes(PROCESS, headers_for(stack, body + b" " * 100), body)
    answer = stack.pool.raw(sent, half_close=True)
    assert answer is None or answer.status == 400, answer


def test_body_shorter_than_declared_at_the_worker(stack):
    """Nor where it bypasses nginx, whose buffering then does not protect the worker."""
    made = stack.reserve()
    before = stack.shared.snapshot()
    body = text_of(made).encode()
    authorization = [("HTTP_AUTHORIZATION", f"Bearer {stack.token}")]
    answer = stack.pool.fastcgi("/process", authorization, body, length=len(body) + 100)
    assert answer is None or (answer.status, answer.code) == (400, "BAD_REQUEST"), answer
    assert stack.shared.snapshot() == before
    whole = stack.pool.fastcgi("/process", authorization, body)
    assert whole.status == 200, whole


def test_chunked_body_is_taken(stack):
    made = stack.reserve()
    body = text_of(made).encode()
    headers = headers_for(stack, body)[:2] + [("Transfer-Encoding", "chunked")]
    sent = post_bytes(PROCESS, headers, b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
    assert stack.pool.raw(sent).status == 200


# ---- paths and methods ----

@pytest.mark.parametrize("path", [
    "/nothing", "/", "", "/process/more", "/processes", "/%0aprocess", "/process%0a",
    "/process%0d%0aX-Evil:%201", "/process%09", "/Process", "/intents", "/intents/",
    "/intents/x/y", "/" + "x" * 600, "/..%2f..%2fetc", "/health/readyx", "/process;x", "/%7f"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_unknown_path(stack, unchanged, method, path):
    body = {} if method == "POST" else None
    refused(stack.pool.http(method, path, token=stack.token, body=body), 404, "NOT_FOUND")


@pytest.mark.parametrize("path, allowed, wrong", [
    ("/process", {"POST"}, ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"]),
    ("/methods", {"GET", "HEAD"}, ["POST", "DELETE", "OPTIONS"]),
    ("/health", {"GET", "HEAD"}, ["POST", "PUT"]),
    ("/health/ready", {"GET", "HEAD"}, ["POST"]),
    ("/intents/" + "0" * 8, {"GET", "HEAD"}, ["POST", "DELETE"]),
])
def test_wrong_method(stack, unchanged, path, allowed, wrong):
    for method in wrong:
        answer = stack.pool.http(method, path, token=stack.token)
        assert set(re.split(", *", answer.header("Allow") or "")) == allowed, (method, answer)
        if method == "HEAD":
            assert (answer.status, answer.body) == (405, b"")
        else:
            refused(answer, 405, "METHOD_NOT_ALLOWED")


@pytest.mark.parametrize("path", ["/process/", "/process?x=1", "/process/?a&b=%ff", "/process?",
                                  "/./process", "/x/../process"])
def test_slash_and_query_change_nothing(stack, path):
    made = stack.reserve()
    answer = stack.pool.http("POST", path, token=stack.token, body=process_body(made))
    assert answer.status == 200, answer


# ---- which of two faults is answered ----

def test_order_of_checks(stack, reservation):
    """Route, method, size, type, token, user, body syntax, missing fields, ids, values, state."""
    large, bad = "x" * 66000, "rubbish"
    stranger = token(new_id())
    text = {"Content-Type": "text/plain"}
    http = stack.pool.http

    refused(http("PUT", "/nothing", token=bad), 404, "NOT_FOUND")
    refused(http("PUT", "/process", token=bad, body=large), 405, "METHOD_NOT_ALLOWED")
    refused(http("POST", "/process", token=bad, body=large, headers=text),
            413, "PAYLOAD_TOO_LARGE")
    refused(http("POST", "/process", body="{", headers=text), 415, "UNSUPPORTED_MEDIA_TYPE")
    refused(http("POST", "/process", token=bad, body="{"), 403, "TOKEN_INVALID")
    refused(http("POST", "/process", token=stranger, body="{"), 401, "USER_NOT_FOUND")
    refused(http("POST", "/process", token=stranger, body={}), 401, "USER_NOT_FOUND")
    refused(send(stack, '{"paymentMethod": "x", "paymentMethod": 1}'), 400, "MALFORMED_JSON")
    refused(send(stack, {"paymentMethod": "x"}), 400, "MISSING_FIELDS")
    refused(send(stack, {"reservationId": "x", "paymentMethod": "x"}), 400, "INVALID_ID")
    refused(send(stack, {"reservationId": new_id(), "paymentMethod": "x"}),
            400, "INVALID_PAYMENT_METHOD")
    refused(send(stack, process_body(reservation) | {"reservationId": new_id()}),
            404, "RESERVATION_NOT_FOUND")


# ---- request id and language ----

@pytest.mark.parametrize("sent", ["abcdefgh", "9f0c.A-b_1234", "x" * 64])
def test_sane_request_id_is_kept(stack, unchanged, sent):
    for path, status in (("/methods", 200), ("/nothing", 404)):
        answer = stack.pool.http("GET", path, headers={"X-Request-Id": sent})
        assert (answer.status, answer.header("X-Request-Id")) == (status, sent)


@pytest.mark.parametrize("sent", [None, "", "x" * 65, 'a"b<c>12345', "a b c d e f", "좌석".encode()])
def test_other_request_id_is_replaced(stack, unchanged, sent):
    seen = set()
    for _ in range(2):
        answer = stack.pool.http("GET", "/nothing", headers={"X-Request-Id": sent})
        refused(answer, 404, "NOT_FOUND")
        seen.add(answer.header("X-Request-Id"))
    assert len(seen) == 2 and all(re.fullmatch(r"[A-Za-z0-9._-]{8,64}", one) for one in seen)


@pytest.mark.parametrize("sent, korean", [
    (None, True), ("ko", True), ("ko-KR,ko;q=0.9,en;q=0.8", True), ("en", False),
    ("en-US,en;q=0.9,ko;q=0.8", False), ("ko;q=0.1,en;q=0.9", False), ("fr", True), ("*", True)])
def test_language(stack, unchanged, sent, korean):
    error = refused(stack.pool.http("GET", "/nothing", headers={"Accept-Language": sent}),
                    404, "NOT_FOUND")
    assert bool(re.search("[가-힣]", error["message"])) == korean


# ---- what no client sends ----

@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x02\x00\x01", b"GET\r\n\r\n", b"\r\n\r\n\0",
                                     b"POST /x HTTP/9.9\r\n\r\n"])
def test_garbage_harms_no_other_request(stack, unchanged, garbage):
    try:
        stack.pool.raw(garbage, half_close=True)
    except (ConnectionError, socket.timeout):
        pass
    assert stack.pool.http("GET", "/health").status == 200
