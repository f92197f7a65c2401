/* Finds the state_dict in a pickle. Refuses to guess among several, and to gather tensors that are
 * not contiguous. */
#include "vit/load/torch_state.h"

#include <stdio.h>
#include <string.h>

#include "base/checked.h"

/* Keys under which training scripts put the weights, the most likely first; they decide where the
 * number of tensors does not. */
static const char *const WEIGHT_KEYS[] = {
    "state_dict", "model_state_dict", "model", "model_state", "module", "net", "weights"};
#define WEIGHT_KEY_COUNT (sizeof WEIGHT_KEYS / sizeof WEIGHT_KEYS[0])

/* A dictionary of tensors that was found, and the best so far. */
struct candidate {
    const struct pickle_value *dict;
    const struct pickle_value *key; /* it was found under; NULL at the top */
    size_t tensors;
    size_t preference; /* smaller is better */
};

struct search {
    struct candidate best;
    struct candidate rival; /* as good as the best: a choice that is not ours */
};

static size_t count_tensors(const struct pickle_value *dict) {
    size_t count = 0;
    for (size_t i = 0; i + 1 < dict->count; i += 2) {
        count += dict->items[i]->kind == PICKLE_STRING && dict->items[i + 1]->kind == PICKLE_TENSOR;
    }
    return count;
}

static bool begins_with(const struct pickle_value *key, const char *prefix) {
    size_t length = strlen(prefix);
    return key->kind == PICKLE_STRING && key->length >= length &&
           memcmp(key->text, prefix, length) == 0;
}

/* Training state beside the weights: its tensors are not the model's. */
static bool is_training_state(const struct pickle_value *key) {
    return begins_with(key, "optim") || begins_with(key, "lr_sched") || begins_with(key, "sched") ||
           begins_with(key, "scaler") || begins_with(key, "amp");
}

static void consider(struct search *search, const struct pickle_value *dict,
                     const struct pickle_value *key) {
    struct candidate found = {dict, key, count_tensors(dict), 0};
    while (key != NULL && found.preference < WEIGHT_KEY_COUNT &&
           !pickle_is_string(key, WEIGHT_KEYS[found.preference])) {
        found.preference++;
    }
    struct candidate *best = &search->best;
    if (found.tensors == 0 || found.tensors < best->tensors ||
        (found.tensors == best->tensors && found.preference > best->preference)) {
        return;
    }
    bool equal = found.tensors == best->tensors && found.preference == best->preference;
    search->rival = equal ? found : (struct candidate){0};
    *best = equal ? *best : found;
}

#define MAX_WRAPPERS 4

/* Visits every dictionary at most once: the values of a pickle may share and contain each other. */
static void search_dict(struct search *search, struct pickle_value *dict,
                        const struct pickle_value *key, int depth) {
    if (dict->kind != PICKLE_DICT || dict->visited || depth > MAX_WRAPPERS) {
        return;
    }
    dict->visited = true;
    consider(search, dict, key);
    for (size_t i = 0; i + 1 < dict->count; i += 2) {
        if (!is_training_state(dict->items[i])) {
            search_dict(search, dict->items[i + 1], dict->items[i], depth + 1);
        }
    }
}

static enum vitlrp_status find_state(const struct pickle *pickle, const struct pickle_value **out,
                                     struct vitlrp_error *err) {
    struct search search = {0};
    search_dict(&search, pickle->root, NULL, 0);
    if (search.best.dict == NULL) {
        return fail(err, VITLRP_UNSUPPORTED, "holds no dictionary of named tensors");
    }
    if (search.rival.dict != NULL) {
        return fail(err, VITLRP_UNSUPPORTED,
                    "holds several sets of weights of %zu tensors each; save one of them alone",
                    search.best.tensors);
    }
    *out = search.best.dict;
    return VITLRP_OK;
}

