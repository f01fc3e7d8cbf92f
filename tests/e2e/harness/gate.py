"""
Gates in the database. A policy on a table that the service reads, or a trigger on one that it writes:
it holds a statement in its middle until other requests are queued behind it.
"""

import time
from contextlib import contextmanager

import psycopg2

from .wait import free_port, until

QUEUED_S = 0.4  # until requests that were sent are queued
GATE = """
CREATE FUNCTION public.gate() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_advisory_lock_shared(1);
	PERFORM pg_advisory_unlock_shared(1);
	RETURN true;
END $$;
ALTER TABLE public.{table} ENABLE ROW LEVEL SECURITY;
CREATE POLICY gate ON public.{table} TO payments_service USING (public.gate());
"""
# No lock that a batch would give up for: it sleeps.
WRITE_GATE = """
CREATE FUNCTION public.write_gate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	WHILE NOT pg_try_advisory_lock_shared(1) LOOP
		PERFORM pg_sleep(0.01);
	END LOOP;
	PERFORM pg_advisory_unlock_shared(1);
	RETURN NULL;
END $$;
CREATE TRIGGER gate BEFORE INSERT ON {table} FOR EACH STATEMENT EXECUTE FUNCTION public.write_gate();
"""


def gated(make_stack, table, **settings):
    """A stack of one worker whose reads of `table` pass the gate."""
    port = free_port()
    stack = make_stack(workers=1, settings={
        "PAYMENTS_ADMIN_LISTEN": f"127.0.0.1:{port}", "PAYMENTS_JANITOR_INTERVAL_MS": 600000} | settings)
    stack.admin_port = port
    stack.database.rows(GATE.format(table=table))
    return stack


def at_the_gate(stack):
    """
    Backends of the service in the middle of a read, with a snapshot from before the gate closed.
    """
    return [pid for pid, in stack.database.rows(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'")]


def writing(stack):
    """Backends of the service in the middle of a write."""
    return [pid for pid, in stack.database.rows(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'")]


@contextmanager
def closed_to_writes(stack, table):
    """`table` cannot be written until the end of the block."""
    stack.database.rows(WRITE_GATE.format(table=table))
    with closed(stack):
        yield
    stack.database.rows(f"DROP TRIGGER gate ON {table}; DROP FUNCTION public.write_gate()")


@contextmanager
def closed(stack):
    with psycopg2.connect(stack.database.url("postgres")) as connection:
        connection.cursor().execute("SELECT pg_advisory_lock(1)")
        yield
    connection.close()


def meanwhile(stack, requests, then=lambda: None):
    """
    The first request reads; then `then`; the second is queued and will read for the others, which
    come after it. The answers.
    """
    with closed(stack):
        first = stack.volley(requests[:1])
        until("the first reads", lambda: at_the_gate(stack))
        then()
        second = stack.volley(requests[1:2])
        time.sleep(QUEUED_S / 2)
        others = stack.volley(requests[2:], most=len(requests), burst=True)
        time.sleep(QUEUED_S)
    return first.finish() + second.finish() + others.finish()
