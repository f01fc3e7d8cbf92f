/*
 * The second, small listener, with a thread of its own: it answers even when
 * every worker thread is busy. HTTP/1.1, GET only, one request a connection:
 * /health, /ready, /status, /metrics (Prometheus, the whole pool's). For the
 * machine itself and its monitoring; it knows no tokens, so it must not be
 * reachable from outside.
 */
#ifndef PAYMENTS_FCGI_SERVER_ADMIN_H
#define PAYMENTS_FCGI_SERVER_ADMIN_H

#include "base/buf.h"
#include "pay/service.h"

struct admin;

/* Listens on "host:port", which the processes of a pool share. NULL, and why, where it cannot be
 * had. */
struct admin *admin_start(const char *address, struct service *service, struct buf *why);

/* Lets it take no further request; then waits for the one it may be at (ADMIN_PATIENCE_MS, and the
 * database's answer) and frees it. NULL is allowed. */
#define ADMIN_PATIENCE_MS 300
void admin_stop(struct admin *admin);
void admin_join(struct admin *admin);

#endif
