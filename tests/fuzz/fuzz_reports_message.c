/* SPDX-License-Identifier: Apache-2.0 */
/* Mails of strangers with reports in them, packed in all ways. */
#include "tests/unit/reports/received_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    return fuzz_received(reports_message_parse, data, n);
}
