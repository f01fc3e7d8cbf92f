/* What is due at a gateway: charges to be asked about, refunds to be sent. */
#ifndef PAYMENTS_PAY_JANITOR_DUE_H
#define PAYMENTS_PAY_JANITOR_DUE_H

#include "pay/service.h"

#define GATEWAY_NAME_MAX 32
#define REFUND_REASON_MAX 32

struct due {
	struct uuid id; /* of the refund, or of the attempt */
	struct uuid attempt, intent, reservation;
	char gateway[GATEWAY_NAME_MAX];
	int64_t amount_krw;
	int tries; /* counts this one */
	/* a charge's */
	int not_founds;
	int64_t age_ms;
	/* a refund's */
	char reason[REFUND_REASON_MAX];
};

/* False: the database is away, the rest of the batch waits. */
typedef bool (*due_act)(struct service *service, const struct settings *settings,
			const struct due *due);

/* Takes at most settings->janitor_batch of what is due, by one of the statements *_take, and acts
 * on each. How many; -1: the database is away. */
int due_each(struct service *service, const struct settings *settings, enum sql_id take,
	     due_act act);

#endif
