"""
The machine's speed at this moment, by a program that is not under test: PostgreSQL's own benchmark.
"""

import re

from . import build

CLIENTS = 32
SCALE = 5  # branches: enough that the clients seldom meet


def transactions_per_s(cluster, seconds=3):
    """pgbench's simple-update: an update, a select, an insert and a commit, by 32 clients."""
    database = cluster.database()
    where = ["-h", cluster.folder, "-p", cluster.port, "-U", "postgres", database.name]
    try:
        build.run([build.postgres_program("pgbench"), "-i", "-q", "-s", SCALE, *where])
        told = build.run([build.postgres_program("pgbench"), "-n", "-N", "-M", "prepared", "-c", CLIENTS, "-j", 2,
                          "-T", seconds, *where])
    finally:
        database.drop()
    return float(re.search(r"^tps = ([0-9.]+)", told, re.M).group(1))
