/* Loads a checkpoint into a model: file or folder, container, layout, architecture, weights, in
 * this order, each checked before the next. Refuses files of several shards. */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/mem.h"
#include "vit/load/architecture.h"
#include "vit/load/checkpoint.h"
#include "vit/load/layout.h"
#include "vit/model/weights.h"

#define MAX_PATH ((size_t) 4096)
#define MAX_JSON ((size_t) 16 << 20)
#define SCRATCH_FLOATS ((size_t) 1 << 18)

struct vitlrp_model_limits vit_load_limits_default(void) {
    return (struct vitlrp_model_limits) MODEL_LIMITS_DEFAULT;
}

enum vitlrp_status vit_load_limits_check(const struct vitlrp_model_limits *limits,
                                         struct vitlrp_error *err) {
    if (limits->max_bytes == 0 || limits->max_table_bytes == 0 || limits->max_tensors == 0 ||
        limits->max_zip_entries == 0 || limits->max_pickle_opcodes == 0) {
        return fail(err, VITLRP_USAGE, "the limits of a model must be positive");
    }
    return reserved_check(limits->reserved, sizeof limits->reserved, "limits of a model", err);
}

/* JSON files that stand beside the weights. */
struct sidecars {
    json_t *config;
    json_t *preprocessor;
};

/* Where in its slot a tensor goes, seen as a matrix. */
struct target {
    float *data;
    size_t columns; /* inputs */
    enum arrangement arrangement;
    size_t area; /* of a patch, for ARRANGED_HWIO: inputs are [area, channels] in the file */
};

/* Reads a matrix [inputs, outputs] a band of inputs at a time and scatters it into [outputs,
 * inputs]. */
static enum vitlrp_status read_transposed(struct tensor_reader *reader, size_t count,
                                          const struct target *target, struct vitlrp_error *err) {
    size_t inputs = target->columns;
    assert(inputs > 0 && count >= inputs); /* shapes were compared */
    size_t outputs = count / inputs;
    size_t band = outputs < SCRATCH_FLOATS ? SCRATCH_FLOATS / outputs : 1;
    float *scratch = mem_calloc(band * outputs, sizeof *scratch);
    enum vitlrp_status status = VITLRP_OK;
    if (scratch == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a transposition");
    }
    for (size_t first = 0; first < inputs && status == VITLRP_OK; first += band) {
        size_t rows = band < inputs - first ? band : inputs - first;
        status = tensor_reader_next(reader, scratch, rows * outputs, err);
        for (size_t out = 0; out < outputs && status == VITLRP_OK; out++) {
            float *row = target->data + out * inputs;
            for (size_t i = 0; i < rows; i++) {
                size_t input = first + i;
                if (target->arrangement == ARRANGED_HWIO) {
                    input = input % 3 * target->area + input / 3;
                }
                row[input] = scratch[i * outputs + out];
            }
        }
    }
    mem_free(scratch);
    return status;
}

static enum vitlrp_status read_tensor(const struct source *source, const struct tensor_info *tensor,
                                      const struct target *target, struct vitlrp_error *err) {
    struct tensor_reader reader;
    enum vitlrp_status status = tensor_reader_open(source, tensor, &reader, err);
    if (status == VITLRP_OK && target->arrangement == ARRANGED_AS_OURS) {
        status = tensor_reader_next(&reader, target->data, tensor->count, err);
    } else if (status == VITLRP_OK) {
        status = read_transposed(&reader, tensor->count, target, err);
    }
    tensor_reader_close(&reader);
    if (status != VITLRP_OK) {
        char label[TENSOR_LABEL_TEXT];
        char prefix[TENSOR_LABEL_TEXT + 8];
        snprintf(prefix, sizeof prefix, "tensor %s", tensor_label(label, tensor->name));
        return error_prefix(err, status, prefix);
    }
    return VITLRP_OK;
}

static void fill_with(float *out, size_t count, float value) {
    for (size_t i = 0; i < count; i++) {
        out[i] = value;
    }
}

/* A model that is filled with a file's tensors. */
struct filling {
    const struct source *source;
    const struct layout_binding *binding;
    struct vit_model *model;
    bool position_has_cls;
};

/* Fills one slot from its tensor, or from those of q, k and v. What is absent here and present in
 * another block or part is neutral. */
