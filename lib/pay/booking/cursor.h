/* Where a page of bookings begins: below the last row of the page before, in the order created_at,
 * id, newest first. */
#ifndef PAYMENTS_PAY_BOOKING_CURSOR_H
#define PAYMENTS_PAY_BOOKING_CURSOR_H

#include "base/uuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BOOKING_CURSOR_TIME_MAX 32

struct booking_cursor {
	char created[BOOKING_CURSOR_TIME_MAX]; /* for PostgreSQL: in the database's zone, as it is
						  stored */
	struct uuid id;
};

/* Above the newest of all. */
void booking_cursor_first(struct booking_cursor *cursor);
/* From the text of booking_cursor_write. False: it is none. */
bool booking_cursor_read(struct booking_cursor *cursor, const char *text);
/* `created_us`: microseconds since 1970 of a clock in the database's zone. */
void booking_cursor_write(char *text, size_t size, int64_t created_us, const struct uuid *id);

#endif
