#include "pay/payment/idempotency.h"

#include <stdio.h>
#include <string.h>

/* key_columns, from the first of them on */
enum key_column {
	K_FINGERPRINT,
	K_HTTP,
	K_BODY,
	K_INTENT,
	K_ATTEMPT,
	K_ATTEMPT_STATUS,
	K_LEASE_RUNNING
};
_Static_assert(K_LEASE_RUNNING + 1 == KEY_COLUMNS, "key_columns");

void idempotency_init(struct idempotency *key, const struct call *call, const char *operation,
		      const char *meaning)
{
	const struct settings *settings = call->settings;

	memset(key, 0, sizeof(*key));
	key->call = call;
	key->operation = operation;
	key->fingerprint = fingerprint_make(settings->jwt_secret, meaning);
	if (settings->jwt_secret_previous[0] != '\0')
		key->previous = fingerprint_make(settings->jwt_secret_previous, meaning);
	snprintf(key->hours, sizeof(key->hours), "%d", settings->idempotency_hours);
}

struct db_step idempotency_get(const struct idempotency *key)
{
	return (struct db_step){ .sql = SQL_KEY_GET,
				 .params = { key->call->principal.user_id.text, key->operation,
					     key->call->idempotency_key } };
}

static bool fingerprint_matches(const struct idempotency *key, const char *stored)
{
	return strcmp(stored, key->fingerprint.text) == 0 ||
	       (key->previous.text[0] != '\0' && strcmp(stored, key->previous.text) == 0);
}

static void replay(int http, const char *body, struct outcome *outcome)
{
	outcome->status = STATUS_OK;
	outcome->http = http;
	outcome->replayed = true;
	buf_reset(&outcome->body);
	buf_puts(&outcome->body, body);
}

static bool attempt_is_open(const char *status)
{
	return status && (strcmp(status, "sent") == 0 || strcmp(status, "unknown") == 0);
}

enum idempotency_verdict idempotency_judge(struct idempotency *key, const struct db_result *r,
					   int row, int column, const struct uuid *mine,
					   struct outcome *outcome)
{
	const char *stored = db_text(r, row, column + K_FINGERPRINT);
	const char *body = db_text(r, row, column + K_BODY);
	struct uuid attempt = db_uuid(r, row, column + K_ATTEMPT);
	const char *status = db_text(r, row, column + K_ATTEMPT_STATUS);

	if (!stored)
		return IDEMPOTENCY_FIRST;
	if (!fingerprint_matches(key, stored))
		return IDEMPOTENCY_MISMATCH;
	snprintf(key->fingerprint.text, sizeof(key->fingerprint.text), "%s", stored);
	outcome->intent_id = db_uuid(r, row, column + K_INTENT);
	if (body) {
		replay((int)db_integer(r, row, column + K_HTTP), body, outcome);
		return IDEMPOTENCY_REPLAY;
	}
	if ((mine && strcmp(attempt.text, mine->text) == 0) || !attempt_is_open(status))
		return IDEMPOTENCY_FIRST;
	if (strcmp(status, "sent") == 0 && db_boolean(r, row, column + K_LEASE_RUNNING))
		return IDEMPOTENCY_IN_PROGRESS;
	return IDEMPOTENCY_UNKNOWN;
}

bool idempotency_allows(struct idempotency *key, const struct db_result *r, int row, int column,
			struct outcome *outcome)
{
	switch (idempotency_judge(key, r, row, column, NULL, outcome)) {
	case IDEMPOTENCY_FIRST:
		return true;
	case IDEMPOTENCY_REPLAY:
		return false;
	case IDEMPOTENCY_MISMATCH:
		outcome_error(outcome, key->call, STATUS_IDEMPOTENCY_MISMATCH);
		return false;
	case IDEMPOTENCY_IN_PROGRESS:
	case IDEMPOTENCY_UNKNOWN:
		break;
	}
	outcome_error(outcome, key->call, STATUS_IDEMPOTENCY_IN_PROGRESS);
	return false;
}
