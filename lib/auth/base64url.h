/* Base64 with the URL-safe alphabet, without padding (RFC 4648, section 5). */
#ifndef PAYMENTS_AUTH_BASE64URL_H
#define PAYMENTS_AUTH_BASE64URL_H

#include <stddef.h>

/* Size of the encoded text, with NUL. */
#define BASE64URL_SIZE(bytes) ((4 * (bytes) + 2) / 3 + 1)

/* How many characters at the beginning of `text` can be decoded; 0: none, or an impossible
 * number. */
size_t base64url_span(const char *text);

/* Writes BASE64URL_SIZE(length) characters; `length` is at most BASE64URL_BYTES_MAX. */
#define BASE64URL_BYTES_MAX 64
void base64url_encode(const unsigned char *bytes, size_t length, char *out);

/* Decodes `length` characters, as base64url_span counts them, to *bytes bytes and a NUL. The caller
 * frees. NULL: no memory, or other characters. */
char *base64url_decode(const char *text, size_t length, size_t *bytes);

#endif
