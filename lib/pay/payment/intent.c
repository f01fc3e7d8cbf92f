#include "pay/payment/intent.h"

#include <assert.h>
#include <string.h>

static const char *const names[INTENT_STATUS_COUNT] = {
	[INTENT_REQUIRES_PAYMENT] = "requires_payment",
	[INTENT_PROCESSING] = "processing",
	[INTENT_UNKNOWN] = "unknown",
	[INTENT_SUCCEEDED] = "succeeded",
	[INTENT_FAILED] = "failed",
	[INTENT_CANCELLED] = "cancelled",
	[INTENT_EXPIRED] = "expired",
	[INTENT_REFUND_PENDING] = "refund_pending",
	[INTENT_REFUNDED] = "refunded",
	[INTENT_NEEDS_REVIEW] = "needs_review",
};

const char *intent_status_name(enum intent_status status)
{
	assert(status >= 0 && status < INTENT_STATUS_COUNT);
	return names[status];
}

enum intent_status intent_status_parse(const char *name)
{
	if (!name)
		return INTENT_NONE;
	for (int i = 0; i < INTENT_STATUS_COUNT; i++)
		if (strcmp(names[i], name) == 0)
			return (enum intent_status)i;
	assert(!"an intent status the build does not know");
	return INTENT_NEEDS_REVIEW;
}

#define TO(status) (1u << INTENT_##status)

/*
 * From each state to which. An approval that arrives late, after the attempt was taken for not
 * charged, leads out of states that are otherwise final: money that moved is never ignored.
 */
/* clang-format off */
static const unsigned transitions[INTENT_STATUS_COUNT] = {
	[INTENT_REQUIRES_PAYMENT] = TO(PROCESSING) | TO(CANCELLED) | TO(EXPIRED) | TO(SUCCEEDED) |
				    TO(REFUND_PENDING),
	[INTENT_PROCESSING] = TO(REQUIRES_PAYMENT) | TO(UNKNOWN) | TO(SUCCEEDED) | TO(FAILED) | TO(CANCELLED) |
			      TO(EXPIRED) | TO(REFUND_PENDING) | TO(NEEDS_REVIEW),
	[INTENT_UNKNOWN] = TO(UNKNOWN) | TO(REQUIRES_PAYMENT) | TO(SUCCEEDED) | TO(FAILED) | TO(CANCELLED) |
			   TO(EXPIRED) | TO(REFUND_PENDING) | TO(NEEDS_REVIEW),
	[INTENT_SUCCEEDED] = TO(REFUND_PENDING) | TO(NEEDS_REVIEW),
	[INTENT_FAILED] = TO(SUCCEEDED) | TO(REFUND_PENDING),
	[INTENT_CANCELLED] = TO(REFUND_PENDING),
	[INTENT_EXPIRED] = TO(SUCCEEDED) | TO(REFUND_PENDING),
	[INTENT_REFUND_PENDING] = TO(REFUND_PENDING) | TO(REFUNDED) | TO(NEEDS_REVIEW),
	[INTENT_REFUNDED] = TO(REFUND_PENDING),
	[INTENT_NEEDS_REVIEW] = TO(NEEDS_REVIEW) | TO(SUCCEEDED) | TO(FAILED) | TO(REFUND_PENDING) | TO(REFUNDED),
};
/* clang-format on */

bool intent_may_become(enum intent_status from, enum intent_status to)
{
	if (from == INTENT_NONE)
		return to == INTENT_REQUIRES_PAYMENT || to == INTENT_PROCESSING;
	assert(from < INTENT_STATUS_COUNT && to < INTENT_STATUS_COUNT);
	return (transitions[from] & (1u << to)) != 0;
}

static bool is(const char *word, const char *wanted)
{
	return word && strcmp(word, wanted) == 0;
}

enum reservation_state reservation_state_of(const char *status, const char *payment_status)
{
	if (!status)
		return RESERVATION_NONE;
	if (is(status, "confirmed") || is(payment_status, "completed"))
		return RESERVATION_PAID;
	if (is(status, "expired"))
		return RESERVATION_LAPSED;
	if (is(status, "cancelled"))
		return is(payment_status, "failed") ? RESERVATION_LAPSED : RESERVATION_CANCELLED;
	if (is(status, "pending") && is(payment_status, "pending"))
		return RESERVATION_PENDING;
	return RESERVATION_OTHER;
}

bool intent_is_under_way(enum intent_status status)
{
	return status == INTENT_PROCESSING || status == INTENT_UNKNOWN;
}

bool intent_is_live(enum intent_status status)
{
	return status != INTENT_NONE && status != INTENT_FAILED && status != INTENT_CANCELLED &&
	       status != INTENT_EXPIRED && status != INTENT_REFUNDED;
}

int reconcile_pause_s(int look_ups)
{
	static const int pauses_s[] = { 2, 5, 10, 20, 40, 60 };
	int last = (int)(sizeof(pauses_s) / sizeof(pauses_s[0])) - 1;

	assert(look_ups >= 0);
	return look_ups <= last ? pauses_s[look_ups] : 300;
}
