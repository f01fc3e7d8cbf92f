/*
 * The one shape of every error body: a superset of what the three front ends
 * read (error, message, code, statusCode), with the request id.
 */
#ifndef PAYMENTS_PAY_ERROR_BODY_H
#define PAYMENTS_PAY_ERROR_BODY_H

#include "base/buf.h"
#include "base/json_out.h"
#include "base/status.h"

/* Writes the members of an error body and leaves the object open, so that the caller may add
 * members of its own (failure, paymentIntentId, seats) before answer_error_end. */
void answer_error_begin(struct json_out *out, struct buf *body, enum status status,
			enum language language, const char *request_id);
void answer_error_end(struct json_out *out);

/* A whole error body with nothing added. */
void answer_error(struct buf *body, enum status status, enum language language,
		  const char *request_id);

#endif
