/* If these fail, an answer of Toss Payments that proves nothing counts as a proof (money is lost or
 * charged twice), or a proof is ignored (a payment stays open). */
#include "pay/gateway/toss_parse.h"
#include "suites.h"

#include <stdio.h>
#include <string.h>

#define ORDER "0190f000-0000-7000-8000-000000000001"
#define OTHER "0190f000-0000-7000-8000-000000000002"
#define REFUND "0190f000-0000-7000-8000-00000000000f"
#define AMOUNT 70000
#define SIZE 1024

static const struct uuid order = { ORDER };
static const struct gateway_refund refund = { { REFUND }, { ORDER }, 30000, "requested" };

static struct toss_reply reply_of(int http, const char *body)
{
	return (struct toss_reply){
		.http = http, .body = body, .length = strlen(body), .fault = "GATEWAY_TIMEOUT"
	};
}

static const char *payment(const char *status, const char *order_id, int total, int balance,
			   const char *cancels)
{
	static char text[SIZE];

	snprintf(text, sizeof(text),
		 "{\"paymentKey\":\"tgen_1\",\"orderId\":\"%s\",\"status\":\"%s\",\"totalAmount\":%"
		 "d,"
		 "\"balanceAmount\":%d,\"currency\":\"KRW\",\"card\":{\"amount\":%d},\"cancels\":%"
		 "s}",
		 order_id, status, total, balance, total, cancels);
	return text;
}

static const char *refusal(const char *code)
{
	static char text[SIZE];

	snprintf(text, sizeof(text), "{\"code\":\"%s\",\"message\":\"거절\"}", code);
	return text;
}

static struct gateway_answer confirm(int http, const char *body)
{
	struct toss_reply reply = reply_of(http, body);
	struct gateway_answer answer;

	toss_parse_confirm(&reply, &order, AMOUNT, &answer);
	return answer;
}

static struct gateway_answer reconcile(int http, const char *body)
{
	struct toss_reply reply = reply_of(http, body);
	struct gateway_answer answer;

	toss_parse_reconcile(&reply, &order, AMOUNT, &answer);
	return answer;
}

static void assert_answer(struct gateway_answer answer, enum gateway_outcome outcome,
			  const char *code)
{
	ck_assert_str_eq(answer.code, code);
	ck_assert_int_eq(answer.outcome, outcome);
}

/* ---- confirm */

START_TEST(done_of_our_order_and_amount_is_approved)
{
	assert_answer(confirm(200, payment("DONE", ORDER, AMOUNT, AMOUNT, "null")),
		      GATEWAY_APPROVED, "");
}
END_TEST

static const char *const declines[] = {
	"REJECT_CARD_PAYMENT",	       "REJECT_CARD_COMPANY",	"REJECT_ACCOUNT_PAYMENT",
	"INVALID_CARD_EXPIRATION",     "INVALID_STOPPED_CARD",	"INVALID_REJECT_CARD",
	"INVALID_CARD_LOST_OR_STOLEN", "EXCEED_MAX_AUTH_COUNT",
};

START_TEST(listed_refusal_is_a_decline)
{
	struct gateway_answer answer = confirm(400, refusal(declines[_i]));

	assert_answer(answer, GATEWAY_DECLINED, declines[_i]);
	ck_assert_str_eq(answer.message, "거절");
	assert_answer(confirm(403, refusal(declines[_i])), GATEWAY_DECLINED, declines[_i]);
}
END_TEST

START_TEST(listed_refusal_with_a_server_error_proves_nothing)
{
	static const int https[] = { 200, 401, 408, 409, 429, 500, 502, 503 };

	for (size_t i = 0; i < sizeof(https) / sizeof(https[0]); i++)
		ck_assert_int_eq(confirm(https[i], refusal(declines[_i])).outcome, GATEWAY_UNKNOWN);
}
END_TEST

