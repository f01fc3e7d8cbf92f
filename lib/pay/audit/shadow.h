/*
 * Shadow: before the cutover, the monolith's answer is compared with this service's decision. Reads
 * only. The metrics count both; each difference is a line "shadow_differs" in the log.
 */
#ifndef PAYMENTS_PAY_AUDIT_SHADOW_H
#define PAYMENTS_PAY_AUDIT_SHADOW_H

#include "pay/service.h"

/* A POST process that the monolith has answered. */
struct shadow_input {
	struct uuid user_id;	    /* the payer */
	struct uuid reservation_id; /* "" where the request named none */
	enum status refused;   /* what process says of the request's fields; OK: they are good */
	int64_t monolith_http; /* the status it answered */
};

/* 200 {"compared", "differs", "decision", "decisionStatus", "monolithStatus"}. What depends on
 * more than the tables is not compared: the monolith's 401, 403 and 5xx, and a payment that was
 * undone since. The edge has checked that the caller is an admin. */
void shadow_process(struct call *call, const struct shadow_input *input, struct outcome *outcome);

#endif
