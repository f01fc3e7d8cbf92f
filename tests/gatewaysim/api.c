#define _GNU_SOURCE 1

#include "api.h"

#include "books.h"
#include "control.h"
#include "faults.h"
#include "member.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STATUS_DECLINED "ABORTED"

static char authorization[700];

struct answer {
	int http;
	char *body;
};

/* A parsed request of the real API. */
struct order {
	enum operation operation;
	char order_id[ID_MAX], payment_key[ID_MAX], reason[REASON_MAX];
	int64_t amount; /* -1: not given */
};

void api_set_secret(const char *secret)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char plain[512];
	size_t length = (size_t)snprintf(plain, sizeof(plain), "%s:", secret), at;
	char *out = stpcpy(authorization, "Basic ");

	for (at = 0; at < length; at += 3) {
		unsigned int left = (unsigned int)(length - at);
		unsigned int bits =
			(unsigned char)plain[at] << 16 |
			(left > 1 ? (unsigned int)(unsigned char)plain[at + 1] << 8 : 0) |
			(left > 2 ? (unsigned char)plain[at + 2] : 0);

		*out++ = digits[bits >> 18];
		*out++ = digits[bits >> 12 & 63];
		*out++ = left > 1 ? digits[bits >> 6 & 63] : '=';
		*out++ = left > 2 ? digits[bits & 63] : '=';
	}
	*out = '\0';
}

static void sleep_ms(int ms)
{
	struct timespec rest = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	nanosleep(&rest, NULL);
}

/* ---- answers ---- */

static char *print_and_drop(cJSON *json)
{
	char *text = cJSON_PrintUnformatted(json);

	cJSON_Delete(json);
	return text;
}

static struct answer refuse(int http, const char *code, const char *message)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddStringToObject(json, "code", code);
	cJSON_AddStringToObject(json, "message", message);
	return (struct answer){ http, print_and_drop(json) };
}

static struct answer show(const struct payment *payment)
{
	cJSON *json = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(json, "cancels");

	cJSON_AddStringToObject(json, "paymentKey", payment->payment_key);
	cJSON_AddStringToObject(json, "orderId", payment->order_id);
	cJSON_AddStringToObject(json, "status", payment->status);
	cJSON_AddNumberToObject(json, "totalAmount", (double)payment->amount);
	cJSON_AddNumberToObject(json, "balanceAmount", (double)payment->balance);
	cJSON_AddStringToObject(json, "currency", "KRW");
	for (const struct cancel *cancel = payment->cancels; cancel; cancel = cancel->next) {
		cJSON *one = cJSON_CreateObject();

		cJSON_AddNumberToObject(one, "cancelAmount", (double)cancel->amount);
		cJSON_AddStringToObject(one, "cancelReason", cancel->reason);
		cJSON_AddStringToObject(one, "cancelStatus", "DONE");
		cJSON_AddItemToArray(list, one);
	}
	return (struct answer){ 200, print_and_drop(json) };
}

/* ---- what the gateway does ---- */

static bool is(const struct payment *payment, const char *status)
{
	return strcmp(payment->status, status) == 0;
}

static bool is_charged(const struct payment *payment)
{
	return is(payment, "DONE") || is(payment, "CANCELED") || is(payment, "PARTIAL_CANCELED");
}

/* The key "amt_5000_x" was made for 5000, whatever amount the merchant confirms. */
static int64_t window_amount(const struct order *order)
{
	return strncmp(order->payment_key, "amt_", 4) == 0
		       ? strtoll(order->payment_key + 4, NULL, 10)
		       : order->amount;
}

static struct answer confirm(const struct order *order)
{
	struct payment *payment = books_by_order(order->order_id);
	struct payment *same_key = books_by_key(order->payment_key);

