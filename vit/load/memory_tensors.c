/* A table of the caller's tensors. Refuses descriptions that do not fit their bytes. */
#include "vit/load/memory_tensors.h"

#include <string.h>

static enum vitlrp_status read_shape(const struct vitlrp_tensor *tensor, struct tensor_info *out,
                                     struct vitlrp_error *err) {
    if (tensor->rank > TENSOR_MAX_RANK || (tensor->rank > 0 && tensor->shape == NULL)) {
        return fail(err, VITLRP_USAGE, "its shape must have at most %zu sizes", TENSOR_MAX_RANK);
    }
    out->rank = tensor->rank;
    for (size_t i = 0; i < tensor->rank; i++) {
        if (tensor->shape[i] < 0) {
            return fail(err, VITLRP_USAGE, "a size of its shape is negative");
        }
        out->shape[i] = (size_t) tensor->shape[i];
    }
    return tensor_count(out, err);
}

static enum vitlrp_status read_tensor(const struct vitlrp_tensor *tensor, struct tensor_info *out,
                                      struct vitlrp_error *err) {
    out->type = tensor->type == NULL ? NULL : element_type_named(tensor->type);
    if (out->type == NULL) {
        char label[TENSOR_LABEL_TEXT];
        return fail(err, VITLRP_USAGE, "its type %s is not known",
                    tensor_label(label, tensor->type == NULL ? "" : tensor->type));
    }
    TRY(read_shape(tensor, out, err));
    if (tensor->size != out->count * out->type->size) {
        return fail(err, VITLRP_USAGE, "it has %zu bytes, its shape and type need %zu",
                    tensor->size, out->count * out->type->size);
    }
    if (tensor->data == NULL && tensor->size > 0) {
        return fail(err, VITLRP_USAGE, "its data are NULL");
    }
    out->extent = (struct extent){.stored = tensor->size, .size = tensor->size};
    return VITLRP_OK;
}

/* One tensor and the file that it is in the list of the model's. */
static enum vitlrp_status add_tensor(const struct vitlrp_tensor *tensor, struct vit_file *file,
                                     struct tensor_table *table, struct vitlrp_error *err) {
    struct tensor_info info = {.source = &file->source};
    if (tensor->name == NULL) {
        return fail(err, VITLRP_USAGE, "a tensor has no name");
    }
    TRY(tensor_error_prefix(err, read_tensor(tensor, &info, err), "tensor", tensor->name));
    const struct source source = source_over(tensor->size > 0 ? tensor->data : "", tensor->size);
    TRY(vit_origin_set(file, tensor->name, &source, err));
    return tensor_table_add(table, &info, tensor->name, strlen(tensor->name), err);
}

enum vitlrp_status memory_tensors_open(const struct memory_tensors *tensors,
                                       const struct checkpoint_options *options,
                                       struct vit_origin *origin, struct checkpoint *out,
                                       struct vitlrp_error *err) {
    uint64_t bytes = 0;
    *out = (struct checkpoint){.limits = options->limits,
                               .log = options->log,
                               .weights = options->weights,
                               .container = "memory",
                               .tensors = {.limit = options->limits->max_tensors}};
    for (size_t i = 0; i < tensors->count; i++) {
        if (tensors->items[i].size > options->limits->max_bytes - bytes) {
            return fail_limit(err, "its tensors have more than the limit of %llu bytes",
                              (unsigned long long) options->limits->max_bytes);
        }
        bytes += tensors->items[i].size;
        TRY(add_tensor(&tensors->items[i], &origin->files[i], &out->tensors, err));
    }
    return tensor_table_check_unique(&out->tensors, err);
}
