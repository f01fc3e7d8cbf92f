/*
 * Heal and follow: the monolith goes on writing to reservations that were paid
 * here. Its cleaner may overwrite a payment that committed while it was at work:
 * restored while the seats are still ours. Its cancel marks refunded and moves no
 * money: followed by a refund, once.
 */
#ifndef PAYMENTS_PAY_JANITOR_REPAIR_H
#define PAYMENTS_PAY_JANITOR_REPAIR_H

#include "pay/payment/intent.h"
#include "pay/service.h"

/* What heal_lock reads. */
struct heal_facts {
	bool is_succeeded;
	bool marked_refunded; /* payment_status says refunded, whatever the status */
	enum reservation_state reservation;
	int64_t kept_krw; /* charged and not promised back */
	int64_t seats, seats_reserved;
	int64_t seats_of_others; /* that another live reservation has */
};

enum heal_action {
	HEAL_NOTHING,
	HEAL_RESTORE,	       /* a cleaner overwrote it, the seats are still ours */
	HEAL_REFUND_HOLD_LOST, /* a cleaner overwrote it, and a seat is somebody else's now */
	HEAL_FOLLOW,	       /* a person cancelled it elsewhere: give the money back */
	HEAL_REVIEW	       /* a state no rule knows: a person must look */
};
/* A pure function: what is to be done about a settled intent whose reservation looks like this. */
enum heal_action heal_decide(const struct heal_facts *facts);

/* Looks at one settled intent and does what heal_decide says. DB_OK: done; *action says what. */
enum db_code heal_intent(struct service *service, const struct uuid *intent,
			 enum heal_action *action);

/* A step of the walk through the payments settled within settings->heal_s, and of the one through
 * all settled payments. Each is taken once a second, by one of the janitors. How many were moved
 * on; -1: the database is away. */
int heal_recent(struct service *service, const struct settings *settings);
int heal_patrol(struct service *service, const struct settings *settings);

/* payctl audit --repair: every settled payment that is not as it was settled. -1: the database is
 * away. */
int heal_everything(struct service *service);

#endif
