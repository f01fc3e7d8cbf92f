/*
 * Strict parsers of the texts of HTTP. They are pure functions over strings, so that each can be
 * tested alone.
 */
#ifndef PAYMENTS_FCGI_HTTP_HTTP_TEXT_H
#define PAYMENTS_FCGI_HTTP_HTTP_TEXT_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True if a byte of the text is a control character. */
bool http_has_control(const char *text);

/*
 * The path of `uri` below `mount`, without trailing slashes: "/process". "" is the mount itself.
 * False: the path is outside of the mount, does not fit into out, or has a control byte. Then out
 * has the start of the unchanged uri, for the log.
 */
bool http_path_below(const char *uri, const char *mount, char *out, size_t size);

/* True if `path` matches `pattern`, in which one "{name}" matches one segment that is not empty.
 * out gets the segment, cut to its size; "": the pattern has none. */
bool http_path_match(const char *pattern, const char *path, char *out, size_t size);

/* The language that Accept-Language prefers (RFC 9110 section 12.5.4). `fallback` if it is NULL,
 * names neither language, or prefers none. */
enum language http_language(const char *accept, enum language fallback);

/* True if a request id may be passed on and logged: 1 to 64 letters, digits, ".", "_", "-". */
bool http_id_sane(const char *id);

/* True if an Idempotency-Key has 1 to 255 printable ASCII characters. */
bool http_key_sane(const char *key);

/* True if a Content-Type is application/json, in any case, with any parameters. NULL is not. */
bool http_is_json(const char *content_type);

/* True if If-None-Match (NULL: none) names `etag` or "*". The comparison is weak (RFC 9110 section
 * 13.1.2). */
bool http_etag_matches(const char *if_none_match, const char *etag);

/* A Content-Length. 0: NULL or empty, -1: not a number. */
int64_t http_length(const char *text);

/* Milliseconds since 1970 from nginx's $msec, "1700000000.123". -1: not such a time. */
int64_t http_unix_ms(const char *text);

enum query { QUERY_ABSENT, QUERY_VALUE, QUERY_INVALID };

/* The first value of `name` in a query string, percent-decoded, with "+" as a space. INVALID: it
 * does not fit, or its encoding is invalid (bad hex, a control byte, invalid UTF-8). *out is "" if
 * the query string has no such name. */
enum query http_query(const char *query, const char *name, char *out, size_t size);

/* The reason phrase of an HTTP status; "": unknown. Static storage. */
const char *http_reason(int http);

#endif
