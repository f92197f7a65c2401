/* Infers the architecture. Refuses to guess what neither tensors nor configuration state. */
#include "vit/load/architecture.h"

#include <string.h>

#include "base/json.h"

#define HEAD_SIZE 64 /* of every published ViT, so the last resort */

/* "image_size": 224, or [height, width]. *found stays false without the key. */
static enum vitlrp_status read_image_size(const json_t *object, int64_t size[2], bool *found,
                                          struct vitlrp_error *err) {
    const json_t *value = json_object_get(object, "image_size");
    if (value == NULL || json_is_null(value)) {
        return VITLRP_OK;
    }
    bool pair = json_array_size(value) == 2;
    for (size_t i = 0; i < 2; i++) {
        const json_t *side = pair ? json_array_get(value, i) : value;
        if (!json_is_integer(side) || json_integer_value(side) < 1 ||
            json_integer_value(side) > VIT_MAX_SIDE) {
            return fail(err, VITLRP_MISMATCH,
                        "\"image_size\" must be a size, or [height, width], up to %d",
                        VIT_MAX_SIDE);
        }
        size[i] = json_integer_value(side);
    }
    *found = true;
    return VITLRP_OK;
}

/* The whole square root of a perfect square, else 0. */
static size_t exact_root(size_t square) {
    size_t root = 0;
    while ((root + 1) * (root + 1) <= square) {
        root++;
    }
    return root * root == square ? root : 0;
}

/* The grid of the position embedding: the configured one, else a square, with entries for the
 * tokens in front of it or without. */
static enum vitlrp_status infer_grid(size_t positions, const struct architecture_hints *hints,
                                     struct vit_config *config, bool *has_prefix,
                                     struct vitlrp_error *err) {
    size_t prefix = (size_t) config->prefix;
    int64_t size[2] = {0, 0};
    bool known = false;
    TRY(read_image_size(hints->metadata, size, &known, err));
    if (!known) {
        TRY(read_image_size(hints->config, size, &known, err));
    }
    if (known) {
        int64_t rows = size[0] / config->patch_height;
        int64_t columns = size[1] / config->patch_width;
        size_t patches = (size_t) (rows * columns);
        if (patches == 0 || (positions != patches && positions != patches + prefix)) {
            return fail(err, VITLRP_MISMATCH,
                        "%zu position embeddings do not fit a %lldx%lld input in %dx%d patches",
                        positions, (long long) size[0], (long long) size[1], config->patch_height,
                        config->patch_width);
        }
        config->grid_height = (int32_t) rows;
        config->grid_width = (int32_t) columns;
        *has_prefix = positions == patches + prefix;
        return VITLRP_OK;
    }
    size_t limit = (size_t) VIT_MAX_SIDE * VIT_MAX_SIDE;
    size_t root = positions > prefix && positions <= limit ? exact_root(positions - prefix) : 0;
    *has_prefix = root > 0;
    root = root > 0 || positions > limit ? root : exact_root(positions);
    if (root == 0) {
        return fail(err, VITLRP_MISMATCH,
                    "%zu position embeddings are no square of patches, and no configuration states "
                    "the input size",
                    positions);
    }
    config->grid_height = (int32_t) root;
    config->grid_width = (int32_t) root;
    return VITLRP_OK;
}

static enum vitlrp_status read_activation(const char *name, enum vit_activation *out,
                                          struct vitlrp_error *err) {
    static const struct {
        const char *name;
        enum vit_activation activation;
    } names[] = {
        {"gelu", VIT_GELU_ERF},
        {"gelu_erf", VIT_GELU_ERF},
        {"gelu_python", VIT_GELU_ERF},
        {"gelu_new", VIT_GELU_TANH},
        {"gelu_pytorch_tanh", VIT_GELU_TANH},
        {"gelu_fast", VIT_GELU_TANH},
        {"gelu_tanh", VIT_GELU_TANH},
        {"quick_gelu", VIT_GELU_QUICK},
    };
    char label[TENSOR_LABEL_TEXT];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i].name, name) == 0) {
            *out = names[i].activation;
            return VITLRP_OK;
        }
    }
    return fail(err, VITLRP_UNSUPPORTED,
                "activation %s is not supported; gelu, gelu_new, gelu_pytorch_tanh, gelu_fast and "
                "quick_gelu are",
                tensor_label(label, name));
}

