/*
 * A relay between the pool and the server, so that a test can do to a connection
 * what networks and operators do: cut it, swallow a COMMIT, or lose the answer
 * to one. TCP on 127.0.0.1, one thread.
 */
#ifndef PAYMENTS_TESTS_UNIT_RELAY_H
#define PAYMENTS_TESTS_UNIT_RELAY_H

enum relay_mode {
	RELAY_PASS,
	RELAY_DOWN,   /* cuts every connection, old and new: the server is stopped */
	RELAY_SILENT, /* takes everything, answers nothing */
	/* COMMIT, or the fixture's t_insert, which as the only statement commits itself */
	RELAY_SWALLOW_COMMIT, /* once: it never reaches the server, then the connection is cut */
	RELAY_LOSE_ANSWER     /* once: the server commits, its answer is lost with the connection */
};

struct relay;

/* Relays to PostgreSQL at host (a name, or a directory of its socket) and port. NULL: no socket. */
struct relay *relay_start(const char *host, const char *port);
void relay_stop(struct relay *relay);
int relay_port(const struct relay *relay);
void relay_set(struct relay *relay, enum relay_mode mode);

#endif
