/*
 * Shadow: before the cutover, what the monolith answered is compared with what
 * would have been decided here. Reads only; counted in the metrics, each
 * difference a line "shadow_differs" in the log.
 */
#ifndef PAYMENTS_PAY_AUDIT_SHADOW_H
#define PAYMENTS_PAY_AUDIT_SHADOW_H

#include "pay/service.h"

/* A POST process that the monolith has answered. */
struct shadow_input {
	struct uuid user_id;	    /* who wanted to pay */
	struct uuid reservation_id; /* "" where the request named none */
	enum status refused;   /* what process says of the request's fields; OK: they are good */
	int64_t monolith_http; /* the status it answered */
};

/* 200 {"compared", "differs", "decision", "decisionStatus", "monolithStatus"}. Not compared is what
 * depends on more than the tables show: the monolith's 401, 403 and 5xx, and a payment of its that
 * something has undone since. The caller is to be an admin: the edge has checked. */
void shadow_process(struct call *call, const struct shadow_input *input, struct outcome *outcome);

#endif
