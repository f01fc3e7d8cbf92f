"""Requests to the pool's admin listener, as a monitor makes them."""

import http.client
import re


def ask(port, path, method="GET"):
    """(status, body)."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def counted(port, name):
    """A counter of /metrics, by its name and labels."""
    found = re.search(rf"^{re.escape(name)} (\d+)$", ask(port, "/metrics")[1], re.M)
    return int(found[1])
