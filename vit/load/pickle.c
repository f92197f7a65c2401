/* The pickle machine: its memory, its limits and the short list of callables it knows. Never calls
 * anything: every other name is a name, and what it would have made is an inert object. */
#include "vit/load/pickle.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "vit/load/pickle_private.h"

#define CHUNK_VALUES ((size_t) 256)

struct pickle_chunk {
    struct pickle_chunk *next;
    size_t used;
    struct pickle_value values[CHUNK_VALUES];
};

struct pickle_value *pickle_value_new(struct pickle *pickle, enum pickle_kind kind) {
    struct pickle_chunk *chunk = pickle->chunks;
    if (chunk == NULL || chunk->used == CHUNK_VALUES) {
        chunk = mem_calloc(1, sizeof *chunk);
        if (chunk == NULL) {
            return NULL;
        }
        chunk->next = pickle->chunks;
        pickle->chunks = chunk;
    }
    struct pickle_value *value = &chunk->values[chunk->used++];
    value->kind = kind;
    return value;
}

/* Appends to an array of values, doubling it when it is full. */
static enum vitlrp_status append(struct pickle_value ***items, size_t *count, size_t *capacity,
                                 struct pickle_value *value, struct vitlrp_error *err) {
    if (*count == *capacity) {
        size_t wanted = *capacity == 0 ? 4 : *capacity * 2;
        struct pickle_value **grown = mem_resize(*items, wanted, sizeof *grown);
        if (grown == NULL) {
            return fail(err, VITLRP_NOMEM, "out of memory for a pickle");
        }
        *items = grown;
        *capacity = wanted;
    }
    (*items)[(*count)++] = value;
    return VITLRP_OK;
}

enum vitlrp_status pickle_append(struct pickle_value *container, struct pickle_value *item,
                                 struct vitlrp_error *err) {
    return append(&container->items, &container->count, &container->capacity, item, err);
}

enum vitlrp_status pickle_note_storage(struct pickle *pickle, struct pickle_value *storage,
                                       struct vitlrp_error *err) {
    return append(&pickle->storages, &pickle->storage_count, &pickle->storage_capacity, storage,
                  err);
}

enum vitlrp_status pickle_push(struct pickle_machine *machine, struct pickle_value *value,
                               struct vitlrp_error *err) {
    if (value == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a pickle");
    }
    if (machine->stack_count == machine->max_stack) {
        return fail_limit(err, "its pickle stacks more than %zu values", machine->max_stack);
    }
    return append(&machine->stack, &machine->stack_count, &machine->stack_capacity, value, err);
}

enum vitlrp_status pickle_memo_put(struct pickle_machine *machine, uint64_t slot,
                                   struct vitlrp_error *err) {
    if (slot >= machine->max_memo) {
        return fail_limit(err, "its pickle remembers more than %zu values", machine->max_memo);
    }
    if (machine->stack_count == 0) {
        return fail(err, VITLRP_FORMAT, "its pickle is damaged: nothing to remember");
    }
    while (machine->memo_count <= slot) {
        TRY(append(&machine->memo, &machine->memo_count, &machine->memo_capacity, NULL, err));
    }
    machine->memo[slot] = machine->stack[machine->stack_count - 1];
    return VITLRP_OK;
}

struct known_global {
    const char *module;
    const char *name;
    enum pickle_global global;
    const char *type; /* element type of a storage, by its safetensors name */
};

static const struct known_global GLOBALS[] = {
    {"collections", "OrderedDict", PICKLE_ORDERED_DICT, NULL},
    {"torch._utils", "_rebuild_tensor", PICKLE_REBUILD_TENSOR, NULL},
    {"torch._utils", "_rebuild_tensor_v2", PICKLE_REBUILD_TENSOR, NULL},
    {"torch._utils", "_rebuild_parameter", PICKLE_REBUILD_PARAMETER, NULL},
    {"torch._utils", "_rebuild_parameter_with_state", PICKLE_REBUILD_PARAMETER, NULL},
    {"torch._tensor", "_rebuild_from_type_v2", PICKLE_REBUILD_SUBCLASS, NULL},
    {"torch", "Size", PICKLE_SIZE, NULL},
    {"builtins", "set", PICKLE_SET, NULL},
    {"__builtin__", "set", PICKLE_SET, NULL},
    {"torch", "FloatStorage", PICKLE_STORAGE_TYPE, "F32"},
    {"torch", "HalfStorage", PICKLE_STORAGE_TYPE, "F16"},
    {"torch", "BFloat16Storage", PICKLE_STORAGE_TYPE, "BF16"},
    {"torch", "DoubleStorage", PICKLE_STORAGE_TYPE, "F64"},
    {"torch", "LongStorage", PICKLE_STORAGE_TYPE, "I64"},
    {"torch", "IntStorage", PICKLE_STORAGE_TYPE, "I32"},
    {"torch", "ShortStorage", PICKLE_STORAGE_TYPE, "I16"},
    {"torch", "CharStorage", PICKLE_STORAGE_TYPE, "I8"},
    {"torch", "ByteStorage", PICKLE_STORAGE_TYPE, "U8"},
    {"torch", "BoolStorage", PICKLE_STORAGE_TYPE, "BOOL"},
    {"torch", "ComplexFloatStorage", PICKLE_STORAGE_TYPE, "C64"},
};

