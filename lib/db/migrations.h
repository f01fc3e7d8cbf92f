/* The migrations and grants of schema/, compiled in by schema/embed.sh: a binary carries exactly
 * the schema it needs. */
#ifndef PAYMENTS_DB_MIGRATIONS_H
#define PAYMENTS_DB_MIGRATIONS_H

struct migration {
	int number;	  /* 1, 2, 3, ... without a gap */
	const char *name; /* of the file, without number and extension */
	const char *text;
};

extern const struct migration migrations[];
extern const int migrations_count;

/* Applied after the migrations; @ROLE@ is the quoted name of the service's role. */
extern const char *const grants_sql;

#endif
