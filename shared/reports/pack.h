/* SPDX-License-Identifier: Apache-2.0 */
/* Private to reports: compressing a report outside of the loop. */
#ifndef REPORTS_PACK_H
#define REPORTS_PACK_H

#include "reports/document.h"

/* Takes the octets of *text, a report of up to REPORTS_DOCUMENT_MAX, and fills in out->text,
 * out->packed and out->filename; they live as long as the arena. ERR_LIMIT, and the errors of
 * work_run. Yields. */
YIELDS bool reports_pack(struct buf *text, struct arena *a, int64_t deadline_ms,
                         struct reports_document *out, struct err *e);

#endif