	if (payment && is_charged(payment) && strcmp(payment->payment_key, order->payment_key) != 0)
		return refuse(400, "DUPLICATED_ORDER_ID", "이미 승인된 주문번호입니다.");
	if (same_key && is_charged(same_key))
		return refuse(400, "ALREADY_PROCESSED_PAYMENT", "이미 처리된 결제입니다.");
	if (payment && (is(payment, "ABORTED") || is(payment, "EXPIRED")))
		return refuse(404, "NOT_FOUND_PAYMENT_SESSION", "결제 시간이 만료되었습니다.");
	return show(
		books_set(order->order_id, order->payment_key, "DONE", window_amount(order), true));
}

static struct answer show_order(const struct order *order)
{
	struct payment *payment = *order->order_id ? books_by_order(order->order_id)
						   : books_by_key(order->payment_key);

	return payment ? show(payment)
		       : refuse(404, "NOT_FOUND_PAYMENT", "존재하지 않는 결제 정보입니다.");
}

static struct answer cancel(const struct order *order, const char *idempotency_key)
{
	struct payment *payment = books_by_key(order->payment_key);
	int64_t amount;

	if (!payment)
		return refuse(404, "NOT_FOUND_PAYMENT", "존재하지 않는 결제 정보입니다.");
	if (is(payment, "CANCELED"))
		return refuse(400, "ALREADY_CANCELED_PAYMENT", "이미 취소된 결제입니다.");
	if (!is_charged(payment))
		return refuse(403, "NOT_CANCELABLE_PAYMENT", "취소할 수 없는 결제입니다.");
	amount = order->amount < 0 ? payment->balance : order->amount;
	if (amount == 0 || amount > payment->balance)
		return refuse(403, "NOT_CANCELABLE_AMOUNT", "취소할 수 없는 금액입니다.");
	books_cancel(payment, amount, order->reason, idempotency_key);
	return show(payment);
}

static struct answer carry_out(const struct order *order, const char *idempotency_key)
{
	struct answer answer;

	books_lock();
	if (order->operation == ON_CONFIRM)
		answer = confirm(order);
	else if (order->operation == ON_CANCEL)
		answer = cancel(order, idempotency_key);
	else
		answer = show_order(order);
	books_unlock();
	return answer;
}

/* A declined confirm ends the order. */
static void book_decline(const struct order *order)
{
	books_lock();
	if (!books_by_order(order->order_id))
		books_set(order->order_id, order->payment_key, STATUS_DECLINED,
			  window_amount(order), false);
	books_unlock();
}

/* ---- what the client sees ---- */

static void swap_order(char *body, const char *order_id)
{
	char *at = strstr(body, order_id);

	if (at)
		*at = *at == '0' ? '1' : '0';
}

/* False: close the connection. */
static bool send_shown(int fd, const struct fault *fault, const struct order *order,
		       const struct answer *answer)
{
	struct answer refusal;
	size_t length = answer->body ? strlen(answer->body) : 0;
	bool sent;

	switch (fault->showing) {
	case SHOW_NOTHING:
		return false;
	case SHOW_RESET:
		http_reset(fd);
		return false;
	case SHOW_RUBBISH:
		return http_answer(fd, 200, "\x16\x03\x01 not json <html>", 20);
	case SHOW_CUT:
		http_answer_cut(fd, answer->http, answer->body, length, length / 2);
		return false;
	case SHOW_BROKEN_JSON:
		return http_answer(fd, answer->http, answer->body, length / 2);
	case SHOW_OTHER_ORDER:
		swap_order(answer->body, order->order_id);
		return http_answer(fd, answer->http, answer->body, length);
	case SHOW_CODE:
		refusal = refuse(fault->http, fault->code, "요청을 처리하지 못했습니다.");
		sent = http_answer(fd, refusal.http, refusal.body, strlen(refusal.body));
		free(refusal.body);
		return sent;
	case SHOW_ANSWER:
		break;
	}
	return http_answer(fd, answer->http, answer->body, length);
}

