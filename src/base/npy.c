#include "base/npy.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/checked.h"
#include "base/little_endian.h"
#include "base/mem.h"
#include "base/parse.h"

static const unsigned char MAGIC[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

bool npy_recognise(const void *bytes, size_t size) {
    return size >= sizeof MAGIC && memcmp(bytes, MAGIC, sizeof MAGIC) == 0;
}

/* A cursor over the header's Python dictionary literal. */
struct cursor {
    const char *next;
    const char *end;
};

static void skip_blanks(struct cursor *cursor) {
    while (cursor->next < cursor->end && ascii_is_space((unsigned char) *cursor->next)) {
        cursor->next++;
    }
}

static bool take(struct cursor *cursor, char wanted) {
    skip_blanks(cursor);
    if (cursor->next >= cursor->end || *cursor->next != wanted) {
        return false;
    }
    cursor->next++;
    return true;
}

/* A quoted string without escapes, copied into out. */
static bool take_string(struct cursor *cursor, char *out, size_t size) {
    skip_blanks(cursor);
    char quote = cursor->next < cursor->end ? *cursor->next : '\0';
    if (quote != '\'' && quote != '"') {
        return false;
    }
    cursor->next++;
    size_t used = 0;
    while (cursor->next < cursor->end && *cursor->next != quote) {
        if (used + 1 >= size) {
            return false;
        }
        out[used++] = *cursor->next++;
    }
    out[used] = '\0';
    return take(cursor, quote);
}

static bool take_word(struct cursor *cursor, const char *word) {
    size_t length = strlen(word);
    skip_blanks(cursor);
    if ((size_t) (cursor->end - cursor->next) < length || memcmp(cursor->next, word, length) != 0) {
        return false;
    }
    cursor->next += length;
    return true;
}

static bool take_size(struct cursor *cursor, size_t *out) {
    skip_blanks(cursor);
    const char *start = cursor->next;
    int64_t value;
    while (cursor->next < cursor->end && ascii_is_digit((unsigned char) *cursor->next)) {
        cursor->next++;
    }
    if (!parse_int64_span(start, (size_t) (cursor->next - start), 0, INT64_MAX, &value)) {
        return false;
    }
    *out = (size_t) value;
    return true;
}

static bool take_shape(struct cursor *cursor, struct npy_header *header) {
    if (!take(cursor, '(')) {
        return false;
    }
    header->rank = 0;
    while (!take(cursor, ')')) {
        if (header->rank == NPY_MAX_RANK || !take_size(cursor, &header->shape[header->rank])) {
            return false;
        }
        header->rank++;
        if (!take(cursor, ',')) {
            return take(cursor, ')');
        }
    }
    return true;
}

/* descr "<f4", "|u1": byte order, kind, item size. */
static enum vitlrp_status parse_descr(const char *descr, struct npy_header *header,
                                      struct vitlrp_error *err) {
    int64_t item_size = 0;
    if (strchr("<|=", descr[0]) == NULL || descr[0] == '\0' || strchr("fiub", descr[1]) == NULL ||
        descr[1] == '\0' || !parse_int64(descr + 2, 1, 8, &item_size)) {
        return fail(err, VITLRP_UNSUPPORTED, ".npy element type '%s' is not a plain number", descr);
    }
    header->kind = descr[1];
    header->item_size = (size_t) item_size;
    return VITLRP_OK;
}

static enum vitlrp_status parse_dictionary(struct cursor cursor, struct npy_header *header,
                                           struct vitlrp_error *err) {
    char key[32];
    char descr[32] = "";
    bool has_order = false;
    bool has_shape = false;
    bool well_formed = take(&cursor, '{');
    while (well_formed && !take(&cursor, '}')) {
        well_formed = take_string(&cursor, key, sizeof key) && take(&cursor, ':');
        if (well_formed && strcmp(key, "descr") == 0) {
            well_formed = take_string(&cursor, descr, sizeof descr);
        } else if (well_formed && strcmp(key, "fortran_order") == 0) {
            header->fortran_order = take_word(&cursor, "True");
            well_formed = header->fortran_order || take_word(&cursor, "False");
            has_order = true;
        } else if (well_formed && strcmp(key, "shape") == 0) {
            well_formed = take_shape(&cursor, header);
            has_shape = true;
        } else {
            well_formed = false;
        }
        if (well_formed && !take(&cursor, ',')) {
            well_formed = take(&cursor, '}');
            break;
        }
    }
    skip_blanks(&cursor);
    if (!well_formed || cursor.next != cursor.end || descr[0] == '\0' || !has_order || !has_shape) {
        return fail(err, VITLRP_FORMAT, "the .npy header is not the dictionary it should be");
    }
    return parse_descr(descr, header, err);
}

static enum vitlrp_status count_elements(struct npy_header *header, size_t total_size,
                                         struct vitlrp_error *err) {
    size_t count = 1;
    size_t bytes = 0;
    for (size_t i = 0; i < header->rank; i++) {
        if (!checked_mul(&count, count, header->shape[i])) {
            return fail(err, VITLRP_FORMAT, "the .npy shape overflows");
        }
    }
    if (!checked_mul(&bytes, count, header->item_size) ||
        bytes > total_size - header->data_offset) {
        return fail(err, VITLRP_FORMAT, "truncated: the .npy array is longer than its file");
    }
    header->count = count;
    return VITLRP_OK;
}

/* Where the dictionary begins and ends, by the first 12 bytes; false if they are of no .npy file.
 */
static bool find_dictionary(const unsigned char *data, size_t size, size_t *start, size_t *end) {
    if (!npy_recognise(data, size) || size < NPY_MIN_SIZE || data[6] < 1 || data[6] > 3 ||
        data[7] != 0) {
        return false;
    }
    size_t length_size = data[6] == 1 ? 2 : 4;
    size_t length = (size_t) data[8] | (size_t) data[9] << 8;
    if (length_size == 4) {
        length |= (size_t) data[10] << 16 | (size_t) data[11] << 24;
    }
    *start = 8 + length_size;
    *end = *start + length;
    return true;
}

size_t npy_header_size(const void *bytes, size_t size) {
    size_t start;
    size_t end;
    return find_dictionary(bytes, size, &start, &end) ? end : 0;
}

enum vitlrp_status npy_parse_header(const void *bytes, size_t size, size_t total_size,
                                    struct npy_header *out, struct vitlrp_error *err) {
    const unsigned char *data = bytes;
    struct npy_header header = {0};
    size_t start;
    if (!find_dictionary(data, size, &start, &header.data_offset)) {
        return fail(err, VITLRP_FORMAT, "not an .npy file of version 1.0, 2.0 or 3.0");
    }
    size_t length = header.data_offset - start;
    if (length > NPY_MAX_HEADER || header.data_offset > size || size > total_size) {
        return fail(err, VITLRP_FORMAT, "truncated: the .npy header is longer than its file");
    }
    const char *text = (const char *) data + start;
    TRY(parse_dictionary((struct cursor){text, text + length}, &header, err));
    TRY(count_elements(&header, total_size, err));
    *out = header;
    return VITLRP_OK;
}

bool npy_is_picture(const struct npy_header *header) {
    bool of_bytes = header->kind == 'u' && header->item_size == 1 && !header->fortran_order;
    bool of_pixels = header->rank == 2 ||
                     (header->rank == 3 && (header->shape[2] == 1 || header->shape[2] == 3));
    return of_bytes && of_pixels && header->count > 0;
}

/* A float of 16 bits: a sign, 5 bits of exponent, 10 of the fraction. */
static float widen_half(uint16_t bits) {
    int exponent = bits >> 10 & 0x1F;
    float fraction = (float) (bits & 0x3FF);
    float size = exponent == 0x1F ? (fraction == 0.0F ? INFINITY : NAN)
                 : exponent == 0  ? ldexpf(fraction, -24)
                                  : ldexpf(fraction + 1024.0F, exponent - 25);
    return bits >> 15 != 0 ? -size : size;
}

/* `count` floats of so many bytes each, which may lie anywhere. */
static void widen(const unsigned char *bytes, size_t item_size, size_t count, float *out) {
    for (size_t i = 0; i < count; i++) {
        uint16_t half;
        double wide;
        switch (item_size) {
        case sizeof half:
            little_endian_copy(&half, bytes + i * sizeof half, sizeof half, 1);
            out[i] = widen_half(half);
            break;
        case sizeof wide:
            little_endian_copy(&wide, bytes + i * sizeof wide, sizeof wide, 1);
            out[i] = (float) wide;
            break;
        default:
            little_endian_copy(&out[i], bytes + i * sizeof *out, sizeof *out, 1);
        }
    }
}

static bool is_float(const struct npy_header *header) {
    size_t size = header->item_size;
    return header->kind == 'f' && (size == 2 || size == 4 || size == 8) && !header->fortran_order;
}

enum vitlrp_status npy_read_float32(const char *path, size_t limit, size_t rank, size_t *shape,
                                    float **out, struct vitlrp_error *err) {
    struct bytes file = {0};
    struct npy_header header = {0};
    float *data = NULL;
    enum vitlrp_status status = file_read(path, limit, &file, err);
    if (status != VITLRP_OK) {
        return status;
    }
    TRY_GOTO(status, npy_parse_header(file.data, file.size, file.size, &header, err), cleanup);
    if (!is_float(&header) || header.rank != rank) {
        status = fail(err, VITLRP_MISMATCH,
                      "must hold a C-order array of floats (16, 32 or 64 bits) with %zu dimensions",
                      rank);
        goto cleanup;
    }
    data = mem_calloc(header.count, sizeof *data);
    if (data == NULL) {
        status = fail(err, VITLRP_NOMEM, "out of memory for its array");
        goto cleanup;
    }
    widen(file.data + header.data_offset, header.item_size, header.count, data);
    memcpy(shape, header.shape, rank * sizeof *shape);
    *out = data;

cleanup:
    bytes_free(&file);
    return error_prefix(err, status, path);
}

/* False for a number that int32 has not. */
static bool narrow(const unsigned char *bytes, size_t item_size, size_t count, int32_t *out) {
    bool fits = true;
    for (size_t i = 0; i < count; i++) {
        int64_t wide = 0;
        if (item_size == sizeof wide) {
            little_endian_copy(&wide, bytes + i * sizeof wide, sizeof wide, 1);
        } else {
            little_endian_copy(&out[i], bytes + i * sizeof *out, sizeof *out, 1);
            wide = out[i];
        }
        fits = fits && wide >= INT32_MIN && wide <= INT32_MAX;
        out[i] = (int32_t) wide;
    }
    return fits;
}

static enum vitlrp_status take_int32(const struct bytes *file, const struct npy_header *header,
                                     size_t rank, int32_t **out, struct vitlrp_error *err) {
    bool is_whole = header->kind == 'i' && (header->item_size == 4 || header->item_size == 8);
    if (!is_whole || header->fortran_order || header->rank != rank) {
        return fail(err, VITLRP_MISMATCH,
                    "must hold a C-order array of whole numbers (int32, int64) with %zu dimensions",
                    rank);
    }
    *out = mem_calloc(header->count, sizeof **out);
    if (*out == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for its array");
    }
    if (!narrow(file->data + header->data_offset, header->item_size, header->count, *out)) {
        mem_free(*out);
        *out = NULL;
        return fail(err, VITLRP_MISMATCH, "holds a number of more than 32 bits");
    }
    return VITLRP_OK;
}

enum vitlrp_status npy_read_int32(const char *path, size_t limit, size_t rank, size_t *shape,
                                  int32_t **out, struct vitlrp_error *err) {
    struct bytes file = {0};
    struct npy_header header = {0};
    TRY(file_read(path, limit, &file, err));
    enum vitlrp_status status = npy_parse_header(file.data, file.size, file.size, &header, err);
    if (status == VITLRP_OK) {
        status = take_int32(&file, &header, rank, out, err);
    }
    if (status == VITLRP_OK) {
        memcpy(shape, header.shape, rank * sizeof *shape);
    }
    bytes_free(&file);
    return error_prefix(err, status, path);
}

/* The dictionary of the header, and how many elements the array has. */
static bool write_dictionary(const struct npy_array *array, char *out, size_t size, size_t *length,
                             size_t *count) {
    char order = array->item_size == 1 ? '|' : '<';
    int used = snprintf(out, size, "{'descr': '%c%c%zu', 'fortran_order': False, 'shape': (", order,
                        array->kind, array->item_size);
    *count = 1;
    if (array->rank > NPY_MAX_RANK) {
        return false;
    }
    for (size_t i = 0; i < array->rank; i++) {
        used += snprintf(out + used, size - (size_t) used, "%zu,%s", array->shape[i],
                         i + 1 < array->rank ? " " : "");
        if (!checked_mul(count, *count, array->shape[i])) {
            return false;
        }
    }
    used += snprintf(out + used, size - (size_t) used, "), }");
    *length = (size_t) used;
    return true;
}

/* The file without its data, but with room for them where has_data says so. */
static enum vitlrp_status begin_file(const struct npy_array *array, bool has_data,
                                     struct bytes *out, size_t *begin, struct vitlrp_error *err) {
    char dictionary[256];
    size_t used;
    size_t count;
    size_t data_size;
    size_t total;
    bool fits = write_dictionary(array, dictionary, sizeof dictionary, &used, &count);
    size_t header_size = fits ? (10 + used + 1 + 63) / 64 * 64 : 0;
    if (!fits || !checked_mul(&data_size, count, array->item_size) ||
        !checked_add(&total, header_size, data_size)) {
        return fail(err, VITLRP_LIMIT, "the array is too large for an .npy file");
    }
    total = has_data ? total : header_size;
    unsigned char *file = mem_calloc(total, 1);
    if (file == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for an .npy file of %zu bytes", total);
    }
    memcpy(file, MAGIC, sizeof MAGIC);
    file[6] = 1;
    file[8] = (unsigned char) ((header_size - 10) & 0xFF);
    file[9] = (unsigned char) ((header_size - 10) >> 8);
    memset(file + 10, ' ', header_size - 10);
    memcpy(file + 10, dictionary, used);
    file[header_size - 1] = '\n';
    *out = (struct bytes){file, total};
    *begin = header_size;
    return VITLRP_OK;
}

enum vitlrp_status npy_encode_header(const struct npy_array *array, struct bytes *out,
                                     struct vitlrp_error *err) {
    size_t begin;
    return begin_file(array, false, out, &begin, err);
}

enum vitlrp_status npy_encode(const struct npy_array *array, struct bytes *out,
                              struct vitlrp_error *err) {
    size_t begin;
    TRY(begin_file(array, true, out, &begin, err));
    little_endian_copy((char *) out->data + begin, array->data, array->item_size,
                       (out->size - begin) / array->item_size);
    return VITLRP_OK;
}

enum vitlrp_status npy_encode_float32(const float *data, size_t rank, const size_t *shape,
                                      struct bytes *out, struct vitlrp_error *err) {
    const struct npy_array array = {
        .kind = 'f', .item_size = sizeof *data, .data = data, .rank = rank, .shape = shape};
    return npy_encode(&array, out, err);
}
