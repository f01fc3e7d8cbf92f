/*
 * Settings handed over as files: in the folder named by CREDENTIALS_DIRECTORY,
 * which systemd (LoadCredential=) or a container's secret volume fills, one file
 * a setting, named for it. So a secret is in no environment and no configuration.
 */
#ifndef PAYMENTS_CONFIG_CREDENTIAL_H
#define PAYMENTS_CONFIG_CREDENTIAL_H

#include "base/buf.h"

#include <stdbool.h>

/* Reads the file `name`; line ends at its end are left off. True: *out is its text, to be wiped and
 * freed with credential_free, or NULL where there is no such file, or no folder. False: there is
 * one that cannot be used, *errors says why in a line; *out is NULL. */
bool credential_read(const char *name, char **out, struct buf *errors);

/* Wipes and frees it; NULL is none. */
void credential_free(char *text);

#endif
