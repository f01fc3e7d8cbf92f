/*
 * Strict JSON input: one object, RFC 8259 and stricter. Refused: trailing bytes, duplicate keys,
 * invalid UTF-8, lone surrogates, U+0000, numbers like 007, control characters in strings, nesting
 * deeper than JSON_DEPTH_MAX. Only json_in.c includes cJSON.h.
 */
#ifndef PAYMENTS_BASE_JSON_IN_H
#define PAYMENTS_BASE_JSON_IN_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

#define JSON_DEPTH_MAX 16 /* bodies of the API have a depth of 2 */

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

/* OK: the caller frees *out with json_in_free. MALFORMED_JSON, or INTERNAL_ERROR without memory:
 * *out is NULL. */
enum status json_in_parse(const char *text, size_t length, struct json_in **out);

/* Wipes every string, as a body may carry the token of a card, and frees. NULL is allowed. */
void json_in_free(struct json_in *json);

/* Keys are case-sensitive. */
enum json_type json_in_type(const struct json_in *json, const char *key);

/* NULL: no string at key. Valid until json_in_free. */
const char *json_in_string(const struct json_in *json, const char *key);

/* True: *out is an integer between -2^53 and 2^53, exclusive. */
bool json_in_integer(const struct json_in *json, const char *key, int64_t *out);

/* Calls `visit` with the object at key, or with each object of the array at key; returns the
 * count. `element` is valid until visit returns. */
int json_in_each(const struct json_in *json, const char *key,
		 void (*visit)(const struct json_in *element, void *context), void *context);

/* The strings of the array at key, valid until json_in_free. False: no array, an element that is
 * not a string, or more than `most` elements. */
bool json_in_strings(const struct json_in *json, const char *key, const char **out, size_t most,
		     size_t *count);

#endif