/* The first request of a key, or a reconcile: executed as the fault says, and answered. */
static bool act(int fd, const struct order *order, const char *key)
{
	struct fault fault = fault_take(order->operation, order->order_id, order->payment_key);
	struct answer answer = { 0, NULL };
	bool alive, keeps;

	if (fault.carried_out == DONE_FIRST)
		answer = carry_out(order, key);
	books_sync();
	sleep_ms(fault.delay_ms);
	if (fault.carried_out == DONE_LAST || (order->operation == ON_LOOK_UP && !answer.body))
		answer = carry_out(order, key);
	if (strcmp(fault.name, "decline") == 0 && order->operation == ON_CONFIRM) {
		book_decline(order);
		answer = refuse(fault.http, fault.code, "카드사에서 결제를 거절했습니다.");
		fault.showing = SHOW_ANSWER;
	}
	/* this is the answer for the key for ever, whatever the client has seen of it */
	keeps = answer.body && answer.http < 500 && order->operation != ON_LOOK_UP;
	books_key_done(key, keeps ? answer.http : 0, keeps ? answer.body : "");
	books_sync();
	alive = send_shown(fd, &fault, order, &answer);
	free(answer.body);
	return alive;
}

static bool send_and_free(int fd, struct answer answer)
{
	bool sent = http_answer(fd, answer.http, answer.body, strlen(answer.body));

	free(answer.body);
	return sent;
}

static bool serve_order(int fd, const struct http_request *request, const struct order *order)
{
	const char *key = order->operation == ON_LOOK_UP ? "" : request->idempotency_key;
	struct answer stored = { 0, NULL };

	if (strcmp(request->authorization, authorization) != 0)
		return send_and_free(
			fd, refuse(401, "UNAUTHORIZED_KEY", "인증되지 않은 시크릿 키입니다."));
	switch (books_key_take(key, &stored.http, &stored.body)) {
	case KEY_RUNNING:
		return send_and_free(fd, refuse(409, "IDEMPOTENT_REQUEST_PROCESSING",
						"이전 요청이 처리 중입니다."));
	case KEY_DONE:
		return send_and_free(fd, stored);
	case KEY_NEW:
		break;
	}
	return act(fd, order, key);
}

/* ---- requests ---- */

/* "/v1/payments/confirm", "/v1/payments/orders/{orderId}", "/v1/payments/{key}" and
 * ".../{key}/cancel". */
static bool read_order(const struct http_request *request, const cJSON *json, struct order *order)
{
	bool is_post = strcmp(request->method, "POST") == 0;
	int end = 0;

	memset(order, 0, sizeof(*order));
	order->amount = -1;
	if (is_post && strcmp(request->path, "/v1/payments/confirm") == 0) {
		order->operation = ON_CONFIRM;
		snprintf(order->order_id, ID_MAX, "%s", member_text(json, "orderId"));
		snprintf(order->payment_key, ID_MAX, "%s", member_text(json, "paymentKey"));
		order->amount = member_number(json, "amount", -1);
		return *order->order_id && *order->payment_key && order->amount >= 0;
	}
	order->operation = ON_LOOK_UP;
	if (!is_post && sscanf(request->path, "/v1/payments/orders/%300[^/]", order->order_id) == 1)
		return true;
	if (sscanf(request->path, "/v1/payments/%300[^/]%n", order->payment_key, &end) != 1)
		return false;
	if (!is_post)
		return request->path[end] == '\0';
	order->operation = ON_CANCEL;
	snprintf(order->reason, REASON_MAX, "%s", member_text(json, "cancelReason"));
	order->amount = member_number(json, "cancelAmount", -1);
	return strcmp(request->path + end, "/cancel") == 0 && *order->reason;
}

bool api_serve(int fd, const struct http_request *request)
{
	cJSON *json = request->body_length > 0 ? cJSON_Parse(request->body) : NULL;
	struct order order;
	bool alive;

	if (strncmp(request->path, "/_sim/", 6) == 0)
		alive = control_serve(fd, request->path + 6, json);
	else if (read_order(request, json, &order))
		alive = serve_order(fd, request, &order);
	else
		alive = send_and_free(fd, refuse(400, "INVALID_REQUEST", "잘못된 요청입니다."));
	cJSON_Delete(json);
	return alive && !request->close;
}
