#include "pay/payment/settle_row.h"

#include <string.h>

/* The columns of record_lock, in order. */
enum record_column {
	A_INTENT,
	A_OPERATION,
	A_GATEWAY,
	A_AMOUNT,
	A_METHOD,
	A_KEY,
	A_LANGUAGE,
	A_REQUEST,
	I_USER,
	I_STATUS,
	I_ATTEMPT,
	I_ATTEMPTS,
	R_ID,
	R_NUMBER,
	R_AMOUNT,
	R_STATUS,
	R_PAYMENT_STATUS,
	TICKET_ITEMS,
	SEATS,
	SEATS_LOCKED,
	SEATS_AVAILABLE,
	SEAT_IDS,
	SEATS_JSON,
	EVENT_JSON,
	EVENT_CANCELLED,
	NOW
};

static bool same(const char *text, const char *wanted)
{
	return text && strcmp(text, wanted) == 0;
}

static void read_facts(const struct db_result *r, const struct uuid *attempt,
		       struct record_facts *facts)
{
	facts->is_execute = same(db_text(r, 0, A_OPERATION), "execute");
	facts->is_latest = same(db_text(r, 0, I_ATTEMPT), attempt->text);
	facts->is_approved = false;
	facts->intent_status = intent_status_parse(db_text(r, 0, I_STATUS));
	facts->reservation =
		reservation_state_of(db_text(r, 0, R_STATUS), db_text(r, 0, R_PAYMENT_STATUS));
	facts->event_cancelled = db_boolean(r, 0, EVENT_CANCELLED);
	facts->ticket_items = db_integer(r, 0, TICKET_ITEMS);
	facts->seats = db_integer(r, 0, SEATS);
	facts->seats_locked = db_integer(r, 0, SEATS_LOCKED);
	facts->seats_available = db_integer(r, 0, SEATS_AVAILABLE);
}

static void read_answer(const struct db_result *r, const struct record_facts *facts,
			struct payment_facts *answer)
{
	answer->is_execute = facts->is_execute;
	answer->language = same(db_text(r, 0, A_LANGUAGE), "en") ? LANGUAGE_EN : LANGUAGE_KO;
	answer->request_id = db_text(r, 0, A_REQUEST);
	answer->intent_id = db_text(r, 0, A_INTENT);
	answer->reservation_id = db_text(r, 0, R_ID);
	answer->reservation_number = db_text(r, 0, R_NUMBER);
	answer->payment_method = db_text(r, 0, A_METHOD);
	answer->amount_krw = db_integer(r, 0, A_AMOUNT);
	answer->event_json = db_text(r, 0, EVENT_JSON);
	answer->seats_json = db_text(r, 0, SEATS_JSON);
	answer->at = db_text(r, 0, NOW);
}

bool record_row_read(const struct db_result *r, const struct uuid *attempt, struct record_row *row)
{
	if (db_rows(r) != 1)
		return false;
	memset(row, 0, sizeof(*row));
	read_facts(r, attempt, &row->facts);
	read_answer(r, &row->facts, &row->answer);
	row->intent_id = row->answer.intent_id;
	row->reservation_id = row->answer.reservation_id;
	row->gateway = db_text(r, 0, A_GATEWAY);
	row->operation = db_text(r, 0, A_OPERATION);
	row->user_id = db_text(r, 0, I_USER);
	row->idempotency_key = db_text(r, 0, A_KEY);
	row->seat_ids = db_text(r, 0, SEAT_IDS);
	row->attempts = (int)db_integer(r, 0, I_ATTEMPTS);
	return true;
}