static enum vitlrp_status fill_slot(const struct filling *filling, size_t block, enum slot slot,
                                    struct vitlrp_error *err) {
    struct vit_model *model = filling->model;
    const struct vit_config *config = &model->config;
    struct slot_size size = slot_size(config, slot);
    struct target target = {.data = slot_data(model, slot, block),
                            .columns = size.columns,
                            .area = (size_t) config->patch_height * (size_t) config->patch_width};
    size_t count = size.rows * size.columns;
    if (slot == SLOT_POSITION && !filling->position_has_cls) {
        memset(target.data, 0, size.columns * sizeof *target.data);
        target.data += size.columns;
        count -= size.columns;
    }
    size_t parts = layout_parts(filling->binding->layout, slot);
    count /= parts;
    for (size_t part = 0; part < parts; part++, target.data += count) {
        const struct bound_tensor *bound =
            layout_bound(filling->binding, block, slot, (enum part) part);
        if (bound->tensor == NULL) {
            fill_with(target.data, count, slot_neutral(slot));
            continue;
        }
        if (bound->tensor->count != count) {
            return fail(err, VITLRP_INTERNAL, "a tensor's size passed the checks but is wrong");
        }
        target.arrangement = bound->row->arrangement;
        TRY(read_tensor(filling->source, bound->tensor, &target, err));
        model->parameters += (int64_t) count;
    }
    return VITLRP_OK;
}

/* What lies outside the blocks first. */
static enum vitlrp_status fill_weights(const struct filling *filling, struct vitlrp_error *err) {
    const struct vit_config *config = &filling->model->config;
    for (enum slot slot = 0; slot < SLOT_COUNT; slot++) {
        if (slot_scope(slot) != SCOPE_BLOCK && slot_repeats(config, slot) > 0) {
            TRY(fill_slot(filling, 0, slot, err));
        }
    }
    for (size_t block = 0; block < filling->binding->depth; block++) {
        for (enum slot slot = 0; slot < SLOT_COUNT; slot++) {
            if (slot_scope(slot) == SCOPE_BLOCK && slot_repeats(config, slot) > 0) {
                TRY(fill_slot(filling, block, slot, err));
            }
        }
    }
    return VITLRP_OK;
}

/* The project's own object in the safetensors metadata, where values are strings: JSON within JSON.
 */
static enum vitlrp_status read_metadata(const struct checkpoint *checkpoint, json_t **out,
                                        struct vitlrp_error *err) {
    const char *text =
        checkpoint->metadata == NULL ? NULL : json_get_string(checkpoint->metadata, "vitlrp");
    if (text == NULL) {
        return VITLRP_OK;
    }
    return error_prefix(err, json_parse_object(text, strlen(text), out, err),
                        "\"vitlrp\" metadata");
}

/* What was opened of one model. */
struct opened {
    const char *name; /* of the file */
    struct checkpoint checkpoint;
    struct layout_binding binding;
    struct sidecars sidecars;
};

static enum vitlrp_status build_model(const struct opened *opened,
                                      const struct vit_load_options *options,
                                      struct vit_model **out, struct vitlrp_error *err) {
    const struct checkpoint *checkpoint = &opened->checkpoint;
    const struct layout_binding *binding = &opened->binding;
    const struct sidecars *sidecars = &opened->sidecars;
    struct vit_config config;
    bool position_has_cls = true;
    struct vit_model *model = NULL;
    json_t *metadata = NULL;
    enum vitlrp_status status = VITLRP_OK;
    bool huggingface = strcmp(binding->layout->name, "huggingface") == 0;
    TRY(read_metadata(checkpoint, &metadata, err));
    struct architecture_hints hints = {.heads = options->heads,
                                       .metadata = metadata,
                                       .config = huggingface ? sidecars->config : NULL,
                                       .log = options->log};
    TRY_GOTO(status, architecture_infer(binding, &hints, &config, &position_has_cls, err), cleanup);
    config.unusual = layout_unusual(binding);
    TRY_GOTO(status,
             weights_allocate(&config, opened->name, checkpoint->limits->max_bytes, &model, err),
             cleanup);
    struct filling filling = {checkpoint->source, binding, model, position_has_cls};
    TRY_GOTO(status, fill_weights(&filling, err), cleanup);
    model->layout = binding->layout->name;
    model->container = checkpoint->container;
    model->stored_as = layout_bound(binding, 0, SLOT_QKV_WEIGHT, PART_WHOLE)->tensor->type->name;
    model->metadata = json_incref(metadata);
    model->config_json = json_incref(sidecars->config);
    model->preprocessor = json_incref(sidecars->preprocessor);
    *out = model;
    model = NULL;

cleanup:
    vit_model_free(model);
    json_decref(metadata);
    return status;
}

/* The path of `name` in the folder of `path`, or in `path` itself. */
static enum vitlrp_status join_path(char out[MAX_PATH], const char *path, bool is_folder,
                                    const char *name, struct vitlrp_error *err) {
    const char *slash = strrchr(path, '/');
    size_t length = is_folder ? strlen(path) : slash == NULL ? 0 : (size_t) (slash - path) + 1;
    bool separated = length == 0 || path[length - 1] == '/';
    if (length + strlen(name) + 2 > MAX_PATH) {
        return fail(err, VITLRP_LIMIT, "the path is longer than %zu bytes", MAX_PATH);
    }
    memcpy(out, path, length);
    snprintf(out + length, MAX_PATH - length, "%s%s", separated ? "" : "/", name);
    return VITLRP_OK;
}

