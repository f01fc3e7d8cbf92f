"""A private PostgreSQL: its own folder, socket and port; a fresh database in a moment."""

import itertools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg2

from . import build, wait

SERVICE_ROLE = "payments_service"
SECRET = "an-end-to-end-test-secret-of-more-than-32-bytes"

CONFIGURATION = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{folder}'
max_connections = 200
timezone = 'Asia/Seoul'
log_timezone = 'UTC'
log_min_messages = warning
logging_collector = off
"""


class Database:
    """One database of the cluster. The tests' own connection is the superuser's."""

    def __init__(self, cluster, name, variant):
        self.cluster, self.name, self.variant = cluster, name, variant
        self._connection = None
        self._server = 0  # which start of the cluster the connection belongs to

    def url(self, role=SERVICE_ROLE, host=None):
        host = host or self.cluster.folder
        return f"host={host} port={self.cluster.port} dbname={self.name} user={role}"

    @property
    def connection(self):
        if self._connection is None or self._server != self.cluster.starts:
            self.close()
            self._connection = psycopg2.connect(self.url("postgres"))
            self._connection.autocommit = True
            self._server = self.cluster.starts
        return self._connection

    def rows(self, sql, *parameters):
        """Rows as tuples; none for a statement that returns none."""
        with self.connection.cursor() as cursor:
            cursor.execute(sql, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def row(self, sql, *parameters):
        rows = self.rows(sql, *parameters)
        assert len(rows) == 1, f"{len(rows)} rows: {sql}"
        return rows[0]

    def value(self, sql, *parameters):
        return self.row(sql, *parameters)[0]

    def close(self):
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def copy(self):
        """Another database with the same content. No connection to this one may be open."""
        self.close()
        return self.cluster.database_from(self.name, self.variant)

    def drop(self):
        self.close()
        self.cluster.execute(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')


class Cluster:
    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="payments-pg-", dir="/tmp"))
        self.folder.chmod(0o755)
        build.give_to(self.folder, "postgres")
        self.data = self.folder / "data"
        self.log = self.folder / "log"
        self.port = wait.free_port()
        self.starts = 0
        self._names = itertools.count(1)
        self._templates = set()
        self._run("initdb", "-D", self.data, "-A", "trust", "-U", "postgres", "-E", "UTF8",
                  "--locale=C.UTF-8", "--no-sync")
        with open(self.data / "postgresql.conf", "a", encoding="ascii") as conf:
            conf.write(CONFIGURATION.format(port=self.port, folder=self.folder))

    def _run(self, name, *arguments):
        # pg_ctl's server would keep a pipe open for ever: its output goes to the log
        command = build.as_user("postgres", [build.postgres_program(name), *map(str, arguments)])
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, cwd="/", timeout=60)
        assert done.returncode == 0, f"{name} {arguments}: exit {done.returncode}, see {self.log}"

    def start(self):
        self._run("pg_ctl", "-D", self.data, "-l", self.log, "-w", "-t", "30", "start")
        self.starts += 1

    def stop(self, mode="fast"):
        self._run("pg_ctl", "-D", self.data, "-m", mode, "-w", "-t", "30", "stop")

    def running(self):
        return (self.data / "postmaster.pid").exists()

    def destroy(self):
        if self.running():
            self.stop("immediate")
        shutil.rmtree(self.folder)

    def connect(self, database="postgres"):
        connection = psycopg2.connect(host=str(self.folder), port=self.port, user="postgres",
                                      dbname=database)
        connection.autocommit = True
        return connection

    def execute(self, sql):
        connection = self.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql)
        finally:
            connection.close()

    def load(self, database, path):
        build.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-p", self.port,
                   "-U", "postgres", "-d", database, "-f", path])

    def _template(self, variant):
        name = f"template_{variant}"
        if name not in self._templates:
            self.execute(f"CREATE DATABASE {name}")
            reference = build.REPO / "schema/reference"
            self.load(name, reference / "shared.sql")
            if variant == "without_expired":
                self.load(name, reference / "variant-without-expired.sql")
            self.load(name, build.REPO / "schema/demo.sql")
            url = f"host={self.folder} port={self.port} dbname={name} user=postgres"
            self.payctl(url, "migrate", "--grant", SERVICE_ROLE)
            self._templates.add(name)
        return name

    def database(self, variant="expired"):
        """A fresh database with the shared tables, demo data and the service's schema."""
        return self.database_from(self._template(variant), variant)

    def database_from(self, template, variant):
        name = f"e2e_{next(self._names)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return Database(self, name, variant)

    @staticmethod
    def payctl(url, *arguments, check=True, timeout_s=60):
        """Runs payctl on a database. With check=False the finished process comes back."""
        environment = {"PATH": build.SYSTEM_PATH, "PAYMENTS_ENV": "development",
                       "DATABASE_URL": url, "JWT_SECRET": SECRET}
        environment |= {name: value for name, value in os.environ.items() if "SAN_OPTIONS" in name}
        command = [build.program("payctl"), *arguments]
        if check:
            return build.run(command, env=environment)
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, env=environment)
