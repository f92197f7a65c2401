/* Tensor descriptions and the conversion of their elements. Refuses to interpret element types
 * other than floating point of 16 to 64 bits. */
#include "vit/load/tensor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/little_endian.h"
#include "base/mem.h"
#include "base/text.h"
#include "vit/math/kernels.h"

#define CHUNK ((size_t) 1 << 15) /* elements converted at a time: they stay in cache */

static const struct element_type TYPES[] = {
    {ELEMENT_F32, 4, "F32"},       {ELEMENT_F16, 2, "F16"},       {ELEMENT_BF16, 2, "BF16"},
    {ELEMENT_F64, 8, "F64"},       {ELEMENT_OTHER, 8, "I64"},     {ELEMENT_OTHER, 4, "I32"},
    {ELEMENT_OTHER, 2, "I16"},     {ELEMENT_OTHER, 1, "I8"},      {ELEMENT_OTHER, 8, "U64"},
    {ELEMENT_OTHER, 4, "U32"},     {ELEMENT_OTHER, 2, "U16"},     {ELEMENT_OTHER, 1, "U8"},
    {ELEMENT_OTHER, 1, "BOOL"},    {ELEMENT_OTHER, 8, "C64"},     {ELEMENT_OTHER, 1, "F8_E4M3"},
    {ELEMENT_OTHER, 1, "F8_E5M2"}, {ELEMENT_OTHER, 1, "F8_E8M0"},
};

const struct element_type *element_type_named(const char *name) {
    for (size_t i = 0; i < sizeof TYPES / sizeof TYPES[0]; i++) {
        if (strcmp(TYPES[i].name, name) == 0) {
            return &TYPES[i];
        }
    }
    return NULL;
}

enum vitlrp_status tensor_count(struct tensor_info *tensor, struct vitlrp_error *err) {
    size_t count = 1;
    size_t bytes = 0;
    for (size_t i = 0; i < tensor->rank; i++) {
        if (!checked_mul(&count, count, tensor->shape[i])) {
            return fail(err, VITLRP_FORMAT, "its shape overflows");
        }
    }
    if (!checked_mul(&bytes, count, tensor->type->size)) {
        return fail(err, VITLRP_FORMAT, "its shape overflows");
    }
    tensor->count = count;
    return VITLRP_OK;
}

/* Axes of size 1 come first, then the larger strides; what is equal stays as it is. */
static void sort_axes(struct tensor_info *tensor, const size_t strides[TENSOR_MAX_RANK]) {
    for (size_t i = 0; i < tensor->rank; i++) {
        size_t place = i;
        size_t stride = tensor->shape[i] == 1 ? SIZE_MAX : strides[i];
        while (place > 0) {
            unsigned char before = tensor->order[place - 1];
            if (tensor->shape[before] == 1 || strides[before] >= stride) {
                break;
            }
            tensor->order[place--] = before;
        }
        tensor->order[place] = (unsigned char) i;
    }
}

/* The axes of size 1 left out, true if each comes after the one before. */
static bool axes_in_order(const struct tensor_info *tensor) {
    size_t last = 0;
    for (size_t i = 0; i < tensor->rank; i++) {
        size_t axis = tensor->order[i];
        if (tensor->shape[axis] != 1 && axis < last) {
            return false;
        }
        last = tensor->shape[axis] != 1 ? axis : last;
    }
    return true;
}

void tensor_lay(struct tensor_info *tensor, const size_t strides[TENSOR_MAX_RANK]) {
    size_t expected = 1;
    tensor->lies = TENSOR_PLAIN;
    if (tensor->count == 0) {
        return;
    }
    sort_axes(tensor, strides);
    for (size_t i = tensor->rank; i-- > 0;) {
        size_t axis = tensor->order[i];
        if (tensor->shape[axis] > 1 && strides[axis] != expected) {
            tensor->lies = TENSOR_SCATTERED;
            return;
        }
        expected *= tensor->shape[axis];
    }
    tensor->lies = axes_in_order(tensor) ? TENSOR_PLAIN : TENSOR_PERMUTED;
}

void tensor_shape_text(char out[TENSOR_SHAPE_TEXT], size_t rank, const size_t *shape) {
    size_t used = 0;
    out[used++] = '[';
    for (size_t i = 0; i < rank; i++) {
        /* 8 dimensions of at most 20 digits always fit. */
        int length = snprintf(out + used, TENSOR_SHAPE_TEXT - used - 1, "%s%zu", i > 0 ? ", " : "",
                              shape[i]);
        used += length > 0 ? (size_t) length : 0;
    }
    out[used++] = ']';
    out[used] = '\0';
}