static bool same_text(const char *text, size_t length, const char *wanted) {
    return strlen(wanted) == length && memcmp(text, wanted, length) == 0;
}

enum vitlrp_status pickle_find_global(struct pickle_machine *machine,
                                      const struct pickle_span *module,
                                      const struct pickle_span *name, struct pickle_value **out,
                                      struct vitlrp_error *err) {
    for (size_t i = 0; i < sizeof GLOBALS / sizeof GLOBALS[0]; i++) {
        const struct known_global *known = &GLOBALS[i];
        if (!same_text(module->text, module->length, known->module) ||
            !same_text(name->text, name->length, known->name)) {
            continue;
        }
        struct pickle_value *value = pickle_value_new(machine->pickle, PICKLE_GLOBAL);
        if (value == NULL) {
            return fail(err, VITLRP_NOMEM, "out of memory for a pickle");
        }
        value->global = known->global;
        value->type = known->type == NULL ? NULL : element_type_named(known->type);
        *out = value;
        return VITLRP_OK;
    }
    *out = pickle_value_new(machine->pickle, PICKLE_OPAQUE);
    return *out != NULL ? VITLRP_OK : fail(err, VITLRP_NOMEM, "out of memory for a pickle");
}

enum vitlrp_status pickle_make_object(struct pickle_machine *machine,
                                      const struct pickle_value *maker, struct pickle_value **out,
                                      struct vitlrp_error *err) {
    *out = pickle_value_new(machine->pickle, PICKLE_OBJECT);
    if (*out == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a pickle");
    }
    (*out)->maker = maker;
    return VITLRP_OK;
}

/* _rebuild_tensor_v2(storage, offset, shape, stride, requires_grad, hooks[, metadata]). */
static enum vitlrp_status call_rebuild_tensor(struct pickle_machine *machine,
                                              const struct pickle_value *arguments,
                                              struct pickle_value **out, struct vitlrp_error *err) {
    static const enum pickle_kind KINDS[4] = {PICKLE_STORAGE, PICKLE_INT, PICKLE_TUPLE,
                                              PICKLE_TUPLE};
    struct pickle_value *tensor = pickle_value_new(machine->pickle, PICKLE_TENSOR);
    if (tensor == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a pickle");
    }
    for (size_t i = 0; i < 4; i++) {
        if (i >= arguments->count || arguments->items[i]->kind != KINDS[i]) {
            return fail(err, VITLRP_FORMAT, "its pickle is damaged: a tensor of strange things");
        }
        TRY(pickle_append(tensor, arguments->items[i], err));
    }
    *out = tensor;
    return VITLRP_OK;
}

/* OrderedDict(), or OrderedDict([[key, value], ...]) as Python 2 wrote it. */
static enum vitlrp_status call_ordered_dict(struct pickle_machine *machine,
                                            const struct pickle_value *arguments,
                                            struct pickle_value **out, struct vitlrp_error *err) {
    struct pickle_value *dict = pickle_value_new(machine->pickle, PICKLE_DICT);
    const struct pickle_value *pairs = arguments->count == 1 ? arguments->items[0] : NULL;
    if (dict == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a pickle");
    }
    if (arguments->count > 1 || (pairs != NULL && pairs->kind != PICKLE_LIST)) {
        return fail(err, VITLRP_FORMAT, "its pickle is damaged: a strange OrderedDict");
    }
    for (size_t i = 0; pairs != NULL && i < pairs->count; i++) {
        const struct pickle_value *pair = pairs->items[i];
        if ((pair->kind != PICKLE_LIST && pair->kind != PICKLE_TUPLE) || pair->count != 2) {
            return fail(err, VITLRP_FORMAT, "its pickle is damaged: a strange OrderedDict");
        }
        TRY(pickle_append(dict, pair->items[0], err));
        TRY(pickle_append(dict, pair->items[1], err));
    }
    *out = dict;
    return VITLRP_OK;
}

