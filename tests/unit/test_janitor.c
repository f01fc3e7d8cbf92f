/* If these fail, the janitor frees a seat that is paid, keeps one that no reservation holds, or
 * gives money back that it should not. */
#include "pay/janitor/expire.h"
#include "pay/janitor/repair.h"
#include "pay/refund/refund.h"
#include "suites.h"

#define LATE_MS 60000
#define NONE INTENT_NONE
#define OPEN INTENT_REQUIRES_PAYMENT

/* intent, made by a booking, reservation, its status is cancelled, what is left of the hold in ms;
 * and what that leads to where others' holds stay, and where they end */
/* clang-format off */
static const struct {
	struct expire_facts facts;
	enum expire_action ours, others;
} holds[] = {
	{ { OPEN, true, RESERVATION_PENDING, false, 1 }, EXPIRE_NOTHING, EXPIRE_NOTHING },
	{ { OPEN, true, RESERVATION_PENDING, false, 0 }, EXPIRE_HOLD, EXPIRE_HOLD },
	{ { OPEN, true, RESERVATION_PENDING, false, INT64_MAX }, EXPIRE_NOTHING, EXPIRE_NOTHING },
	{ { OPEN, false, RESERVATION_PENDING, false, 0 }, EXPIRE_INTENT, EXPIRE_HOLD },
	{ { NONE, false, RESERVATION_PENDING, false, 0 }, EXPIRE_NOTHING, EXPIRE_NOTHING },
	{ { NONE, false, RESERVATION_PENDING, false, 1 - LATE_MS }, EXPIRE_NOTHING, EXPIRE_NOTHING },
	{ { NONE, false, RESERVATION_PENDING, false, -LATE_MS }, EXPIRE_NOTHING, EXPIRE_HOLD },
	{ { INTENT_PROCESSING, true, RESERVATION_PENDING, false, -1 }, EXPIRE_NOTHING, EXPIRE_NOTHING },
	{ { INTENT_UNKNOWN, true, RESERVATION_PENDING, false, -1 }, EXPIRE_NOTHING, EXPIRE_NOTHING },
	{ { INTENT_SUCCEEDED, true, RESERVATION_PENDING, false, -1 }, EXPIRE_NOTHING, EXPIRE_NOTHING },
	{ { OPEN, true, RESERVATION_LAPSED, false, -1 }, EXPIRE_INTENT, EXPIRE_INTENT },
	{ { OPEN, true, RESERVATION_LAPSED, true, -1 }, EXPIRE_INTENT_CANCEL, EXPIRE_INTENT_CANCEL },
	{ { OPEN, true, RESERVATION_CANCELLED, true, 1 }, EXPIRE_INTENT_CANCEL, EXPIRE_INTENT_CANCEL },
	{ { OPEN, true, RESERVATION_PAID, false, 1 }, EXPIRE_INTENT, EXPIRE_INTENT },
	{ { OPEN, true, RESERVATION_OTHER, false, -1 }, EXPIRE_INTENT, EXPIRE_INTENT },
	{ { NONE, false, RESERVATION_LAPSED, false, -LATE_MS }, EXPIRE_NOTHING, EXPIRE_NOTHING },
	{ { OPEN, true, RESERVATION_NONE, false, 0 }, EXPIRE_NOTHING, EXPIRE_NOTHING },
};
/* clang-format on */

START_TEST(a_hold_ends)
{
	struct expire_rules ours = { false, LATE_MS }, others = { true, LATE_MS };

	ck_assert_int_eq(expire_decide(&holds[_i].facts, &ours), holds[_i].ours);
	ck_assert_int_eq(expire_decide(&holds[_i].facts, &others), holds[_i].others);
}
END_TEST

/* succeeded, marked refunded, reservation, won kept, seats, of them reserved, of others */
/* clang-format off */
static const struct {
	struct repair_facts facts;
	enum repair_action action;
} payments[] = {
	{ { true, false, RESERVATION_PAID, 70000, 2, 2, 0 }, REPAIR_NOTHING },
	{ { true, false, RESERVATION_PAID, 70000, 2, 1, 0 }, REPAIR_RESTORE },
	{ { true, false, RESERVATION_PAID, 70000, 2, 1, 1 }, REPAIR_REFUND_HOLD_LOST },
	{ { true, false, RESERVATION_LAPSED, 70000, 2, 0, 0 }, REPAIR_RESTORE },
	{ { true, false, RESERVATION_LAPSED, 70000, 2, 0, 1 }, REPAIR_REFUND_HOLD_LOST },
	{ { true, false, RESERVATION_CANCELLED, 70000, 2, 2, 0 }, REPAIR_REFUND_CANCELLED },
	{ { true, true, RESERVATION_PAID, 70000, 2, 2, 0 }, REPAIR_REFUND_CANCELLED },
	{ { true, false, RESERVATION_PENDING, 70000, 2, 2, 0 }, REPAIR_REVIEW },
	{ { true, false, RESERVATION_OTHER, 70000, 2, 2, 0 }, REPAIR_REVIEW },
	{ { true, false, RESERVATION_NONE, 70000, 0, 0, 0 }, REPAIR_REVIEW },
	{ { true, false, RESERVATION_LAPSED, 0, 2, 0, 0 }, REPAIR_NOTHING },
	{ { false, false, RESERVATION_LAPSED, 70000, 2, 0, 0 }, REPAIR_NOTHING },
};
/* clang-format on */

START_TEST(a_payment_is_repaired)
{
	ck_assert_int_eq(repair_decide(&payments[_i].facts), payments[_i].action);
}
END_TEST

/* amount, given back by others, one of them open, intent, charged, promised, settled, confirmed;
 * does the reservation end, and what the intent becomes */
/* clang-format off */
static const struct {
	struct refund_facts facts;
	bool ends;
	enum intent_status after;
} refunds[] = {
	{ { 70, 0, false, INTENT_REFUND_PENDING, 70, 70, true, true }, true, INTENT_REFUNDED },
	{ { 20, 50, false, INTENT_REFUND_PENDING, 70, 70, true, true }, true, INTENT_REFUNDED },
	{ { 20, 0, true, INTENT_REFUND_PENDING, 70, 70, true, true }, false, INTENT_REFUND_PENDING },
	{ { 20, 0, false, INTENT_SUCCEEDED, 70, 20, true, true }, false, INTENT_SUCCEEDED },
	{ { 70, 0, false, INTENT_REFUND_PENDING, 70, 70, true, false }, false, INTENT_REFUNDED },
	{ { 70, 0, false, INTENT_REFUND_PENDING, 70, 70, false, true }, false, INTENT_REFUNDED },
	{ { 70, 0, false, INTENT_NEEDS_REVIEW, 70, 70, true, true }, true, INTENT_NEEDS_REVIEW },
};
/* clang-format on */

START_TEST(a_refund_is_booked)
{
	ck_assert_int_eq(refund_ends_reservation(&refunds[_i].facts), refunds[_i].ends);
	ck_assert_int_eq(refund_status_after(&refunds[_i].facts), refunds[_i].after);
}
END_TEST

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

Suite *suite_janitor(void)
{
	Suite *suite = suite_create("janitor");
	TCase *tcase = tcase_create("decisions");

	tcase_add_loop_test(tcase, a_hold_ends, 0, COUNT(holds));
	tcase_add_loop_test(tcase, a_payment_is_repaired, 0, COUNT(payments));
	tcase_add_loop_test(tcase, a_refund_is_booked, 0, COUNT(refunds));
	suite_add_tcase(suite, tcase);
	return suite;
}
