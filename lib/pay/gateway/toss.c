/*
 * Toss Payments. The attempt's id is the orderId and the Idempotency-Key of the charge, the
 * refund's id the Idempotency-Key of the cancel: after a crash, ids of our own tables find
 * everything. The paymentKey is never stored: a charge gets it from the customer, a refund from
 * the gateway.
 */
#include "pay/gateway/gateway.h"

#include "base/json_out.h"
#include "base/log.h"
#include "pay/gateway/toss_http.h"
#include "pay/gateway/toss_parse.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define ORDER_PATH_MAX 80
#define CANCEL_PATH_MAX (TOSS_KEY_MAX + 40)

/* A refused key fails every payment: logged once, and again only after the key has worked. */
static void watch_key(const struct toss_reply *reply)
{
	static atomic_bool is_logged;

	if (reply->http == 0)
		return;
	if (!toss_is_key_fault(reply))
		atomic_store(&is_logged, false);
	else if (!atomic_exchange(&is_logged, true))
		log_event(LOG_LEVEL_ERROR, "gateway_key_refused",
			  "Toss Payments refuses TOSS_SECRET_KEY (HTTP %d): put the live key of "
			  "the merchant's console into the settings and reload (SIGHUP); open "
			  "payments wait and are reconciled then",
			  reply->http);
}

/* The charge under our order id is not what we asked for: only an operator can settle that. */
static void watch_mismatch(const struct uuid *key, const struct gateway_answer *answer)
{
	if (strcmp(answer->code, "AMOUNT_MISMATCH") == 0 ||
	    strcmp(answer->code, "ORDER_MISMATCH") == 0)
		log_event(
			LOG_LEVEL_ERROR, "gateway_mismatch",
			"Toss Payments' answer about %s does not match the request (%s): find the "
			"order in the merchant's console",
			key->text, answer->code);
}

static void toss_exchange(const struct settings *settings, const struct toss_request *request,
			  struct buf *body, struct toss_reply *reply)
{
	toss_http_exchange(settings, request, body, reply);
	watch_key(reply);
}

static void toss_ask_order(const struct settings *settings, const struct uuid *order,
			   struct buf *body, struct toss_reply *reply)
{
	char path[ORDER_PATH_MAX];
	struct toss_request request = { .path = path, .deadline_ms = settings->toss_look_up_ms };

	snprintf(path, sizeof(path), "/v1/payments/orders/%s", order->text);
	toss_exchange(settings, &request, body, reply);
}

static void toss_send_confirm(const struct settings *settings, const struct gateway_charge *charge,
			      const char *sent, struct gateway_answer *answer)
{
	struct toss_request request = { .path = "/v1/payments/confirm",
					.idempotency_key = charge->key.text,
					.body = sent,
					.deadline_ms = settings->toss_deadline_ms };
	struct buf body = { .data = NULL };
	struct toss_reply reply;

	toss_exchange(settings, &request, &body, &reply);
	toss_parse_confirm(&reply, &charge->key, charge->amount_krw, answer);
	buf_free(&body);
	if (strstr(answer->message, charge->token))
		answer->message[0] = '\0'; /* the message is stored, the token must not be */
	watch_mismatch(&charge->key, answer);
}

static void toss_charge(const struct settings *settings, const struct gateway_charge *charge,
			struct gateway_answer *answer)
{
	struct buf sent = { .data = NULL };
	struct json_out out = { .buf = &sent };

	if (!toss_key_valid(charge->token)) { /* not even sent */
		gateway_answer_set(answer, GATEWAY_DECLINED, "INVALID_PAYMENT_KEY");
		return;
	}
	json_object_begin(&out, NULL);
	json_string(&out, "paymentKey", charge->token);
	json_string(&out, "orderId", charge->key.text);
	json_integer(&out, "amount", charge->amount_krw);
	json_object_end(&out);
	if (sent.failed)
		gateway_answer_set(answer, GATEWAY_UNKNOWN, "NO_MEMORY");
	else
		toss_send_confirm(settings, charge, buf_text(&sent), answer);
	buf_free(&sent);
}

static void toss_reconcile(const struct settings *settings, const struct gateway_query *asked,
			   struct gateway_answer *answer)
{
	struct buf body = { .data = NULL };
	struct toss_reply reply;

	toss_ask_order(settings, &asked->key, &body, &reply);
	toss_parse_reconcile(&reply, &asked->key, asked->amount_krw, answer);
	buf_free(&body);
	watch_mismatch(&asked->key, answer);
}

static void toss_send_cancel(const struct settings *settings, const struct gateway_refund *refund,
			     const char *key, struct gateway_answer *answer)
{
	char path[CANCEL_PATH_MAX], reason[128];
	struct toss_request request = { .path = path,
					.idempotency_key = refund->key.text,
					.deadline_ms = settings->toss_deadline_ms };
	struct buf sent = { .data = NULL }, body = { .data = NULL };
	struct json_out out = { .buf = &sent };
	struct toss_reply reply = { .fault = "NO_MEMORY" };

	snprintf(path, sizeof(path), "/v1/payments/%s/cancel", key);
	snprintf(reason, sizeof(reason), "%.60s (%s)", refund->reason, refund->key.text);
	json_object_begin(&out, NULL);
	json_string(&out, "cancelReason", reason);
	json_integer(&out, "cancelAmount", refund->amount_krw);
	json_object_end(&out);
	request.body = buf_text(&sent);
	if (!sent.failed)
		toss_exchange(settings, &request, &body, &reply);
	toss_parse_cancel(&reply, refund, answer);
	explicit_bzero(path, sizeof(path));
	buf_free(&sent);
	buf_free(&body);
}

static void toss_refund(const struct settings *settings, const struct gateway_refund *refund,
			struct gateway_answer *answer)
{
	char key[TOSS_KEY_MAX + 1] = "";
	struct buf body = { .data = NULL };
	struct toss_reply reply;

	toss_ask_order(settings, &refund->attempt, &body, &reply);
	if (toss_parse_before_cancel(&reply, refund, key, answer))
		toss_send_cancel(settings, refund, key, answer);
	buf_free(&body);
	explicit_bzero(key, sizeof(key));
	watch_mismatch(&refund->key, answer);
}

static void toss_read_books(const struct settings *settings, const struct uuid *key,
			    struct gateway_books *books)
{
	struct buf body = { .data = NULL };
	struct toss_reply reply;

	toss_ask_order(settings, key, &body, &reply);
	toss_parse_books(&reply, key, books);
	buf_free(&body);
}

static int32_t toss_lease_ms(const struct settings *settings)
{
	return settings->toss_lease_ms;
}

static int32_t toss_horizon_ms(const struct settings *settings)
{
	return settings->toss_horizon_ms;
}

const struct gateway gateway_toss = {
	.name = "toss",
	.charge = toss_charge,
	.reconcile = toss_reconcile,
	.refund = toss_refund,
	.read_books = toss_read_books,
	.lease_ms = toss_lease_ms,
	.horizon_ms = toss_horizon_ms,
	.not_founds_needed = 2,
	.needs_token = true,
};