/* _rebuild_from_type_v2(function, type, arguments, state): a tensor with attributes, which are not
 * needed. Calls itself once at most, since the function must rebuild a plain tensor. */
static enum vitlrp_status call_rebuild_subclass(struct pickle_machine *machine,
                                                const struct pickle_value *arguments,
                                                struct pickle_value **out,
                                                struct vitlrp_error *err) {
    const struct pickle_value *function = arguments->count >= 3 ? arguments->items[0] : NULL;
    if (function == NULL || function->kind != PICKLE_GLOBAL ||
        function->global == PICKLE_REBUILD_SUBCLASS || arguments->items[2]->kind != PICKLE_TUPLE) {
        return pickle_make_object(machine, function, out, err);
    }
    return pickle_call(machine, function, arguments->items[2], out, err);
}

/* Of a tensor, or of an object in its place. */
static bool is_parameter(const struct pickle_value *arguments) {
    return arguments->count >= 1 && (arguments->items[0]->kind == PICKLE_TENSOR ||
                                     arguments->items[0]->kind == PICKLE_OBJECT);
}

enum vitlrp_status pickle_call(struct pickle_machine *machine, const struct pickle_value *callable,
                               const struct pickle_value *arguments, struct pickle_value **out,
                               struct vitlrp_error *err) {
    bool inert = callable->kind == PICKLE_OPAQUE || callable->kind == PICKLE_OBJECT;
    if ((callable->kind != PICKLE_GLOBAL && !inert) || arguments->kind != PICKLE_TUPLE) {
        return fail(err, VITLRP_FORMAT, "its pickle is damaged: it calls what is not callable");
    }
    if (inert) {
        return pickle_make_object(machine, callable, out, err);
    }
    switch (callable->global) {
    case PICKLE_ORDERED_DICT:
        return call_ordered_dict(machine, arguments, out, err);
    case PICKLE_REBUILD_TENSOR:
        return call_rebuild_tensor(machine, arguments, out, err);
    case PICKLE_REBUILD_SUBCLASS:
        return call_rebuild_subclass(machine, arguments, out, err);
    case PICKLE_REBUILD_PARAMETER:
        if (is_parameter(arguments)) {
            *out = arguments->items[0];
            return VITLRP_OK;
        }
        break;
    case PICKLE_SIZE:
        if (arguments->count == 1 && arguments->items[0]->kind == PICKLE_TUPLE) {
            *out = arguments->items[0];
            return VITLRP_OK;
        }
        break;
    case PICKLE_SET:
        if (arguments->count == 1 && arguments->items[0]->kind == PICKLE_LIST) {
            *out = arguments->items[0];
            return VITLRP_OK;
        }
        return pickle_make_object(machine, callable, out, err);
    case PICKLE_STORAGE_TYPE:
        break;
    }
    return fail(err, VITLRP_FORMAT, "its pickle is damaged: a call with strange arguments");
}

static bool is_storage_type(const struct pickle_value *value) {
    return value->kind == PICKLE_OPAQUE ||
           (value->kind == PICKLE_GLOBAL && value->global == PICKLE_STORAGE_TYPE);
}

/* ('storage', type, key, device, elements) and, in the older container, None: a view. Keys are
 * short: many storages may have one long key in common, which every comparison would walk. */
static enum vitlrp_status load_storage(struct pickle_machine *machine,
                                       const struct pickle_value *id, struct pickle_value **out,
                                       struct vitlrp_error *err) {
    if (id->count < 5 || id->count > 6 || !is_storage_type(id->items[1]) ||
        id->items[2]->kind != PICKLE_STRING || id->items[2]->length > TENSOR_MAX_NAME ||
        id->items[4]->kind != PICKLE_INT || id->items[4]->integer < 0) {
        return fail(err, VITLRP_FORMAT, "its pickle is damaged: a strange persistent id");
    }
    if (id->count == 6 && id->items[5]->kind != PICKLE_NONE) {
        return fail(err, VITLRP_UNSUPPORTED, "storages that are views of others are not supported");
    }
    struct pickle_value *storage = pickle_value_new(machine->pickle, PICKLE_STORAGE);
    if (storage == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a pickle");
    }
    storage->type = id->items[1]->type;
    storage->maker = id->items[1];
    storage->text = id->items[2]->text;
    storage->length = id->items[2]->length;
    storage->integer = id->items[4]->integer;
    *out = storage;
    return pickle_note_storage(machine->pickle, storage, err);
}

