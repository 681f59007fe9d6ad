/* SPDX-License-Identifier: Apache-2.0 */
/* Values between C and PostgreSQL's binary format: parameters out, columns in. */
#include "db/conn.h"

#include <endian.h>

enum {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_CHAR = 18,
    OID_NAME = 19,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_TEXT = 25,
    OID_OID = 26,
    OID_JSON = 114,
    OID_FLOAT4 = 700,
    OID_FLOAT8 = 701,
    OID_UNKNOWN = 705,
    OID_BYTEA_ARRAY = 1001,
    OID_INT4_ARRAY = 1007,
    OID_TEXT_ARRAY = 1009,
    OID_INT8_ARRAY = 1016,
    OID_BPCHAR = 1042,
    OID_VARCHAR = 1043,
    OID_VARCHAR_ARRAY = 1015,
    OID_TIMESTAMPTZ = 1184,
    OID_TIMESTAMPTZ_ARRAY = 1185,
    OID_FIRST_USER = 16384 /* types of extensions and of our own: domains, enums */
};

enum {
    ARRAY_HEADER = 20,     /* dimensions, has-null flag, element type, length, lower bound */
    VALUE_MAX = 0x3fffffff /* PostgreSQL's own limit of a value is 1 GB */
};

/* Microseconds from 1970-01-01 to 2000-01-01, where PostgreSQL counts from. */
static const int64_t epoch_us = 946684800LL * 1000 * 1000;

/* ---- parameters ---- */

static const struct {
    Oid oid;
    Oid element;
} types[] = {
    [DB_TYPE_NULL] = { 0, 0 },
    [DB_TYPE_BOOL] = { OID_BOOL, 0 },
    [DB_TYPE_INT4] = { OID_INT4, 0 },
    [DB_TYPE_INT8] = { OID_INT8, 0 },
    [DB_TYPE_TEXT] = { OID_TEXT, 0 },
    [DB_TYPE_BYTEA] = { OID_BYTEA, 0 },
    [DB_TYPE_TIMESTAMPTZ] = { OID_TIMESTAMPTZ, 0 },
    [DB_TYPE_FLOAT8] = { OID_FLOAT8, 0 },
    [DB_TYPE_INT4_ARRAY] = { OID_INT4_ARRAY, OID_INT4 },
    [DB_TYPE_INT8_ARRAY] = { OID_INT8_ARRAY, OID_INT8 },
    [DB_TYPE_TEXT_ARRAY] = { OID_TEXT_ARRAY, OID_TEXT },
    [DB_TYPE_BYTEA_ARRAY] = { OID_BYTEA_ARRAY, OID_BYTEA },
};

static char *put32(char *p, uint32_t value)
{
    uint32_t big = htobe32(value);
    memcpy(p, &big, sizeof(big));
    return p + sizeof(big);
}

static char *put64(char *p, uint64_t value)
{
    uint64_t big = htobe64(value);
    memcpy(p, &big, sizeof(big));
    return p + sizeof(big);
}

static str encode_number(struct arena *a, const struct db_param *p, size_t n)
{
    char *to = arena_alloc(a, 8);
    if (n == 1) {
        to[0] = p->number ? 1 : 0;
    } else if (n == 4) {
        put32(to, (uint32_t)p->number);
    } else {
        put64(to, (uint64_t)p->number);
    }
    return str_of(to, n);
}

static str encode_float(struct arena *a, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    char *to = arena_alloc(a, 8);
    put64(to, bits);
    return str_of(to, 8);
}

static str encode_time(struct arena *a, int64_t us)
{
    bool is_infinite = us == INT64_MAX || us == INT64_MIN;
    char *to = arena_alloc(a, 8);
    put64(to, (uint64_t)(is_infinite ? us : us - epoch_us));
    return str_of(to, 8);
}

static bool array_size(const struct db_param *p, size_t *size, struct err *e)
{
    bool is_text = p->type == DB_TYPE_TEXT_ARRAY || p->type == DB_TYPE_BYTEA_ARRAY;
    size_t each = p->type == DB_TYPE_INT4_ARRAY ? 8 : 12;
    size_t total = ARRAY_HEADER;
    for (size_t i = 0; i < p->n && total <= VALUE_MAX; i++)
        total += is_text ? 4 + p->strs[i].n : each;
    if (total > VALUE_MAX)
        return ERR(e, ERR_LIMIT, "an array of %zu bytes is too big", total);
    *size = total;
    return true;
}

static char *put_element(char *to, const struct db_param *p, size_t i)
{
    if (p->type == DB_TYPE_INT4_ARRAY)
        return put32(put32(to, 4), (uint32_t)p->numbers[i]);
    if (p->type == DB_TYPE_INT8_ARRAY)
        return put64(put32(to, 8), (uint64_t)p->numbers[i]);
    to = put32(to, (uint32_t)p->strs[i].n);
    if (p->strs[i].n)
        memcpy(to, p->strs[i].p, p->strs[i].n);
    return to + p->strs[i].n;
}

