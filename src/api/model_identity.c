/* The identity of a model. Refuses to name bytes that are not those that were read. */
#include "api/model_identity.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "api/labels.h"
#include "api/text_identity.h"
#include "base/mem.h"
#include "base/settings_json.h"
#include "base/sha256.h"
#include "base/words.h"

#define CONFIGURATION_LIMIT ((size_t) 1 << 20)
#define IGNORED_TEXT ((size_t) 2048)
#define CLASSES_LIMIT ((size_t) 1 << 32)

/* ---- The weights ---- */

/* Made when it is asked for. */
struct model_hash {
    atomic_size_t holders; /* a model, and those that are made of it */
    pthread_mutex_t mutex;
    bool made;
    char sha256[SHA256_TEXT];
    char (*files)[SHA256_TEXT]; /* owned; of each file of the weights */
};

struct model_hash *model_hash_open(void) {
    struct model_hash *hash = mem_calloc(1, sizeof *hash);
    if (hash != NULL) {
        atomic_init(&hash->holders, 1);
        pthread_mutex_init(&hash->mutex, NULL);
    }
    return hash;
}

struct model_hash *model_hash_hold(struct model_hash *hash) {
    atomic_fetch_add(&hash->holders, 1);
    return hash;
}

void model_hash_close(struct model_hash *hash) {
    if (hash != NULL && atomic_fetch_sub(&hash->holders, 1) == 1) {
        pthread_mutex_destroy(&hash->mutex);
        mem_free(hash->files);
        mem_free(hash);
    }
}

/* By name; files of one name, such as a model and its adapter may have, as they were read. */
static int compare_files(const void *a, const void *b) {
    const struct vit_file *first = *(const struct vit_file *const *) a;
    const struct vit_file *second = *(const struct vit_file *const *) b;
    int order = strcmp(first->name, second->name);
    return order != 0 ? order : (first > second) - (first < second);
}

/* Of several files: of one line for each, hash and name, in the order of the names: what
 * `sha256sum` prints for them. */
static enum vitlrp_status hash_list(const struct vit_origin *origin, char (*files)[SHA256_TEXT],
                                    char out[SHA256_TEXT], struct vitlrp_error *err) {
    size_t count = origin->file_count;
    const struct vit_file **sorted = (const struct vit_file **) mem_calloc(count, sizeof *sorted);
    if (sorted == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a hash");
    }
    for (size_t i = 0; i < count; i++) {
        sorted[i] = &origin->files[i];
    }
    qsort((void *) sorted, count, sizeof *sorted, compare_files);
    struct sha256 hash = sha256_begin();
    for (size_t i = 0; i < count; i++) {
        sha256_add(&hash, files[sorted[i] - origin->files], SHA256_TEXT - 1);
        sha256_add(&hash, "  ", 2);
        sha256_add(&hash, sorted[i]->name, strlen(sorted[i]->name));
        sha256_add(&hash, "\n", 1);
    }
    mem_free((void *) sorted);
    return sha256_end(&hash, out, err);
}

/* From the files that were read, whatever their names lead to by now. */
static enum vitlrp_status hash_weights(const struct vit_origin *origin, struct model_hash *hash,
                                       struct vitlrp_error *err) {
    TRY(vit_origin_check(origin, err));
    for (size_t i = 0; i < origin->file_count; i++) {
        TRY(sha256_source(&origin->files[i].source, hash->files[i], err));
    }
    TRY(vit_origin_check(origin, err));
    if (origin->file_count > 1) {
        return hash_list(origin, hash->files, hash->sha256, err);
    }
    memcpy(hash->sha256, hash->files[0], sizeof hash->sha256);
    return VITLRP_OK;
}