static bool exists(const char *path) {
    struct stat info;
    return stat(path, &info) == 0;
}

/* The weights of a Hugging Face folder; other paths are taken as they are. */
static enum vitlrp_status find_file(const char *path, char out[MAX_PATH],
                                    struct vitlrp_error *err) {
    static const char *const FILES[] = {"model.safetensors", "pytorch_model.bin"};
    static const char *const SHARDED[] = {"model.safetensors.index.json",
                                          "pytorch_model.bin.index.json"};
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)) {
        return join_path(out, "", true, path, err);
    }
    for (size_t i = 0; i < 2; i++) {
        TRY(join_path(out, path, true, FILES[i], err));
        if (exists(out)) {
            return VITLRP_OK;
        }
    }
    for (size_t i = 0; i < 2; i++) {
        TRY(join_path(out, path, true, SHARDED[i], err));
        if (exists(out)) {
            return fail(err, VITLRP_UNSUPPORTED,
                        "weights in several shards (%s) are not supported; save them as one file",
                        SHARDED[i]);
        }
    }
    return fail(err, VITLRP_FORMAT, "the folder has neither %s nor %s", FILES[0], FILES[1]);
}

/* Reads a JSON file beside the weights; none is no failure. */
static enum vitlrp_status read_sidecar(const char *path, const char *name, json_t **out,
                                       struct vitlrp_error *err) {
    char sidecar[MAX_PATH];
    TRY(join_path(sidecar, path, false, name, err));
    if (!exists(sidecar)) {
        return VITLRP_OK;
    }
    return json_read_object(sidecar, MAX_JSON, out, err);
}

/* Hugging Face's files belong to the model. timm's config.json may lie beside its weights as well,
 * with the preprocessing, but so may any other of that name: one that cannot be read is passed
 * over. */
static enum vitlrp_status read_sidecars(const char *path, const char *layout,
                                        const struct vitlrp_log *log, struct sidecars *out,
                                        struct vitlrp_error *err) {
    if (strcmp(layout, "huggingface") == 0) {
        TRY(read_sidecar(path, "config.json", &out->config, err));
        return read_sidecar(path, "preprocessor_config.json", &out->preprocessor, err);
    }
    if (strcmp(layout, "timm") == 0) {
        struct vitlrp_error ignored;
        json_t *config = NULL;
        if (read_sidecar(path, "config.json", &config, &ignored) != VITLRP_OK) {
            log_message(log, LOG_LEVEL_WARNING, "%s: not used", ignored.message);
        }
        if (json_is_object(json_object_get(config, "pretrained_cfg"))) {
            out->config = json_incref(config);
        }
        json_decref(config);
    }
    return VITLRP_OK;
}

/* `path` is NULL for memory. Messages are not prefixed. */
static enum vitlrp_status load_source(const struct source *source, const char *path,
                                      const char *name, const struct vit_load_options *options,
                                      struct vit_model **out, struct vitlrp_error *err) {
    struct opened opened = {.name = name};
    enum vitlrp_status status = VITLRP_OK;
    struct vitlrp_model_limits limits =
        options->limits == NULL ? vit_load_limits_default() : *options->limits;
    TRY(checkpoint_open(source, &limits, &opened.checkpoint, err));
    TRY_GOTO(status, layout_bind(&opened.checkpoint.tensors, options->log, &opened.binding, err),
             cleanup);
    if (path != NULL) {
        TRY_GOTO(
            status,
            read_sidecars(path, opened.binding.layout->name, options->log, &opened.sidecars, err),
            cleanup);
    }
    status = build_model(&opened, options, out, err);

cleanup:
    json_decref(opened.sidecars.config);
    json_decref(opened.sidecars.preprocessor);
    layout_unbind(&opened.binding);
    checkpoint_close(&opened.checkpoint);
    return status;
}

enum vitlrp_status vit_model_load(const char *path, const struct vit_load_options *options,
                                  struct vit_model **out, struct vitlrp_error *err) {
    char file[MAX_PATH];
    struct source source;
    enum vitlrp_status status = find_file(path, file, err);
    if (status != VITLRP_OK) {
        return error_prefix(err, status, path);
    }
    TRY(source_open(file, &source, err));
    status = load_source(&source, file, file, options, out, err);
    source_close(&source);
    return error_prefix(err, status, file);
}

enum vitlrp_status vit_model_load_memory(const void *data, size_t size, const char *name,
                                         const struct vit_load_options *options,
                                         struct vit_model **out, struct vitlrp_error *err) {
    struct source source = source_over(data, size);
    return error_prefix(err, load_source(&source, NULL, name, options, out, err), name);
}