/* Shape and strides of a tensor's pickle; sizes of 1 may have any stride. */
static enum vitlrp_status read_shape(const struct pickle_value *shape,
                                     const struct pickle_value *stride, struct tensor_info *out,
                                     struct vitlrp_error *err) {
    if (shape->count > TENSOR_MAX_RANK || shape->count != stride->count) {
        return fail(err, VITLRP_FORMAT,
                    "its shape and strides do not fit each other, or are over "
                    "%zu dimensions",
                    TENSOR_MAX_RANK);
    }
    out->rank = shape->count;
    for (size_t i = 0; i < shape->count; i++) {
        const struct pickle_value *size = shape->items[i];
        const struct pickle_value *step = stride->items[i];
        if (size->kind != PICKLE_INT || size->integer < 0 || step->kind != PICKLE_INT ||
            step->integer < 0) {
            return fail(err, VITLRP_FORMAT, "its shape or strides are not sizes");
        }
        out->shape[i] = (size_t) size->integer;
    }
    TRY(tensor_count(out, err));
    size_t expected = 1;
    for (size_t i = shape->count; i-- > 0 && out->count > 0;) {
        if (out->shape[i] > 1 && (size_t) stride->items[i]->integer != expected) {
            return fail(err, VITLRP_UNSUPPORTED,
                        "it is not contiguous; save tensor.contiguous() instead");
        }
        expected *= out->shape[i];
    }
    return VITLRP_OK;
}

static enum vitlrp_status read_tensor(const struct pickle_value *value,
                                      const struct storage_finder *finder, struct tensor_info *out,
                                      struct vitlrp_error *err) {
    const struct pickle_value *storage = value->items[0];
    int64_t offset = value->items[1]->integer;
    struct tensor_info tensor = {.type = storage->type};
    size_t bytes = 0;
    TRY(read_shape(value->items[2], value->items[3], &tensor, err));
    if (!checked_mul(&bytes, (size_t) storage->integer, storage->type->size)) {
        return fail(err, VITLRP_FORMAT, "its storage's size overflows");
    }
    if (offset < 0 || (uint64_t) offset > (uint64_t) storage->integer ||
        tensor.count > (uint64_t) storage->integer - (uint64_t) offset) {
        return fail(err, VITLRP_FORMAT, "it reaches beyond its storage");
    }
    TRY(finder->find(finder->context, storage, &tensor.extent, err));
    if (tensor.extent.size != bytes) {
        return fail(err, VITLRP_FORMAT, "its storage has %llu bytes where %zu are announced",
                    (unsigned long long) tensor.extent.size, bytes);
    }
    tensor.skip = (uint64_t) offset * tensor.type->size;
    *out = tensor;
    return VITLRP_OK;
}

enum vitlrp_status torch_state_read(const struct pickle *pickle,
                                    const struct storage_finder *finder, struct tensor_table *out,
                                    struct vitlrp_error *err) {
    const struct pickle_value *state = NULL;
    TRY(find_state(pickle, &state, err));
    for (size_t i = 0; i + 1 < state->count; i += 2) {
        const struct pickle_value *key = state->items[i];
        const struct pickle_value *value = state->items[i + 1];
        if (key->kind != PICKLE_STRING || value->kind != PICKLE_TENSOR) {
            continue;
        }
        /* The name goes in first, so that a failure can quote it. */
        struct tensor_info tensor = {0};
        TRY(tensor_table_add(out, &tensor, key->text, key->length, err));
        struct tensor_info *entry = &out->items[out->count - 1];
        enum vitlrp_status status = read_tensor(value, finder, &tensor, err);
        if (status != VITLRP_OK) {
            char label[TENSOR_LABEL_TEXT];
            char prefix[TENSOR_LABEL_TEXT + 8];
            snprintf(prefix, sizeof prefix, "tensor %s", tensor_label(label, entry->name));
            return error_prefix(err, status, prefix);
        }
        tensor.name = entry->name;
        *entry = tensor;
    }
    return VITLRP_OK;
}
