/*
 * What one JWT costs to verify, at first sight and again, and one body to read and one answer to
 * write: nanoseconds each, as a line of JSON on standard output. The median of many short turns, so
 * that one interruption by another process does not count.
 *
 *   micro TURNS
 */
#include "auth/token.h"
#include "auth/token_cache.h"
#include "auth/token_issue.h"
#include "base/clock.h"
#include "base/json_in.h"
#include "pay/payment/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PER_TURN 200
#define TURNS_MAX 2000
#define SECRET "a-benchmark-secret-of-more-than-thirty-two-bytes"
#define USER "0f8fad5b-d9cb-469f-a165-70867728950e"
#define BODY                                                                                     \
	"{\"reservationId\":\"0f8fad5b-d9cb-469f-a165-70867728950e\",\"paymentMethod\":\"kakao_" \
	"pay\"}"

static char authorization[1024];

static void die(const char *what)
{
	fprintf(stderr, "micro: %s\n", what);
	exit(EXIT_FAILURE);
}

static void verify(void)
{
	const struct token_secrets secrets = { SECRET, "" };
	struct principal principal;

	if (token_verify(authorization, &secrets, clock_unix_ms() / 1000, &principal) != STATUS_OK)
		die("the token was refused");
}

/* A token that was seen before, as most are. */
static void verify_known(void)
{
	static struct token_cache *cache;
	const struct token_secrets secrets = { SECRET, "" };
	struct principal principal;

	if (!cache)
		cache = token_cache_new(1024);
	if (!cache || token_cache_verify(cache, authorization, &secrets, clock_unix_ms() / 1000,
					 &principal) != STATUS_OK)
		die("the token was refused");
}

static void json_in(void)
{
	struct json_in *json;

	if (json_in_parse(BODY, strlen(BODY), &json) != STATUS_OK)
		die("the body was refused");
	if (!json_in_string(json, "reservationId") || !json_in_string(json, "paymentMethod"))
		die("a member is missing");
	json_in_free(json);
}

static void json_out(void)
{
	static const struct locked no_seats;
	const struct payment_facts facts = {
		.language = LANGUAGE_KO,
		.intent_id = USER,
		.reservation_id = USER,
		.reservation_number = "TK1000",
		.payment_method = "kakao_pay",
		.amount_krw = 70000,
		.at = "2026-11-20T08:40:12.934Z",
		.event_title = "t",
		.event_venue = "v",
		.event_date = "2026-12-20T08:39:38.571Z",
		.locked = &no_seats, /* which a database must give */
	};
	struct buf body = { 0 };

	payment_answer_paid(&body, &facts);
	if (body.failed || body.length == 0)
		die("no answer was written");
	buf_free(&body);
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static double median_ns(void (*what)(void), int turns)
{
	static double ns[TURNS_MAX];

	for (int turn = 0; turn < turns; turn++) {
		int64_t begin_us = clock_mono_us();

		for (int i = 0; i < PER_TURN; i++)
			what();
		ns[turn] = (double)(clock_mono_us() - begin_us) * 1000 / PER_TURN;
	}
	qsort(ns, (size_t)turns, sizeof(ns[0]), compare);
	return ns[turns / 2];
}

int main(int argc, char **argv)
{
	int turns = argc > 1 ? atoi(argv[1]) : 0;
	char *token = token_issue(SECRET, USER, "someone@example.com", "user",
				  clock_unix_ms() / 1000, 3600);

	if (turns < 1 || turns > TURNS_MAX || !token)
		die("usage: micro TURNS (1 to 2000)");
	snprintf(authorization, sizeof(authorization), "Bearer %s", token);
	free(token);
	printf("{\"jwt_ns\": %.0f, \"jwt_known_ns\": %.0f, \"json_in_ns\": %.0f, \"json_out_ns\": "
	       "%.0f}\n",
	       median_ns(verify, turns), median_ns(verify_known, turns), median_ns(json_in, turns),
	       median_ns(json_out, turns));
	return EXIT_SUCCESS;
}
