/* The safetensors container: 8 bytes of header length, a JSON header, the data. Refuses every
 * header that does not account for every byte of the file exactly once. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "vit/load/checkpoint.h"

/* Non-negative integers of a JSON array, at most `max` of them. */
static bool read_sizes(const json_t *array, size_t max, size_t *out, size_t *count) {
    size_t length = json_array_size(array);
    if (!json_is_array(array) || length > max) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        const json_t *item = json_array_get(array, i);
        if (!json_is_integer(item) || json_integer_value(item) < 0) {
            return false;
        }
        out[i] = (size_t) json_integer_value(item);
    }
    *count = length;
    return true;
}

static enum vitlrp_status read_tensor(const json_t *entry, uint64_t data_start, uint64_t data_size,
                                      struct tensor_info *out, struct vitlrp_error *err) {
    struct tensor_info tensor = {0};
    size_t offsets[2];
    size_t offset_count = 0;
    const char *type = json_get_string(entry, "dtype");
    if (type == NULL) {
        return fail(err, VITLRP_FORMAT, "dtype is missing or not a string");
    }
    tensor.type = element_type_named(type);
    if (tensor.type == NULL) {
        char label[TENSOR_LABEL_TEXT];
        return fail(err, VITLRP_UNSUPPORTED, "dtype %s is not known", tensor_label(label, type));
    }
    if (!read_sizes(json_object_get(entry, "shape"), TENSOR_MAX_RANK, tensor.shape, &tensor.rank)) {
        return fail(err, VITLRP_FORMAT, "shape is not a list of at most %zu sizes",
                    TENSOR_MAX_RANK);
    }
    if (!read_sizes(json_object_get(entry, "data_offsets"), 2, offsets, &offset_count) ||
        offset_count != 2) {
        return fail(err, VITLRP_FORMAT, "data_offsets are not two positions");
    }
    TRY(tensor_count(&tensor, err));
    if (offsets[0] > offsets[1] || offsets[1] > data_size) {
        return fail(err, VITLRP_FORMAT,
                    "data_offsets [%zu, %zu] lie outside the data (%llu bytes): truncated?",
                    offsets[0], offsets[1], (unsigned long long) data_size);
    }
    if (offsets[1] - offsets[0] != tensor.count * tensor.type->size) {
        return fail(err, VITLRP_FORMAT, "data_offsets span %zu bytes, its shape and dtype need %zu",
                    offsets[1] - offsets[0], tensor.count * tensor.type->size);
    }
    tensor.extent.offset = data_start + offsets[0];
    tensor.extent.stored = offsets[1] - offsets[0];
    tensor.extent.size = tensor.extent.stored;
    *out = tensor;
    return VITLRP_OK;
}

static int compare_offsets(const void *left, const void *right) {
    const struct extent *a = &(*(const struct tensor_info *const *) left)->extent;
    const struct extent *b = &(*(const struct tensor_info *const *) right)->extent;
    if (a->offset != b->offset) {
        return a->offset < b->offset ? -1 : 1;
    }
    return a->size < b->size ? -1 : a->size > b->size;
}

/* Every byte from start to end belongs to exactly one tensor. */
static enum vitlrp_status check_coverage(const struct tensor_table *table, uint64_t start,
                                         uint64_t end, struct vitlrp_error *err) {
    char label[TENSOR_LABEL_TEXT];
    enum vitlrp_status status = VITLRP_OK;
    const struct tensor_info **order = mem_calloc(table->count, sizeof *order);
    if (order == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the table of tensors");
    }
    for (size_t i = 0; i < table->count; i++) {
        order[i] = &table->items[i];
    }
    qsort(order, table->count, sizeof *order, compare_offsets);
    for (size_t i = 0; i < table->count && status == VITLRP_OK; i++) {
        if (order[i]->extent.offset != start) {
            status = fail(err, VITLRP_FORMAT, "tensor %s: data_offsets leave %s before it",
                          tensor_label(label, order[i]->name),
                          order[i]->extent.offset > start ? "a gap" : "an overlap");
        }
        start += order[i]->extent.size;
    }
    if (status == VITLRP_OK && start != end) {
        status = fail(err, VITLRP_FORMAT, "%llu trailing bytes belong to no tensor",
                      (unsigned long long) (end - start));
    }
    mem_free(order);
    return status;
}

static enum vitlrp_status check_metadata(const json_t *metadata, struct vitlrp_error *err) {
    const char *key;
    json_t *value;
    if (!json_is_object(metadata)) {
        return fail(err, VITLRP_FORMAT, "__metadata__ is not an object");
    }
    json_object_foreach((json_t *) metadata, key, value) {
        if (!json_is_string(value)) {
            char label[TENSOR_LABEL_TEXT];
            return fail(err, VITLRP_FORMAT, "__metadata__ entry %s is not a string",
                        tensor_label(label, key));
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status read_header(json_t *header, uint64_t data_start, uint64_t file_size,
                                      struct checkpoint *out, struct vitlrp_error *err) {
    const char *key;
    json_t *entry;
    json_object_foreach(header, key, entry) {
        if (strcmp(key, "__metadata__") == 0) {
            TRY(check_metadata(entry, err));
            out->metadata = json_incref(entry);
            continue;
        }
        struct tensor_info tensor;
        enum vitlrp_status status =
            read_tensor(entry, data_start, file_size - data_start, &tensor, err);
        TRY(tensor_error_prefix(err, status, "tensor", key));
        TRY(tensor_table_add(&out->tensors, &tensor, key, strlen(key), err));
    }
    return check_coverage(&out->tensors, data_start, file_size, err);
}

enum vitlrp_status safetensors_read(const struct source *source, struct checkpoint *out,
                                    struct vitlrp_error *err) {
    unsigned char prefix[8];
    uint64_t length = 0;
    struct bytes text = {0};
    json_t *header = NULL;
    enum vitlrp_status status = VITLRP_OK;
    TRY(source_read(source, 0, prefix, sizeof prefix, err));
    for (size_t i = sizeof prefix; i-- > 0;) {
        length = length << 8 | prefix[i];
    }
    if (length > source->size - sizeof prefix) {
        return fail(err, VITLRP_FORMAT,
                    "header length %llu reaches beyond the file of %llu bytes: truncated?",
                    (unsigned long long) length, (unsigned long long) source->size);
    }
    struct extent extent = {.offset = sizeof prefix, .stored = length, .size = length};
    status = payload_read_all(source, &extent, out->limits->max_table_bytes, &text, err);
    if (status != VITLRP_OK) {
        return error_prefix(err, status, "safetensors header");
    }
    status = json_parse_within((const char *) text.data, text.size, out->limits->max_json_bytes,
                               &header, err);
    if (status != VITLRP_OK) {
        status = error_prefix(err, status, "safetensors header");
        goto cleanup;
    }
    out->container = "safetensors";
    status = read_header(header, sizeof prefix + length, source->size, out, err);

cleanup:
    json_decref(header);
    bytes_free(&text);
    return status;
}
