/*
 * Exact JSON out, appended to a buffer in the order written: what the wire
 * contract names is what goes out, with no tree in between.
 */
#ifndef PAYMENTS_BASE_JSON_OUT_H
#define PAYMENTS_BASE_JSON_OUT_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * jansson, which libjwt stands on, has functions of its own named json_string,
 * json_integer and json_null. Were ours visible to the dynamic linker, libjwt
 * would call them and crash.
 */
#pragma GCC visibility push(hidden)

struct json_out {
	struct buf *buf;
	bool comma; /* the next member needs a comma before it */
};

/* Each writes into out->buf, which is asked once, at the end, whether it failed. `key` is NULL for
 * an array's elements and for the outermost value, else ASCII of ours that needs no escaping. */
void json_object_begin(struct json_out *out, const char *key);
void json_object_end(struct json_out *out);
void json_array_begin(struct json_out *out, const char *key);
void json_array_end(struct json_out *out);
/* A NULL value is written as null. Escapes what JSON requires; the text must be valid UTF-8. */
void json_string(struct json_out *out, const char *key, const char *value);
/* A text of that length which needs no escaping: a UUID, a time. */
void json_plain(struct json_out *out, const char *key, const char *text, size_t length);
void json_integer(struct json_out *out, const char *key, int64_t value);
void json_bool(struct json_out *out, const char *key, bool value);
void json_null(struct json_out *out, const char *key);
/* A value that is JSON already (PostgreSQL's json_agg, say). NULL is written as null. */
void json_raw(struct json_out *out, const char *key, const char *json);

/* Appends the body of a JSON string (without the quotes). Also the log's one place of escaping:
 * every control byte, quote, backslash, DEL and byte that is not valid UTF-8 is escaped. */
void json_escape(struct buf *buf, const char *text);

#pragma GCC visibility pop

#endif
