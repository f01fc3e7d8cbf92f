/*
 * Bookings: hold seats and open a payment intent, list, cancel, and show which seats are taken. A
 * booking is a row of the shared reservations, of this service or another one.
 */
#ifndef PAYMENTS_PAY_BOOKING_BOOKING_H
#define PAYMENTS_PAY_BOOKING_BOOKING_H

#include "pay/service.h"

#define BOOKING_SEATS_MAX \
	100		  /* names in one request; the limit a user has is a setting, and lower */
#define SEAT_LABEL_MAX 64 /* bytes */
#define BOOKINGS_PAGE_MAX 200
#define BOOKINGS_PAGE_DEFAULT 50
#define OCCUPIED_SEATS_MAX 500

/* POST bookings. `seats`: 1..BOOKING_SEATS_MAX names, each a UUID or a label, none twice. */
struct hold_input {
	struct uuid performance_id;
	const char *const *seats;
	int seat_count;
	const char *payment_method; /* as stored: "credit_card" or one of payment_methods */
};
/* 201 with the booking; PERFORMANCE_NOT_FOUND, SEAT_NOT_FOUND, SALE_CLOSED, SEAT_UNAVAILABLE (at
 * once, never after waiting for another buyer), TICKET_LIMIT. */
void booking_hold(struct call *call, const struct hold_input *input, struct outcome *outcome);

/* GET bookings/user/{id}: the caller has checked that the asker may see this user's. */
struct bookings_page {
	struct uuid user_id;
	int limit; /* 1..BOOKINGS_PAGE_MAX */
	const char
		*cursor; /* of an earlier page's outcome->next_cursor; NULL: from the newest on */
};
/* 200 with an array, newest first; INVALID_PARAMETER where the cursor is none of ours.
 * outcome->next_cursor is set where there are more. */
void booking_list(struct call *call, const struct bookings_page *page, struct outcome *outcome);

/* DELETE bookings/user/{id}: the booking of that user; an admin may cancel any. 200;
 * BOOKING_NOT_FOUND, BOOKING_NOT_CANCELLABLE, PAYMENT_IN_PROGRESS. Frees the seats and gives
 * tickets back in the same transaction. */
void booking_cancel(struct call *call, const struct uuid *user_id, const struct uuid *booking_id,
		    struct outcome *outcome);

/* GET occupiedSeats/{id}: all of them, or of `labels` only (count 0: all). `asker` is NULL where no
 * token came. 200 with an array; PERFORMANCE_NOT_FOUND. */
void booking_occupied(struct call *call, const struct uuid *performance_id,
		      const struct uuid *asker, const char *const *labels, int count,
		      struct outcome *outcome);

/* The work of service->lists and service->seat_maps. */
enum db_code booking_list_batch(struct batch_member *first, bool alone, struct db_cost *cost);
enum db_code seat_map_batch(struct batch_member *first, bool alone, struct db_cost *cost);

/* The stored form of a booking's payment method, any case in ("CREDIT_CARD" -> "credit_card");
 * NULL: none. */
const char *booking_method_find(const char *method);

#endif
