/* What payments-fcgi and payctl take from their environment beside the settings. */
#ifndef PAYMENTS_FCGI_ENVIRONMENT_H
#define PAYMENTS_FCGI_ENVIRONMENT_H

/* Removes the variables with which libpq would change every session: a time zone shifts the
 * deadlines of holds, an encoding changes what is read. Both programs must see the same database.
 */
void environment_clean(void);

/* The value of PAYMENTS_CONFIG. NULL: unset or empty. An environment file cannot always leave a
 * name out. */
const char *environment_config_file(void);

#endif
