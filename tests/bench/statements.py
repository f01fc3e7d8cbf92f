"""
pgbench scripts made of the frozen statements of frozen.sql, the yardstick.

Only their $n are replaced, by expressions of pgbench's variables. A script has the round trips that
the service of that commit had: what it sent in one pipeline stands in one pipeline.
"""

import re
from pathlib import Path

from harness import sql

FROZEN = sql.read(Path(__file__).resolve().parent / "frozen.sql")["frozen"]
PARAMETER = re.compile(r"\$(\d+)")


def bind(statement, expressions):
    """The statement with $n replaced; brackets keep the meaning of an expression."""
    wanted = {int(n) for n in PARAMETER.findall(statement)}
    assert max(wanted, default=0) <= len(expressions), f"{len(expressions)} values for {wanted}"
    return PARAMETER.sub(lambda n: f"({expressions[int(n.group(1)) - 1]})", statement)


def hashed(letter):
    """The id of the current reservation (r), seat (s) or user (u): see ground.identity."""
    number = "user" if letter == "u" else "k"
    return f"md5('{letter}' || :{number}::text)::uuid"


def made(letter):
    """An id that grows, as the service's ids do; its age keeps the janitor away from it."""
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

# Which payment it is: no two clients and no two runs use the same one.
NEXT_PAYMENT = r"""\set n :n + 1
\set k :base + :n * :clients + :client_id
\set user :k % :users
\set performance :k / :seats"""

# The user whose bookings are listed: one of `people`, each with many.
NEXT_PERSON = r"\set user random(0, :people - 1)"


def script(trips, head=NEXT_PAYMENT):
    """A pgbench script: each trip one pipeline. A word that names no statement is sent as it is."""
    parts = [head]
    for trip in trips:
        unknown = [name for name in trip if name.islower() and name not in FROZEN]
        assert not unknown, f"no statement is called {unknown}"
        commands = [bind(FROZEN[name], BINDINGS[name]) if name in FROZEN else name for name in trip]
        # parameters make pgbench prepare a statement; what has none is prepared all the same
        parts.append("\\startpipeline\n" + "".join(f"{command};\n" for command in commands) +
                     "\\endpipeline")
    return "\n".join(parts) + "\n"