/* clang-format off */
static const struct {
	int http;
	const char *code;
} doubts[] = {
	{ 400, "ALREADY_PROCESSED_PAYMENT" }, { 400, "PROVIDER_ERROR" },	   { 400, "DUPLICATED_ORDER_ID" },
	{ 409, "IDEMPOTENT_REQUEST_PROCESSING" }, { 429, "TOO_MANY_REQUESTS" },  { 500, "FAILED_INTERNAL_SYSTEM_PROCESSING" },
	{ 503, "MAINTENANCE" },		      { 401, "UNAUTHORIZED_KEY" },	   { 404, "NOT_FOUND_PAYMENT" },
	{ 400, "A_CODE_OF_TOMORROW" },	      { 403, "FORBIDDEN_REQUEST" },
};
/* clang-format on */

START_TEST(any_other_refusal_proves_nothing)
{
	assert_answer(confirm(doubts[_i].http, refusal(doubts[_i].code)), GATEWAY_UNKNOWN,
		      doubts[_i].code);
}
END_TEST

START_TEST(answer_about_something_else_is_not_believed)
{
	assert_answer(confirm(200, payment("DONE", OTHER, AMOUNT, AMOUNT, "null")), GATEWAY_UNKNOWN,
		      "ORDER_MISMATCH");
	assert_answer(confirm(200, payment("DONE", ORDER, AMOUNT - 1, AMOUNT - 1, "null")),
		      GATEWAY_UNKNOWN, "AMOUNT_MISMATCH");
	assert_answer(reconcile(200, payment("DONE", OTHER, AMOUNT, AMOUNT, "null")),
		      GATEWAY_UNKNOWN, "ORDER_MISMATCH");
	assert_answer(reconcile(200, payment("ABORTED", ORDER, AMOUNT + 1, AMOUNT + 1, "null")),
		      GATEWAY_UNKNOWN, "AMOUNT_MISMATCH");
}
END_TEST

/* clang-format off */
static const char *const rubbish[] = {
	"", "rubbish", "{", "{}", "[]", "null", "{\"status\":\"DONE\"}", "{\"orderId\":\"" ORDER "\"}",
	"{\"orderId\":\"" ORDER "\",\"status\":\"DONE\",\"paymentKey\":\"k\",\"totalAmount\":\"70000\",\"balanceAmount\":70000}",
	"{\"orderId\":\"" ORDER "\",\"status\":\"DONE\",\"paymentKey\":\"../k\",\"totalAmount\":70000,\"balanceAmount\":70000}",
	"{\"orderId\":\"" ORDER "\",\"status\":\"DONE\",\"paymentKey\":\"k\",\"totalAmount\":70000,\"balanceAmount\":70001}",
	"{\"orderId\":\"" ORDER "\",\"status\":\"DONE\",\"paymentKey\":\"k\",\"totalAmount\":70000,\"balanceAmount\":70000,"
	"\"currency\":\"USD\"}",
	"{\"orderId\":\"" ORDER "\",\"orderId\":\"" ORDER "\",\"status\":\"DONE\",\"paymentKey\":\"k\",\"totalAmount\":70000,"
	"\"balanceAmount\":70000}",
};
/* clang-format on */

START_TEST(unreadable_answer_proves_nothing)
{
	assert_answer(confirm(200, rubbish[_i]), GATEWAY_UNKNOWN, "UNREADABLE_ANSWER");
	assert_answer(reconcile(200, rubbish[_i]), GATEWAY_UNKNOWN, "UNREADABLE_ANSWER");
	ck_assert_int_eq(confirm(400, rubbish[_i]).outcome, GATEWAY_UNKNOWN);
	ck_assert_int_eq(reconcile(404, rubbish[_i]).outcome, GATEWAY_UNKNOWN);
}
END_TEST

START_TEST(no_answer_proves_nothing)
{
	assert_answer(confirm(0, ""), GATEWAY_UNKNOWN, "GATEWAY_TIMEOUT");
	assert_answer(reconcile(0, ""), GATEWAY_UNKNOWN, "GATEWAY_TIMEOUT");
	assert_answer(confirm(204, ""), GATEWAY_UNKNOWN, "HTTP_204");
	assert_answer(confirm(302, "moved"), GATEWAY_UNKNOWN, "HTTP_302");
}
END_TEST

