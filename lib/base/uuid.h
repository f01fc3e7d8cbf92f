/* UUIDs as text: lower case, 36 characters. */
#ifndef PAYMENTS_BASE_UUID_H
#define PAYMENTS_BASE_UUID_H

#include <stdbool.h>
#include <stdint.h>

#define UUID_BYTES 16
#define UUID_LENGTH 36

struct uuid {
	char text[UUID_LENGTH + 1]; /* "": no id */
};

/* Accepts only the 8-4-4-4-12 form, in any case. False: *out is untouched. */
bool uuid_parse(const char *text, struct uuid *out);

/* Without a check, for the text of PostgreSQL; NULL gives "". */
struct uuid uuid_of(const char *text);

struct uuid uuid_from_bytes(const uint8_t bytes[UUID_BYTES]);

/* UUIDv7 (RFC 9562): first the time in ms, so that new rows are neighbours in an index, then 74
 * random bits of getrandom(2). */
struct uuid uuid_new(void);

#endif
