/* Time. Deadlines are monotonic; only logs and tokens look at the wall clock. The holds' deadlines
 * are the database's business: they are compared in SQL, never here. */
#ifndef PAYMENTS_BASE_CLOCK_H
#define PAYMENTS_BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds / microseconds of CLOCK_MONOTONIC. */
int64_t clock_mono_ms(void);
int64_t clock_mono_us(void);
/* Milliseconds since 1970 (CLOCK_REALTIME). */
int64_t clock_unix_ms(void);
/* Microseconds as milliseconds, rounded down, also before 1970. */
int64_t clock_us_to_ms(int64_t us);
/* Sleeps on CLOCK_MONOTONIC; returns early on nothing. */
void clock_sleep_ms(int64_t ms);
/* "2026-11-20T08:40:12.934Z"; years 0 to 9999 */
#define CLOCK_ISO_LENGTH 24
struct clock_iso {
	char text[CLOCK_ISO_LENGTH + 1];
};
struct clock_iso clock_iso_utc(int64_t unix_ms);

#endif
