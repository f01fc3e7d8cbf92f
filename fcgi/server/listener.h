/* The socket that requests come in on: inherited as descriptor 0, or made here. */
#ifndef PAYMENTS_FCGI_SERVER_LISTENER_H
#define PAYMENTS_FCGI_SERVER_LISTENER_H

#include "base/buf.h"

/* Descriptor 0 as spawn-fcgi, multiwatch and systemd hand it over. -1, and why, where it is no
 * listening socket. */
int listener_inherit(struct buf *why);

/*
 * Makes one at `address`: "unix:/path", "host:port" or "[v6]:port". A unix socket is made with mode
 * 0660; one left behind is removed, but only where nobody answers on it. -1, and why, on failure.
 */
int listener_open(const char *address, int backlog, struct buf *why);

/* The same at a "host:port" that every process of a pool listens on at once (SO_REUSEPORT): the
 * kernel hands each connection to one of them. */
int listener_open_shared(const char *address, int backlog, struct buf *why);

/* Removes the unix socket that listener_open made at `address`; nothing for the other forms. */
void listener_remove(const char *address);

#endif
