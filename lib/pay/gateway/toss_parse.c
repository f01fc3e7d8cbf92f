#include "pay/gateway/toss_parse.h"

#include "base/json_in.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

#define STATUS_MAX 32

/* Refusals of the card or the account: the only codes that prove that nothing was charged. */
/* clang-format off */
static const char *const declines[] = {
	"REJECT_CARD_PAYMENT",	   "REJECT_CARD_COMPANY",  "REJECT_ACCOUNT_PAYMENT",
	"INVALID_CARD_EXPIRATION", "INVALID_STOPPED_CARD", "INVALID_REJECT_CARD",
	"INVALID_CARD_LOST_OR_STOLEN", "EXCEED_MAX_AUTH_COUNT",
};
/* clang-format on */
/* Refusals of a cancel that a retry cannot change. */
static const char *const cancel_refusals[] = {
	"NOT_CANCELABLE_AMOUNT",
	"NOT_CANCELABLE_PAYMENT",
	"NOT_ALLOWED_PARTIAL_REFUND",
	"EXCEED_MAX_REFUND_DUE",
};
static const char *const key_faults[] = {
	"UNAUTHORIZED_KEY",
	"INVALID_API_KEY",
	"INCORRECT_BASIC_AUTH_FORMAT",
	"FORBIDDEN_REQUEST",
};
static const char *const not_founds[] = { "NOT_FOUND_PAYMENT", "NOT_FOUND" };

#define IS_ONE_OF(list, code) is_one_of(list, sizeof(list) / sizeof((list)[0]), code)

static bool is_one_of(const char *const *list, size_t count, const char *code)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i], code) == 0)
			return true;
	return false;
}

bool toss_key_valid(const char *key)
{
	size_t length = key ? strlen(key) : 0;

	return length > 0 && length <= TOSS_KEY_MAX &&
	       strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=.~") ==
		       length &&
	       key[0] != '.'; /* "." and ".." have a meaning in a path */
}

/* --- refusals --- */

/* A code is stored and sent to clients: only upper case, digits and underscores. */
static bool code_sane(const char *code)
{
	size_t length = code ? strlen(code) : 0;

	return length > 0 && length < FAILURE_CODE_MAX &&
	       strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == length;
}

/* Cuts between characters: the database refuses half a character. */
static void copy_message(char out[FAILURE_MESSAGE_MAX], const char *text)
{
	size_t at = 0, length;

	while ((length = utf8_length(text + at, strlen(text + at))) > 0 &&
	       at + length < FAILURE_MESSAGE_MAX)
		at += length;
	memcpy(out, text, at);
	out[at] = '\0';
}

/* An answer without a payment: UNKNOWN, with the gateway's code if there is one. */
static void read_refusal(const struct toss_reply *reply, struct gateway_answer *answer)
{
	char http[16];
	struct json_in *json = NULL;
	const char *code, *message;

	snprintf(http, sizeof(http), "HTTP_%d", reply->http);
	gateway_answer_set(answer, GATEWAY_UNKNOWN, reply->http == 0 ? reply->fault : http);
	if (reply->http == 0 || json_in_parse(reply->body, reply->length, &json) != STATUS_OK)
		return;
	code = json_in_string(json, "code");
	message = json_in_string(json, "message");
	if (code_sane(code))
		gateway_answer_set(answer, GATEWAY_UNKNOWN, code);
	if (code_sane(code) && message)
		copy_message(answer->message, message);
	json_in_free(json);
}

/* A refusal of the payment; 401, 408, 409 and 429 only refuse the request. */
static bool refuses(int http)
{
	return http >= 400 && http < 500 && http != 401 && http != 408 && http != 409 &&
	       http != 429;
}

bool toss_is_key_fault(const struct toss_reply *reply)
{
	struct gateway_answer answer;

	if (reply->http == 401)
		return true;
	if (reply->http != 400 && reply->http != 403)
		return false;
	read_refusal(reply, &answer);
	return IS_ONE_OF(key_faults, answer.code);
}

/* --- payments --- */

