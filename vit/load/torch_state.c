/* Finds the state_dict in a pickle. Refuses to guess among several. */
#include "vit/load/torch_state.h"

#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/text.h"
#include "vit/load/torch_module.h"

/* Keys under which training scripts put the weights, the most likely first; they decide where the
 * number of tensors does not. */
static const char *const WEIGHT_KEYS[] = {
    "state_dict", "state_dict_ema", "model_state_dict", "model",
    "model_ema",  "model_state",    "module",           "net",
    "weights",    "teacher",        "student",          "encoder",
    "params",     "target"};
#define WEIGHT_KEY_COUNT (sizeof WEIGHT_KEYS / sizeof WEIGHT_KEYS[0])

/* Keys of an average of the weights over the training. */
static const char *const AVERAGE_KEYS[] = {"state_dict_ema",       "model_ema", "ema_state_dict",
                                           "model_ema_state_dict", "ema",       "ema_model"};

/* Where a set of tensors stands. */
struct place {
    const struct pickle_value *key; /* NULL at the top */
    bool average;                   /* it, or what it lies in, has such a key */
    int depth;
};

/* A set of tensors that was found: a dictionary or a module. */
struct candidate {
    struct pickle_value *value;
    struct place place;
    size_t tensors;
    size_t preference; /* smaller is better */
};

struct search {
    struct candidate best[2];  /* of the weights, of their average */
    struct candidate rival[2]; /* as good as the best: a choice that is not ours */
};

