/* Loads a checkpoint into a model: file or folder, container, layout, architecture, weights, in
 * this order, each checked before the next. Refuses files of several shards. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "vit/load/architecture.h"
#include "vit/load/checkpoint.h"
#include "vit/load/fill.h"
#include "vit/load/layout.h"
#include "vit/model/weights.h"

#define MAX_PATH ((size_t) 4096)
#define MAX_JSON ((size_t) 16 << 20)

struct vitlrp_model_limits vit_load_limits_default(void) {
    return (struct vitlrp_model_limits) MODEL_LIMITS_DEFAULT;
}

enum vitlrp_status vit_load_limits_check(const struct vitlrp_model_limits *limits,
                                         struct vitlrp_error *err) {
    if (limits->max_bytes == 0 || limits->max_table_bytes == 0 || limits->max_tensors == 0 ||
        limits->max_zip_entries == 0 || limits->max_pickle_opcodes == 0 ||
        limits->max_json_bytes == 0 || limits->max_tokens < 1 || limits->max_operations < 1) {
        return fail(err, VITLRP_USAGE, "the limits of a model must be positive");
    }
    return reserved_check(limits->reserved, sizeof limits->reserved, "limits of a model", err);
}

/* JSON files that stand beside the weights, and their bytes. */
struct sidecars {
    json_t *config;
    json_t *preprocessor;
    struct vit_sidecar files[VIT_SIDECARS];
    size_t count;
};

/* The project's own object in the safetensors metadata, where values are strings: JSON within JSON.
 */
static enum vitlrp_status read_metadata(const struct checkpoint *checkpoint, json_t **out,
                                        struct vitlrp_error *err) {
    const char *text =
        checkpoint->metadata == NULL ? NULL : json_get_string(checkpoint->metadata, "vitlrp");
    if (text == NULL) {
        return VITLRP_OK;
    }
    enum vitlrp_status status =
        json_parse_within(text, strlen(text), checkpoint->limits->max_json_bytes, out, err);
    return error_prefix(err, status, "\"vitlrp\" metadata");
}

/* What was opened of one model. */
struct opened {
    const char *name; /* of the file */
    struct checkpoint checkpoint;
    struct layout_binding binding;
    struct sidecars sidecars;
};

