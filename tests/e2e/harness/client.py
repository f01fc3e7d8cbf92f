"""The caller's side: requests, raw bytes, and tokens good and bad."""

import base64
import hashlib
import hmac
import http.client
import json
import socket
import time
import uuid

from .cluster import SECRET

MOUNT = "/api/v1/payments"
ERROR_MEMBERS = {"success", "error", "message", "code", "statusCode", "requestId"}


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json.get("code")

    def header(self, name):
        """The one value of a header, None where absent; a header sent twice is a failure."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(values) < 2, f"{name} came {len(values)} times: {values}"
        return values[0] if values else None

    def __repr__(self):
        return f"<{self.status} {self.body[:400]!r}>"


def request(port, method, path, *, token=None, body=None, headers=None, timeout_s=40):
    """One request on a connection of its own. A body that is no str or bytes is sent as JSON."""
    sent = {"Connection": "close"}
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    if body is not None and not isinstance(body, (str, bytes)):
        body = json.dumps(body)
    if body is not None:
        body = body.encode() if isinstance(body, str) else body
        sent["Content-Type"] = "application/json"
    sent |= headers or {}
    sent = {name: value for name, value in sent.items() if value is not None}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request(method, path, body=body, headers=sent)
        response = connection.getresponse()
        return Answer(response.status, response.getheaders(), response.read())
    finally:
        connection.close()


def raw(port, sent, *, half_close=False, timeout_s=10):
    """Sends bytes as they are; the answer, or None where the connection ends without one."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as connection:
        connection.sendall(sent)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        response = http.client.HTTPResponse(connection)
        try:
            response.begin()
            return Answer(response.status, response.getheaders(), response.read())
        except (http.client.HTTPException, ConnectionError):
            return None


def post_bytes(path, headers, body=b""):
    """A POST written by hand, so that headers may come twice or lie."""
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def refused(answer, status, code, retry_after=False):
    """Asserts an error of the contract: its status, its code and the one shape of all errors."""
    assert (answer.status, answer.code) == (status, code), answer
    assert answer.header("Content-Type") == "application/json; charset=utf-8", answer.headers
    error = answer.json
    assert ERROR_MEMBERS <= set(error), answer
    assert error["success"] is False
    assert error["statusCode"] == status
    assert error["error"] == error["message"] and error["message"]
    assert error["requestId"] == answer.header("X-Request-Id") and error["requestId"]
    wait = answer.header("Retry-After")
    assert (wait is not None) == retry_after, f"Retry-After: {wait} in {answer}"
    assert wait is None or 0 < int(wait) <= 60
    return error


def _base64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(user, *, role="user", alg="HS256", secret=SECRET, expires_in_s=3600, digest=None,
          drop=(), **claims):
    """
    A token as the Auth Service makes it, or spoilt: `claims` replace or add, `drop` leaves out,
    `alg` is what the header says and `digest` what it is signed with ("none": not at all).
    """
    now = int(time.time())
    payload = {"userId": user, "email": "someone@example.com", "role": role, "iat": now,
               "exp": now + expires_in_s} | claims
    payload = {name: value for name, value in payload.items() if name not in drop}
    return token_of({"alg": alg, "typ": "JWT"}, json.dumps(payload), secret=secret, digest=digest)


def token_of(header, payload_text, *, secret=SECRET, digest=None):
    head = _base64(json.dumps(header).encode())
    signed = f"{head}.{_base64(payload_text.encode())}"
    digest = digest or {"HS384": "sha384", "HS512": "sha512", "none": "none"}.get(
        header.get("alg"), "sha256")
    if digest == "none":
        return signed + "."
    mac = hmac.new(secret.encode(), signed.encode(), getattr(hashlib, digest)).digest()
    return f"{signed}.{_base64(mac)}"


def new_id():
    return str(uuid.uuid4())
