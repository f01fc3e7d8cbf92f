/*
 * Strict JSON in: one object from a client, RFC 8259 to the letter and less.
 * Refused although cJSON would take them: trailing bytes, duplicate keys,
 * invalid UTF-8, lone surrogates, the character U+0000, numbers like 007,
 * control characters in strings, nesting deeper than JSON_DEPTH_MAX.
 * The only file that includes cJSON.h is json_in.c.
 */
#ifndef PAYMENTS_BASE_JSON_IN_H
#define PAYMENTS_BASE_JSON_IN_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

#define JSON_DEPTH_MAX 16 /* no body of the API nests deeper than 2 */

enum json_type {
	JSON_ABSENT,
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};

struct json_in; /* a parsed object */

/*
 * Parses `length` bytes that must be exactly one JSON object.
 * OK: *out is the caller's, to be freed with json_in_free.
 * MALFORMED_JSON: not such an object; *out is NULL.
 * INTERNAL_ERROR: no memory; *out is NULL.
 */
enum status json_in_parse(const char *text, size_t length, struct json_in **out);

/* Wipes every string of it (a body may carry a card's token) and frees it. NULL is allowed. */
void json_in_free(struct json_in *json);

/* Keys are compared byte by byte: "UserId" is not "userId". */
enum json_type json_in_type(const struct json_in *json, const char *key);

/* The string at key, NULL where there is none or it is of another type. Valid until
 * json_in_free. */
const char *json_in_string(const struct json_in *json, const char *key);

/* True and *out where key holds an integer between -2^53 and 2^53. */
bool json_in_integer(const struct json_in *json, const char *key, int64_t *out);

/*
 * Calls `visit` with the object at key, or with each object of the array there; `element` is good
 * for the json_in_* readers, only until visit returns. Returns how many there were.
 */
int json_in_each(const struct json_in *json, const char *key,
		 void (*visit)(const struct json_in *element, void *context), void *context);

/*
 * The strings of the array at key: *count of them, the first `most` stored in
 * out[], valid until json_in_free. False where key holds no array, or an
 * element is no string, or there are more than `most`.
 */
bool json_in_strings(const struct json_in *json, const char *key, const char **out, size_t most,
		     size_t *count);

#endif
