"""A database, a pool and a customer, started as a unit and checked at the end."""

from . import client
from .pool import Pool
from .shared_schema import SharedSchema
from .volley import Volley, fire, post
from .wait import until


def process_body(reservation, method="kakao_pay"):
    """What POST process is sent; a reservation or its bare id."""
    return {"reservationId": getattr(reservation, "id", reservation), "paymentMethod": method}


class Stack:
    def __init__(self, cluster, variant="expired", settings=None, workers=2, direct=False,
                 nginx_edits=()):
        self.cluster = cluster
        self.database = cluster.database(variant)
        self.shared = SharedSchema(self.database)
        self.user = self.shared.user()
        self.token = client.token(self.user)
        self.pool = Pool(self.database, settings, workers, direct)
        self.pool.nginx_edits += nginx_edits
        self.expect_errors = False

    def start(self):
        try:
            self.pool.start()
        except BaseException:
            self.pool.kill()
            raise
        return self

    def stop(self):
        self.pool.stop(self.expect_errors)
        self.database.drop()

    def audit(self):
        """Checks the invariants of the design on the rows as they are."""
        done = self.cluster.payctl(self.database.url(), "audit", check=False)
        assert done.returncode == 0, f"audit: exit {done.returncode}\n{done.stdout}{done.stderr}"

    def reserve(self, **how):
        return self.shared.reserve_one(self.user, **how)

    def process_request(self, reservation, token=None, method="kakao_pay", **headers):
        """A prepared request for a volley."""
        return post(client.MOUNT + "/process", process_body(reservation, method),
                    token or self.token, **headers)

    def process(self, reservation, token=None, method="kakao_pay", **how):
        return self.pool.http("POST", "/process", token=token or self.token,
                              body=process_body(reservation, method), **how)

    def volley(self, requests, **how):
        return Volley(self.pool.port, requests, **how)

    def fire(self, requests, **how):
        return fire(self.pool.port, requests, **how)

    def settled(self, timeout_s=20):
        """Waits until the janitors have closed every open attempt."""
        until("no attempt is open", lambda: self.shared.open_attempts() == 0, timeout_s)
