/* If these fail, a payment is decided wrongly: charged twice, charged for a reservation that is
 * lost, or refused although it could be paid. */
#include "pay/booking/booking.h"
#include "pay/janitor/expire.h"
#include "pay/payment/claim.h"
#include "pay/payment/intent.h"
#include "pay/payment/settle_write.h"
#include "pay/refund/refund.h"
#include "suites.h"

#include <stdlib.h>

#define ATTEMPTS_MAX 5
#define MARGIN_MS 3000

static const struct settings rules = { .attempts_max = ATTEMPTS_MAX, .hold_margin_ms = MARGIN_MS };

/* --- states ---------------------------------------------------------------------------------- */

START_TEST(names_are_read_back)
{
	int i;

	for (i = 0; i < INTENT_STATUS_COUNT; i++)
		ck_assert_int_eq(intent_status_parse(intent_status_name((enum intent_status)i)), i);
	ck_assert_int_eq(intent_status_parse(NULL), INTENT_NONE);
}
END_TEST

/* Row: from; column: to; in the order of enum intent_status. */
/* clang-format off */
static const char *const transitions[INTENT_STATUS_COUNT + 1] = {
	/*                       rpusfceRrn: requires, processing, unknown, succeeded, failed, cancelled, expired,
	 *                       refund_pending, refunded, needs_review */
	[INTENT_REQUIRES_PAYMENT] = ".p.s.ceR..",
	[INTENT_PROCESSING]	  = "r.usfceR.n",
	[INTENT_UNKNOWN]	  = "r.usfceR.n",
	[INTENT_SUCCEEDED]	  = ".......R.n",
	[INTENT_FAILED]		  = "...s...R..",
	[INTENT_CANCELLED]	  = ".......R..",
	[INTENT_EXPIRED]	  = "...s...R..",
	[INTENT_REFUND_PENDING]	  = ".......Rrn",
	[INTENT_REFUNDED]	  = ".......R..",
	[INTENT_NEEDS_REVIEW]	  = "...sf..Rrn",
	[INTENT_NONE]		  = "rp........",
};
/* clang-format on */

START_TEST(transitions_are_these_and_no_others)
{
	int from, to;

	for (from = 0; from <= INTENT_STATUS_COUNT; from++)
		for (to = 0; to < INTENT_STATUS_COUNT; to++)
			ck_assert_msg(intent_may_become((enum intent_status)from,
							(enum intent_status)to) ==
					      (transitions[from][to] != '.'),
				      "from %d to %d", from, to);
}
END_TEST

/* clang-format off */
static const struct {
	const char *status, *payment_status;
	enum reservation_state state;
} pairs[] = {
	{ NULL, NULL, RESERVATION_NONE },
	{ "pending", "pending", RESERVATION_PENDING },
	{ "confirmed", "completed", RESERVATION_PAID },
	{ "confirmed", "pending", RESERVATION_PAID },
	{ "pending", "completed", RESERVATION_PAID },
	{ "expired", "failed", RESERVATION_LAPSED },
	{ "expired", "pending", RESERVATION_LAPSED },
	{ "cancelled", "failed", RESERVATION_LAPSED }, /* the variant without 'expired' */
	{ "cancelled", "pending", RESERVATION_CANCELLED },
	{ "cancelled", "refunded", RESERVATION_CANCELLED },
	{ "cancelled", NULL, RESERVATION_CANCELLED },
	{ "pending", "failed", RESERVATION_OTHER },
	{ "pending", "refunded", RESERVATION_OTHER },
	{ "pending", NULL, RESERVATION_OTHER },
	{ "archived", "pending", RESERVATION_OTHER },
};
/* clang-format on */

START_TEST(reservation_state_of_each_pair)
{
	ck_assert_int_eq(reservation_state_of(pairs[_i].status, pairs[_i].payment_status),
			 pairs[_i].state);
}
END_TEST

/* --- may it be claimed ----------------------------------------------------------------------- */

/* A row that both operations may claim; each case spoils one thing of it. */
static struct claim_facts payable(void)
{
	return (struct claim_facts){
		.user_exists = true,
		.intent_found = true,
		.intent_owned = true,
		.intent_status = INTENT_REQUIRES_PAYMENT,
		.reservation = RESERVATION_PENDING,
		.left_ms = MARGIN_MS + 1,
	};
}

START_TEST(payable_may_be_claimed)
{
	struct claim_facts row = payable();

	ck_assert_int_eq(claim_decide(&row, false, &rules), STATUS_OK);
	ck_assert_int_eq(claim_decide(&row, true, &rules), STATUS_OK);
	row.attempts = ATTEMPTS_MAX - 1;
	ck_assert_int_eq(claim_decide(&row, false, &rules), STATUS_OK);
	row.intent_status = INTENT_NONE;
	row.intent_found = row.intent_owned = false;
	row.attempts = 0;
	ck_assert_int_eq(claim_decide(&row, false, &rules), STATUS_OK);
}
END_TEST