enum vitlrp_status pickle_load_persistent(struct pickle_machine *machine,
                                          const struct pickle_value *id, struct pickle_value **out,
                                          struct vitlrp_error *err) {
    bool named = id->kind == PICKLE_TUPLE && id->count >= 2;
    if (named && pickle_is_string(id->items[0], "storage")) {
        return load_storage(machine, id, out, err);
    }
    /* ('module', class, file of its source, source) */
    if (named && pickle_is_string(id->items[0], "module") && id->items[1]->kind == PICKLE_OPAQUE) {
        *out = id->items[1];
        return VITLRP_OK;
    }
    return fail(err, VITLRP_FORMAT, "its pickle is damaged: a strange persistent id");
}

static enum vitlrp_status run_all(struct pickle_machine *machine, struct vitlrp_error *err) {
    for (size_t i = 0; !machine->stopped; i++) {
        if (i == machine->max_opcodes) {
            return fail_limit(err, "its pickle has more than %zu opcodes", machine->max_opcodes);
        }
        if (machine->next == machine->end) {
            return fail(err, VITLRP_FORMAT, "truncated: its pickle does not end");
        }
        unsigned char opcode = *machine->next++;
        TRY(pickle_run(machine, opcode, err));
    }
    return VITLRP_OK;
}

enum vitlrp_status pickle_parse(const unsigned char *bytes, size_t size, size_t max_opcodes,
                                size_t *consumed, struct pickle *out, struct vitlrp_error *err) {
    size_t marks[PICKLE_MAX_MARKS];
    struct pickle_machine machine = {.next = bytes,
                                     .end = bytes + size,
                                     .max_opcodes = max_opcodes,
                                     .max_stack = max_opcodes / 100,
                                     .max_memo = max_opcodes / 10,
                                     .marks = marks,
                                     .pickle = out};
    *out = (struct pickle){0};
    enum vitlrp_status status = run_all(&machine, err);
    if (status == VITLRP_OK && (machine.stack_count != 1 || machine.mark_count != 0)) {
        status = fail(err, VITLRP_FORMAT, "its pickle is damaged: it ends in the middle");
    }
    if (status == VITLRP_OK) {
        out->root = machine.stack[0];
        *consumed = (size_t) (machine.next - bytes);
    }
    mem_free(machine.stack);
    mem_free(machine.memo);
    return status;
}

void pickle_free(struct pickle *pickle) {
    while (pickle->chunks != NULL) {
        struct pickle_chunk *chunk = pickle->chunks;
        for (size_t i = 0; i < chunk->used; i++) {
            mem_free(chunk->values[i].items);
        }
        pickle->chunks = chunk->next;
        mem_free(chunk);
    }
    mem_free(pickle->storages);
    *pickle = (struct pickle){0};
}

bool pickle_is_string(const struct pickle_value *value, const char *text) {
    return value->kind == PICKLE_STRING && same_text(value->text, value->length, text);
}

struct pickle_value *pickle_get(const struct pickle_value *dict, const char *key) {
    bool keyed = dict->kind == PICKLE_DICT || dict->kind == PICKLE_OBJECT;
    for (size_t i = 0; keyed && i + 1 < dict->count; i += 2) {
        if (pickle_is_string(dict->items[i], key)) {
            return dict->items[i + 1];
        }
    }
    return NULL;
}

struct pickle_value *pickle_attributes(const struct pickle_value *object) {
    struct pickle_value *state = object->kind == PICKLE_OBJECT ? object->state : NULL;
    if (state != NULL && state->kind == PICKLE_TUPLE && state->count == 2) {
        state = state->items[0]; /* the other: those of __slots__ */
    }
    return state != NULL && state->kind == PICKLE_DICT ? state : NULL;
}

/* Appends a span of the pickle to a terminated string as far as it fits; a newline, which GLOBAL
 * has between module and name, becomes a dot. */
static void append_span(char *out, size_t size, const char *text, size_t length) {
    size_t used = strlen(out);
    for (size_t i = 0; i < length && used + 1 < size; i++) {
        out[used++] = text[i] == '\n' ? '.' : text[i];
    }
    out[used] = '\0';
}

const char *pickle_name(char out[PICKLE_NAME_TEXT], const struct pickle_value *value) {
    char full[PICKLE_NAME_TEXT] = "";
    for (int i = 0; i < 8 && value != NULL && value->kind == PICKLE_OBJECT; i++) {
        value = value->maker;
    }
    if (value == NULL || value->kind != PICKLE_OPAQUE) {
        snprintf(out, PICKLE_NAME_TEXT, "an object");
        return out;
    }
    if (value->maker != NULL) {
        append_span(full, sizeof full / 2, value->maker->text, value->maker->length);
        append_span(full, sizeof full, ".", 1);
    }
    append_span(full, sizeof full, value->text, value->length);
    text_escape_name(out, PICKLE_NAME_TEXT, full);
    return out;
}
