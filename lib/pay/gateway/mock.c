/*
 * The gateway for development and tests: inside the process, with a realistic delay. Its books are
 * in memory and end with the process: a charge without an answer was not made, and another process
 * that reconciles it gets NOT_FOUND.
 */
#include "pay/gateway/gateway.h"

#include "base/clock.h"
#include "base/fault_point.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

/* The newest charges, which reconcile can find: some minutes at full load. */
#define BOOKS_KEPT 4096

struct charge_booked {
	struct uuid key;
	enum gateway_outcome outcome;
	const char *code;
};

static struct charge_booked books[BOOKS_KEPT];
static size_t books_next;
static pthread_mutex_t books_lock = PTHREAD_MUTEX_INITIALIZER;

static void books_enter(const struct uuid *key, enum gateway_outcome outcome, const char *code)
{
	pthread_mutex_lock(&books_lock);
	books[books_next] = (struct charge_booked){ *key, outcome, code };
	books_next = (books_next + 1) % BOOKS_KEPT;
	pthread_mutex_unlock(&books_lock);
}

static bool books_find(const struct uuid *key, struct gateway_answer *out)
{
	bool found = false;

	pthread_mutex_lock(&books_lock);
	for (size_t i = 0; i < BOOKS_KEPT && !found; i++) {
		if (strcmp(books[i].key.text, key->text) != 0)
			continue;
		gateway_answer_set(out, books[i].outcome, books[i].code);
		found = true;
	}
	pthread_mutex_unlock(&books_lock);
	return found;
}

static int64_t draw_delay_ms(const struct settings *settings)
{
	uint32_t random = 0;
	int64_t span_ms = (int64_t)settings->mock_max_delay_ms - settings->mock_min_delay_ms;

	if (span_ms <= 0)
		return settings->mock_min_delay_ms;
	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return settings->mock_max_delay_ms;
	return settings->mock_min_delay_ms + (int64_t)(random % (uint64_t)(span_ms + 1));
}

/* The wire contract: the last digit of the cvv decides. NULL: approved. */
static const char *decline_by_cvv(const char *cvv)
{
	static const char *const codes[10] = {
		[2] = "INSUFFICIENT_FUNDS", [3] = "INVALID_CVV", [4] = "CARD_EXPIRED",
		[5] = "SERVER_ERROR",	    [6] = "PG_TIMEOUT",	 [7] = "GENERIC_DECLINE",
		[8] = "GENERIC_DECLINE",
	};
	char last;

	if (!cvv || cvv[0] == '\0')
		return NULL;
	last = cvv[strlen(cvv) - 1];
	return last >= '0' && last <= '9' ? codes[last - '0'] : "GENERIC_DECLINE";
}

static void charge_answering(const struct settings *settings, const struct gateway_charge *charge,
			     struct gateway_answer *out)
{
	const char *code = settings->mock_mode == MOCK_DECLINE ? "GENERIC_DECLINE"
							       : decline_by_cvv(charge->cvv);
	int64_t delay_ms = draw_delay_ms(settings);

	if (!code)
		gateway_answer_set(out, GATEWAY_APPROVED, "");
	else
		gateway_answer_set(out, GATEWAY_DECLINED, code);
	books_enter(&charge->key, out->outcome, code ? code : "");
	FAULT_POINT("mock_booked");
	if (delay_ms > settings->mock_deadline_ms) {
		clock_sleep_ms(settings->mock_deadline_ms);
		gateway_answer_set(out, GATEWAY_UNKNOWN, "GATEWAY_TIMEOUT");
		return;
	}
	clock_sleep_ms(delay_ms);
}

static void mock_charge(const struct settings *settings, const struct gateway_charge *charge,
			struct gateway_answer *out)
{
	switch (settings->mock_mode) {
	case MOCK_APPROVE:
	case MOCK_DECLINE:
		charge_answering(settings, charge, out);
		return;
	case MOCK_SILENT:
	case MOCK_SILENT_DECLINE:
	case MOCK_LATE:
		clock_sleep_ms(settings->mock_deadline_ms);
		gateway_answer_set(out, GATEWAY_UNKNOWN, "GATEWAY_TIMEOUT");
		return;
	case MOCK_DOWN:
		break;
	}
	gateway_answer_set(out, GATEWAY_UNKNOWN, "GATEWAY_DOWN");
}

static void mock_reconcile(const struct settings *settings, const struct gateway_query *asked,
			   struct gateway_answer *out)
{
	switch (settings->mock_mode) {
	case MOCK_SILENT:
		gateway_answer_set(out, GATEWAY_APPROVED, "");
		return;
	case MOCK_LATE:
		if (asked->age_ms < 2 * (int64_t)settings->mock_deadline_ms)
			gateway_answer_set(out, GATEWAY_UNKNOWN, "GATEWAY_BUSY");
		else
			gateway_answer_set(out, GATEWAY_APPROVED, "");
		return;
	case MOCK_SILENT_DECLINE:
		gateway_answer_set(out, GATEWAY_DECLINED, "GENERIC_DECLINE");
		return;
	case MOCK_APPROVE:
	case MOCK_DECLINE:
	case MOCK_DOWN:
		break;
	}
	if (!books_find(&asked->key, out))
		gateway_answer_set(out, GATEWAY_NOT_FOUND, "NOT_FOUND");
}

static void mock_refund(const struct settings *settings, const struct gateway_refund *refund,
			struct gateway_answer *out)
{
	(void)refund;
	if (settings->mock_mode == MOCK_DOWN)
		gateway_answer_set(out, GATEWAY_UNKNOWN, "GATEWAY_DOWN");
	else
		gateway_answer_set(out, GATEWAY_APPROVED, "");
}

static int32_t mock_lease_ms(const struct settings *settings)
{
	return settings->mock_lease_ms;
}

/* No charge of the mock takes longer than its deadline. */
static int32_t mock_horizon_ms(const struct settings *settings)
{
	return settings->mock_deadline_ms;
}

const struct gateway gateway_mock = {
	.name = "mock",
	.charge = mock_charge,
	.reconcile = mock_reconcile,
	.refund = mock_refund,
	.lease_ms = mock_lease_ms,
	.horizon_ms = mock_horizon_ms,
	.not_founds_needed = 1,
};
