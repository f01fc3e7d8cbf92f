/* The listening socket: inherited as descriptor 0, or made here. */
#ifndef PAYMENTS_FCGI_SERVER_LISTENER_H
#define PAYMENTS_FCGI_SERVER_LISTENER_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/* Descriptor 0, as spawn-fcgi, multiwatch and systemd pass it. -1: it is no listening socket, and
 * *why says so. */
int listener_inherit(struct buf *why);

/*
 * Makes a socket at `address`: "unix:/path", "host:port" or "[v6]:port". A unix socket gets mode
 * 0660. An old one is replaced if no process answers on it. `shared`: every process of a pool
 * listens on the "host:port" (SO_REUSEPORT), and the kernel gives each connection to one of them.
 * -1: it failed, and *why says why.
 */
int listener_open(const char *address, int backlog, bool shared, struct buf *why);

/* Bounds each wait for a peer: accept, receive and send. */
void socket_set_timeouts(int fd, int64_t ms);

/* Removes the unix socket that listener_open made at `address`. Other addresses need no removal. */
void listener_remove(const char *address);

#endif
