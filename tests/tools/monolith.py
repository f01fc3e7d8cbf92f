#!/usr/bin/python3
"""
A stand-in for the monolith, for tests of the cutover: a small HTTP program that pays by its own
statements on the shared tables, with the monolith's habits. It holds one of its few connections,
and the reservation's lock, during the gateway's call. It locks reservations before seats. Its
cleaner reads without a lock, and writes without reading again.

    monolith.py --port PORT --database CONNINFO --secret SECRET
                [--connections 20] [--gateway-ms 100] [--cleaner-s 30]

GET /_charges answers what its gateway has charged: a list of reservation ids.
"""

import argparse
import base64
import hashlib
import hmac
import json
import queue
import random
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg2

METHODS = {"naver_pay": "네이버페이", "kakao_pay": "카카오페이", "bank_transfer": "계좌이체"}


class Refused(Exception):
    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class Monolith:
    def __init__(self, options):
        self.options = options
        self.charges = []
        self.connections = queue.Queue()
        for _ in range(options.connections):
            self.connections.put(None)

    def with_connection(self, work):
        """Waits for a connection without a limit; a broken one is not returned."""
        connection = self.connections.get()
        try:
            connection = connection or psycopg2.connect(self.options.database)
            with connection, connection.cursor() as cursor:
                return work(cursor)
        except psycopg2.Error:
            if connection is not None:
                connection.close()
            connection = None
            raise
        finally:
            self.connections.put(connection)

    def user_of(self, authorization):
        if not authorization or not authorization.startswith("Bearer "):
            raise Refused(401, "로그인이 필요합니다.")
        head, _, rest = authorization[7:].partition(".")
        payload, _, signature = rest.partition(".")
        mac = hmac.new(self.options.secret.encode(), f"{head}.{payload}".encode(), hashlib.sha256)
        if base64.urlsafe_b64encode(mac.digest()).rstrip(b"=").decode() != signature:
            raise Refused(403, "유효하지 않은 토큰입니다.")
        claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
        if claims["exp"] < time.time():
            raise Refused(403, "만료된 토큰입니다.")
        return claims["userId"]

    def charge(self, reservation):
        """Its gateway, called with the transaction open."""
        time.sleep(self.options.gateway_ms / 1000 * random.uniform(0.5, 1.5))
        self.charges.append(reservation)

    def pay(self, user, body):
        reservation, method = body.get("reservationId"), body.get("paymentMethod")
        if not reservation or not method:
            raise Refused(400, "필수 항목이 누락되었습니다.")
        if method not in METHODS:
            raise Refused(400, "지원하지 않는 결제 수단입니다.")
        return self.with_connection(lambda cursor: self._pay(cursor, user, reservation, method))

    def _pay(self, cursor, user, reservation, method):
        cursor.execute("SELECT reservation_number, total_amount, status, payment_status, "
                       "expires_at < LOCALTIMESTAMP FROM public.reservations "
                       "WHERE id = %s AND user_id = %s FOR UPDATE", (reservation, user))
        row = cursor.fetchone()
        if row is None:
            raise Refused(404, "예약을 찾을 수 없습니다.")
        number, amount, status, payment_status, late = row
        if payment_status == "completed":
            raise Refused(400, "이미 결제가 완료된 예약입니다.")
        if status != "pending" or late:
            raise Refused(400, "예약이 만료되었습니다.")
        self.charge(reservation)
        cursor.execute("UPDATE public.reservations SET status = 'confirmed', "
                       "payment_status = 'completed', payment_method = %s WHERE id = %s",
                       (method, reservation))
        cursor.execute("UPDATE public.seats SET status = 'reserved' WHERE id IN (SELECT seat_id "
                       "FROM public.reservation_items WHERE reservation_id = %s)", (reservation,))
        return {"success": True, "message": "결제가 완료되었습니다.",
                "payment": {"reservationId": reservation, "reservationNumber": number,
                            "paymentMethod": METHODS[method], "totalAmount": amount}}

    def clean(self):
        """
        Its cleaner: it overwrites rows that it read without a lock, without reading them again.
        """
        while True:
            time.sleep(self.options.cleaner_s)
            try:
                self.with_connection(self._clean)
            except psycopg2.Error:
                continue

    @staticmethod
    def _clean(cursor):
        cursor.execute("SELECT id FROM public.reservations WHERE status = 'pending' "
                       "AND expires_at < LOCALTIMESTAMP")
        for reservation, in cursor.fetchall():
            cursor.execute("UPDATE public.seats SET status = 'available' WHERE status = 'locked' AND id IN "
                           "(SELECT seat_id FROM public.reservation_items WHERE reservation_id = %s)",
                           (reservation,))
            cursor.execute("UPDATE public.reservations SET status = 'expired', "
                           "payment_status = 'failed' WHERE id = %s", (reservation,))

    def answer(self, method, path, headers, body):
        if method == "GET" and path == "/_charges":
            return self.charges
        if method == "GET" and path == "/api/payments/methods":
            return {"methods": [{"id": one, "name": name} for one, name in METHODS.items()]}
        if method == "POST" and path == "/api/payments/process":
            return self.pay(self.user_of(headers["Authorization"]), body)
        if path.split("/")[1] in ("bookings", "payments", "occupiedSeats"):
            return [] if method == "GET" else {"message": "old booking service"}
        raise Refused(404, "요청하신 주소를 찾을 수 없습니다.")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_one(self):
        path = self.path.split("?")[0]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            return 200, self.server.monolith.answer(self.command, path, self.headers,
                                                    json.loads(body or b"{}"))
        except Refused as refusal:
            return refusal.status, {"success": False, "error": str(refusal), "message": str(refusal)}
        except psycopg2.Error:
            return 500, {"success": False, "error": "서버 오류가 발생했습니다."}

    def do_GET(self):
        status, answer = self.handle_one()
        sent = json.dumps(answer, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    do_POST = do_DELETE = do_GET

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--database", required=True)
    parser.add_argument("--secret", required=True)
    parser.add_argument("--connections", type=int, default=20)
    parser.add_argument("--gateway-ms", type=float, default=100)
    parser.add_argument("--cleaner-s", type=float, default=30)
    options = parser.parse_args()
    server = Server(("127.0.0.1", options.port), Handler)
    server.monolith = Monolith(options)
    threading.Thread(target=server.monolith.clean, daemon=True).start()
    server.serve_forever()


if __name__ == "__main__":
    main()
