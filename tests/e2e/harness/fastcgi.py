"""A FastCGI client of a few lines: what nginx would never send, straight to a worker's socket."""

import socket
import struct

from .client import Answer

BEGIN, END, PARAMS, STDIN, STDOUT = 1, 3, 4, 5, 6


def _record(kind, content=b""):
    return struct.pack(">BBHHBx", 1, kind, 1, len(content), 0) + content


def _pair(name, value):
    name, value = name.encode(), value.encode()
    sizes = b"".join(struct.pack(">B", len(part)) if len(part) < 128
                     else struct.pack(">I", len(part) | 1 << 31) for part in (name, value))
    return sizes + name + value


def _records(connection):
    stream = connection.makefile("rb")
    while head := stream.read(8):
        _, kind, _, length, padding = struct.unpack(">BBHHBx", head)
        yield kind, stream.read(length)
        stream.read(padding)


def _answer(output):
    head, _, body = output.partition(b"\r\n\r\n")
    headers = [tuple(part.strip() for part in line.split(":", 1))
               for line in head.decode().split("\r\n") if line]
    status = next((value for name, value in headers if name == "Status"), "200")
    return Answer(int(status.split()[0]), headers, body)


def _ask(socket_path, pairs, body, timeout_s):
    """The answer, or None where the worker closed without one."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout_s)
        connection.connect(str(socket_path))
        connection.sendall(_record(BEGIN, struct.pack(">HB5x", 1, 0)))
        connection.sendall(_record(PARAMS, b"".join(_pair(*pair) for pair in pairs)) +
                           _record(PARAMS))
        connection.sendall((_record(STDIN, body) if body else b"") + _record(STDIN))
        output = b"".join(content for kind, content in _records(connection) if kind == STDOUT)
    return _answer(output) if output else None


def _parameters(method, path):
    return [("REQUEST_METHOD", method), ("DOCUMENT_URI", path), ("PAYMENTS_MOUNT", "/api/v1/payments"),
            ("REQUEST_ID", "straight-to-the-worker")]


def get(socket_path, path, parameters, *, timeout_s=10):
    return _ask(socket_path, [*_parameters("GET", path), *parameters], b"", timeout_s)


def post(socket_path, path, parameters, body, *, length=None, timeout_s=10):
    """
    A POST of application/json with more `parameters` (name, value; may repeat); `length` is what
    CONTENT_LENGTH claims.
    """
    pairs = [*_parameters("POST", path), ("CONTENT_TYPE", "application/json"),
             ("CONTENT_LENGTH", str(len(body) if length is None else length)), *parameters]
    return _ask(socket_path, pairs, body, timeout_s)
