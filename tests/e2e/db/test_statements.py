"""
Files of named statements: what the harness reads is what the service prepares, and the benchmark's
frozen statements still run on the schema.

Fails where the tests of plans would plan other texts than the service's, or where the benchmark has
lost its yardstick.
"""

import re

import pytest

from harness import build, sql

EMBEDDED = re.compile(r'^SQL_STATEMENT\(\w+, "(\w+)", \d+,\n((?:\t".*"\)?\n)+)', re.M)
PIECE = re.compile(r'^\t"(.*)"\)?$', re.M)
FILES = {
    "one": "-- name: first\n-- why\nSELECT 1,\n\t-- include: rest\nFROM x;\n\n-- name: second\nSELECT 2;\n",
    "two": "-- fragment: rest\n-- why\n\t2,\n\t-- include: last\n\n-- fragment: last\n\t3\n"}


def words(text):
    return " ".join(text.split())


def embedded():
    """{name: text} of the statements that the build has compiled in."""
    text = (build.BUILD / "lib/db/sql_statements.inc").read_text(encoding="utf-8")
    return {name: "".join(PIECE.findall(body)).replace("\\n", "\n").replace('\\"', '"').replace("\\\\", "\\")
            for name, body in EMBEDDED.findall(text)}


def test_the_harness_reads_what_the_service_prepares():
    ours = {name: words(text) for found in sql.service_statements().values()
            for name, text in found.items()}
    assert len(ours) > 20
    assert ours == {name: words(text) for name, text in embedded().items()}


def test_fragments_are_included(tmp_path):
    for name, text in FILES.items():
        (tmp_path / f"{name}.sql").write_text(text, encoding="utf-8")
    found = sql.read(*sorted(tmp_path.glob("*.sql")))
    assert {name: words(text) for name, text in found["one"].items()} == {
        "first": "SELECT 1, 2, 3 FROM x", "second": "SELECT 2"}
    assert found["two"] == {}


@pytest.mark.parametrize("name", sql.read(build.REPO / "tests/bench/frozen.sql")["frozen"])
def test_a_frozen_statement_runs_on_the_schema(stack, name):
    text = sql.read(build.REPO / "tests/bench/frozen.sql")["frozen"][name]
    stack.database.rows(f"PREPARE frozen AS {text}")
    stack.database.rows("DEALLOCATE frozen")
