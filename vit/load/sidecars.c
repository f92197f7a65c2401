/* Which files beside the weights are a model's, and what each of them takes precedence over. */
#include "vit/load/sidecars.h"

#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "vit/load/find.h"

#define MAX_JSON ((size_t) 16 << 20)

/* Reading what lies beside the weights. */
struct reading {
    const char *path; /* of the weights */
    const struct vit_load_options *options;
    struct sidecars *out;
};

/* The path of a file beside the weights, reported to the caller's callback; *there: it exists. */
static enum vitlrp_status find_sidecar(const struct reading *reading, const char *name,
                                       char out[PATH_SIZE], bool *there, struct vitlrp_error *err) {
    TRY(path_join(out, reading->path, false, name, err));
    *there = path_exists(out);
    return *there ? file_tell(reading->options->inputs, out, err) : VITLRP_OK;
}

/* Reads a JSON file within the model's limit on the memory of JSON, and keeps its bytes. */
static enum vitlrp_status take_sidecar(const struct reading *reading, const char *path,
                                       const char *name, json_t **out, struct vitlrp_error *err) {
    const struct vitlrp_model_limits limits = vit_load_limits(reading->options);
    struct vit_sidecar *file = &reading->out->files[reading->out->count];
    struct bytes bytes = {0};
    TRY(file_read(path, MAX_JSON, &bytes, err));
    enum vitlrp_status status =
        json_parse_within((const char *) bytes.data, bytes.size, limits.max_json_bytes, out, err);
    if (status != VITLRP_OK) {
        bytes_free(&bytes);
        return error_prefix(err, status, path);
    }
    *file = (struct vit_sidecar){name, bytes};
    reading->out->count++;
    return VITLRP_OK;
}

static enum vitlrp_status read_sidecar(const struct reading *reading, const char *name,
                                       json_t **out, struct vitlrp_error *err) {
    char path[PATH_SIZE];
    bool there = false;
    TRY(find_sidecar(reading, name, path, &there, err));
    return there ? take_sidecar(reading, path, name, out, err) : VITLRP_OK;
}

/* timm's config.json may lie beside its weights, but so may any other of that name: one that is no
 * JSON within the limits, or is nobody's, is passed over. */
static enum vitlrp_status read_timm(const struct reading *reading, struct vitlrp_error *err) {
    struct vitlrp_error found = {0};
    struct sidecars *out = reading->out;
    enum vitlrp_status status = read_sidecar(reading, "config.json", &out->config, &found);
    if (status == VITLRP_FORMAT || status == VITLRP_LIMIT) {
        log_message(reading->options->log, LOG_LEVEL_WARNING, "%s: not used", found.message);
    } else if (status != VITLRP_OK) {
        return error_forward(err, &found);
    }
    if (json_object_get(out->config, "architecture") == NULL &&
        json_object_get(out->config, "model_type") == NULL &&
        !json_is_object(json_object_get(out->config, "pretrained_cfg"))) {
        sidecars_close(out);
    }
    return VITLRP_OK;
}

static enum vitlrp_status read_open_clip(const struct reading *reading, struct vitlrp_error *err) {
    return read_sidecar(reading, "open_clip_config.json", &reading->out->open_clip, err);
}

/* A folder may hold a model twice: timm's, and the same in a tower of open_clip's, each with a
 * configuration of its own. */
static enum vitlrp_status read_timm_or_open_clip(const struct reading *reading,
                                                 struct vitlrp_error *err) {
    const char *name = text_path_tail(reading->path, 1);
    if (strncmp(name, "open_clip", strlen("open_clip")) == 0) {
        TRY(read_open_clip(reading, err));
    }
    if (reading->out->open_clip == NULL) {
        TRY(read_timm(reading, err));
    }
    return reading->out->open_clip == NULL && reading->out->config == NULL
               ? read_open_clip(reading, err)
               : VITLRP_OK;
}

/* transformers looks for an image processor in processor_config.json first, where those that it
 * saves since version 5 are; in others there is none. */
