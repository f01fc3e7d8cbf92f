/* Well-formed UTF-8 after table 3-7 of the Unicode standard: no overlong forms, no surrogates,
 * nothing above U+10FFFF. */
#ifndef PAYMENTS_BASE_UTF8_H
#define PAYMENTS_BASE_UTF8_H

#include <stddef.h>

/* The length in bytes (1 to 4) of the character at `bytes`; 0: not well-formed. Reads at most
 * `available` bytes and never past a NUL. */
size_t utf8_length(const char *bytes, size_t available);

#endif
