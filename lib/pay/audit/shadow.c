#include "pay/audit/shadow.h"

#include "base/json_out.h"
#include "base/log.h"
#include "pay/metrics.h"
#include "pay/payment/claim.h"

#include <stdio.h>
#include <string.h>

#define HTTP_OK 200

/* clang-format off */
enum shadow_column {
	ASKER_EXISTS, PAYER_EXISTS, R_PAID, I_STATUS, I_ATTEMPTS, R_STATUS, R_PAYMENT_STATUS,
	R_LEFT_MS, SEATS_NOT_HELD
};
/* clang-format on */

struct shadow {
	const struct call *call;
	const struct shadow_input *input;
	struct outcome *outcome;
};

static struct claim_facts read_shadow_facts(const struct db_result *r)
{
	const char *status = db_text(r, 0, R_STATUS);

	return (struct claim_facts){
		.user_exists = db_boolean(r, 0, PAYER_EXISTS),
		.intent_status = intent_status_parse(db_text(r, 0, I_STATUS)),
		.attempts = (int)db_integer(r, 0, I_ATTEMPTS),
		.reservation = reservation_state_of(status, db_text(r, 0, R_PAYMENT_STATUS)),
		.status_cancelled = status && strcmp(status, "cancelled") == 0,
		.left_ms = db_text(r, 0, R_LEFT_MS) ? db_integer(r, 0, R_LEFT_MS) : INT64_MAX,
		.seats_not_held = db_integer(r, 0, SEATS_NOT_HELD),
	};
}

static enum status decide_shadow(const struct shadow *shadow, const struct claim_facts *facts)
{
	if (facts->user_exists && shadow->input->refused != STATUS_OK)
		return shadow->input->refused;
	return claim_decide(facts, false, shadow->call->settings);
}

/* Whether the tables can still tell what the monolith went by. */
static bool is_comparable(int64_t monolith_http, bool is_paid)
{
	if (monolith_http == HTTP_OK)
		return is_paid;
	return monolith_http >= 400 && monolith_http < 500 && monolith_http != 401 &&
	       monolith_http != 403;
}

static void count_shadow(const struct shadow *shadow, const char *decision, bool differs)
{
	struct log_line line;

	metrics_count(differs ? METRIC_SHADOW_DIFFERS : METRIC_SHADOW_SAME);
	if (!differs)
		return;
	log_begin(&line, LOG_LEVEL_WARN, "shadow_differs");
	log_string(&line, "requestId", shadow->call->request_id);
	log_string(&line, "reservation", shadow->input->reservation_id.text);
	log_string(&line, "decision", decision);
	log_integer(&line, "monolithStatus", shadow->input->monolith_http);
	log_end(&line);
}

static void compare_shadow(const struct db_step *steps, void *context)
{
	const struct shadow *shadow = context;
	const struct db_result *r = steps[0].result;
	struct claim_facts facts = read_shadow_facts(r);
	int64_t monolith_http = shadow->input->monolith_http;
	const struct status_info *decision = status_info(decide_shadow(shadow, &facts));
	bool comparable = is_comparable(monolith_http, db_boolean(r, 0, R_PAID));
	bool differs = comparable && decision->http != monolith_http;
	struct json_out out = { .buf = &shadow->outcome->body };

	if (!db_boolean(r, 0, ASKER_EXISTS)) {
		outcome_error(shadow->outcome, shadow->call, STATUS_USER_NOT_FOUND);
		return;
	}
	if (comparable)
		count_shadow(shadow, decision->code, differs);
	shadow->outcome->status = STATUS_OK;
	json_object_begin(&out, NULL);
	json_bool(&out, "compared", comparable);
	json_bool(&out, "differs", differs);
	json_string(&out, "decision", decision->code);
	json_integer(&out, "decisionStatus", decision->http);
	json_integer(&out, "monolithStatus", monolith_http);
	json_object_end(&out);
}

void shadow_process(struct call *call, const struct shadow_input *input, struct outcome *outcome)
{
	struct shadow shadow = { call, input, outcome };
	const char *reservation = input->reservation_id.text;
	struct db_step step = { .sql = SQL_SHADOW_LOOK,
				.params = { *reservation ? reservation : NULL, input->user_id.text,
					    input->monolith_http == HTTP_OK ? "true" : "false",
					    call->principal.user_id.text } };
	enum db_code code;

	code = db_read(call->service->pool, &step, 1, compare_shadow, &shadow, &call->db);
	if (code != DB_OK)
		outcome_error(outcome, call, service_status_of(code));
}