const char *tensor_label(char out[TENSOR_LABEL_TEXT], const char *name) {
    char escaped[TENSOR_LABEL_TEXT - 2];
    text_escape_name(escaped, sizeof escaped, name);
    snprintf(out, TENSOR_LABEL_TEXT, "'%s'", escaped);
    return out;
}

enum vitlrp_status tensor_error_prefix(struct vitlrp_error *err, enum vitlrp_status status,
                                       const char *kind, const char *name) {
    char label[TENSOR_LABEL_TEXT];
    char prefix[TENSOR_LABEL_TEXT + 32];
    if (status == VITLRP_OK) {
        return status;
    }
    snprintf(prefix, sizeof prefix, "%s %s", kind, tensor_label(label, name));
    return error_prefix(err, status, prefix);
}

static enum vitlrp_status table_grow(struct tensor_table *table, struct vitlrp_error *err) {
    size_t capacity = table->capacity == 0 ? 64 : table->capacity * 2;
    struct tensor_info *items = mem_resize(table->items, capacity, sizeof *items);
    if (items == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the table of tensors");
    }
    table->items = items;
    table->capacity = capacity;
    return VITLRP_OK;
}

enum vitlrp_status tensor_table_add(struct tensor_table *table, const struct tensor_info *tensor,
                                    const char *name, size_t length, struct vitlrp_error *err) {
    if (length == 0 || length > TENSOR_MAX_NAME || memchr(name, '\0', length) != NULL ||
        !text_is_utf8(name, length)) {
        return fail(err, VITLRP_FORMAT,
                    "a tensor's name is empty, not UTF-8 or longer than %zu bytes",
                    TENSOR_MAX_NAME);
    }
    if (table->count == table->limit) {
        return fail_limit(err, "has more than %zu tensors", table->limit);
    }
    if (table->count == table->capacity) {
        TRY(table_grow(table, err));
    }
    char *copy = mem_calloc(length + 1, 1);
    if (copy == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the table of tensors");
    }
    memcpy(copy, name, length);
    table->items[table->count] = *tensor;
    table->items[table->count].name = copy;
    table->count++;
    return VITLRP_OK;
}

static int compare_names(const void *left, const void *right) {
    const char *const *a = left;
    const char *const *b = right;
    return strcmp(*a, *b);
}

enum vitlrp_status tensor_table_check_unique(const struct tensor_table *table,
                                             struct vitlrp_error *err) {
    char label[TENSOR_LABEL_TEXT];
    enum vitlrp_status status = VITLRP_OK;
    const char **names = mem_calloc(table->count, sizeof *names);
    if (names == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the table of tensors");
    }
    for (size_t i = 0; i < table->count; i++) {
        names[i] = table->items[i].name;
    }
    qsort(names, table->count, sizeof *names, compare_names);
    for (size_t i = 1; i < table->count && status == VITLRP_OK; i++) {
        if (strcmp(names[i - 1], names[i]) == 0) {
            status =
                fail(err, VITLRP_FORMAT, "tensor %s occurs twice", tensor_label(label, names[i]));
        }
    }
    mem_free(names);
    return status;
}

void tensor_table_free(struct tensor_table *table) {
    for (size_t i = 0; i < table->count; i++) {
        mem_free(table->items[i].name);
    }
    mem_free(table->items);
    *table = (struct tensor_table){0};
}

/* Trained weights are below a thousand. Beyond this, products leave the range of float: such values
 * come from damage, from another byte order or from another type of elements. */
#define LARGEST_WEIGHT 1e30F

static enum vitlrp_status fail_values(const float *values, size_t count, struct vitlrp_error *err) {
    const struct kernels *kernels = kernels_select();
    if (!kernels->all_finite(values, count)) {
        return fail(err, VITLRP_NUMERIC, "holds NaN or infinity");
    }
    return fail(
        err, VITLRP_NUMERIC,
        "holds %.3g, and no training gives weights beyond %.3g: the file is damaged, or its "
        "elements are of another type; download it again",
        (double) kernels->largest(values, count), (double) LARGEST_WEIGHT);
}

/* At most CHUNK elements of the buffer as float32. */
static void widen(const struct tensor_reader *reader, float *out, size_t count) {
    const struct kernels *kernels = kernels_select();
    enum element element = reader->tensor->type->element;
    if (element == ELEMENT_F16) {
        kernels->widen_half(out, reader->buffer, count);
    } else if (element == ELEMENT_BF16) {
        kernels->widen(out, reader->buffer, count);
    } else {
        const double *values = reader->buffer;
        for (size_t i = 0; i < count; i++) {
            out[i] = (float) values[i];
        }
    }
}

