#include "pay/payment/answer.h"

#include "pay/error_body.h"
#include "pay/payment/payment.h"

#include <string.h>

static const char *said(enum language language, const char *korean, const char *english)
{
	return language == LANGUAGE_EN ? english : korean;
}

static const char *display_name(const char *method)
{
	const struct payment_method *known = payment_method_find(method);

	if (known)
		return known->name;
	return strcmp(method, "credit_card") == 0 ? "신용카드" : method;
}

const char *decline_message(const char *code, enum language language)
{
	/* clang-format off */
	static const struct {
		const char *code, *korean, *english;
	} words[] = {
		{ "INSUFFICIENT_FUNDS", "잔액이 부족합니다.", "There are not enough funds." },
		{ "INVALID_CVV", "CVV 번호가 올바르지 않습니다.", "The cvv is not correct." },
		{ "CARD_EXPIRED", "유효기간이 만료된 카드입니다.", "The card has expired." },
		{ "SERVER_ERROR", "결제사 서버 오류로 승인되지 않았습니다.",
		  "The payment provider could not approve the payment." },
		{ "PG_TIMEOUT", "결제사 응답 시간이 초과되어 승인되지 않았습니다.",
		  "The payment provider timed out; nothing was charged." },
		{ "GENERIC_DECLINE", "카드사에서 결제를 거절했습니다.", "The card issuer declined the payment." },
		{ "NOT_CHARGED", "결제가 이루어지지 않았습니다. 다시 시도해 주세요.",
		  "Nothing was charged. Please try again." },
		{ "ATTEMPTS_EXHAUSTED", "결제 시도 횟수를 초과했습니다.", "There were too many attempts." },
	};
	/* clang-format on */

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].code, code) == 0)
			return said(language, words[i].korean, words[i].english);
	return "";
}

static void write_event(struct json_out *out, const struct payment_facts *f)
{
	if (!f->event_title) {
		json_null(out, "event");
		return;
	}
	json_object_begin(out, "event");
	json_string(out, "title", f->event_title);
	json_string(out, "venue", f->event_venue);
	json_string(out, "event_date", f->event_date);
	json_object_end(out);
}

static void write_paid_seats(struct json_out *out, const struct locked *locked)
{
	struct locked_seat seat;
	int position = 0;

	json_array_begin(out, "seats");
	while (locked_next_seat(locked, &position, &seat)) {
		json_object_begin(out, NULL);
		json_string(out, "id", seat.id);
		json_string(out, "seat_label", seat.label);
		json_string(out, "section", seat.section);
		json_integer(out, "row_number", seat.row);
		json_integer(out, "seat_number", seat.number);
		json_integer(out, "unit_price", seat.price_krw);
		json_object_end(out);
	}
	json_array_end(out);
}

static void paid_by_process(struct json_out *out, const struct payment_facts *f)
{
	json_object_begin(out, "payment");
	json_string(out, "reservationId", f->reservation_id);
	json_string(out, "reservationNumber", f->reservation_number);
	json_string(out, "paymentMethod", display_name(f->payment_method));
	json_integer(out, "totalAmount", f->amount_krw);
	json_string(out, "paidAt", f->at);
	json_string(out, "paymentIntentId", f->intent_id);
	json_object_end(out);
	json_object_begin(out, "reservation");
	write_event(out, f);
	write_paid_seats(out, f->locked);
	json_object_end(out);
}

/* What POST execute answers for both outcomes; code is NULL for a success. */
static void executed(struct json_out *out, const struct payment_facts *f, const char *code,
		     const char *message)
{
	const char *result = code ? "FAILURE" : "SUCCESS";

	json_string(out, "paymentIntentId", f->intent_id);
	json_string(out, "bookingId", f->reservation_id);
	json_string(out, "status", result);
	json_string(out, "finalStatus", result);
	if (code) {
		json_object_begin(out, "failureDetails");
		json_string(out, "code", code);
		json_string(out, "message", message);
		json_object_end(out);
	}
	json_object_begin(out, "pgMockData");
	json_bool(out, "isSuccess", !code);
	json_string(out, "failureCode", code);
	json_string(out, "failureMessage", code ? message : NULL);
	json_string(out, "processedAt", f->at);
	json_object_end(out);
}

int payment_answer_paid(struct buf *body, const struct payment_facts *f)
{
	struct json_out out = { .buf = body };

	json_object_begin(&out, NULL);
	json_bool(&out, "success", true);
	json_string(&out, "message",
		    said(f->language, "결제가 완료되었습니다.", "The payment is complete."));
	if (f->is_execute)
		executed(&out, f, NULL, NULL);
	else
		paid_by_process(&out, f);
	json_object_end(&out);
	return 200;
}

static void write_failure(struct json_out *out, const char *code, const char *message)
{
	json_object_begin(out, "failure");
	json_string(out, "code", code);
	json_string(out, "message", message);
	json_object_end(out);
}

int payment_answer_declined(struct buf *body, const struct payment_facts *f, const char *code,
			    const char *message)
{
	const char *words = decline_message(code, f->language);
	struct json_out out = { .buf = body };

	if (words[0] == '\0')
		words = message[0] != '\0' ? message
					   : status_message(STATUS_PAYMENT_DECLINED, f->language);
	if (f->is_execute) {
		json_object_begin(&out, NULL);
		json_bool(&out, "success", false);
		json_string(&out, "message", status_message(STATUS_PAYMENT_DECLINED, f->language));
		executed(&out, f, code, words);
		json_object_end(&out);
		return 200;
	}
	answer_error_begin(&out, body, STATUS_PAYMENT_DECLINED, f->language, f->request_id);
	write_failure(&out, code, words);
	json_string(&out, "paymentIntentId", f->intent_id);
	answer_error_end(&out);
	return status_info(STATUS_PAYMENT_DECLINED)->http;
}

int payment_answer_lost(struct buf *body, const struct payment_facts *f)
{
	struct json_out out = { .buf = body };

	answer_error_begin(&out, body, STATUS_RESERVATION_LOST, f->language, f->request_id);
	json_string(&out, "paymentIntentId", f->intent_id);
	answer_error_end(&out);
	return status_info(STATUS_RESERVATION_LOST)->http;
}

int payment_answer_unknown(struct buf *body, enum language language, const char *request_id,
			   const char *intent_id)
{
	struct json_out out = { .buf = body };

	answer_error_begin(&out, body, STATUS_PAYMENT_RESULT_UNKNOWN, language, request_id);
	json_string(&out, "paymentIntentId", intent_id);
	answer_error_end(&out);
	return status_info(STATUS_PAYMENT_RESULT_UNKNOWN)->http;
}
