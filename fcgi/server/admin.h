/*
 * The admin listener. It has its own thread, so that it answers even when every worker thread is
 * busy. HTTP/1.1, GET only, one request for each connection: /health, /ready, /status, /metrics
 * (Prometheus, for the whole pool). It checks no token, so it must not be reachable from outside.
 */
#ifndef PAYMENTS_FCGI_SERVER_ADMIN_H
#define PAYMENTS_FCGI_SERVER_ADMIN_H

#include "base/buf.h"
#include "pay/service.h"

struct admin;

/* Listens on "host:port", which the processes of a pool share. NULL: it failed, *why says why. */
struct admin *admin_start(const char *address, struct service *service, struct buf *why);

/* admin_stop lets it accept no further request. admin_join waits for the current one, at most
 * ADMIN_PATIENCE_MS and the answer of the database, and frees it. NULL is allowed. */
#define ADMIN_PATIENCE_MS 300
void admin_stop(struct admin *admin);
void admin_join(struct admin *admin);

#endif
