/* A TCP relay between the pool and the server: a test can cut a connection, swallow a COMMIT, or
 * lose the answer to a COMMIT. One thread. */
#ifndef PAYMENTS_TESTS_UNIT_RELAY_H
#define PAYMENTS_TESTS_UNIT_RELAY_H

enum relay_mode {
	RELAY_PASS,
	RELAY_DOWN,   /* cuts every connection, old and new: the server is stopped */
	RELAY_SILENT, /* accepts everything, answers nothing */
	/* COMMIT, or the fixture's t_insert, which alone is a transaction */
	RELAY_SWALLOW_COMMIT, /* once: COMMIT never reaches the server, the connection is cut */
	RELAY_LOSE_ANSWER     /* once: the server commits, the answer is lost with the connection */
};

struct relay;

/* Relays to PostgreSQL at host (a name, or a directory of its socket) and port. NULL: no socket. */
struct relay *relay_start(const char *host, const char *port);
void relay_stop(struct relay *relay);
int relay_port(const struct relay *relay);
void relay_set(struct relay *relay, enum relay_mode mode);

#endif
