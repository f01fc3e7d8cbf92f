"""
The harness of the end-to-end tests: real nginx, spawn-fcgi, multiwatch and PostgreSQL, each in a
folder of its own under /tmp, and the ways to look at them from outside.

    cluster   a private PostgreSQL; a fresh database in a moment
    pool      nginx + spawn-fcgi + multiwatch + payments-fcgi; also a pool of direct children
    client    requests, raw bytes, tokens good and bad
    shared     what the monolith does: pending reservations, cancels; and looking at the outcome
    volley    many requests at once, by tests/tools/volley
    stack     one of each, started together, checked at the end
    cutover   the same behind an existing server, with the old side beside it
"""
