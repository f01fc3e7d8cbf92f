"""
pgbench scripts made of the service's own statements.

The texts are read from lib/db/sql/*.sql at run time; only their $n are replaced, by expressions of
pgbench's variables, so that the limit is measured on what the service really sends. A script has the
service's round trips: what it sends together stands in one pipeline.
"""

import re

from harness import build

SQL_FOLDER = build.REPO / "lib/db/sql"
NAME = re.compile(r"^-- name: (\w+)$")
PARAMETER = re.compile(r"\$(\d+)")


def parse(text):
    """{name: statement} of a file of named statements, comments left out."""
    found, name = {}, None
    for line in text.splitlines():
        named = NAME.match(line)
        if named:
            name = named.group(1)
            found[name] = []
        elif name and line.strip() and not line.lstrip().startswith("--"):
            found[name].append(line)
    return {name: "\n".join(lines).rstrip().rstrip(";") for name, lines in found.items()}


def service_statements():
    found = {}
    for path in sorted(SQL_FOLDER.glob("*.sql")):
        found |= parse(path.read_text(encoding="utf-8"))
    return found


def bind(statement, expressions):
    """The statement with $n replaced; what stands in brackets keeps its meaning anywhere."""
    wanted = {int(n) for n in PARAMETER.findall(statement)}
    assert max(wanted, default=0) <= len(expressions), f"{len(expressions)} values for {wanted}"
    return PARAMETER.sub(lambda n: f"({expressions[int(n.group(1)) - 1]})", statement)


def hashed(letter):
    """The id of the current reservation (r), seat (s) or user (u): see ground.identity."""
    number = "user" if letter == "u" else "k"
    return f"md5('{letter}' || :{number}::text)::uuid"


def made(letter):
    """An id that grows, as those do that the service makes; of an age that no janitor looks at."""
    return f"('00{letter}' || lpad(:k::text, 29, '0'))::uuid"


NONE = "nullif(:none::text, 'none')"
RESERVATION, USER, INTENT, ATTEMPT = hashed("r"), hashed("u"), made("a"), made("b")
SEATS = "('{' || md5('s' || :k::text) || '}')"
REQUEST = ":request::text"
ORDER = made("c")
BINDINGS = {
    "claim_at_once": [f"ARRAY[{value}]" for value in (
        INTENT, RESERVATION, USER, "'kakao_pay'", ATTEMPT, "'mock'", "10000", "'ko'", REQUEST, ORDER)] +
                     [":request::text || '/1234/5678901'", "3000"],
    "record_at_once": [f"ARRAY[{value}]" for value in (
        ATTEMPT, INTENT, RESERVATION, "'kakao_pay'", "70000", REQUEST)],
}
EVENT = ":event::text::uuid"
LABELS = "('{S-' || :k::text || '}')"
PERFORMANCE = "md5('e' || :performance::text)::uuid"
BINDINGS |= {
    "hold_turn": [USER, PERFORMANCE],
    "hold_facts": [USER, PERFORMANCE, "300"],
    "hold_look": [PERFORMANCE, ":empty", LABELS],
    "hold_seats": [PERFORMANCE, ":empty", LABELS],
    "hold_make": [RESERVATION, USER, PERFORMANCE, "'TK' || :k::text", "70000", "'kakao_pay'",
                  ":until::text::timestamp", INTENT, SEATS, "'{70000}'", NONE, ":body::text", REQUEST, ORDER],
    "bookings_pages": [f"ARRAY[{value}]" for value in (USER, USER, ":newest::timestamp", ":last::uuid", ":most")],
    "occupied_performance": [EVENT],
    "occupied_all": [EVENT, ":empty::uuid[]"],
}
BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
HOLD = [["hold_facts", "hold_look"], [BEGIN, "hold_turn", "hold_facts", "hold_seats"], ["hold_make", "COMMIT"]]
LIST = [["bookings_pages"]]
OCCUPIED = [["occupied_performance", "occupied_all"]]
PAYMENT = [["claim_at_once"], ["record_at_once"]]

# The same work as one statement each: best.sql.
BEST = [["best_claim"], ["best_settle"]]
BEST_BINDINGS = {
    "best_claim": [INTENT, RESERVATION, USER, "'kakao_pay'", ATTEMPT, "'mock'", "10000",
                   ":request::text || '/1234/5678901'", NONE, "'ko'", REQUEST, "3000", ORDER],
    "best_settle": [ATTEMPT, NONE, "200", ":body::text", ":at::text::timestamptz", REQUEST],
}

# Which payment it is: no two clients, and no two runs, meet on one.
NEXT_PAYMENT = r"""\set n :n + 1
\set k :base + :n * :clients + :client_id
\set user :k % :users
\set performance :k / :seats"""

# Whose bookings: those of `people` users, who have many.
NEXT_PERSON = r"\set user random(0, :people - 1)"


def script(trips, known, head=NEXT_PAYMENT, bindings=None):
    """A pgbench script: each trip one pipeline. A word that names no statement is sent as it is."""
    bindings = bindings or BINDINGS
    parts = [head]
    for trip in trips:
        unknown = [name for name in trip if name.islower() and name not in known]
        assert not unknown, f"no statement is called {unknown}"
        commands = [bind(known[name], bindings[name]) if name in known else name for name in trip]
        # parameters make pgbench prepare a statement; what has none is prepared all the same
        parts.append("\\startpipeline\n" + "".join(f"{command};\n" for command in commands) +
                     "\\endpipeline")
    return "\n".join(parts) + "\n"
