/* volley's reading of an HTTP/1.1 answer out of the bytes that have come so far. */
#ifndef TESTS_TOOLS_ANSWER_H
#define TESTS_TOOLS_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#define ANSWER_STATUS_MAX 600 /* of a status, exclusive */

/* A parsed answer; offsets into the bytes. */
struct answer {
	int status;
	size_t body, end;
	bool keep; /* the connection may serve another request */
};

/*
 * True once a whole answer has come. `in` holds `length` bytes and a NUL behind them; a chunked
 * body is joined in place. `bodiless`: the request was a HEAD. `closed`: nothing more will come.
 */
bool answer_parse(char *in, size_t length, bool bodiless, bool closed, struct answer *answer);

#endif