static bool encode_array(struct arena *a, const struct db_param *p, str *out, struct err *e)
{
    size_t size = 0;
    if (!array_size(p, &size, e))
        return false;
    char *start = arena_alloc(a, size);
    char *to = put32(start, p->n ? 1 : 0);
    to = put32(to, 0);
    to = put32(to, types[p->type].element);
    if (p->n) {
        to = put32(to, (uint32_t)p->n);
        to = put32(to, 1);
    }
    for (size_t i = 0; i < p->n; i++)
        to = put_element(to, p, i);
    *out = str_of(start, (size_t)(to - start));
    return true;
}

static bool encode(struct arena *a, const struct db_param *p, str *out, struct err *e)
{
    switch (p->type) {
    case DB_TYPE_NULL:
        *out = STR_EMPTY;
        return true;
    case DB_TYPE_BOOL:
        *out = encode_number(a, p, 1);
        return true;
    case DB_TYPE_INT4:
        *out = encode_number(a, p, 4);
        return true;
    case DB_TYPE_INT8:
        *out = encode_number(a, p, 8);
        return true;
    case DB_TYPE_TEXT:
    case DB_TYPE_BYTEA:
        *out = p->bytes.p ? p->bytes : STR("");
        if (out->n > VALUE_MAX)
            return ERR(e, ERR_LIMIT, "a value of %zu bytes is too big", out->n);
        return true;
    case DB_TYPE_TIMESTAMPTZ:
        *out = encode_time(a, p->number);
        return true;
    case DB_TYPE_FLOAT8:
        *out = encode_float(a, p->real);
        return true;
    case DB_TYPE_INT4_ARRAY:
    case DB_TYPE_INT8_ARRAY:
    case DB_TYPE_TEXT_ARRAY:
    case DB_TYPE_BYTEA_ARRAY:
        return encode_array(a, p, out, e);
    }
    INVARIANT(!"a known type");
    return false;
}

bool db_values_encode(struct arena *a, const struct db_param *params, size_t n,
                      struct db_values *out, struct err *e)
{
    INVARIANT(n <= DB_PARAMS_MAX);
    out->n = (int)n;
    for (size_t i = 0; i < n; i++) {
        str bytes;
        if (!encode(a, &params[i], &bytes, e))
            return err_wrap(e, "parameter %zu", i + 1);
        out->types[i] = types[params[i].type].oid;
        out->values[i] = params[i].type == DB_TYPE_NULL ? NULL : bytes.p;
        out->lengths[i] = (int)bytes.n;
        out->formats[i] = 1;
    }
    return true;
}

/* ---- rows ---- */

struct db_rows {
    PGresult *result;
};

static void clear_result(void *ptr)
{
    PQclear(ptr);
}

struct db_rows *db_rows_new(struct arena *a, PGresult *result)
{
    struct db_rows *r = ARENA_NEW(a, struct db_rows);
    r->result = result;
    arena_defer(a, clear_result, result);
    return r;
}

size_t db_row_count(const struct db_rows *r)
{
    return (size_t)PQntuples(r->result);
}

bool db_is_null(const struct db_rows *r, size_t row, size_t column)
{
    INVARIANT(row < db_row_count(r) && column < (size_t)PQnfields(r->result));
    return PQgetisnull(r->result, (int)row, (int)column) != 0;
}

static str bytes_at(const struct db_rows *r, size_t row, size_t column)
{
    return str_of(PQgetvalue(r->result, (int)row, (int)column),
                  (size_t)PQgetlength(r->result, (int)row, (int)column));
}

static Oid type_of(const struct db_rows *r, size_t column)
{
    return PQftype(r->result, (int)column);
}

static uint32_t get32(const char *p)
{
    uint32_t big;
    memcpy(&big, p, sizeof(big));
    return be32toh(big);
}

static uint64_t get64(const char *p)
{
    uint64_t big;
    memcpy(&big, p, sizeof(big));
    return be64toh(big);
}

static int64_t decode_int(str b)
{
    if (b.n == 1)
        return b.p[0];
    if (b.n == 2)
        return (int16_t)(uint16_t)((unsigned char)b.p[0] << 8 | (unsigned char)b.p[1]);
    if (b.n == 4)
        return (int32_t)get32(b.p);
    INVARIANT(b.n == 8);
    return (int64_t)get64(b.p);
}

int64_t db_int(const struct db_rows *r, size_t row, size_t column)
{
    INVARIANT(!db_is_null(r, row, column));
    Oid type = type_of(r, column);
    INVARIANT(type == OID_BOOL || type == OID_INT2 || type == OID_INT4 || type == OID_INT8 ||
              type == OID_OID);
    str b = bytes_at(r, row, column);
    return type == OID_OID ? (int64_t)get32(b.p) : decode_int(b);
}