/* The next elements as they lie in the file. */
static enum vitlrp_status read_stored(struct tensor_reader *reader, float *out, size_t count,
                                      struct vitlrp_error *err) {
    const struct kernels *kernels = kernels_select();
    const struct element_type *type = reader->tensor->type;
    while (count > 0) {
        size_t step = count < CHUNK ? count : CHUNK;
        if (type->element == ELEMENT_F32) {
            TRY(payload_read(&reader->payload, out, step * sizeof *out, err));
            little_endian_turn(out, sizeof *out, step);
        } else {
            TRY(payload_read(&reader->payload, reader->buffer, step * type->size, err));
            little_endian_turn(reader->buffer, type->size, step);
            widen(reader, out, step);
        }
        if (!reader->takes_nan && !kernels->all_within(out, LARGEST_WEIGHT, step)) {
            return fail_values(out, step, err);
        }
        out += step;
        count -= step;
    }
    return VITLRP_OK;
}

/* A place in a tensor that moves through memory, and its index in the order of the shape. */
struct walk {
    size_t at[TENSOR_MAX_RANK]; /* along order[i] */
    size_t step[TENSOR_MAX_RANK];
    size_t index;
};

static void walk_start(struct walk *walk, const struct tensor_info *tensor) {
    size_t step[TENSOR_MAX_RANK];
    size_t product = 1;
    *walk = (struct walk){0};
    for (size_t axis = tensor->rank; axis-- > 0;) {
        step[axis] = product;
        product *= tensor->shape[axis];
    }
    for (size_t i = 0; i < tensor->rank; i++) {
        walk->step[i] = step[tensor->order[i]];
    }
}

static void walk_on(struct walk *walk, const struct tensor_info *tensor) {
    for (size_t i = tensor->rank; i-- > 0;) {
        walk->index += walk->step[i];
        if (++walk->at[i] < tensor->shape[tensor->order[i]]) {
            return;
        }
        walk->index -= walk->at[i] * walk->step[i];
        walk->at[i] = 0;
    }
}

static enum vitlrp_status read_permuted(struct tensor_reader *reader, struct vitlrp_error *err) {
    const struct tensor_info *tensor = reader->tensor;
    struct walk walk;
    float *scratch = mem_calloc(CHUNK, sizeof *scratch);
    reader->whole = mem_calloc(tensor->count, sizeof *reader->whole);
    enum vitlrp_status status = VITLRP_OK;
    if (scratch == NULL || reader->whole == NULL) {
        status = fail(err, VITLRP_NOMEM, "out of memory for a tensor in another order");
    }
    walk_start(&walk, tensor);
    for (size_t done = 0; done < tensor->count && status == VITLRP_OK; done += CHUNK) {
        size_t step = size_min(CHUNK, tensor->count - done);
        status = read_stored(reader, scratch, step, err);
        for (size_t i = 0; i < step && status == VITLRP_OK; i++) {
            reader->whole[walk.index] = scratch[i];
            walk_on(&walk, tensor);
        }
    }
    mem_free(scratch);
    return status;
}

enum vitlrp_status tensor_reader_open(const struct tensor_info *tensor, struct tensor_reader *out,
                                      struct vitlrp_error *err) {
    *out = (struct tensor_reader){.tensor = tensor};
    if (tensor->type->element == ELEMENT_OTHER) {
        return fail(err, VITLRP_UNSUPPORTED,
                    "its elements are %s; F32, F16, BF16 and F64 are read: convert it",
                    tensor->type->name);
    }
    if (tensor->lies == TENSOR_SCATTERED) {
        return fail(err, VITLRP_UNSUPPORTED,
                    "it is not contiguous; save tensor.contiguous() instead");
    }
    if (tensor->type->element != ELEMENT_F32) {
        out->buffer = mem_calloc(CHUNK, tensor->type->size);
        if (out->buffer == NULL) {
            return fail(err, VITLRP_NOMEM, "out of memory for a conversion buffer");
        }
    }
    TRY(payload_open(tensor->source, &tensor->extent, &out->payload, err));
    TRY(payload_skip(&out->payload, tensor->skip, err));
    return tensor->lies == TENSOR_PERMUTED ? read_permuted(out, err) : VITLRP_OK;
}

enum vitlrp_status tensor_reader_next(struct tensor_reader *reader, float *out, size_t count,
                                      struct vitlrp_error *err) {
    if (reader->whole == NULL) {
        return read_stored(reader, out, count, err);
    }
    if (count > reader->tensor->count - reader->given) {
        return fail(err, VITLRP_INTERNAL, "more elements are asked for than a tensor has");
    }
    memcpy(out, reader->whole + reader->given, count * sizeof *out);
    reader->given += count;
    return VITLRP_OK;
}

void tensor_reader_close(struct tensor_reader *reader) {
    payload_close(&reader->payload);
    mem_free(reader->buffer);
    mem_free(reader->whole);
    *reader = (struct tensor_reader){0};
}
