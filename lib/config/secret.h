/*
 * What makes a signing secret too weak to take money behind. On this floor
 * because both the settings (at start) and the token's tools (when one is
 * issued) ask.
 */
#ifndef PAYMENTS_CONFIG_SECRET_H
#define PAYMENTS_CONFIG_SECRET_H

#define SECRET_MIN 32 /* bytes: RFC 7518 section 3.2 asks for the hash's own length */

/* Why `secret` is too weak for production ("it is a well-known example", "it is shorter than 32
 * bytes", ...), or NULL. A NULL secret counts as empty. */
const char *secret_weakness(const char *secret);

#endif
