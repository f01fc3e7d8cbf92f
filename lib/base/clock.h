/* Deadlines use the monotonic clock; only logs and tokens use the wall clock. Holds expire by the
 * clock of the database: SQL compares them. */
#ifndef PAYMENTS_BASE_CLOCK_H
#define PAYMENTS_BASE_CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC. */
int64_t clock_mono_ms(void);
int64_t clock_mono_us(void);
/* Since 1970 (CLOCK_REALTIME). */
int64_t clock_unix_ms(void);
/* Rounds down, also before 1970. */
int64_t clock_us_to_ms(int64_t us);
/* Not interrupted by signals. */
void clock_sleep_ms(int64_t ms);
/* "2026-11-20T08:40:12.934Z"; years 0 to 9999 */
#define CLOCK_ISO_LENGTH 24
struct clock_iso {
	char text[CLOCK_ISO_LENGTH + 1];
};
struct clock_iso clock_iso_utc(int64_t unix_ms);

#endif