START_TEST(code_and_message_are_fit_for_a_table)
{
	char body[SIZE];
	struct gateway_answer answer;
	int i;

	assert_answer(confirm(400, "{\"code\":\"no code: <b>\",\"message\":\"x\"}"),
		      GATEWAY_UNKNOWN, "HTTP_400");
	strcpy(body, "{\"code\":\"REJECT_CARD_PAYMENT\",\"message\":\"");
	for (i = 0; i < 100; i++)
		strcat(body, "가");
	strcat(body, "\"}");
	answer = confirm(400, body);
	/* cut between characters: 66 of three bytes each */
	ck_assert_int_eq(strlen(answer.message), 198);
	ck_assert_str_eq(answer.message + 195, "가");
}
END_TEST

/* ---- reconcile */

static const struct {
	const char *status;
	int balance;
	enum gateway_outcome outcome;
	const char *code;
} states[] = {
	{ "READY", AMOUNT, GATEWAY_UNKNOWN, "READY" },
	{ "IN_PROGRESS", AMOUNT, GATEWAY_UNKNOWN, "IN_PROGRESS" },
	{ "WAITING_FOR_DEPOSIT", AMOUNT, GATEWAY_UNKNOWN, "WAITING_FOR_DEPOSIT" },
	{ "DONE", AMOUNT, GATEWAY_APPROVED, "" },
	{ "DONE", AMOUNT - 1, GATEWAY_UNKNOWN, "DONE" },
	{ "CANCELED", 0, GATEWAY_DECLINED, "CANCELED" },
	{ "CANCELED", 1, GATEWAY_UNKNOWN, "CANCELED" },
	{ "PARTIAL_CANCELED", 1, GATEWAY_UNKNOWN, "PARTIAL_CANCELED" },
	{ "ABORTED", AMOUNT, GATEWAY_DECLINED, "ABORTED" },
	{ "EXPIRED", AMOUNT, GATEWAY_DECLINED, "EXPIRED" },
	{ "A_STATE_OF_TOMORROW", AMOUNT, GATEWAY_UNKNOWN, "A_STATE_OF_TOMORROW" },
};

START_TEST(state_of_an_order_proves_what_it_says)
{
	const char *body = payment(states[_i].status, ORDER, AMOUNT, states[_i].balance, "[]");

	assert_answer(reconcile(200, body), states[_i].outcome, states[_i].code);
	assert_answer(confirm(200, body), states[_i].outcome, states[_i].code);
}
END_TEST

START_TEST(only_the_gateways_own_404_is_a_not_found)
{
	assert_answer(reconcile(404, refusal("NOT_FOUND_PAYMENT")), GATEWAY_NOT_FOUND,
		      "NOT_FOUND_PAYMENT");
	assert_answer(reconcile(404, refusal("NOT_FOUND")), GATEWAY_NOT_FOUND, "NOT_FOUND");
	assert_answer(reconcile(404, "<html>"), GATEWAY_UNKNOWN, "HTTP_404");
	assert_answer(reconcile(500, refusal("NOT_FOUND_PAYMENT")), GATEWAY_UNKNOWN,
		      "NOT_FOUND_PAYMENT");
	/* a refusal to reconcile says nothing about the charge */
	assert_answer(reconcile(400, refusal("REJECT_CARD_PAYMENT")), GATEWAY_UNKNOWN,
		      "REJECT_CARD_PAYMENT");
}
END_TEST

/* ---- refunds */

#define OUR_CANCEL(amount, status)                                           \
	"[{\"cancelAmount\":1,\"cancelReason\":\"x\"},"                      \
	"{\"cancelAmount\":" amount ",\"cancelReason\":\"requested (" REFUND \
	")\",\"cancelStatus\":\"" status "\"}]"

static bool before_cancel(int http, const char *body, struct gateway_answer *answer)
{
	struct toss_reply reply = reply_of(http, body);
	char key[TOSS_KEY_MAX + 1] = "";
	bool due = toss_parse_before_cancel(&reply, &refund, key, answer);

	ck_assert_str_eq(key, due ? "tgen_1" : "");
	return due;
}

