/*
 * The schema's migrations and grants as they stand in schema/, compiled in, so
 * that a binary brings exactly the schema it needs. The definitions are made by
 * schema/embed.sh.
 */
#ifndef PAYMENTS_DB_MIGRATIONS_H
#define PAYMENTS_DB_MIGRATIONS_H

struct migration {
	int number;	  /* 1, 2, 3, ... without a gap: migrations[number - 1] */
	const char *name; /* the file's, without number and ending: "payments" */
	const char *text;
};

extern const struct migration migrations[];
extern const int migrations_count;

/* Applied after the migrations; @ROLE@ stands for the quoted name of the service's role. */
extern const char *const grants_sql;

#endif