static void no_user(struct claim_facts *row)
{
	row->user_exists = false;
}
static void no_intent(struct claim_facts *row)
{
	row->intent_found = row->intent_owned = false;
}
static void not_owned(struct claim_facts *row)
{
	row->intent_owned = false;
}
static void no_reservation(struct claim_facts *row)
{
	row->reservation = RESERVATION_NONE;
}
static void is_paid(struct claim_facts *row)
{
	row->reservation = RESERVATION_PAID;
}
static void other_words(struct claim_facts *row)
{
	row->reservation = RESERVATION_OTHER;
}
static void processing(struct claim_facts *row)
{
	row->intent_status = INTENT_PROCESSING;
}
static void unknown(struct claim_facts *row)
{
	row->intent_status = INTENT_UNKNOWN;
}
static void succeeded(struct claim_facts *row)
{
	row->intent_status = INTENT_SUCCEEDED;
}
static void failed(struct claim_facts *row)
{
	row->intent_status = INTENT_FAILED;
}
static void refund_pending(struct claim_facts *row)
{
	row->intent_status = INTENT_REFUND_PENDING;
}
static void needs_review(struct claim_facts *row)
{
	row->intent_status = INTENT_NEEDS_REVIEW;
}
static void intent_expired(struct claim_facts *row)
{
	row->intent_status = INTENT_EXPIRED;
}
static void past(struct claim_facts *row)
{
	row->left_ms = 0;
}
static void near(struct claim_facts *row)
{
	row->left_ms = MARGIN_MS;
}
static void lost_a_seat(struct claim_facts *row)
{
	row->seats_not_held = 1;
}
static void attempts_used(struct claim_facts *row)
{
	row->attempts = ATTEMPTS_MAX;
}

static void lapsed(struct claim_facts *row)
{
	row->reservation = RESERVATION_LAPSED;
	past(row);
}

static void cancelled(struct claim_facts *row)
{
	row->reservation = RESERVATION_CANCELLED;
	row->status_cancelled = true;
}

static void paid_and_processing(struct claim_facts *row)
{
	is_paid(row);
	processing(row);
}

static void not_owned_and_processing(struct claim_facts *row)
{
	not_owned(row);
	processing(row);
}

static const struct {
	void (*spoil)(struct claim_facts *row);
	enum status process, execute;
} refusals[] = {
	{ no_user, STATUS_USER_NOT_FOUND, STATUS_USER_NOT_FOUND },
	{ no_intent, STATUS_OK, STATUS_INTENT_NOT_FOUND },
	{ not_owned, STATUS_OK, STATUS_FORBIDDEN },
	{ not_owned_and_processing, STATUS_PAYMENT_IN_PROGRESS, STATUS_FORBIDDEN },
	{ no_reservation, STATUS_RESERVATION_NOT_FOUND, STATUS_RESERVATION_EXPIRED },
	{ is_paid, STATUS_ALREADY_PAID, STATUS_ALREADY_PROCESSED },
	{ paid_and_processing, STATUS_ALREADY_PAID, STATUS_PAYMENT_IN_PROGRESS },
	{ processing, STATUS_PAYMENT_IN_PROGRESS, STATUS_PAYMENT_IN_PROGRESS },
	{ unknown, STATUS_PAYMENT_IN_PROGRESS, STATUS_PAYMENT_IN_PROGRESS },
	{ succeeded, STATUS_ALREADY_PAID, STATUS_ALREADY_PROCESSED },
	{ failed, STATUS_ALREADY_PAID, STATUS_ALREADY_PROCESSED },
	{ refund_pending, STATUS_ALREADY_PAID, STATUS_ALREADY_PROCESSED },
	{ needs_review, STATUS_ALREADY_PAID, STATUS_ALREADY_PROCESSED },
	{ intent_expired, STATUS_ALREADY_PAID, STATUS_RESERVATION_EXPIRED },
	{ cancelled, STATUS_RESERVATION_CANCELLED, STATUS_ALREADY_PROCESSED },
	{ lapsed, STATUS_RESERVATION_EXPIRED, STATUS_RESERVATION_EXPIRED },
	{ past, STATUS_RESERVATION_EXPIRED, STATUS_RESERVATION_EXPIRED },
	{ near, STATUS_RESERVATION_EXPIRED, STATUS_RESERVATION_EXPIRED },
	{ lost_a_seat, STATUS_RESERVATION_EXPIRED, STATUS_RESERVATION_EXPIRED },
	{ other_words, STATUS_RESERVATION_EXPIRED, STATUS_RESERVATION_EXPIRED },
	{ attempts_used, STATUS_PAYMENT_DECLINED, STATUS_PAYMENT_DECLINED },
};

