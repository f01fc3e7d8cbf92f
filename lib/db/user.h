/* Finds a user by e-mail address: for payctl, not for requests. */
#ifndef PAYMENTS_DB_USER_H
#define PAYMENTS_DB_USER_H

#include "base/uuid.h"
#include "db/db.h"

#define DB_USER_ROLE_MAX 32
#define DB_USER_WHY_MAX 512

struct db_user {
	struct uuid id; /* "": no user has that address */
	char role[DB_USER_ROLE_MAX];
};

/* Case counts, as in the Auth Service. UNAVAILABLE, BROKEN: *why is one line. */
enum db_code db_user_find(const char *conninfo, const char *email, struct db_user *out,
			  char why[DB_USER_WHY_MAX]);

#endif
