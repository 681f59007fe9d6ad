/* SPDX-License-Identifier: Apache-2.0 */
/* One pair after the other, so that the line is that of the bad one. */
#include "services/app/certificates.h"

#include "net/tls.h"

bool app_certificates_check(const struct config *c, struct err *e)
{
    size_t n;
    const struct config_certificate *named = config_certificates(c, &n);
    for (size_t i = 0; i < n; i++) {
        const struct tls_cert_files files = { named[i].cert, named[i].key };
        struct tls_server *tls = tls_server_new(&files, 1, e);
        if (!tls) {
            e->kind = ERR_SYNTAX; /* of the file, whatever it is of the pair */
            return err_wrap(e, "%s:%d: tls.certificates", config_file(c), named[i].line);
        }
        tls_server_free(&tls);
    }
    return true;
}