START_TEST(spoilt_is_refused_for_its_reason)
{
	struct claim_facts row = payable();

	refusals[_i].spoil(&row);
	ck_assert_int_eq(claim_decide(&row, false, &rules), refusals[_i].process);
	ck_assert_int_eq(claim_decide(&row, true, &rules), refusals[_i].execute);
}
END_TEST

/* --- what the gateway's word means ----------------------------------------------------------- */

#define SEATS 2

static struct settle_facts under_way(void)
{
	return (struct settle_facts){
		.is_latest = true,
		.intent_status = INTENT_PROCESSING,
		.reservation = RESERVATION_PENDING,
		.seats = SEATS,
		.seats_locked = SEATS,
	};
}

static void as_it_was(struct settle_facts *f)
{
	(void)f;
}
static void execution(struct settle_facts *f)
{
	f->is_execute = true;
}
static void unknown_so_far(struct settle_facts *f)
{
	f->intent_status = INTENT_UNKNOWN;
}
static void recorded_before(struct settle_facts *f)
{
	f->is_approved = true;
	f->intent_status = INTENT_SUCCEEDED;
}
static void older_attempt(struct settle_facts *f)
{
	f->is_latest = false;
}
static void paid_by_another(struct settle_facts *f)
{
	f->intent_status = INTENT_SUCCEEDED;
	f->is_latest = false;
}
static void paid_elsewhere(struct settle_facts *f)
{
	f->reservation = RESERVATION_PAID;
	f->seats_locked = 0;
}
static void person_cancelled(struct settle_facts *f)
{
	f->reservation = RESERVATION_CANCELLED;
}
static void intent_cancelled(struct settle_facts *f)
{
	f->intent_status = INTENT_CANCELLED;
}
static void being_refunded(struct settle_facts *f)
{
	f->intent_status = INTENT_REFUND_PENDING;
}
static void row_gone(struct settle_facts *f)
{
	f->reservation = RESERVATION_NONE;
	f->seats = f->seats_locked = 0;
}
static void words_unknown(struct settle_facts *f)
{
	f->reservation = RESERVATION_OTHER;
}
static void one_seat_sold(struct settle_facts *f)
{
	f->seats_locked = 1;
}
static void no_seats(struct settle_facts *f)
{
	f->seats = f->seats_locked = 0;
	f->ticket_items = 1;
}

static void seats_freed(struct settle_facts *f)
{
	f->seats_locked = 0;
	f->seats_available = SEATS;
}

static void cleaned(struct settle_facts *f)
{
	f->reservation = RESERVATION_LAPSED;
	seats_freed(f);
}

static void cleaned_and_resold(struct settle_facts *f)
{
	cleaned(f);
	f->seats_available = SEATS - 1;
}

static void cleaned_of_a_cancelled_event(struct settle_facts *f)
{
	cleaned(f);
	f->event_cancelled = true;
}

static void cleaned_tickets(struct settle_facts *f)
{
	f->reservation = RESERVATION_LAPSED;
	no_seats(f);
}

static void approved_after_not_charged(struct settle_facts *f)
{
	f->intent_status = INTENT_FAILED;
	cleaned(f);
}

#define HOLD_LOST SETTLE_REFUND_HOLD_LOST
#define CANCELLED SETTLE_REFUND_CANCELLED
#define DUPLICATE SETTLE_REFUND_DUPLICATE

