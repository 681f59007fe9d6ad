/* SPDX-License-Identifier: Apache-2.0 */
/* Unpacking of what stands in the database: the first bytes are the numbers, the rest is data. Also
 * packs the input and wants it back. */
#include "blob/blob.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a;
    struct err e = ERR_CLEAR;
    str out;
    int64_t frames[4] = { 0 };
    arena_init(&a);
    if (n >= 16) {
        struct blob_packed p = { .codec = (enum blob_codec)(data[0] % 4),
                                 .size = (size_t)data[1] << 12 | data[2] << 4 | data[3],
                                 .data = str_of((const char *)data + 16, n - 16),
                                 .frames = frames,
                                 .n_frames = data[4] % 5 };
        for (size_t i = 0; i < COUNT_OF(frames); i++)
            frames[i] = (int64_t)(int8_t)data[5 + i] * 16;
        (void)blob_unpack(&a, &p, (size_t)data[10] << 8, (size_t)data[11] << 8, &out, &e);
        (void)blob_unpack(&a, &p, 0, SIZE_MAX, &out, &e);
    }
    str message = str_of((const char *)data, n);
    struct blob_packed packed;
    blob_pack(&a, message, n / 2, &packed);
    INVARIANT(blob_unpack(&a, &packed, 0, SIZE_MAX, &out, &e) && str_eq(out, message));
    INVARIANT(blob_unpack(&a, &packed, n / 3, n / 3, &out, &e) &&
              str_eq(out, str_slice(message, n / 3, n / 3)));
    arena_fini(&a);
    return 0;
}
