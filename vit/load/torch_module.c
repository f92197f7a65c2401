/* Walks over a pickled module: `_parameters`, `_buffers` and `_modules` of its attributes, or, in
 * TorchScript, the attributes themselves. Every dictionary is walked once, whoever shares it. */
#include "vit/load/torch_module.h"

#include <string.h>

#include "vit/load/tensor.h"

#define MAX_DEPTH 32                 /* of modules in modules; ViTs have 6 */
#define MAX_TRANSIENT ((size_t) 256) /* buffers of a module that a state_dict leaves out */

struct walk {
    const struct module_visitor *visitor; /* NULL: counts only */
    size_t count;
    int depth;
    size_t length;
    char name[TENSOR_MAX_NAME + 1]; /* of the module that is walked, with its dot */
};

static enum vitlrp_status walk_module(struct walk *walk, const struct pickle_value *module,
                                      struct vitlrp_error *err);

/* A dictionary among the attributes, or NULL. */
static struct pickle_value *attribute(const struct pickle_value *attributes, const char *key) {
    struct pickle_value *value = pickle_get(attributes, key);
    return value != NULL && value->kind == PICKLE_DICT ? value : NULL;
}

/* TorchScript names its classes so, and has a module's tensors directly among its attributes. */
static bool is_script(const struct pickle_value *object) {
    static const char SCRIPT[] = "__torch__.";
    const struct pickle_value *maker = object->maker;
    return maker != NULL && maker->kind == PICKLE_OPAQUE && maker->length >= sizeof SCRIPT - 1 &&
           memcmp(maker->text, SCRIPT, sizeof SCRIPT - 1) == 0;
}

bool torch_is_module(const struct pickle_value *value) {
    const struct pickle_value *attributes = pickle_attributes(value);
    return attributes != NULL && (is_script(value) || attribute(attributes, "_modules") != NULL ||
                                  attribute(attributes, "_parameters") != NULL);
}

/* True for an object of TorchScript's whose class has that name, in whatever module. */
static bool is_script_class(const struct pickle_value *object, const char *name) {
    size_t length = strlen(name);
    return object != NULL && object->kind == PICKLE_OBJECT && is_script(object) &&
           object->maker->length > length &&
           memcmp(object->maker->text + object->maker->length - length, name, length) == 0;
}

bool torch_is_openai_clip(const struct pickle_value *module) {
    static const char *const PATH[] = {"visual", "transformer", "resblocks", "0", "mlp", "gelu"};
    for (size_t i = 0; module != NULL && i < sizeof PATH / sizeof PATH[0]; i++) {
        const struct pickle_value *attributes = pickle_attributes(module);
        module = attributes == NULL ? NULL : pickle_get(attributes, PATH[i]);
    }
    return is_script_class(module, "\nQuickGELU");
}

/* True the first time that this kind of walk meets the dictionary. */
static bool enter(const struct walk *walk, struct pickle_value *dict) {
    bool *mark = walk->visitor == NULL ? &dict->visited : &dict->named;
    bool first = !*mark;
    *mark = true;
    return first;
}

/* Appends the key to the name; *length gets what the name was long before. */
static enum vitlrp_status enter_name(struct walk *walk, const struct pickle_value *key,
                                     struct vitlrp_error *err) {
    if (key->length > TENSOR_MAX_NAME - 1 - walk->length) {
        return fail(err, VITLRP_LIMIT, "the name of a tensor in its modules is longer than %zu",
                    TENSOR_MAX_NAME);
    }
    memcpy(walk->name + walk->length, key->text, key->length);
    walk->length += key->length;
    return VITLRP_OK;
}

static enum vitlrp_status take_tensor(struct walk *walk, const struct pickle_value *key,
                                      const struct pickle_value *tensor, struct vitlrp_error *err) {
    size_t length = walk->length;
    walk->count++;
    if (walk->visitor == NULL) {
        return VITLRP_OK;
    }
    TRY(enter_name(walk, key, err));
    enum vitlrp_status status =
        walk->visitor->tensor(walk->visitor->context, walk->name, walk->length, tensor, err);
    walk->length = length;
    return status;
}

static enum vitlrp_status enter_module(struct walk *walk, const struct pickle_value *key,
                                       const struct pickle_value *module,
                                       struct vitlrp_error *err) {
    size_t length = walk->length;
    if (walk->depth == MAX_DEPTH) {
        return fail(err, VITLRP_LIMIT, "its modules lie deeper in each other than %d", MAX_DEPTH);
    }
    if (walk->visitor != NULL) {
        TRY(enter_name(walk, key, err));
        walk->name[walk->length++] = '.';
    }
    walk->depth++;
    enum vitlrp_status status = walk_module(walk, module, err);
    walk->depth--;
    walk->length = length;
    return status;
}

static bool holds(const struct pickle_value *list, const struct pickle_value *key) {
    for (size_t i = 0; list != NULL && i < list->count; i++) {
        const struct pickle_value *item = list->items[i];
        if (item->kind == PICKLE_STRING && item->length == key->length &&
            memcmp(item->text, key->text, key->length) == 0) {
            return true;
        }
    }
    return false;
}

/* The tensors and modules among the values of a dictionary, but for the keys in `left_out`. */
static enum vitlrp_status walk_dict(struct walk *walk, struct pickle_value *dict,
                                    const struct pickle_value *left_out, struct vitlrp_error *err) {
    if (dict == NULL || !enter(walk, dict)) {
        return VITLRP_OK;
    }
    for (size_t i = 0; i + 1 < dict->count; i += 2) {
        const struct pickle_value *key = dict->items[i];
        const struct pickle_value *value = dict->items[i + 1];
        if (key->kind != PICKLE_STRING || holds(left_out, key)) {
            continue;
        }
        if (value->kind == PICKLE_TENSOR) {
            TRY(take_tensor(walk, key, value, err));
        } else if (value->kind == PICKLE_OBJECT) {
            TRY(enter_module(walk, key, value, err));
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status walk_module(struct walk *walk, const struct pickle_value *module,
                                      struct vitlrp_error *err) {
    struct pickle_value *attributes = pickle_attributes(module);
    if (attributes != NULL && is_script(module)) {
        return walk_dict(walk, attributes, NULL, err);
    }
    if (attributes == NULL || !enter(walk, attributes)) {
        return VITLRP_OK;
    }
    const struct pickle_value *transient = pickle_get(attributes, "_non_persistent_buffers_set");
    if (transient != NULL && transient->kind != PICKLE_LIST) {
        transient = NULL;
    }
    if (transient != NULL && transient->count > MAX_TRANSIENT) {
        return fail(err, VITLRP_LIMIT, "a module has more than %zu buffers that are not saved",
                    MAX_TRANSIENT);
    }
    TRY(walk_dict(walk, attribute(attributes, "_parameters"), NULL, err));
    TRY(walk_dict(walk, attribute(attributes, "_buffers"), transient, err));
    return walk_dict(walk, attribute(attributes, "_modules"), NULL, err);
}

size_t torch_module_count(const struct pickle_value *module) {
    struct walk walk = {.visitor = NULL};
    struct vitlrp_error ignored; /* the walk that names the tensors fails likewise */
    (void) !walk_module(&walk, module, &ignored);
    return walk.count;
}

enum vitlrp_status torch_module_walk(const struct pickle_value *module,
                                     const struct module_visitor *visitor,
                                     struct vitlrp_error *err) {
    struct walk walk = {.visitor = visitor};
    return walk_module(&walk, module, err);
}
