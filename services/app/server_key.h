/* SPDX-License-Identifier: Apache-2.0 */
/* The server's own key: private keys are sealed under it in the database. All frontends of a
 * cluster have the same, from the configuration; beside an embedded database it is made once and
 * kept in a file. */
#ifndef APP_SERVER_KEY_H
#define APP_SERVER_KEY_H

#include "config/config.h"
#include "crypto/seal.h"

struct app_server_key {
    bool is_known;
    uint8_t octets[CRYPTO_SEAL_KEY];
};

/* Below data_dir. */
#define APP_SERVER_KEY_DIR  "keys"
#define APP_SERVER_KEY_FILE APP_SERVER_KEY_DIR "/server.key"

/* Whether the text is a key: 32 octets in base64. Pure. ERR_SYNTAX. */
bool app_server_key_parse(str text, uint8_t out[CRYPTO_SEAL_KEY], struct err *e);

/* Reads security.key, else the file. None of both is no error: is_known is false. ERR_SYNTAX,
 * ERR_DENIED (the file cannot be read). */
bool app_server_key_load(const struct config *c, struct app_server_key *out, struct err *e);

/* Makes the file when it is not there, readable by its owner only; its directory is there.
 * ERR_DENIED, ERR_INTERNAL. */
bool app_server_key_make(const struct config *c, struct err *e);

#endif
