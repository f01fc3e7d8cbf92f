/* The one form of all error bodies: what the three front ends read, and the request id. */
#ifndef PAYMENTS_PAY_ERROR_BODY_H
#define PAYMENTS_PAY_ERROR_BODY_H

#include "base/buf.h"
#include "base/json_out.h"
#include "base/status.h"

/* The caller may add members of its own before answer_error_end. */
void answer_error_begin(struct json_out *out, struct buf *body, enum status status,
			enum language language, const char *request_id);
void answer_error_end(struct json_out *out);

/* An error body without further members. */
void answer_error(struct buf *body, enum status status, enum language language,
		  const char *request_id);

#endif
