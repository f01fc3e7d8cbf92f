/*
 * One connection: accepted from the listening socket, given its time-outs, and its request begun by
 * libfcgi. All processes of a pool accept from the same socket; the kernel chooses among them.
 */
#ifndef PAYMENTS_FCGI_SERVER_ACCEPT_H
#define PAYMENTS_FCGI_SERVER_ACCEPT_H

#include <stdbool.h>
#include <stdint.h>

struct FCGX_Request;

#define ACCEPT_WAIT_MS 300 /* then the thread checks whether it must stop */

struct acceptor {
	int listen_fd;
	_Atomic int64_t failure_logged_ms;
};

/* Prepares libfcgi and `listen_fd`, which stays the caller's. False: libfcgi cannot start. */
bool acceptor_open(struct acceptor *acceptor, int listen_fd);

/* Waits for a connection, at most ACCEPT_WAIT_MS. -1: none came, or accept failed, which is
 * logged. */
int acceptor_wait(struct acceptor *acceptor);

/* Logs a failure of a system call, at most once a second: it repeats for every connection. */
void acceptor_log_failure(struct acceptor *acceptor, const char *event, int error);

/* Reads the begin of a request and its parameters from `fd`. False: the peer sent no FastCGI
 * request; the connection is closed. */
bool connection_begin(struct FCGX_Request *fcgx, int fd);

#endif
