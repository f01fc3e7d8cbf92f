/*
 * Handlers, one for each endpoint of the table in route.c; docs/api.md describes the endpoints. A
 * handler parses the request into a typed input with declared limits and calls one domain function.
 * OK: the outcome is the answer. Any other status is answered as an error by route.c.
 */
#ifndef PAYMENTS_FCGI_HANDLE_HANDLE_H
#define PAYMENTS_FCGI_HANDLE_HANDLE_H

#include "base/json_in.h"
#include "fcgi/http/route.h"

/* Called once, before the first request. */
void handle_health_prepare(void);  /* the uptime starts here */
bool handle_methods_prepare(void); /* builds the answer; false when out of memory */

enum status handle_process(struct exchange *exchange, struct outcome *outcome);
enum status handle_methods(struct exchange *exchange, struct outcome *outcome);
enum status handle_health(struct exchange *exchange, struct outcome *outcome);
enum status handle_ready(struct exchange *exchange, struct outcome *outcome);
enum status handle_intent(struct exchange *exchange, struct outcome *outcome);
enum status handle_refund(struct exchange *exchange, struct outcome *outcome);
enum status handle_bookings(struct exchange *exchange, struct outcome *outcome);
enum status handle_bookings_list(struct exchange *exchange, struct outcome *outcome);
enum status handle_bookings_cancel(struct exchange *exchange, struct outcome *outcome);
enum status handle_execute(struct exchange *exchange, struct outcome *outcome);
enum status handle_occupied(struct exchange *exchange, struct outcome *outcome);
enum status handle_shadow(struct exchange *exchange, struct outcome *outcome);
enum status handle_webhook_toss(struct exchange *exchange, struct outcome *outcome);

/* True if a field of the body is absent, null, or an empty string. */
bool handle_is_missing(const struct json_in *json, const char *key);

/* False: the field is not a UUID. */
bool handle_read_uuid(const struct json_in *json, const char *key, struct uuid *out);

/* NULL: the field is not a string, or it has more than `most` bytes. */
const char *handle_read_text(const struct json_in *json, const char *key, size_t most);

#endif
