/*
 * Writes the records of a FastCGI response (specification 1.0, sections 3.3, 5.3 and 5.5).
 * libfcgi's output streams are not used: each holds 8 KiB while a payment waits for its gateway,
 * and they write a list of bookings in three pieces, each of which wakes the web server. libfcgi
 * reads the input.
 */
#ifndef PAYMENTS_FCGI_HTTP_FCGI_OUTPUT_H
#define PAYMENTS_FCGI_HTTP_FCGI_OUTPUT_H

#include <stdbool.h>
#include <sys/uio.h>

/*
 * Sends the parts in order as the output of the request, and ends the request. One record (64 KiB)
 * is one write. The parts have at least one byte. False: the peer is gone, or slower than the
 * timeout of the socket.
 */
bool fcgi_output_send(int fd, int request_id, const struct iovec *parts, int count);

#endif