static enum vitlrp_status read_processor(const struct reading *reading, struct vitlrp_error *err) {
    static const char OLD[] = "preprocessor_config.json";
    struct sidecars *out = reading->out;
    json_t *processor = NULL;
    TRY(read_sidecar(reading, "processor_config.json", &processor, err));
    json_t *nested = json_incref(json_object_get(processor, "image_processor"));
    json_decref(processor);
    enum vitlrp_status status = read_sidecar(reading, OLD, &out->preprocessor, err);
    out->preprocessor_file = OLD;
    if (status != VITLRP_OK || !json_is_object(nested)) {
        json_decref(nested);
        return status;
    }
    if (out->preprocessor != NULL && !json_equal(out->preprocessor, nested)) {
        log_message(reading->options->log, LOG_LEVEL_WARNING,
                    "%s: processor_config.json and preprocessor_config.json are not the same: the "
                    "first is used, as transformers does",
                    reading->path);
    }
    json_decref(out->preprocessor);
    out->preprocessor = nested;
    out->preprocessor_file = "processor_config.json, image_processor";
    return VITLRP_OK;
}

enum vitlrp_status sidecars_read(const char *path, enum framework framework,
                                 const struct vit_load_options *options, struct sidecars *out,
                                 struct vitlrp_error *err) {
    const struct reading reading = {path, options, out};
    switch (framework) {
    case FRAMEWORK_HUGGINGFACE:
        TRY(read_sidecar(&reading, "config.json", &out->config, err));
        return read_processor(&reading, err);
    case FRAMEWORK_TIMM:
        return read_timm_or_open_clip(&reading, err);
    case FRAMEWORK_OPEN_CLIP:
        return read_open_clip(&reading, err);
    case FRAMEWORK_TORCHVISION:
    case FRAMEWORK_JAX:
        break;
    }
    return VITLRP_OK;
}

/* Keeps a copy of a text under the name of the file that it stands for; *out gets its object. */
static enum vitlrp_status take_text(const char *name, const char *text,
                                    const struct vit_load_options *options, struct sidecars *out,
                                    json_t **object, struct vitlrp_error *err) {
    const struct vitlrp_model_limits limits = vit_load_limits(options);
    struct bytes bytes = {.size = strlen(text)};
    enum vitlrp_status status =
        json_parse_within(text, bytes.size, limits.max_json_bytes, object, err);
    if (status != VITLRP_OK) {
        return error_prefix(err, status, name);
    }
    bytes.data = mem_calloc(bytes.size, 1);
    if (bytes.data == NULL) {
        json_decref(*object);
        *object = NULL;
        return fail(err, VITLRP_NOMEM, "out of memory for %s", name);
    }
    memcpy(bytes.data, text, bytes.size);
    out->files[out->count++] = (struct vit_sidecar){name, bytes};
    return VITLRP_OK;
}

/* Of open_clip's configurations only the one has this key. */
static enum vitlrp_status take_config(const struct vit_load_options *options, struct sidecars *out,
                                      struct vitlrp_error *err) {
    TRY(take_text("config.json", options->config, options, out, &out->config, err));
    if (json_is_object(json_object_get(out->config, "model_cfg"))) {
        out->open_clip = out->config;
        out->config = NULL;
    }
    return VITLRP_OK;
}

enum vitlrp_status sidecars_take(enum framework framework, const struct vit_load_options *options,
                                 struct sidecars *out, struct vitlrp_error *err) {
    bool is_given = options->config != NULL || options->preprocessor != NULL;
    json_t *facts = NULL;
    if (is_given && (framework == FRAMEWORK_TORCHVISION || framework == FRAMEWORK_JAX)) {
        return fail(err, VITLRP_USAGE,
                    "weights with such names have no configuration: nothing would read it");
    }
    if (options->config != NULL) {
        TRY(take_config(options, out, err));
    }
    if (options->preprocessor != NULL) {
        out->preprocessor_file = "preprocessor_config.json";
        TRY(take_text(out->preprocessor_file, options->preprocessor, options, out,
                      &out->preprocessor, err));
    }
    if (options->facts != NULL) {
        TRY(take_text("facts", options->facts, options, out, &facts, err));
        json_decref(facts);
    }
    return VITLRP_OK;
}

enum vitlrp_status sidecars_tell(const char *path, const struct vit_load_options *options,
                                 struct vitlrp_error *err) {
    static const char *const NAMES[] = {"config.json", "preprocessor_config.json",
                                        "processor_config.json", "open_clip_config.json"};
    const struct reading reading = {.path = path, .options = options};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        char beside[PATH_SIZE];
        bool there = false;
        TRY(find_sidecar(&reading, NAMES[i], beside, &there, err));
    }
    return VITLRP_OK;
}

void sidecars_close(struct sidecars *sidecars) {
    for (size_t i = 0; i < sidecars->count; i++) {
        bytes_free(&sidecars->files[i].bytes);
    }
    json_decref(sidecars->config);
    json_decref(sidecars->preprocessor);
    json_decref(sidecars->open_clip);
    *sidecars = (struct sidecars){0};
}