/* Moves the sidecars' bytes to the model. */
static enum vitlrp_status build_model(struct opened *opened, const struct vit_load_options *options,
                                      struct vit_model **out, struct vitlrp_error *err) {
    const struct checkpoint *checkpoint = &opened->checkpoint;
    const struct layout_binding *binding = &opened->binding;
    struct sidecars *sidecars = &opened->sidecars;
    struct vit_config config;
    bool position_has_prefix = true;
    struct vit_model *model = NULL;
    json_t *metadata = NULL;
    enum vitlrp_status status = VITLRP_OK;
    bool huggingface = strcmp(binding->layout->name, "huggingface") == 0;
    TRY(read_metadata(checkpoint, &metadata, err));
    struct architecture_hints hints = {.heads = options->heads,
                                       .metadata = metadata,
                                       .config = huggingface ? sidecars->config : NULL,
                                       .log = options->log};
    TRY_GOTO(status, architecture_infer(binding, &hints, &config, &position_has_prefix, err),
             cleanup);
    config.unusual = layout_unusual(binding);
    TRY_GOTO(status, weights_allocate(&config, opened->name, checkpoint->limits, &model, err),
             cleanup);
    TRY_GOTO(status, fill_weights(checkpoint, binding, position_has_prefix, model, err), cleanup);
    model->layout = binding->layout->name;
    model->container = checkpoint->container;
    model->weight_set = checkpoint->weight_set;
    model->stored_as = layout_bound(binding, 0, SLOT_QKV_WEIGHT, PART_WHOLE)->tensor->type->name;
    model->metadata = json_incref(metadata);
    model->config_json = json_incref(sidecars->config);
    model->preprocessor = json_incref(sidecars->preprocessor);
    memcpy(model->origin.sidecars, sidecars->files, sizeof sidecars->files);
    model->origin.sidecar_count = sidecars->count;
    sidecars->count = 0;
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

/* The path of a file beside the weights, reported to the caller's callback; *there: it exists. */
static enum vitlrp_status find_sidecar(const char *path, const char *name,
                                       const struct vit_load_options *options, char out[MAX_PATH],
                                       bool *there, struct vitlrp_error *err) {
    TRY(join_path(out, path, false, name, err));
    *there = exists(out);
    return *there ? file_tell(options->inputs, out, err) : VITLRP_OK;
}

/* Reads a JSON file within the model's limit on the memory of JSON, and keeps its bytes. */
static enum vitlrp_status take_sidecar(const char *path, const char *name,
                                       const struct vit_load_options *options,
                                       struct sidecars *sidecars, json_t **out,
                                       struct vitlrp_error *err) {
    const struct vitlrp_model_limits limits =
        options->limits == NULL ? vit_load_limits_default() : *options->limits;
    struct vit_sidecar *file = &sidecars->files[sidecars->count];
    struct bytes bytes = {0};
    TRY(file_read(path, MAX_JSON, &bytes, err));
    enum vitlrp_status status =
        json_parse_within((const char *) bytes.data, bytes.size, limits.max_json_bytes, out, err);
    if (status != VITLRP_OK) {
        bytes_free(&bytes);
        return error_prefix(err, status, path);
    }
    *file = (struct vit_sidecar){name, bytes};
    sidecars->count++;
    return VITLRP_OK;
}

/* Reads a JSON file beside the weights; none is no failure. */
static enum vitlrp_status read_sidecar(const char *path, const char *name,
                                       const struct vit_load_options *options,
                                       struct sidecars *sidecars, json_t **out,
                                       struct vitlrp_error *err) {
    char sidecar[MAX_PATH];
    bool there = false;
    TRY(find_sidecar(path, name, options, sidecar, &there, err));
    return there ? take_sidecar(sidecar, name, options, sidecars, out, err) : VITLRP_OK;
}

static void sidecars_close(struct sidecars *sidecars) {
    for (size_t i = 0; i < sidecars->count; i++) {
        bytes_free(&sidecars->files[i].bytes);
    }
    json_decref(sidecars->config);
    json_decref(sidecars->preprocessor);
    *sidecars = (struct sidecars){0};
}

/* timm's config.json may lie beside its weights, with the preprocessing, but so may any other of
 * that name: one that cannot be read is passed over. */
static enum vitlrp_status read_timm_sidecar(const char *path,
                                            const struct vit_load_options *options,
                                            struct sidecars *out, struct vitlrp_error *err) {
    char sidecar[MAX_PATH];
    bool there = false;
    struct vitlrp_error ignored;
    TRY(find_sidecar(path, "config.json", options, sidecar, &there, err));
    if (there &&
        take_sidecar(sidecar, "config.json", options, out, &out->config, &ignored) != VITLRP_OK) {
        log_message(options->log, LOG_LEVEL_WARNING, "%s: not used", ignored.message);
    }
    if (!json_is_object(json_object_get(out->config, "pretrained_cfg"))) {
        sidecars_close(out);
    }
    return VITLRP_OK;
}

/* Hugging Face's files belong to the model. */
static enum vitlrp_status read_sidecars(const char *path, const char *layout,
                                        const struct vit_load_options *options,
                                        struct sidecars *out, struct vitlrp_error *err) {
    if (strcmp(layout, "huggingface") == 0) {
        TRY(read_sidecar(path, "config.json", options, out, &out->config, err));
        return read_sidecar(path, "preprocessor_config.json", options, out, &out->preprocessor,
                            err);
    }
    return strcmp(layout, "timm") == 0 ? read_timm_sidecar(path, options, out, err) : VITLRP_OK;
}

/* `path` is NULL for memory. Messages begin with the name of the file that they are about: `name`,
 * or a sidecar's. */
static enum vitlrp_status load_source(const struct source *source, const char *path,
                                      const char *name, const struct vit_load_options *options,
                                      struct vit_model **out, struct vitlrp_error *err) {
    struct opened opened = {.name = name};
    struct vitlrp_model_limits limits =
        options->limits == NULL ? vit_load_limits_default() : *options->limits;
    struct checkpoint_options reading = {&limits, options->weights, options->log};
    enum vitlrp_status status = checkpoint_open(source, &reading, &opened.checkpoint, err);
    TRY(error_prefix(err, status, name));
    status = layout_bind(&opened.checkpoint.tensors, options->log, &opened.binding, err);
    TRY_GOTO(status, error_prefix(err, status, name), cleanup);
    if (path != NULL) {
        TRY_GOTO(status,
                 read_sidecars(path, opened.binding.layout->name, options, &opened.sidecars, err),
                 cleanup);
    }
    status = error_prefix(err, build_model(&opened, options, out, err), name);

cleanup:
    sidecars_close(&opened.sidecars);
    layout_unbind(&opened.binding);
    checkpoint_close(&opened.checkpoint);
    return status;
}

/* The model takes the source over, failing or not. */
static enum vitlrp_status load_file(struct source *source, const char *file,
                                    const struct vit_load_options *options, struct vit_model **out,
                                    struct vitlrp_error *err) {
    struct file_state state;
    struct vit_model *model = NULL;
    enum vitlrp_status status = error_prefix(err, file_state_take(source, &state, err), file);
    if (status == VITLRP_OK) {
        status = load_source(source, file, file, options, &model, err);
    }
    if (status == VITLRP_OK) {
        status = error_prefix(err, file_state_check(source, &state, err), file);
    }
    if (status != VITLRP_OK) {
        vit_model_free(model);
        source_close(source);
        return status;
    }
    model->origin.weights = *source;
    model->origin.state = state;
    *out = model;
    return VITLRP_OK;
}

enum vitlrp_status vit_model_load(const char *path, const struct vit_load_options *options,
                                  struct vit_model **out, struct vitlrp_error *err) {
    char file[MAX_PATH];
    struct source source;
    enum vitlrp_status status = find_file(path, file, err);
    if (status != VITLRP_OK) {
        return error_prefix(err, status, path);
    }
    TRY(file_tell(options->inputs, file, err));
    TRY(source_open(file, &source, err));
    return load_file(&source, file, options, out, err);
}

enum vitlrp_status vit_model_load_memory(const void *data, size_t size, const char *name,
                                         const struct vit_load_options *options,
                                         struct vit_model **out, struct vitlrp_error *err) {
    struct source source = source_over(data, size);
    TRY(load_source(&source, NULL, name, options, out, err));
    (*out)->origin.weights = source;
    return VITLRP_OK;
}
