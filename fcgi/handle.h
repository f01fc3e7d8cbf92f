/*
 * Handlers: parse into a typed input with declared limits, call one domain
 * function, write one answer. One file each, handle_<name>.c.
 */
#ifndef PAYMENTS_FCGI_HANDLE_H
#define PAYMENTS_FCGI_HANDLE_H

#include "fcgi/route.h"

void handle_process(struct exchange *exchange);
void handle_methods(struct exchange *exchange);
void handle_health(struct exchange *exchange);
void handle_ready(struct exchange *exchange);
void handle_intent(struct exchange *exchange);

/* Ends the exchange with an error whose rank is below "user": a token whose user does not exist is
 * answered 401 USER_NOT_FOUND instead, as the order of checks demands. */
void handle_refuse(struct exchange *exchange, enum status status);

/* Moves what the domain call came to into the response. */
void handle_answer(struct exchange *exchange, struct outcome *outcome);

#endif
