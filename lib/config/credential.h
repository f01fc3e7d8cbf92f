/*
 * Settings in files. systemd (LoadCredential=) or the secret volume of a container fills the folder
 * CREDENTIALS_DIRECTORY with one file for each setting, which has the name of the setting. So no
 * secret is in the environment or in the configuration file.
 */
#ifndef PAYMENTS_CONFIG_CREDENTIAL_H
#define PAYMENTS_CONFIG_CREDENTIAL_H

#include "base/buf.h"

#include <stdbool.h>

/* Reads the file `name` without its last line end. True: *out is the text, to be freed with
 * credential_free, or NULL: there is no such file or no folder. False: the file cannot be used;
 * *errors gets a line and *out is NULL. */
bool credential_read(const char *name, char **out, struct buf *errors);

/* Wipes and frees the text. NULL is allowed. */
void credential_free(char *text);

#endif
