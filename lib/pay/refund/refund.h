/*
 * Refunds: ordered by a person or in the transaction that makes one necessary, sent until the
 * gateway says done, and booked.
 */
#ifndef PAYMENTS_PAY_REFUND_REFUND_H
#define PAYMENTS_PAY_REFUND_REFUND_H

#include "pay/payment/intent.h"
#include "pay/service.h"

#define REFUND_NOTE_MAX 200 /* bytes of the reason a person gives */

/* POST intents/{id}/refund, and payctl refund. */
struct refund_input {
	struct uuid intent_id;
	int64_t amount_krw; /* 0: all that is left of the charge */
	const char *note;   /* the reason, in the asker's words */
};

/*
 * Orders a refund: 202 with its id; the gateway is asked within a janitor's round. FORBIDDEN where
 * the caller is no admin; INTENT_NOT_FOUND; NOT_REFUNDABLE where the intent was not paid;
 * REFUND_TOO_LARGE past what is left of the charge (also guarded by a CHECK).
 */
void refund_request(struct call *call, const struct refund_input *input, struct outcome *outcome);

/* What lock and look have read of a refund that the gateway has given back. */
struct refund_facts {
	int64_t amount_krw;
	int64_t others_done_krw; /* given back by other refunds of the intent */
	bool others_open;	 /* one of them is not done */
	enum intent_status intent_status;
	int64_t charged_krw, refund_krw; /* of the intent; refund_krw: promised or given back */
	bool was_settled;
	bool is_confirmed; /* the reservation */
};
/* Pure functions, and the only place of their rules. */
bool refund_ends_reservation(const struct refund_facts *facts);
enum intent_status refund_status_after(const struct refund_facts *facts);

/* Sends at most settings->janitor_batch refunds that are due. How many; -1: the database is
 * away. */
int refund_send_due(struct service *service, const struct settings *settings);

#endif
