/*
 * Expire: a hold whose time is over ends. Its reservation lapses, its seats and tickets are free,
 * its intent is closed. The janitor does so, or a buyer of one of the seats.
 */
#ifndef PAYMENTS_PAY_JANITOR_EXPIRE_H
#define PAYMENTS_PAY_JANITOR_EXPIRE_H

#include "pay/lock.h"
#include "pay/service.h"

/* What lock and look have read. */
struct expire_facts {
	enum intent_status intent_status; /* INTENT_NONE: the reservation has none that is live */
	bool is_booking;		  /* the intent was made by POST bookings */
	enum reservation_state reservation;
	bool status_cancelled; /* reservations.status itself, whatever made it so */
	int64_t left_ms;
};

struct expire_rules {
	bool others;		/* reservations that other services made end too, */
	int64_t others_late_ms; /* those without an intent so long after their time */
};

enum expire_action {
	EXPIRE_NOTHING,
	EXPIRE_HOLD,	      /* the reservation lapses, the intent with it */
	EXPIRE_INTENT,	      /* the reservation ended elsewhere, or is another service's to end */
	EXPIRE_INTENT_CANCEL, /* it was cancelled elsewhere */
	EXPIRE_ACTIONS
};

/* The only place of the rule. */
enum expire_action expire_decide(const struct expire_facts *facts,
				 const struct expire_rules *rules);

/*
 * Ends what is over among the reservations that `find` returns (a statement of one column), and
 * passes over what another transaction is at work on. *count: how many it acted on.
 */
enum db_code expire(struct service *service, const struct db_step *find,
		    const struct expire_rules *rules, int64_t *count);

#endif