/* Sizes that config.json repeats must be those of the tensors: another model's file lies beside. */
static enum vitlrp_status check_sizes(const json_t *object, const struct vit_config *config,
                                      struct vitlrp_error *err) {
    const struct {
        const char *key;
        int32_t value;
    } sizes[] = {
        {"hidden_size", config->dim},
        {"num_hidden_layers", config->depth},
        {"intermediate_size", config->mlp_dim},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        int64_t value = sizes[i].value;
        TRY(json_get_int(object, sizes[i].key, INT32_MIN, INT32_MAX, &value, err));
        if (value != sizes[i].value) {
            return fail(err, VITLRP_MISMATCH, "\"%s\" is %lld, but the tensors have %d",
                        sizes[i].key, (long long) value, sizes[i].value);
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status read_common(const json_t *object, const char *heads_key,
                                      const char *activation_key, struct vit_config *config,
                                      struct vitlrp_error *err) {
    int64_t heads = config->heads;
    double eps = (double) config->layer_norm_eps;
    const char *activation = json_get_string(object, activation_key);
    TRY(json_get_int(object, heads_key, 1, config->dim, &heads, err));
    TRY(json_get_number(object, "layer_norm_eps", &eps, err));
    if (eps < 0 || eps > 1) {
        return fail(err, VITLRP_MISMATCH, "\"layer_norm_eps\" must be from 0 to 1");
    }
    if (activation != NULL) {
        TRY(read_activation(activation, &config->activation, err));
    }
    config->heads = (int32_t) heads;
    config->layer_norm_eps = (float) eps;
    return VITLRP_OK;
}

static enum vitlrp_status read_config_json(const json_t *object, struct vit_config *config,
                                           struct vitlrp_error *err) {
    char label[TENSOR_LABEL_TEXT];
    const char *type = json_get_string(object, "model_type");
    if (type != NULL && strcmp(type, "vit") != 0) {
        return fail(err, VITLRP_UNSUPPORTED, "model_type %s is not supported yet; vit is",
                    tensor_label(label, type));
    }
    TRY(check_sizes(object, config, err));
    return read_common(object, "num_attention_heads", "hidden_act", config, err);
}

static enum vitlrp_status read_pool(const char *name, enum vit_pool *out,
                                    struct vitlrp_error *err) {
    static const char *const NAMES[] = {
#define POOL(constant, name) name,
#include "vit/model/pools.def"
    };
    static const char ALL[] =
#define POOL(constant, name) " " name
#include "vit/model/pools.def"
        ;
    char label[TENSOR_LABEL_TEXT];
    for (size_t i = 0; i < VIT_POOL_COUNT; i++) {
        if (strcmp(NAMES[i], name) == 0) {
            *out = (enum vit_pool) i;
            return VITLRP_OK;
        }
    }
    return fail(err, VITLRP_UNSUPPORTED, "pool %s is not supported yet; known pools:%s",
                tensor_label(label, name), ALL);
}

static enum vitlrp_status read_metadata(const json_t *object, struct vit_config *config,
                                        struct vitlrp_error *err) {
    char label[TENSOR_LABEL_TEXT];
    const char *architecture = json_get_string(object, "architecture");
    const char *pool = json_get_string(object, "pool");
    if (architecture != NULL && strcmp(architecture, "vit") != 0) {
        return fail(err, VITLRP_UNSUPPORTED, "architecture %s is not supported yet; vit is",
                    tensor_label(label, architecture));
    }
    if (pool != NULL) {
        TRY(read_pool(pool, &config->pool, err));
    }
    return read_common(object, "num_heads", "activation", config, err);
}

static enum vitlrp_status infer_heads(size_t stored, const struct architecture_hints *hints,
                                      struct vit_config *config, struct vitlrp_error *err) {
    if (hints->heads != 0) {
        config->heads = hints->heads;
    } else if (config->heads == 0 && stored > 0) {
        config->heads = (int32_t) stored;
    } else if (config->heads == 0 && config->dim % HEAD_SIZE == 0) {
        config->heads = config->dim / HEAD_SIZE;
        log_message(hints->log, LOG_LEVEL_INFO,
                    "the file does not state the number of attention heads: taking dim / %d = %d",
                    HEAD_SIZE, config->heads);
    } else if (config->heads == 0) {
        enum vitlrp_status status =
            fail(err, VITLRP_MISMATCH,
                 "the file does not state the number of attention heads, and dim %d is no "
                 "multiple of %d: give it",
                 config->dim, HEAD_SIZE);
        return error_topic(err, status, VITLRP_TOPIC_HEADS);
    }
    if (config->heads < 1 || config->dim % config->heads != 0) {
        return fail(err, VITLRP_MISMATCH, "%d attention heads do not divide dim %d", config->heads,
                    config->dim);
    }
    return VITLRP_OK;
}

static enum vitlrp_status read_sizes(const struct layout_binding *binding,
                                     const size_t sizes[DIMENSION_COUNT], struct vit_config *config,
                                     struct vitlrp_error *err) {
    static const enum dimension LIMITED[] = {DIMENSION_WIDTH, DIMENSION_MLP, DIMENSION_CLASSES,
                                             DIMENSION_PATCH_HEIGHT, DIMENSION_PATCH_WIDTH};
    for (size_t i = 0; i < sizeof LIMITED / sizeof LIMITED[0]; i++) {
        if (sizes[LIMITED[i]] > 1 << 20) {
            return fail(err, VITLRP_LIMIT, "a tensor's size of %zu is out of range",
                        sizes[LIMITED[i]]);
        }
    }
    *config = (struct vit_config){
        .patch_height = (int32_t) sizes[DIMENSION_PATCH_HEIGHT],
        .patch_width = (int32_t) sizes[DIMENSION_PATCH_WIDTH],
        .prefix = 1,
        .dim = (int32_t) sizes[DIMENSION_WIDTH],
        .depth = (int32_t) binding->depth,
        .mlp_dim = (int32_t) sizes[DIMENSION_MLP],
        .classes = (int32_t) sizes[DIMENSION_CLASSES],
        .activation = VIT_GELU_ERF,
    };
    return VITLRP_OK;
}

/* Patches of a million pixels times as many of them: the product is checked before it is an int. */
static enum vitlrp_status set_image_size(struct vit_config *config, struct vitlrp_error *err) {
    int32_t height;
    int32_t width;
    if (__builtin_mul_overflow(config->grid_height, config->patch_height, &height) ||
        __builtin_mul_overflow(config->grid_width, config->patch_width, &width) ||
        height > VIT_MAX_SIDE || width > VIT_MAX_SIDE) {
        return fail(err, VITLRP_LIMIT,
                    "an input of %d x %d patches of %d x %d pixels (width x height) is larger than "
                    "%d x %d pixels",
                    config->grid_width, config->grid_height, config->patch_width,
                    config->patch_height, VIT_MAX_SIDE, VIT_MAX_SIDE);
    }
    config->image_height = height;
    config->image_width = width;
    return VITLRP_OK;
}

enum vitlrp_status architecture_infer(const struct layout_binding *binding,
                                      const struct architecture_hints *hints,
                                      struct vit_config *config, bool *position_has_prefix,
                                      struct vitlrp_error *err) {
    size_t sizes[DIMENSION_COUNT];
    TRY(layout_sizes(binding, sizes, err));
    TRY(read_sizes(binding, sizes, config, err));
    /* What the code of each framework has where no configuration says otherwise. */
    bool huggingface = strcmp(binding->layout->name, "huggingface") == 0;
    config->layer_norm_eps = huggingface ? 1e-12F : 1e-6F;
    if (huggingface && hints->config != NULL) {
        enum vitlrp_status status = read_config_json(hints->config, config, err);
        if (status != VITLRP_OK) {
            return error_prefix(err, status, "config.json");
        }
    }
    if (hints->metadata != NULL) {
        TRY(read_metadata(hints->metadata, config, err));
    }
    TRY(infer_heads(sizes[DIMENSION_HEADS], hints, config, err));
    TRY(infer_grid(sizes[DIMENSION_TOKENS], hints, config, position_has_prefix, err));
    return set_image_size(config, err);
}
