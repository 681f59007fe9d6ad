/* SPDX-License-Identifier: Apache-2.0 */
/* The pairs of `tls.certificates`, looked at before anything uses them: a server that is told to
 * use one and can not must not start, and says where it stands. Not the pair that the server makes
 * for itself. */
#ifndef APP_CERTIFICATES_H
#define APP_CERTIFICATES_H

#include "config/config.h"

/* Whether each pair can be used now: certificate and key can be read, belong together, and are
 * valid today. Reads the files, so it blocks for as long as the disk does; as whoever may read the
 * keys. ERR_SYNTAX with file and line, whatever it is of a pair. */
bool app_certificates_check(const struct config *c, struct err *e);

#endif
