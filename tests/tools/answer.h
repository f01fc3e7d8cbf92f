/* Parses an HTTP/1.1 answer from the bytes that have arrived, for volley. */
#ifndef TESTS_TOOLS_ANSWER_H
#define TESTS_TOOLS_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#define ANSWER_STATUS_MAX 600 /* exclusive */

/* A parsed answer; offsets into the bytes. */
struct answer {
	int status;
	size_t body, end;
	bool keep; /* the connection may serve another request */
};

/* True: the answer is complete. `in` has `length` bytes and a NUL; a chunked body is joined in
 * place. `bodiless`: the request was a HEAD. `closed`: no more bytes will arrive. */
bool answer_parse(char *in, size_t length, bool bodiless, bool closed, struct answer *answer);

#endif
