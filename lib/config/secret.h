/*
 * The check for weak signing secrets, for the settings at start and for payctl.
 */
#ifndef PAYMENTS_CONFIG_SECRET_H
#define PAYMENTS_CONFIG_SECRET_H

#define SECRET_MIN 32 /* bytes: the length of the hash, as RFC 7518 section 3.2 requires */

/* Why `secret` is too weak for production: "it is a well-known example". NULL: it is strong enough.
 * A NULL secret counts as empty. */
const char *secret_weakness(const char *secret);

#endif