struct toss_payment {
	char status[STATUS_MAX];
	char key[TOSS_KEY_MAX + 1];
	int64_t total_krw, balance_krw;
	/* the cancel with the refund's id */
	const struct uuid *refund;
	bool cancel_found, cancel_done;
	int64_t cancel_krw;
};

/* The reason of our cancels contains the refund's id: it outlives the idempotency key. */
static void read_cancel(const struct json_in *cancel, void *context)
{
	struct toss_payment *payment = context;
	const char *reason = json_in_string(cancel, "cancelReason");
	const char *status = json_in_string(cancel, "cancelStatus");

	if (!payment->refund || !reason || !strstr(reason, payment->refund->text))
		return;
	payment->cancel_found = true;
	payment->cancel_done = (!status || strcmp(status, "DONE") == 0) &&
			       json_in_integer(cancel, "cancelAmount", &payment->cancel_krw);
}

static bool read_members(const struct json_in *json, struct toss_payment *payment)
{
	const char *status = json_in_string(json, "status"),
		   *key = json_in_string(json, "paymentKey");
	const char *currency = json_in_string(json, "currency");

	if (!code_sane(status) || strlen(status) >= STATUS_MAX || !toss_key_valid(key))
		return false;
	if (currency && strcmp(currency, "KRW") != 0)
		return false;
	snprintf(payment->status, sizeof(payment->status), "%s", status);
	snprintf(payment->key, sizeof(payment->key), "%s", key);
	json_in_each(json, "cancels", read_cancel, payment);
	return json_in_integer(json, "totalAmount", &payment->total_krw) &&
	       json_in_integer(json, "balanceAmount", &payment->balance_krw) &&
	       payment->balance_krw >= 0 && payment->balance_krw <= payment->total_krw;
}

/* True: the reply is a payment of that order. False: *answer says why not. */
static bool read_payment(const struct toss_reply *reply, const struct uuid *order,
			 const struct uuid *refund, struct toss_payment *payment,
			 struct gateway_answer *answer)
{
	struct json_in *json = NULL;
	const char *order_id;
	bool good = false;

	memset(payment, 0, sizeof(*payment));
	payment->refund = refund;
	if (reply->http != 200) {
		read_refusal(reply, answer);
		return false;
	}
	gateway_answer_set(answer, GATEWAY_UNKNOWN, "UNREADABLE_ANSWER");
	if (json_in_parse(reply->body, reply->length, &json) != STATUS_OK)
		return false;
	order_id = json_in_string(json, "orderId");
	if (order_id && strcmp(order_id, order->text) != 0)
		gateway_answer_set(answer, GATEWAY_UNKNOWN, "ORDER_MISMATCH");
	else if (order_id)
		good = read_members(json, payment);
	json_in_free(json);
	return good;
}

static bool status_is(const struct toss_payment *payment, const char *status)
{
	return strcmp(payment->status, status) == 0;
}

/* What the order proves about a charge of that amount. */
static void judge_payment(const struct toss_payment *payment, int64_t amount_krw,
			  struct gateway_answer *answer)
{
	if (payment->total_krw != amount_krw)
		gateway_answer_set(answer, GATEWAY_UNKNOWN, "AMOUNT_MISMATCH");
	else if (status_is(payment, "DONE") && payment->balance_krw == payment->total_krw)
		gateway_answer_set(answer, GATEWAY_APPROVED, "");
	else if (status_is(payment, "ABORTED") || status_is(payment, "EXPIRED"))
		gateway_answer_set(answer, GATEWAY_DECLINED, payment->status);
	else if (status_is(payment, "CANCELED") && payment->balance_krw == 0)
		gateway_answer_set(answer, GATEWAY_DECLINED,
				   "CANCELED"); /* all refunded elsewhere */
	else
		gateway_answer_set(answer, GATEWAY_UNKNOWN, payment->status);
}

void toss_parse_confirm(const struct toss_reply *reply, const struct uuid *order,
			int64_t amount_krw, struct gateway_answer *answer)
{
	struct toss_payment payment;

	if (read_payment(reply, order, NULL, &payment, answer)) {
		judge_payment(&payment, amount_krw, answer);
	} else if (refuses(reply->http) && IS_ONE_OF(declines, answer->code)) {
		answer->outcome = GATEWAY_DECLINED;
	}
	explicit_bzero(&payment, sizeof(payment));
}

