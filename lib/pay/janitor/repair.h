/*
 * Repair: the monolith goes on writing to reservations that were paid here. Its
 * cleaner may overwrite a payment that committed while it was at work: restored,
 * if the seats are still ours. Its cancel marks refunded and moves no money: the
 * payment was cancelled elsewhere, and is refunded, once.
 */
#ifndef PAYMENTS_PAY_JANITOR_REPAIR_H
#define PAYMENTS_PAY_JANITOR_REPAIR_H

#include "pay/payment/intent.h"
#include "pay/service.h"

/* What lock and look have read. */
struct repair_facts {
	bool is_succeeded;
	bool marked_refunded; /* payment_status says refunded, whatever the status */
	enum reservation_state reservation;
	int64_t kept_krw; /* charged and not promised back */
	int64_t seats, seats_reserved;
	int64_t seats_of_others; /* that another live reservation has */
};

enum repair_action {
	REPAIR_NOTHING,
	REPAIR_RESTORE,		 /* a cleaner overwrote it, the seats are still ours */
	REPAIR_REFUND_HOLD_LOST, /* a cleaner overwrote it, and another reservation has a seat */
	REPAIR_REFUND_CANCELLED, /* it was cancelled elsewhere: give the money back */
	REPAIR_REVIEW		 /* no rule knows this state: a person must decide */
};
/* A pure function: what is to be done about a settled intent whose reservation looks like this. */
enum repair_action repair_decide(const struct repair_facts *facts);

struct repair_ids {
	struct uuid intent, reservation;
};

/* Looks at one settled intent and does what repair_decide says. DB_OK: done; *action says what. */
enum db_code repair_intent(struct service *service, const struct repair_ids *ids,
			   enum repair_action *action);

/* A step of the scan of the payments settled within settings->heal_s, and of the full scan. Each
 * step is taken once a second, by one of the janitors. How many were repaired; -1: the database is
 * away. */
int repair_recent(struct service *service, const struct settings *settings);
int repair_full(struct service *service, const struct settings *settings);

/* payctl audit --repair: every settled payment that is not as it was settled. -1: the database is
 * away. */
int repair_everything(struct service *service);

#endif