START_TEST(cancel_is_sent_only_where_it_is_due)
{
	struct gateway_answer answer;

	ck_assert(before_cancel(200, payment("DONE", ORDER, AMOUNT, AMOUNT, "null"), &answer));
	ck_assert(before_cancel(200, payment("PARTIAL_CANCELED", ORDER, AMOUNT, 30000, "[]"),
				&answer));
	ck_assert(!before_cancel(
		200, payment("PARTIAL_CANCELED", ORDER, AMOUNT, 40000, OUR_CANCEL("30000", "DONE")),
		&answer));
	assert_answer(answer, GATEWAY_APPROVED, "");
	ck_assert(!before_cancel(200, payment("CANCELED", ORDER, AMOUNT, 0, "[]"), &answer));
	assert_answer(answer, GATEWAY_DECLINED, "NOT_CANCELABLE_AMOUNT");
	ck_assert(!before_cancel(200, payment("PARTIAL_CANCELED", ORDER, AMOUNT, 29999, "[]"),
				 &answer));
	assert_answer(answer, GATEWAY_DECLINED, "NOT_CANCELABLE_AMOUNT");
	ck_assert(!before_cancel(200, payment("IN_PROGRESS", ORDER, AMOUNT, AMOUNT, "null"),
				 &answer));
	assert_answer(answer, GATEWAY_UNKNOWN, "IN_PROGRESS");
	ck_assert(!before_cancel(200, payment("DONE", OTHER, AMOUNT, AMOUNT, "null"), &answer));
	assert_answer(answer, GATEWAY_UNKNOWN, "ORDER_MISMATCH");
	ck_assert(!before_cancel(404, refusal("NOT_FOUND_PAYMENT"), &answer));
	ck_assert_int_eq(answer.outcome, GATEWAY_UNKNOWN);
	ck_assert(!before_cancel(500, "", &answer));
	ck_assert_int_eq(answer.outcome, GATEWAY_UNKNOWN);
}
END_TEST

static struct gateway_answer after_cancel(int http, const char *body)
{
	struct toss_reply reply = reply_of(http, body);
	struct gateway_answer answer;

	toss_parse_cancel(&reply, &refund, &answer);
	return answer;
}

START_TEST(refund_is_done_when_the_payment_lists_it)
{
	assert_answer(after_cancel(200, payment("PARTIAL_CANCELED", ORDER, AMOUNT, 40000,
						OUR_CANCEL("30000", "DONE"))),
		      GATEWAY_APPROVED, "");
	assert_answer(after_cancel(200, payment("PARTIAL_CANCELED", ORDER, AMOUNT, 40000,
						OUR_CANCEL("30000", "IN_PROGRESS"))),
		      GATEWAY_UNKNOWN, "REFUND_UNDER_WAY");
	assert_answer(after_cancel(200, payment("PARTIAL_CANCELED", ORDER, AMOUNT, 40000,
						OUR_CANCEL("29999", "DONE"))),
		      GATEWAY_UNKNOWN, "AMOUNT_MISMATCH");
	assert_answer(after_cancel(200, payment("CANCELED", ORDER, AMOUNT, 0, "[]")),
		      GATEWAY_UNKNOWN, "REFUND_NOT_LISTED");
	assert_answer(after_cancel(0, ""), GATEWAY_UNKNOWN, "GATEWAY_TIMEOUT");
}
END_TEST

START_TEST(only_a_listed_refusal_ends_a_refund)
{
	assert_answer(after_cancel(403, refusal("NOT_CANCELABLE_AMOUNT")), GATEWAY_DECLINED,
		      "NOT_CANCELABLE_AMOUNT");
	assert_answer(after_cancel(400, refusal("ALREADY_CANCELED_PAYMENT")), GATEWAY_UNKNOWN,
		      "ALREADY_CANCELED_PAYMENT");
	assert_answer(after_cancel(500, refusal("NOT_CANCELABLE_AMOUNT")), GATEWAY_UNKNOWN,
		      "NOT_CANCELABLE_AMOUNT");
	assert_answer(after_cancel(409, refusal("IDEMPOTENT_REQUEST_PROCESSING")), GATEWAY_UNKNOWN,
		      "IDEMPOTENT_REQUEST_PROCESSING");
}
END_TEST

/* ---- the rest */

