"""
The harness of the end-to-end tests: real nginx, spawn-fcgi, multiwatch and PostgreSQL, each in a
folder of its own under /tmp, and ways to observe them from outside.

    cluster         a private PostgreSQL; a fresh database in a moment
    pool            nginx + spawn-fcgi + multiwatch + payments-fcgi; also a pool of direct children
    client          requests, raw bytes, valid and invalid tokens
    shared_schema   the monolith's writes (pending reservations, cancels), and reading the outcome
    volley          many requests at once, by tests/tools/volley
    stack           one of each, started and checked as a unit
    cutover         the same behind an existing server, with the monolith beside it
    sql             files of named statements
"""
