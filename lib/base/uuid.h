/* UUIDs as text: lower case, 36 characters. */
#ifndef PAYMENTS_BASE_UUID_H
#define PAYMENTS_BASE_UUID_H

#include <stdbool.h>
#include <stdint.h>

#define UUID_BYTES 16

#define UUID_LENGTH 36

struct uuid {
	char text[UUID_LENGTH + 1]; /* "" is no id */
};

/* Takes the 8-4-4-4-12 form in any case, nothing else (no braces, no spaces). False: *out
 * untouched. */
bool uuid_parse(const char *text, struct uuid *out);

/* One in that form already, as PostgreSQL prints it; NULL is "". */
struct uuid uuid_of(const char *text);

/* One in its binary form. */
struct uuid uuid_from_bytes(const uint8_t bytes[UUID_BYTES]);

/* A new UUIDv7 (RFC 9562): 48 bits of Unix milliseconds first, so that rows made one after the
 * other lie side by side in an index; 74 random bits from getrandom(2). Thread-safe. */
struct uuid uuid_new(void);

#endif
