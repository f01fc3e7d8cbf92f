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
 * From each state to which. An approval that arrives late (the janitor had taken
 * the attempt for not charged) leads out of states that are otherwise final:
 * money that moved is never ignored.
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

bool claim_is_mine(const struct claim_row *row, const struct uuid *next)
{
	return row->order_id.text[0] != '\0' && strcmp(row->order_id.text, next->text) == 0;
}

static bool under_way(enum intent_status status)
{
	return status == INTENT_PROCESSING || status == INTENT_UNKNOWN;
}

/* What both operations ask of the reservation once the intent itself allows a charge. */
static enum status decide_charge(const struct claim_row *row, int attempts_max)
{
	if (row->near_deadline || row->reservation != RESERVATION_PENDING ||
	    row->seats_not_held > 0)
		return STATUS_RESERVATION_EXPIRED;
	if (row->attempts >= attempts_max)
		return STATUS_PAYMENT_DECLINED;
	return STATUS_OK;
}

enum status claim_decide_process(const struct claim_row *row, int attempts_max)
{
	if (!row->user_exists)
		return STATUS_USER_NOT_FOUND;
	if (row->reservation == RESERVATION_NONE)
		return STATUS_RESERVATION_NOT_FOUND;
	if (row->reservation == RESERVATION_PAID)
		return STATUS_ALREADY_PAID;
	if (under_way(row->intent_status))
		return STATUS_PAYMENT_IN_PROGRESS;
	if (row->status_cancelled && !row->past_deadline)
		return STATUS_RESERVATION_CANCELLED;
	if (row->past_deadline || row->reservation == RESERVATION_LAPSED)
		return STATUS_RESERVATION_EXPIRED;
	if (row->intent_status != INTENT_NONE && row->intent_status != INTENT_REQUIRES_PAYMENT)
		return STATUS_ALREADY_PAID;
	return decide_charge(row, attempts_max);
}

enum status claim_decide_execute(const struct claim_row *row, int attempts_max)
{
	if (!row->user_exists)
		return STATUS_USER_NOT_FOUND;
	if (!row->intent_found)
		return STATUS_INTENT_NOT_FOUND;
	if (!row->intent_owned)
		return STATUS_FORBIDDEN;
	if (under_way(row->intent_status))
		return STATUS_PAYMENT_IN_PROGRESS;
	if (row->intent_status == INTENT_EXPIRED)
		return STATUS_RESERVATION_EXPIRED;
	if (row->intent_status != INTENT_REQUIRES_PAYMENT || row->status_cancelled ||
	    row->reservation == RESERVATION_PAID)
		return STATUS_ALREADY_PROCESSED;
	return decide_charge(row, attempts_max);
}

/* Money has moved: where does it belong? */
static enum record_action decide_approved(const struct record_facts *f)
{
	bool hold_stands = f->reservation == RESERVATION_PENDING && f->seats_locked == f->seats;
	bool seats_free = f->seats > 0 && f->ticket_items == 0 && f->seats_available == f->seats &&
			  !f->event_cancelled;

	if (f->is_approved)
		return RECORD_NOTHING;
	if (f->intent_status == INTENT_SUCCEEDED || f->reservation == RESERVATION_PAID ||
	    (under_way(f->intent_status) && !f->is_latest))
		return RECORD_REFUND_DUPLICATE;
	if (f->reservation == RESERVATION_CANCELLED || f->intent_status == INTENT_CANCELLED)
		return RECORD_REFUND_CANCELLED;
	if (f->intent_status == INTENT_REFUND_PENDING || f->intent_status == INTENT_REFUNDED)
		return RECORD_REFUND_DUPLICATE;
	if (hold_stands)
		return RECORD_SETTLE;
	if (seats_free &&
	    (f->reservation == RESERVATION_LAPSED || f->reservation == RESERVATION_PENDING))
		return RECORD_RETAKE;
	return RECORD_REFUND_HOLD_LOST;
}

enum record_action record_decide(const struct record_facts *facts, enum gateway_outcome outcome)
{
	bool open = facts->is_latest && under_way(facts->intent_status);

	if (outcome == GATEWAY_APPROVED)
		return decide_approved(facts);
	if (!open)
		return RECORD_NOTHING;
	if (outcome == GATEWAY_DECLINED)
		return facts->is_execute ? RECORD_CANCEL : RECORD_DECLINE;
	return RECORD_UNKNOWN;
}

const char *record_refund_reason(enum record_action action)
{
	switch (action) {
	case RECORD_REFUND_HOLD_LOST:
		return "hold_lost";
	case RECORD_REFUND_CANCELLED:
		return "cancelled";
	case RECORD_REFUND_DUPLICATE:
		return "duplicate";
	default:
		return NULL;
	}
}

int reconcile_pause_s(int look_ups)
{
	static const int pauses_s[] = { 2, 5, 10, 20, 40, 60 };
	int last = (int)(sizeof(pauses_s) / sizeof(pauses_s[0])) - 1;

	assert(look_ups >= 0);
	return look_ups <= last ? pauses_s[look_ups] : 300;
}
