/* POST bookings: holds seats and opens a payment intent. */
#include "fcgi/handle/handle.h"

#include "pay/booking/booking.h"

#include <string.h>

static bool is_repeated(const char *const *seats, int count)
{
	for (int i = 1; i < count; i++)
		for (int j = 0; j < i; j++)
			if (strcmp(seats[i], seats[j]) == 0)
				return true;
	return false;
}

static enum status read_seat_labels(const struct json_in *json, const char **seats,
				    struct hold_input *out)
{
	size_t count = 0;

	if (!json_in_strings(json, "seatIds", seats, BOOKING_SEATS_MAX, &count) || count == 0)
		return STATUS_INVALID_SEATS;
	for (size_t i = 0; i < count; i++)
		if (seats[i][0] == '\0' || strlen(seats[i]) > SEAT_LABEL_MAX)
			return STATUS_INVALID_SEATS;
	if (is_repeated(seats, (int)count))
		return STATUS_INVALID_SEATS;
	out->seats = seats;
	out->seat_count = (int)count;
	return STATUS_OK;
}

/* The body may name a userId; it must be the user of the token. */
static enum status check_user(const struct json_in *json, const struct principal *principal)
{
	const char *text = json_in_string(json, "userId");
	struct uuid id;

	if (handle_is_missing(json, "userId"))
		return STATUS_OK;
	if (!text || !uuid_parse(text, &id))
		return STATUS_INVALID_ID;
	return strcmp(id.text, principal->user_id.text) == 0 ? STATUS_OK : STATUS_FORBIDDEN;
}

static enum status read_hold(const struct json_in *json, const struct principal *principal,
			     const char **seats, struct hold_input *out)
{
	const char *performance = json_in_string(json, "performanceId");
	const char *method = json_in_string(json, "paymentMethod");
	enum status status, user = check_user(json, principal);

	if (handle_is_missing(json, "performanceId") || handle_is_missing(json, "seatIds") ||
	    handle_is_missing(json, "paymentMethod"))
		return STATUS_MISSING_FIELDS;
	if (!performance || !uuid_parse(performance, &out->performance_id) ||
	    user == STATUS_INVALID_ID)
		return STATUS_INVALID_ID;
	status = read_seat_labels(json, seats, out);
	if (status != STATUS_OK)
		return status;
	out->payment_method = method ? booking_method_find(method) : NULL;
	return out->payment_method ? user : STATUS_INVALID_PAYMENT_METHOD;
}

void handle_bookings(struct exchange *exchange)
{
	struct json_in *json = handle_body(exchange);
	const char *seats[BOOKING_SEATS_MAX];
	struct hold_input input = { .seats = NULL };
	struct outcome outcome = { .status = STATUS_OK };
	enum status status;

	if (!json)
		return;
	status = read_hold(json, &exchange->call.principal, seats, &input);
	if (status == STATUS_OK) {
		booking_hold(&exchange->call, &input, &outcome);
		handle_answer(exchange, &outcome);
	} else {
		handle_refuse(exchange, status);
	}
	json_in_free(json);
}
