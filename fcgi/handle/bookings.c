/* POST bookings: holds seats and opens a payment intent. */
#include "fcgi/handle/handle.h"

#include "pay/booking/booking.h"

#include <string.h>

/* False: the list is empty or too long, or a label is empty, too long or repeated. */
static bool read_seat_labels(const struct json_in *json, const char **seats, struct hold_input *out)
{
	size_t count = 0;

	if (!json_in_strings(json, "seatIds", seats, BOOKING_SEATS_MAX, &count))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (seats[i][0] == '\0' || strlen(seats[i]) > SEAT_LABEL_MAX)
			return false;
		for (size_t j = 0; j < i; j++)
			if (strcmp(seats[i], seats[j]) == 0)
				return false;
	}
	out->seats = seats;
	out->seat_count = (int)count;
	return count > 0;
}

/* The body may name a userId; it must be the user of the token. */
static enum status check_user(const struct json_in *json, const struct principal *principal)
{
	struct uuid id;

	if (handle_is_missing(json, "userId"))
		return STATUS_OK;
	if (!handle_read_uuid(json, "userId", &id))
		return STATUS_INVALID_ID;
	return strcmp(id.text, principal->user_id.text) == 0 ? STATUS_OK : STATUS_FORBIDDEN;
}

static enum status read_hold(const struct exchange *exchange, const char **seats,
			     struct hold_input *out)
{
	const struct json_in *json = exchange->json;
	const char *method = json_in_string(json, "paymentMethod");
	enum status user = check_user(json, &exchange->call.principal);

	if (handle_is_missing(json, "performanceId") || handle_is_missing(json, "seatIds") ||
	    handle_is_missing(json, "paymentMethod"))
		return STATUS_MISSING_FIELDS;
	if (!handle_read_uuid(json, "performanceId", &out->performance_id) ||
	    user == STATUS_INVALID_ID)
		return STATUS_INVALID_ID;
	if (!read_seat_labels(json, seats, out))
		return STATUS_INVALID_SEATS;
	out->payment_method = method ? booking_method_find(method) : NULL;
	return out->payment_method ? user : STATUS_INVALID_PAYMENT_METHOD;
}

enum status handle_bookings(struct exchange *exchange, struct outcome *outcome)
{
	const char *seats[BOOKING_SEATS_MAX];
	struct hold_input input = { .seats = NULL };
	enum status status = read_hold(exchange, seats, &input);

	if (status == STATUS_OK)
		booking_hold(&exchange->call, &input, outcome);
	return status;
}