START_TEST(books_say_what_was_charged_and_given_back)
{
	struct toss_reply reply =
		reply_of(200, payment("PARTIAL_CANCELED", ORDER, AMOUNT, 40000, "[]"));
	struct gateway_books books;

	toss_parse_books(&reply, &order, &books);
	ck_assert_int_eq(books.state, BOOKS_FOUND);
	ck_assert_int_eq(books.charged_krw, AMOUNT);
	ck_assert_int_eq(books.refunded_krw, 30000);
	reply = reply_of(200, payment("IN_PROGRESS", ORDER, AMOUNT, AMOUNT, "[]"));
	toss_parse_books(&reply, &order, &books);
	ck_assert_int_eq(books.charged_krw, 0);
	reply = reply_of(404, refusal("NOT_FOUND_PAYMENT"));
	toss_parse_books(&reply, &order, &books);
	ck_assert_int_eq(books.state, BOOKS_NOT_FOUND);
	reply = reply_of(500, "");
	toss_parse_books(&reply, &order, &books);
	ck_assert_int_eq(books.state, BOOKS_UNREADABLE);
}
END_TEST

static bool key_fault(int http, const char *body)
{
	struct toss_reply reply = reply_of(http, body);

	return toss_is_key_fault(&reply);
}

START_TEST(a_refused_key_is_told_from_a_refused_card)
{
	ck_assert(key_fault(401, ""));
	ck_assert(key_fault(400, refusal("INVALID_API_KEY")));
	ck_assert(key_fault(403, refusal("FORBIDDEN_REQUEST")));
	ck_assert(!key_fault(403, refusal("REJECT_CARD_COMPANY")));
	ck_assert(!key_fault(0, ""));
	ck_assert(!key_fault(200, "{}"));
}
END_TEST

START_TEST(only_a_payment_key_goes_into_an_address)
{
	char longest[TOSS_KEY_MAX + 2];

	memset(longest, 'k', sizeof(longest));
	longest[TOSS_KEY_MAX] = '\0';
	ck_assert(toss_key_valid("tgen_20261120abc-DEF=."));
	ck_assert(toss_key_valid(longest));
	longest[TOSS_KEY_MAX] = 'k';
	longest[TOSS_KEY_MAX + 1] = '\0';
	ck_assert(!toss_key_valid(longest));
	ck_assert(!toss_key_valid(NULL));
	ck_assert(!toss_key_valid(""));
	ck_assert(!toss_key_valid(".."));
	ck_assert(!toss_key_valid("a/b"));
	ck_assert(!toss_key_valid("a?b"));
	ck_assert(!toss_key_valid("a\r\nb"));
}
END_TEST

#define COUNT(list) ((int)(sizeof(list) / sizeof((list)[0])))

Suite *suite_toss_parse(void)
{
	Suite *suite = suite_create("toss_parse");
	TCase *tcase = tcase_create("toss_parse");

	tcase_add_test(tcase, done_of_our_order_and_amount_is_approved);
	tcase_add_loop_test(tcase, listed_refusal_is_a_decline, 0, COUNT(declines));
	tcase_add_loop_test(tcase, listed_refusal_with_a_server_error_proves_nothing, 0,
			    COUNT(declines));
	tcase_add_loop_test(tcase, any_other_refusal_proves_nothing, 0, COUNT(doubts));
	tcase_add_test(tcase, answer_about_something_else_is_not_believed);
	tcase_add_loop_test(tcase, unreadable_answer_proves_nothing, 0, COUNT(rubbish));
	tcase_add_test(tcase, no_answer_proves_nothing);
	tcase_add_test(tcase, code_and_message_are_fit_for_a_table);
	tcase_add_loop_test(tcase, state_of_an_order_proves_what_it_says, 0, COUNT(states));
	tcase_add_test(tcase, only_the_gateways_own_404_is_a_not_found);
	tcase_add_test(tcase, cancel_is_sent_only_where_it_is_due);
	tcase_add_test(tcase, refund_is_done_when_the_payment_lists_it);
	tcase_add_test(tcase, only_a_listed_refusal_ends_a_refund);
	tcase_add_test(tcase, books_say_what_was_charged_and_given_back);
	tcase_add_test(tcase, a_refused_key_is_told_from_a_refused_card);
	tcase_add_test(tcase, only_a_payment_key_goes_into_an_address);
	suite_add_tcase(suite, tcase);
	return suite;
}
