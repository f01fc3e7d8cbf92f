/* HMAC-SHA256 (RFC 2104). Any thread. */
#ifndef PAYMENTS_AUTH_HMAC_H
#define PAYMENTS_AUTH_HMAC_H

#include <stdbool.h>
#include <stddef.h>

#define HMAC_BYTES 32

/* False: out of memory. */
bool hmac_sha256(const char *key, const char *text, size_t length, unsigned char out[HMAC_BYTES]);

#endif
