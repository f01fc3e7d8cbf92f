/* Well-formed UTF-8, as the Unicode standard's table 3-7 has it: no overlong forms, no surrogates,
 * nothing past U+10FFFF. */
#ifndef PAYMENTS_BASE_UTF8_H
#define PAYMENTS_BASE_UTF8_H

#include <stddef.h>

/* The length in bytes (1..4) of the well-formed character at `bytes`, 0 where there is none. Reads
 * at most `available` bytes and never past a NUL. */
size_t utf8_length(const char *bytes, size_t available);

#endif