int64_t db_int_or(const struct db_rows *r, size_t row, size_t column, int64_t absent)
{
    return db_is_null(r, row, column) ? absent : db_int(r, row, column);
}

double db_float(const struct db_rows *r, size_t row, size_t column)
{
    INVARIANT(!db_is_null(r, row, column));
    Oid type = type_of(r, column);
    INVARIANT(type == OID_FLOAT8 || type == OID_FLOAT4);
    str b = bytes_at(r, row, column);
    if (type == OID_FLOAT4) {
        uint32_t bits = get32(b.p);
        float small;
        memcpy(&small, &bits, sizeof(small));
        return (double)small;
    }
    uint64_t bits = get64(b.p);
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

int64_t db_time_us(const struct db_rows *r, size_t row, size_t column)
{
    INVARIANT(!db_is_null(r, row, column) && type_of(r, column) == OID_TIMESTAMPTZ);
    int64_t us = (int64_t)get64(bytes_at(r, row, column).p);
    if (us > INT64_MAX - epoch_us) /* also 'infinity' */
        return INT64_MAX;
    return us == INT64_MIN ? us : us + epoch_us;
}

int64_t db_time_us_or(const struct db_rows *r, size_t row, size_t column, int64_t absent)
{
    return db_is_null(r, row, column) ? absent : db_time_us(r, row, column);
}

static bool is_bytes(Oid type)
{
    return type == OID_TEXT || type == OID_BYTEA || type == OID_VARCHAR || type == OID_BPCHAR ||
           type == OID_NAME || type == OID_CHAR || type == OID_JSON || type == OID_UNKNOWN ||
           type >= OID_FIRST_USER;
}

str db_str(const struct db_rows *r, size_t row, size_t column)
{
    INVARIANT(is_bytes(type_of(r, column)));
    return db_is_null(r, row, column) ? STR_EMPTY : bytes_at(r, row, column);
}

/* The number of elements of a one-dimensional array without NULLs; *first is where they begin. */
static size_t open_array(const struct db_rows *r, size_t row, size_t column, const char **first)
{
    INVARIANT(!db_is_null(r, row, column));
    str b = bytes_at(r, row, column);
    INVARIANT(b.n >= 12);
    uint32_t dimensions = get32(b.p);
    if (dimensions == 0)
        return 0;
    INVARIANT(dimensions == 1 && get32(b.p + 4) == 0 && b.n >= ARRAY_HEADER);
    *first = b.p + ARRAY_HEADER;
    return get32(b.p + 12);
}

size_t db_ints(const struct db_rows *r, size_t row, size_t column, struct arena *a, int64_t **out)
{
    Oid type = type_of(r, column);
    INVARIANT(type == OID_INT4_ARRAY || type == OID_INT8_ARRAY);
    const char *p = NULL;
    size_t n = open_array(r, row, column, &p);
    *out = ARENA_ARRAY(a, int64_t, n);
    for (size_t i = 0; i < n; i++) {
        size_t len = get32(p);
        (*out)[i] = decode_int(str_of(p + 4, len));
        p += 4 + len;
    }
    return n;
}

size_t db_strs(const struct db_rows *r, size_t row, size_t column, struct arena *a, str **out)
{
    Oid type = type_of(r, column);
    INVARIANT(type == OID_TEXT_ARRAY || type == OID_BYTEA_ARRAY || type == OID_VARCHAR_ARRAY ||
              type >= OID_FIRST_USER);
    const char *p = NULL;
    size_t n = open_array(r, row, column, &p);
    *out = ARENA_ARRAY(a, str, n);
    for (size_t i = 0; i < n; i++) {
        size_t len = get32(p);
        (*out)[i] = str_of(p + 4, len);
        p += 4 + len;
    }
    return n;
}

enum {
    ARRAY_INT8 = 4 + 8 /* octets of an element: its length, and itself */
};

struct db_array db_array_open(const struct db_rows *r, size_t row, size_t column)
{
    struct db_array array = { NULL, 0, 0 };
    Oid type = type_of(r, column);
    INVARIANT(type == OID_INT8_ARRAY || type == OID_TIMESTAMPTZ_ARRAY);
    if (db_is_null(r, row, column))
        return array;
    array.n = open_array(r, row, column, &array.first);
    array.offset = type == OID_TIMESTAMPTZ_ARRAY ? epoch_us : 0;
    /* No element is NULL, as that has no octets. */
    INVARIANT(array.n == 0 ||
              bytes_at(r, row, column).n == ARRAY_HEADER + array.n * (size_t)ARRAY_INT8);
    return array;
}

int64_t db_array_at(const struct db_array *array, size_t index)
{
    INVARIANT(index < array->n);
    return (int64_t)get64(array->first + index * ARRAY_INT8 + 4) + array->offset;
}

int64_t db_affected(const struct db_rows *r)
{
    uint64_t n = 0;
    str_to_uint(str_from_cstr(PQcmdTuples(r->result)), INT64_MAX, &n);
    return (int64_t)n;
}
