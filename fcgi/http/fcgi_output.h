/*
 * The answer's way out: the records of a FastCGI response (specification 1.0,
 * sections 3.3, 5.3 and 5.5), written here and not through libfcgi's streams,
 * because those hold 8 KiB each while a payment waits for its gateway, and
 * write a list of bookings in three pieces, each of which wakes the web server.
 * What comes in is libfcgi's.
 */
#ifndef PAYMENTS_FCGI_HTTP_FCGI_OUTPUT_H
#define PAYMENTS_FCGI_HTTP_FCGI_OUTPUT_H

#include <stdbool.h>
#include <sys/uio.h>

/*
 * Sends the parts, one after the other, as the output of the request, and its end: in one write
 * where they fit into one record (64 KiB). There is at least a byte of them. Waits for a slow peer
 * as long as the socket's own time-out allows; false where it is gone or too slow.
 */
bool fcgi_output_send(int fd, int request_id, const struct iovec *parts, int count);

#endif
