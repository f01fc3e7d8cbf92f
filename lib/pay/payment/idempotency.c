#include "pay/payment/idempotency.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum key_column { K_FINGERPRINT, K_HTTP, K_BODY, K_INTENT, K_ATTEMPT, A_STATUS, A_LEASE_RUNNING };

void idempotency_init(struct idempotency *key, const struct call *call, const char *operation,
		      const char *meaning)
{
	const struct settings *settings = call->settings;

	memset(key, 0, sizeof(*key));
	key->call = call;
	key->operation = operation;
	key->fingerprint = fingerprint_make(settings->jwt_secret, meaning);
	if (settings->jwt_secret_previous[0] != '\0')
		key->fingerprint_previous =
			fingerprint_make(settings->jwt_secret_previous, meaning);
	snprintf(key->hours, sizeof(key->hours), "%d", settings->idempotency_hours);
}

void idempotency_steps(struct idempotency *key, struct db_step *begin, struct db_step *get)
{
	const struct call *call = key->call;

	*begin = (struct db_step){ .sql = SQL_IDEMPOTENCY_BEGIN,
				   .params = { call->principal.user_id.text, key->operation,
					       call->idempotency_key, key->fingerprint.text,
					       key->hours } };
	*get = (struct db_step){ .sql = SQL_IDEMPOTENCY_GET,
				 .params = { call->principal.user_id.text, key->operation,
					     call->idempotency_key } };
}

static bool fingerprint_matches(const struct idempotency *key, const char *stored)
{
	return strcmp(stored, key->fingerprint.text) == 0 ||
	       (key->fingerprint_previous.text[0] != '\0' &&
		strcmp(stored, key->fingerprint_previous.text) == 0);
}

static void replay(const struct db_result *row, struct outcome *outcome)
{
	outcome->status = STATUS_OK;
	outcome->http = (int)db_integer(row, 0, K_HTTP);
	outcome->replayed = true;
	buf_reset(&outcome->body);
	buf_puts(&outcome->body, db_text(row, 0, K_BODY));
}

static bool is_open(const char *attempt_status)
{
	return attempt_status &&
	       (strcmp(attempt_status, "sent") == 0 || strcmp(attempt_status, "unknown") == 0);
}

enum idempotency_verdict idempotency_judge(const struct idempotency *key,
					   const struct db_step *begin, const struct db_step *get,
					   const struct uuid *attempt, struct outcome *outcome)
{
	const struct db_result *row = get->result;
	const char *status;

	if (db_rows(begin->result) == 1 || db_rows(row) == 0)
		return IDEMPOTENCY_FIRST;
	if (!fingerprint_matches(key, db_text(row, 0, K_FINGERPRINT)))
		return IDEMPOTENCY_MISMATCH;
	if (db_text(row, 0, K_INTENT))
		uuid_parse(db_text(row, 0, K_INTENT), &outcome->intent_id);
	if (db_text(row, 0, K_BODY)) {
		replay(row, outcome);
		return IDEMPOTENCY_REPLAY;
	}
	if (attempt && db_text(row, 0, K_ATTEMPT) &&
	    strcmp(db_text(row, 0, K_ATTEMPT), attempt->text) == 0)
		return IDEMPOTENCY_FIRST;
	status = db_text(row, 0, A_STATUS);
	if (!is_open(status))
		return IDEMPOTENCY_FIRST;
	if (strcmp(status, "sent") == 0 && db_boolean(row, 0, A_LEASE_RUNNING))
		return IDEMPOTENCY_IN_PROGRESS;
	return IDEMPOTENCY_UNKNOWN;
}
