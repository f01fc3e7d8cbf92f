/*
 * The texts of HTTP, read strictly: pure functions over strings, with neither
 * FastCGI nor the service behind them, so that each is tested by itself.
 */
#ifndef PAYMENTS_FCGI_HTTP_HTTP_TEXT_H
#define PAYMENTS_FCGI_HTTP_HTTP_TEXT_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The path of `uri` below `mount`, without trailing slashes: "/process"; "" is the mount itself.
 * False where it lies outside, does not fit into out, or holds a control byte; out then holds the
 * start of the uri as it came, for the log.
 */
bool http_path_below(const char *uri, const char *mount, char *out, size_t size);

/* Whether `path` has the form of `pattern`, in which one "{name}" stands for one segment that is
 * not empty. The segment is stored in out, cut where it does not fit; "" where there is none. */
bool http_path_match(const char *pattern, const char *path, char *out, size_t size);

/* What Accept-Language prefers of the two languages (RFC 9110 section 12.5.4); `fallback` where it
 * is NULL, names neither, or puts them level without naming one first. */
enum language http_language(const char *accept, enum language fallback);

/* Whether a request id can be passed on and logged: 1 to 64 letters, digits, ".", "_", "-". */
bool http_id_sane(const char *id);

/* Whether an Idempotency-Key is 1 to 255 printable ASCII characters. */
bool http_key_sane(const char *key);

/* Whether a Content-Type is application/json, in any case, with any parameters. NULL is not. */
bool http_is_json(const char *content_type);

/* Whether If-None-Match (NULL: none) names `etag` or "*"; compared weakly, as RFC 9110 13.1.2
 * asks. */
bool http_etag_matches(const char *if_none_match, const char *etag);

/* A Content-Length: 0 where NULL or empty, -1 where it is no number. */
int64_t http_length(const char *text);

/* Milliseconds since 1970 from nginx's $msec, "1700000000.123". -1 where it is no such time. */
int64_t http_unix_ms(const char *text);

/* The first value of `name` in a query string, percent-decoded and "+" taken as a space. False
 * where there is none, it does not fit, or is badly encoded: bad hex, a control byte, invalid
 * UTF-8. */
bool http_query_value(const char *query, const char *name, char *out, size_t size);

/* Whether the query string gives `name` a value at all: one that cannot be read is not the same as
 * none. */
bool http_query_has(const char *query, const char *name);

/* The reason phrase of an HTTP status, "" where none is known. Static storage. */
const char *http_reason(int http);

#endif