/* facts; what an approval, a decline and no answer lead to */
static const struct {
	void (*change)(struct settle_facts *facts);
	enum settle_action approved, declined, unknown;
} decisions[] = {
	{ as_it_was, SETTLE_CONFIRM, SETTLE_DECLINE, SETTLE_UNKNOWN },
	{ execution, SETTLE_CONFIRM, SETTLE_CANCEL, SETTLE_UNKNOWN },
	{ unknown_so_far, SETTLE_CONFIRM, SETTLE_DECLINE, SETTLE_UNKNOWN },
	{ no_seats, SETTLE_CONFIRM, SETTLE_DECLINE, SETTLE_UNKNOWN },
	{ recorded_before, SETTLE_NOTHING, SETTLE_NOTHING, SETTLE_NOTHING },
	{ older_attempt, DUPLICATE, SETTLE_NOTHING, SETTLE_NOTHING },
	{ paid_by_another, DUPLICATE, SETTLE_NOTHING, SETTLE_NOTHING },
	{ paid_elsewhere, DUPLICATE, SETTLE_DECLINE, SETTLE_UNKNOWN },
	{ person_cancelled, CANCELLED, SETTLE_DECLINE, SETTLE_UNKNOWN },
	{ intent_cancelled, CANCELLED, SETTLE_NOTHING, SETTLE_NOTHING },
	{ being_refunded, DUPLICATE, SETTLE_NOTHING, SETTLE_NOTHING },
	{ row_gone, HOLD_LOST, SETTLE_DECLINE, SETTLE_UNKNOWN },
	{ words_unknown, HOLD_LOST, SETTLE_DECLINE, SETTLE_UNKNOWN },
	{ one_seat_sold, HOLD_LOST, SETTLE_DECLINE, SETTLE_UNKNOWN },
	{ seats_freed, SETTLE_RETAKE, SETTLE_DECLINE, SETTLE_UNKNOWN },
	{ cleaned, SETTLE_RETAKE, SETTLE_DECLINE, SETTLE_UNKNOWN },
	{ cleaned_and_resold, HOLD_LOST, SETTLE_DECLINE, SETTLE_UNKNOWN },
	{ cleaned_of_a_cancelled_event, HOLD_LOST, SETTLE_DECLINE, SETTLE_UNKNOWN },
	{ cleaned_tickets, HOLD_LOST, SETTLE_DECLINE, SETTLE_UNKNOWN },
	{ approved_after_not_charged, SETTLE_RETAKE, SETTLE_NOTHING, SETTLE_NOTHING },
};

START_TEST(answer_leads_to)
{
	struct settle_facts facts = under_way();

	decisions[_i].change(&facts);
	ck_assert_int_eq(settle_decide(&facts, GATEWAY_APPROVED), decisions[_i].approved);
	ck_assert_int_eq(settle_decide(&facts, GATEWAY_DECLINED), decisions[_i].declined);
	ck_assert_int_eq(settle_decide(&facts, GATEWAY_UNKNOWN), decisions[_i].unknown);
	ck_assert_int_eq(settle_decide(&facts, GATEWAY_NOT_FOUND), decisions[_i].unknown);
}
END_TEST

START_TEST(refunds_have_their_reasons)
{
	ck_assert_str_eq(settle_refund_reason(SETTLE_REFUND_HOLD_LOST), "hold_lost");
	ck_assert_str_eq(settle_refund_reason(SETTLE_REFUND_CANCELLED), "cancelled");
	ck_assert_str_eq(settle_refund_reason(SETTLE_REFUND_DUPLICATE), "duplicate");
	ck_assert_ptr_null(settle_refund_reason(SETTLE_CONFIRM));
	ck_assert_ptr_null(settle_refund_reason(SETTLE_NOTHING));
}
END_TEST

START_TEST(look_ups_slow_down)
{
	static const int pauses_s[] = { 2, 5, 10, 20, 40, 60, 300, 300 };
	size_t i;

	for (i = 0; i < sizeof(pauses_s) / sizeof(pauses_s[0]); i++)
		ck_assert_int_eq(reconcile_pause_s((int)i), pauses_s[i]);
	ck_assert_int_eq(reconcile_pause_s(1000000), 300);
}
END_TEST

/* --- methods of a booking -------------------------------------------------------------------- */

START_TEST(booking_methods_in_any_case)
{
	ck_assert_str_eq(booking_method_find("CREDIT_CARD"), "credit_card");
	ck_assert_str_eq(booking_method_find("Credit_card"), "credit_card");
	ck_assert_str_eq(booking_method_find("KAKAO_PAY"), "kakao_pay");
	ck_assert_str_eq(booking_method_find("naver_pay"), "naver_pay");
	ck_assert_str_eq(booking_method_find("Bank_Transfer"), "bank_transfer");
	ck_assert_ptr_null(booking_method_find("cash"));
	ck_assert_ptr_null(booking_method_find("credit_card "));
	ck_assert_ptr_null(booking_method_find(""));
}
END_TEST

Suite *suite_intent(void)
{
	Suite *suite = suite_create("intent");
	TCase *tcase = tcase_create("intent");

	tcase_add_test(tcase, names_are_read_back);
	tcase_add_test(tcase, transitions_are_these_and_no_others);
	tcase_add_loop_test(tcase, reservation_state_of_each_pair, 0,
			    sizeof(pairs) / sizeof(pairs[0]));
	tcase_add_test(tcase, payable_may_be_claimed);
	tcase_add_loop_test(tcase, spoilt_is_refused_for_its_reason, 0,
			    sizeof(refusals) / sizeof(refusals[0]));
	tcase_add_loop_test(tcase, answer_leads_to, 0, sizeof(decisions) / sizeof(decisions[0]));
	tcase_add_test(tcase, refunds_have_their_reasons);
	tcase_add_test(tcase, look_ups_slow_down);
	tcase_add_test(tcase, booking_methods_in_any_case);
	suite_add_tcase(suite, tcase);
	return suite;
}