static size_t count_tensors(const struct pickle_value *value) {
    size_t count = 0;
    if (torch_is_module(value)) {
        return torch_module_count(value);
    }
    for (size_t i = 0; i + 1 < value->count; i += 2) {
        count +=
            value->items[i]->kind == PICKLE_STRING && value->items[i + 1]->kind == PICKLE_TENSOR;
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

/* DINO's teacher is an average of its student; without one, it may be any network. */
static bool is_average(const struct pickle_value *key, bool beside_student) {
    if (beside_student && pickle_is_string(key, "teacher")) {
        return true;
    }
    for (size_t i = 0; i < sizeof AVERAGE_KEYS / sizeof AVERAGE_KEYS[0]; i++) {
        if (pickle_is_string(key, AVERAGE_KEYS[i])) {
            return true;
        }
    }
    return false;
}

static void consider(struct search *search, struct pickle_value *value, const struct place *place) {
    struct candidate found = {value, *place, count_tensors(value), 0};
    while (place->key != NULL && found.preference < WEIGHT_KEY_COUNT &&
           !pickle_is_string(place->key, WEIGHT_KEYS[found.preference])) {
        found.preference++;
    }
    struct candidate *best = &search->best[place->average];
    if (found.tensors == 0 || found.tensors < best->tensors ||
        (found.tensors == best->tensors && found.preference > best->preference)) {
        return;
    }
    bool equal = found.tensors == best->tensors && found.preference == best->preference;
    search->rival[place->average] = equal ? found : (struct candidate){0};
    *best = equal ? *best : found;
}

#define MAX_WRAPPERS 4

/* Visits every dictionary, and every object that was given items like one, at most once: the values
 * of a pickle may share and contain each other. */
static void search_value(struct search *search, struct pickle_value *value,
                         const struct place *place) {
    bool keyed = value->kind == PICKLE_DICT || value->kind == PICKLE_OBJECT;
    if (!keyed || value->visited || place->depth > MAX_WRAPPERS) {
        return;
    }
    value->visited = true;
    consider(search, value, place);
    bool student = pickle_get(value, "student") != NULL;
    for (size_t i = 0; i + 1 < value->count; i += 2) {
        const struct pickle_value *key = value->items[i];
        if (!is_training_state(key)) {
            struct place inner = {key, place->average || is_average(key, student),
                                  place->depth + 1};
            search_value(search, value->items[i + 1], &inner);
        }
    }
}

static enum vitlrp_status fail_empty(const struct pickle *pickle, struct vitlrp_error *err) {
    char name[PICKLE_NAME_TEXT];
    const struct pickle_value *found = pickle->root;
    for (size_t i = 1; found->kind == PICKLE_DICT && i < found->count; i += 2) {
        found = found->items[i]->kind == PICKLE_OBJECT ? found->items[i] : found;
    }
    if (found->kind == PICKLE_OBJECT) {
        return fail(err, VITLRP_UNSUPPORTED,
                    "holds no named tensors, but %s, of which nothing is run; save the state_dict "
                    "alone, best as safetensors",
                    pickle_name(name, found));
    }
    return fail(err, VITLRP_UNSUPPORTED, "holds no dictionary of named tensors");
}

static const char *key_text(char out[PICKLE_NAME_TEXT], const struct candidate *candidate) {
    const struct pickle_value *key = candidate->place.key;
    bool named = key != NULL && key->kind == PICKLE_STRING;
    char text[64];
    snprintf(text, sizeof text, "%.*s", named ? (int) size_min(key->length, 60) : 5,
             named ? key->text : "model");
    text_escape_name(out, PICKLE_NAME_TEXT, text);
    return out;
}

/* The weights or their average: the caller's word, else the average, as timm does, where it has at
 * least half as many tensors. */
static enum vitlrp_status choose_set(const struct search *search, struct checkpoint *out,
                                     size_t *set, struct vitlrp_error *err) {
    char raw[PICKLE_NAME_TEXT];
    char average[PICKLE_NAME_TEXT];
    const struct candidate *best = search->best;
    *set = out->weights == VITLRP_WEIGHTS_AUTO
               ? best[1].tensors > 0 && best[1].tensors >= best[0].tensors / 2
               : out->weights == VITLRP_WEIGHTS_EMA;
    if (best[*set].tensors == 0 && *set == 0) {
        return fail(err, VITLRP_MISMATCH, "holds no weights but their average (EMA)");
    }
    if (best[*set].tensors == 0) {
        *set = 0; /* the average may lie among the names of the one set */
    }
    if (*set == 1 || best[1].tensors > 0) {
        out->weight_set = *set == 0 ? VITLRP_WEIGHTS_RAW : VITLRP_WEIGHTS_EMA;
    }
    if (best[1 - *set].tensors > 0 && out->weights == VITLRP_WEIGHTS_AUTO && *set == 1) {
        log_message(out->log, LOG_LEVEL_WARNING,
                    "the file holds weights (%s) and their average over the training (%s): the "
                    "average is used",
                    key_text(raw, &best[0]), key_text(average, &best[1]));
    }
    return VITLRP_OK;
}

static enum vitlrp_status find_state(const struct pickle *pickle, struct checkpoint *out,
                                     const struct pickle_value **state, struct vitlrp_error *err) {
    struct search search = {0};
    struct place top = {0};
    size_t set = 0;
    search_value(&search, pickle->root, &top);
    if (search.best[0].tensors == 0 && search.best[1].tensors == 0) {
        return fail_empty(pickle, err);
    }
    TRY(choose_set(&search, out, &set, err));
    if (search.rival[set].tensors > 0) {
        return fail(err, VITLRP_UNSUPPORTED,
                    "holds several sets of weights of %zu tensors each; save one of them alone",
                    search.best[set].tensors);
    }
    *state = search.best[set].value;
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
    size_t strides[TENSOR_MAX_RANK] = {0};
    out->rank = shape->count;
    for (size_t i = 0; i < shape->count; i++) {
        const struct pickle_value *size = shape->items[i];
        const struct pickle_value *step = stride->items[i];
        if (size->kind != PICKLE_INT || size->integer < 0 || step->kind != PICKLE_INT ||
            step->integer < 0) {
            return fail(err, VITLRP_FORMAT, "its shape or strides are not sizes");
        }
        out->shape[i] = (size_t) size->integer;
        strides[i] = (size_t) step->integer;
    }
    TRY(tensor_count(out, err));
    tensor_lay(out, strides);
    return VITLRP_OK;
}

static enum vitlrp_status read_tensor(const struct pickle_value *value,
                                      const struct storage_finder *finder, struct tensor_info *out,
                                      struct vitlrp_error *err) {
    const struct pickle_value *storage = value->items[0];
    int64_t offset = value->items[1]->integer;
    struct tensor_info tensor = {.type = storage->type};
    size_t bytes = 0;
    if (storage->type == NULL) {
        char name[PICKLE_NAME_TEXT];
        return fail(err, VITLRP_UNSUPPORTED, "its elements are of %s, which is not known",
                    pickle_name(name, storage->maker));
    }
    TRY(read_shape(value->items[2], value->items[3], &tensor, err));
    if (!checked_mul(&bytes, (size_t) storage->integer, storage->type->size)) {
        return fail(err, VITLRP_FORMAT, "its storage's size overflows");
    }
    if (offset < 0 || (uint64_t) offset > (uint64_t) storage->integer ||
        (tensor.lies != TENSOR_SCATTERED &&
         tensor.count > (uint64_t) storage->integer - (uint64_t) offset)) {
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

/* What the tensors of a set are added with. */
struct reading {
    const struct storage_finder *finder;
    struct checkpoint *out;
};

static enum vitlrp_status add_tensor(void *context, const char *name, size_t length,
                                     const struct pickle_value *value, struct vitlrp_error *err) {
    const struct reading *reading = context;
    struct tensor_table *table = &reading->out->tensors;
    /* The name goes in first, so that a failure can quote it. */
    struct tensor_info tensor = {0};
    TRY(tensor_table_add(table, &tensor, name, length, err));
    struct tensor_info *entry = &table->items[table->count - 1];
    enum vitlrp_status status = read_tensor(value, reading->finder, &tensor, err);
    TRY(tensor_error_prefix(err, status, "tensor", entry->name));
    tensor.name = entry->name;
    *entry = tensor;
    return VITLRP_OK;
}

/* An object in the place of a tensor is made by a callable that is not run. It is left out: what
 * needs it misses it. */
static void tell_left_out(const struct checkpoint *out, const struct pickle_value *key,
                          const struct pickle_value *value) {
    char label[TENSOR_LABEL_TEXT];
    char name[PICKLE_NAME_TEXT];
    char text[TENSOR_MAX_NAME + 1];
    snprintf(text, sizeof text, "%.*s", (int) size_min(key->length, TENSOR_MAX_NAME), key->text);
    log_message(out->log, LOG_LEVEL_INFO, "%s is made by %s, which is not run: left out",
                tensor_label(label, text), pickle_name(name, value));
}

enum vitlrp_status torch_state_read(const struct pickle *pickle,
                                    const struct storage_finder *finder, struct checkpoint *out,
                                    struct vitlrp_error *err) {
    struct reading reading = {finder, out};
    struct module_visitor visitor = {add_tensor, &reading};
    const struct pickle_value *state = NULL;
    TRY(find_state(pickle, out, &state, err));
    if (torch_is_module(state)) {
        out->openai_clip = torch_is_openai_clip(state);
        return torch_module_walk(state, &visitor, err);
    }
    for (size_t i = 0; i + 1 < state->count; i += 2) {
        const struct pickle_value *key = state->items[i];
        const struct pickle_value *value = state->items[i + 1];
        if (key->kind == PICKLE_STRING && value->kind == PICKLE_TENSOR) {
            TRY(add_tensor(&reading, key->text, key->length, value, err));
        } else if (key->kind == PICKLE_STRING && value->kind == PICKLE_OBJECT) {
            tell_left_out(out, key, value);
        }
    }
    return VITLRP_OK;
}
