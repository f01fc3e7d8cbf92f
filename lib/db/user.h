/* Who a person is, by e-mail address: for the operator's tools, not for requests. */
#ifndef PAYMENTS_DB_USER_H
#define PAYMENTS_DB_USER_H

#include "base/uuid.h"
#include "db/db.h"

#define DB_USER_ROLE_MAX 32
#define DB_USER_WHY_MAX 512

struct db_user {
	struct uuid id; /* "": nobody has that address */
	char role[DB_USER_ROLE_MAX];
};

/* Compared to the letter, as the Auth Service stores it. DB_OK: *out is filled. DB_UNAVAILABLE,
 * DB_BROKEN: *why says in one line what went wrong. */
enum db_code db_user_find(const char *conninfo, const char *email, struct db_user *out,
			  char why[DB_USER_WHY_MAX]);

#endif
