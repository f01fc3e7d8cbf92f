/*
 * Handlers. Each has a file: it parses the request into a typed input with declared limits, calls
 * one domain function and writes one answer.
 */
#ifndef PAYMENTS_FCGI_HANDLE_HANDLE_H
#define PAYMENTS_FCGI_HANDLE_HANDLE_H

#include "base/json_in.h"
#include "fcgi/http/route.h"

/* Called once, before the first request. */
void handle_health_prepare(void);  /* the uptime starts here */
bool handle_methods_prepare(void); /* builds the answer; false when out of memory */

/* The handlers of the table in route.c, one for each endpoint; docs/api.md describes the endpoints.
 * Each handler always leaves a complete response. */
void handle_process(struct exchange *exchange);
void handle_methods(struct exchange *exchange);
void handle_health(struct exchange *exchange);
void handle_ready(struct exchange *exchange);
void handle_intent(struct exchange *exchange);
void handle_refund(struct exchange *exchange);
void handle_bookings(struct exchange *exchange);
void handle_bookings_list(struct exchange *exchange);
void handle_bookings_cancel(struct exchange *exchange);
void handle_execute(struct exchange *exchange);
void handle_occupied(struct exchange *exchange);
void handle_shadow(struct exchange *exchange);
void handle_webhook_toss(struct exchange *exchange);

/* Ends the exchange with an error that ranks after the check of the user. If the user of the token
 * does not exist, the answer is 401 USER_NOT_FOUND instead. */
void handle_refuse(struct exchange *exchange, enum status status);

/* The body as JSON; the caller frees it with json_in_free. NULL: the body or the Idempotency-Key is
 * invalid, and the exchange is ended. */
struct json_in *handle_body(struct exchange *exchange);

/* True if a field of the body is absent, null, or an empty string. */
bool handle_is_missing(const struct json_in *json, const char *key);

/* Reads the fields of POST process: OK, or the rule that they break. POST shadow/process shares it.
 * */
struct process_input;
enum status handle_process_read(const struct json_in *json, struct process_input *out);

/* Moves the result of the domain call into the response. */
void handle_answer(struct exchange *exchange, struct outcome *outcome);

#endif
