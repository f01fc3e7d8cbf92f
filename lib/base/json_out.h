/* JSON output, appended to a buffer in the order of the calls, without a tree. */
#ifndef PAYMENTS_BASE_JSON_OUT_H
#define PAYMENTS_BASE_JSON_OUT_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/* libjwt uses jansson, which also has json_string, json_integer and json_null. If ours were visible
 * to the dynamic linker, libjwt would call them and crash. */
#pragma GCC visibility push(hidden)

struct json_out {
	struct buf *buf;
	bool comma; /* the next member needs a comma before it */
};

/* Check out->buf->failed once, at the end. `key` needs no escaping; it is NULL for the elements of
 * an array and for the outermost value. */
void json_object_begin(struct json_out *out, const char *key);
void json_object_end(struct json_out *out);
void json_array_begin(struct json_out *out, const char *key);
void json_array_end(struct json_out *out);
/* NULL is written as null. */
void json_string(struct json_out *out, const char *key, const char *value);
/* A text that needs no escaping, for example a UUID. */
void json_plain(struct json_out *out, const char *key, const char *text, size_t length);
void json_integer(struct json_out *out, const char *key, int64_t value);
void json_bool(struct json_out *out, const char *key, bool value);
void json_null(struct json_out *out, const char *key);
/* A value that is JSON, for example of json_agg. NULL is written as null. */
void json_raw(struct json_out *out, const char *key, const char *json);

/* Appends the content of a JSON string, without the quotes; see escape_next. */
void json_escape(struct buf *buf, const char *text);

#pragma GCC visibility pop

#endif
