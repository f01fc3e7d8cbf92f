"""Waiting with a deadline, and free ports."""

import random
import socket
import time

PORTS = (10240, 32768)


def until(what, condition, timeout_s=10.0, pause_s=0.02):
    """Returns the first true value of condition(); fails, saying what was awaited."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {what}")
        time.sleep(pause_s)


def free_port():
    """A port without a listener, below those that the kernel gives to outgoing connections: such a
    connection could take it before its server starts."""
    while True:
        with socket.socket() as probe:
            port = random.randrange(*PORTS)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def port_answers(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