/* Makes the hashes if that was not done yet. */
static enum vitlrp_status make_hashes(const struct vitlrp_model *model, struct vitlrp_error *err) {
    const struct vit_origin *origin = &model->vit->origin;
    struct model_hash *hash = model->hash;
    enum vitlrp_status status = VITLRP_OK;
    if (origin->file_count == 0) {
        return fail(err, VITLRP_UNSUPPORTED, "a model of random weights has no file to hash");
    }
    pthread_mutex_lock(&hash->mutex);
    if (!hash->made && hash->files == NULL) {
        hash->files = mem_calloc(origin->file_count, sizeof *hash->files);
        status = hash->files == NULL ? fail(err, VITLRP_NOMEM, "out of memory for a hash") : status;
    }
    if (!hash->made && status == VITLRP_OK) {
        status = error_prefix(err, hash_weights(origin, hash, err),
                              "the hash of the weights that were loaded");
        status = error_prefix(err, status, model->vit->name);
        hash->made = status == VITLRP_OK;
    }
    pthread_mutex_unlock(&hash->mutex);
    return status;
}

static enum vitlrp_status model_sha256(const struct vitlrp_model *model, char digest[SHA256_TEXT],
                                       struct vitlrp_error *err) {
    TRY(make_hashes(model, err));
    memcpy(digest, model->hash->sha256, sizeof model->hash->sha256);
    return VITLRP_OK;
}

enum vitlrp_status vitlrp_model_sha256(const struct vitlrp_model *model, char digest[65],
                                       struct vitlrp_error *error) {
    API_NEEDS(model != NULL && digest != NULL, error);
    return model_sha256(model, digest, error);
}

/* ---- Everything else ---- */

const char *model_activation_name(enum vit_activation activation) {
    switch (activation) {
    case VIT_SILU:
        return "silu";
    case VIT_GELU_ERF:
        return "gelu";
    case VIT_GELU_TANH:
        return "gelu_tanh";
    case VIT_GELU_QUICK:
        return "quick_gelu";
    case VIT_TANH:
        return "tanh";
    case VIT_RELU:
        return "relu";
    }
    return "unknown";
}

static enum vitlrp_status add_file(json_t *files, const char *name, const struct bytes *bytes,
                                   bool *complete, struct vitlrp_error *err) {
    char digest[SHA256_TEXT];
    TRY(sha256_bytes(bytes->data, bytes->size, digest, err));
    json_set(files, name, json_string(digest), complete);
    return VITLRP_OK;
}

/* Of the files that decided about this model, not of all in the folder. */
static enum vitlrp_status add_files(const struct vitlrp_model *model, json_t *files, bool *complete,
                                    struct vitlrp_error *err) {
    const struct vit_origin *origin = &model->vit->origin;
    for (size_t i = 0; i < origin->file_count && origin->file_count > 1 && !origin->in_memory;
         i++) {
        TRY(make_hashes(model, err));
        json_set(files, origin->files[i].name, json_string(model->hash->files[i]), complete);
    }
    for (size_t i = 0; i < origin->sidecar_count; i++) {
        const struct vit_sidecar *sidecar = &origin->sidecars[i];
        bool made_here = model->made_of != NULL && strcmp(sidecar->name, VIT_TEXT_EMBEDDINGS) == 0;
        TRY(made_here ? VITLRP_OK : add_file(files, sidecar->name, &sidecar->bytes, complete, err));
    }
    return model->labels->file.data == NULL
               ? VITLRP_OK
               : add_file(files, "labels", &model->labels->file, complete, err);
}

/* Index, WordNet id and label of every output: a line each, separated by tabs. */
static enum vitlrp_status hash_classes(const struct labels *labels, char digest[SHA256_TEXT],
                                       struct vitlrp_error *err) {
    struct text text = {.limit = CLASSES_LIMIT};
    for (size_t i = 0; i < labels->classes.count; i++) {
        const struct class_entry *entry = &labels->classes.items[i];
        text_printf(&text, "%d\t%s\t%s\n", entry->index, entry->wnid, entry->name);
    }
    enum vitlrp_status status = text_check(&text, "the class names", err);
    if (status == VITLRP_OK) {
        status = sha256_bytes(text.data, text.length, digest, err);
    }
    text_free(&text);
    return status;
}

/* By the name that a checkpoint may give. */
static const char *pool_name(enum vit_pool pool) {
    static const char *const NAMES[] = {
#define POOL(constant, name) name,
#include "vit/model/pools.def"
    };
    return NAMES[pool];
}

