/*
 * Handlers: parse into a typed input with declared limits, call one domain
 * function, write one answer. One file each, handle_<name>.c.
 */
#ifndef PAYMENTS_FCGI_HANDLE_HANDLE_H
#define PAYMENTS_FCGI_HANDLE_HANDLE_H

#include "base/json_in.h"
#include "fcgi/http/route.h"

/* To be called once, before the first request. */
void handle_health_prepare(void);  /* uptime counts from here */
bool handle_methods_prepare(void); /* makes the answer; false when out of memory */

/* The handlers of route.c's table, one an endpoint: docs/api.md says what each takes and answers.
 * Each leaves a complete response, whatever happened. */
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

/* Ends the exchange with an error whose rank is below "user": a token whose user does not exist is
 * answered 401 USER_NOT_FOUND instead, as the order of checks demands. */
void handle_refuse(struct exchange *exchange, enum status status);

/* The request's body as JSON, to be freed with json_in_free. NULL: it, or the Idempotency-Key, was
 * not as it must be, and the exchange is ended. */
struct json_in *handle_body(struct exchange *exchange);

/* True where a body's field is not there: absent, null, or an empty string. */
bool handle_is_missing(const struct json_in *json, const char *key);

/* The fields of POST process: OK, or which rule they break. POST shadow/process judges by the
 * same. */
struct process_input;
enum status handle_process_read(const struct json_in *json, struct process_input *out);

/* Moves what the domain call came to into the response. */
void handle_answer(struct exchange *exchange, struct outcome *outcome);

#endif