static void mark_not_found(const struct toss_reply *reply, struct gateway_answer *answer)
{
	if (reply->http == 404 && IS_ONE_OF(not_founds, answer->code))
		answer->outcome = GATEWAY_NOT_FOUND;
}

void toss_parse_reconcile(const struct toss_reply *reply, const struct uuid *order,
			  int64_t amount_krw, struct gateway_answer *answer)
{
	struct toss_payment payment;

	if (read_payment(reply, order, NULL, &payment, answer))
		judge_payment(&payment, amount_krw, answer);
	else
		mark_not_found(reply, answer);
	explicit_bzero(&payment, sizeof(payment));
}

/* True: the payment lists our cancel; *answer is its outcome. */
static bool find_cancel(const struct toss_payment *payment, int64_t amount_krw,
			struct gateway_answer *answer)
{
	if (!payment->cancel_found)
		return false;
	if (!payment->cancel_done)
		gateway_answer_set(answer, GATEWAY_UNKNOWN, "REFUND_UNDER_WAY");
	else if (payment->cancel_krw != amount_krw)
		gateway_answer_set(answer, GATEWAY_UNKNOWN, "AMOUNT_MISMATCH");
	else
		gateway_answer_set(answer, GATEWAY_APPROVED, "");
	return true;
}

bool toss_parse_before_cancel(const struct toss_reply *reply, const struct gateway_refund *refund,
			      char key[TOSS_KEY_MAX + 1], struct gateway_answer *answer)
{
	struct toss_payment payment;
	bool is_due = false;

	if (!read_payment(reply, &refund->attempt, &refund->key, &payment, answer)) {
		explicit_bzero(&payment, sizeof(payment));
		return false;
	}
	if (find_cancel(&payment, refund->amount_krw, answer)) {
		;
	} else if (!status_is(&payment, "DONE") && !status_is(&payment, "PARTIAL_CANCELED") &&
		   !status_is(&payment, "CANCELED")) {
		gateway_answer_set(answer, GATEWAY_UNKNOWN, payment.status);
	} else if (payment.balance_krw < refund->amount_krw) {
		/* refunded elsewhere: an operator must find out why */
		gateway_answer_set(answer, GATEWAY_DECLINED, "NOT_CANCELABLE_AMOUNT");
	} else {
		memcpy(key, payment.key, sizeof(payment.key));
		is_due = true;
	}
	explicit_bzero(&payment, sizeof(payment));
	return is_due;
}

void toss_parse_cancel(const struct toss_reply *reply, const struct gateway_refund *refund,
		       struct gateway_answer *answer)
{
	struct toss_payment payment;

	if (read_payment(reply, &refund->attempt, &refund->key, &payment, answer)) {
		if (!find_cancel(&payment, refund->amount_krw, answer))
			gateway_answer_set(answer, GATEWAY_UNKNOWN, "REFUND_NOT_LISTED");
	} else if (refuses(reply->http) && IS_ONE_OF(cancel_refusals, answer->code)) {
		answer->outcome = GATEWAY_DECLINED;
	}
	explicit_bzero(&payment, sizeof(payment));
}

void toss_parse_books(const struct toss_reply *reply, const struct uuid *order,
		      struct gateway_books *books)
{
	struct toss_payment payment;
	struct gateway_answer answer;

	memset(books, 0, sizeof(*books));
	if (read_payment(reply, order, NULL, &payment, &answer)) {
		books->state = BOOKS_FOUND;
		if (status_is(&payment, "DONE") || status_is(&payment, "CANCELED") ||
		    status_is(&payment, "PARTIAL_CANCELED")) {
			books->charged_krw = payment.total_krw;
			books->refunded_krw = payment.total_krw - payment.balance_krw;
		}
	} else {
		mark_not_found(reply, &answer);
		books->state =
			answer.outcome == GATEWAY_NOT_FOUND ? BOOKS_NOT_FOUND : BOOKS_UNREADABLE;
		snprintf(books->code, sizeof(books->code), "%s", answer.code);
	}
	explicit_bzero(&payment, sizeof(payment));
}