static json_t *json_shape(const struct vitlrp_model *model, const char *classes_sha256,
                          bool *complete) {
    const struct vit_model *vit = model->vit;
    const struct vit_config *config = &vit->config;
    json_t *object = json_pack(
        "{s:s, s:s, s:s, s:[ii], s:[ii], s:i, s:i, s:i, s:i, s:s, s:o, s:s, s:i, s:s, s:s}",
        "layout", vit->layout, "container", vit->container, "stored_as", vit->stored_as,
        "input_size", config->image_width, config->image_height, "patch_size", config->patch_width,
        config->patch_height, "dim", config->dim, "depth", config->depth, "heads", config->heads,
        "mlp_dim", config->mlp_dim, "activation", model_activation_name(config->activation),
        "layer_norm_eps", json_float32(config->layer_norm_eps), "pool", pool_name(config->pool),
        "classes", config->classes, "classes_sha256", classes_sha256, "probability",
        word_of(WORDS_PROBABILITY, vit->probability));
    if (vit->kind == VITLRP_MODEL_PROMPTS) {
        json_set(object, "logit_scale", json_real(vit->logit_scale), complete);
        json_set(object, "logit_bias", json_real(vit->logit_bias), complete);
    }
    if (vit->weight_set != VITLRP_WEIGHTS_AUTO) {
        json_set(object, "weights", json_string(word_of(WORDS_WEIGHTS, vit->weight_set)), complete);
    }
    if (config->head_width > 0) {
        const char *between = model_activation_name(config->head_activation);
        json_set(object, "head_activation", json_string(between), complete);
    }
    if (vit->ignored != NULL) {
        char escaped[IGNORED_TEXT];
        text_escape_name(escaped, sizeof escaped, vit->ignored);
        json_set(object, "ignored_tensors", json_string(escaped), complete);
    }
    json_t *preprocess = json_object();
    json_set_preprocess(preprocess, &model->preprocess.preprocess, complete);
    json_set(object, "preprocess", preprocess, complete);
    return object;
}

/* What was edited and what the classes were made of come first: of two records, the first
 * difference is named, and others follow from it. */
static json_t *json_configuration(const struct vitlrp_model *model, const char *classes_sha256,
                                  bool *complete) {
    json_t *shape = json_shape(model, classes_sha256, complete);
    json_t *object = json_object();
    if (model->edits != NULL) {
        json_set(object, "edits", json_deep_copy(model->edits), complete);
    }
    if (model->made_of != NULL) {
        json_set(object, "texts", json_text_identity(model->made_of, complete), complete);
    }
    *complete = *complete && json_object_update(object, shape) == 0;
    json_decref(shape);
    return object;
}

/* Everything but the weights: what was loaded, and `files`, the hash of each file beside them by
 * its name. */
static enum vitlrp_status configuration_text(const struct vitlrp_model *model, char **data,
                                             size_t *size, struct vitlrp_error *err) {
    struct text text = {.limit = CONFIGURATION_LIMIT};
    char classes[SHA256_TEXT];
    bool complete = true;
    TRY(hash_classes(model->labels, classes, err));
    json_t *object = json_configuration(model, classes, &complete);
    json_t *files = json_object();
    enum vitlrp_status status =
        error_prefix(err, add_files(model, files, &complete, err), model->vit->name);
    json_set(object, "files", files, &complete);
    if (status == VITLRP_OK && !complete) {
        status = fail(err, VITLRP_NOMEM, "out of memory for the configuration of a model");
    }
    if (status == VITLRP_OK) {
        json_append(&text, object, 0);
        status = text_check(&text, "the configuration of a model", err);
    }
    json_decref(object);
    if (status != VITLRP_OK) {
        text_free(&text);
        return status;
    }
    *data = text.data;
    *size = text.length;
    return VITLRP_OK;
}

enum vitlrp_status vitlrp_model_configuration(const struct vitlrp_model *model, char **data,
                                              size_t *size, struct vitlrp_error *error) {
    API_NEEDS(model != NULL && data != NULL && size != NULL, error);
    return configuration_text(model, data, size, error);
}
