/* SPDX-License-Identifier: Apache-2.0 */
/* Aggregate DMARC reports of strangers. */
#include "tests/unit/reports/received_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    return fuzz_received(reports_dmarc_parse, data, n);
}
