/* Base64 with the URL-safe alphabet and without padding: RFC 4648, section 5, as RFC 7515 has it.
 * By libcrypto. */
#ifndef PAYMENTS_AUTH_BASE64URL_H
#define PAYMENTS_AUTH_BASE64URL_H

#include <stddef.h>

/* Of the text of that many bytes, with the NUL at its end. */
#define BASE64URL_SIZE(bytes) ((4 * (bytes) + 2) / 3 + 1)

/* How many characters from the first of `text` on may be decoded: 0 where there is none of the
 * alphabet, or where they are of a number that no bytes make. */
size_t base64url_span(const char *text);

/* Writes BASE64URL_SIZE(length) characters. `length` is at most BASE64URL_BYTES_MAX. */
#define BASE64URL_BYTES_MAX 64
void base64url_encode(const unsigned char *bytes, size_t length, char *out);

/* The bytes of `length` characters, as base64url_span counted them, with a NUL behind; *bytes is
 * how many. Malloc'ed, the caller frees; NULL when out of memory, or where they are no such
 * characters. */
char *base64url_decode(const char *text, size_t length, size_t *bytes);

#endif
