"""
Through pgbouncer 1.18 in transaction mode, each transaction on whatever server connection is free:
with PAYMENTS_PREPARED_STATEMENTS=off everything works, and `payctl check` warns of "on".

Fails where a statement relies on the state that an earlier one left on its connection.
"""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from harness import build, client, wait
from harness.client import refused
from harness.cluster import SECRET
from harness.shared_schema import assert_paid
from harness.stack import Stack
from harness.volley import tally

SERVER_CONNECTIONS = 4  # fewer than the pool's, so that they are shared
CONFIGURATION = """
[databases]
{name} = host={folder} port={port} dbname={name}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own_port}
unix_socket_dir =
auth_type = trust
auth_file = {own}/users
pool_mode = transaction
default_pool_size = {connections}
logfile = {own}/log
pidfile = {own}/pid
"""


class Bouncer:
    def __init__(self, database):
        self.folder = Path(tempfile.mkdtemp(prefix="payments-pgbouncer-", dir="/tmp"))
        self.folder.chmod(0o755)
        build.give_to(self.folder, "postgres")
        self.port = wait.free_port()
        cluster = database.cluster
        (self.folder / "users").write_text('"payments_service" ""\n', encoding="ascii")
        (self.folder / "ini").write_text(CONFIGURATION.format(
            name=database.name, folder=cluster.folder, port=cluster.port, own_port=self.port,
            own=self.folder, connections=SERVER_CONNECTIONS), encoding="ascii")
        self.url = f"host=127.0.0.1 port={self.port} dbname={database.name} user=payments_service"
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            ["/usr/sbin/pgbouncer", "-q", str(self.folder / "ini")], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user="postgres" if build.IS_ROOT else None)
        wait.until("pgbouncer listens", lambda: wait.port_answers(self.port))

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
        shutil.rmtree(self.folder)


@pytest.fixture(scope="module")
def stack(cluster):
    made = Stack(cluster, settings={"PAYMENTS_PREPARED_STATEMENTS": "off", "PAYMENTS_DB_CONNECTIONS": 8})
    made.bouncer = Bouncer(made.database)
    made.pool.environment["DATABASE_URL"] = made.bouncer.url
    try:
        made.bouncer.start()
        made.start()
        yield made
        made.pool.stop()
    finally:
        made.bouncer.stop()
        made.database.drop()


def test_payments_share_the_server_connections(stack):
    reservations = stack.shared.reserve(stack.user, 200)
    shots = stack.fire([stack.process_request(one) for one in reservations], burst=True)
    assert tally(shots) == {(200, None): len(reservations)}
    for reservation in reservations:
        assert_paid(stack.shared, reservation)
    backends = stack.database.value("SELECT count(*) FROM pg_stat_activity WHERE datname = %s "
                                    "AND usename = 'payments_service'", stack.database.name)
    assert 0 < backends <= SERVER_CONNECTIONS, backends


def test_replayed_key(stack):
    reservation, headers = stack.reserve(), {"Idempotency-Key": client.new_id()}
    first, second = (stack.process(reservation, headers=headers) for _ in range(2))
    assert (first.status, second.status) == (200, 200), second
    assert second.body == first.body and second.header("Idempotency-Replayed") == "true"


def test_a_race_for_one_reservation(stack):
    reservation = stack.reserve()
    shots = stack.fire([stack.process_request(reservation)] * 40, burst=True)
    assert sum(shot.status == 200 for shot in shots) == 1, tally(shots)
    assert_paid(stack.shared, reservation)


def test_bookings_from_hold_to_execution(stack):
    event, seats = stack.shared.event(4)

    def book(seat):
        return stack.pool.http("POST", "/bookings", token=stack.token, body={
            "performanceId": event, "seatIds": [seat], "paymentMethod": "CREDIT_CARD"})
    held = book(seats[0])
    assert held.status == 201, held
    refused(book(seats[0]), 409, "SEAT_UNAVAILABLE")
    paid = stack.pool.http("POST", "/execute", token=stack.token, body={
        "paymentIntentId": held.json["paymentIntentId"], "paymentMethodToken": "t", "cvv": "111"})
    assert (paid.status, paid.json["status"]) == (200, "SUCCESS"), paid
    shown = stack.pool.http("GET", f"/intents/{held.json['paymentIntentId']}", token=stack.token)
    assert shown.json["status"] == "succeeded", shown
    other = book(seats[1]).json["bookingId"]
    gone = stack.pool.http("DELETE", "/bookings/my", token=stack.token, body={"bookingId": other})
    assert gone.status == 200, gone
    listed = stack.pool.http("GET", "/bookings/my", token=stack.token).json
    states = {one["bookingId"]: one["status"] for one in listed}
    assert (states[held.json["bookingId"]], states[other]) == ("confirmed", "cancelled")
    taken = stack.pool.http("GET", f"/occupiedSeats/{event}").json
    assert [one["status"] for one in taken] == ["booked"], taken


def check(stack, prepared):
    environment = {"PATH": build.SYSTEM_PATH, "PAYMENTS_ENV": "development", "JWT_SECRET": SECRET,
                   "DATABASE_URL": stack.bouncer.url, "PAYMENTS_PREPARED_STATEMENTS": prepared}
    environment |= {name: value for name, value in os.environ.items() if "SAN_OPTIONS" in name}
    done = subprocess.run([build.program("payctl"), "check", "--json"], capture_output=True, text=True,
                          timeout=60, env=environment)
    line, = [line for line in json.loads(done.stdout)["checks"] if line["name"] == "pooler"]
    return line


@pytest.mark.parametrize("prepared, verdict", [("off", "ok"), ("on", "warn")])
def test_check_knows_of_the_pooler(stack, prepared, verdict):
    line = check(stack, prepared)
    assert line["verdict"] == verdict, line
    assert ("PAYMENTS_PREPARED_STATEMENTS=off" in (line["remedy"] or "")) == (prepared == "on"), line
