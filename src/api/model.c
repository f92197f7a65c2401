/* Models for vitlrp.h: vit's loader, with preprocessing and classes put beside the weights. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "api/class_texts.h"
#include "api/growable.h"
#include "api/handles.h"
#include "api/labels.h"
#include "api/model_identity.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/probability.h"
#include "base/words.h"
#include "imgio/preprocess.h"
#include "vit/model/weights.h"

void vitlrp_model_limits_init(struct vitlrp_model_limits *limits) {
    if (limits != NULL) {
        *limits = vit_load_limits_default();
    }
}

/* The caller's options, and vit's, which point into them. */
struct opening {
    struct vitlrp_model_options options;
    struct vit_load_options load;
};

/* What the user states of the model. */
static enum vitlrp_status check_told(const struct vitlrp_model_options *options,
                                     struct vitlrp_error *err) {
    if (options->heads < 0) {
        return fail(err, VITLRP_USAGE, "the number of attention heads must not be negative");
    }
    if (word_of(WORDS_ACTIVATION, options->activation) == NULL) {
        return fail(err, VITLRP_USAGE, "there is no activation %d", (int) options->activation);
    }
    if (word_of(WORDS_POOL, options->pool) == NULL) {
        return fail(err, VITLRP_USAGE, "there is no pool %d", (int) options->pool);
    }
    if (word_of(WORDS_PROBABILITY, options->probability) == NULL) {
        return fail(err, VITLRP_USAGE, "there is no kind of probability %d",
                    (int) options->probability);
    }
    if (options->labels_path != NULL && options->labels != NULL) {
        return fail(err, VITLRP_USAGE, "labels and labels_path: one of the two must be NULL");
    }
    if (!(options->logit_scale >= 0) || isinf(options->logit_scale) || isinf(options->logit_bias)) {
        return fail(err, VITLRP_USAGE,
                    "the scale of cosines must be 0 or positive, and their bias finite");
    }
    return options->norm_eps >= 0 && options->norm_eps < 1
               ? VITLRP_OK
               : fail(err, VITLRP_USAGE, "the eps of norms must be from 0, and below 1");
}

static enum vitlrp_status read_options(const struct vitlrp_model_options *options,
                                       struct opening *out, struct vitlrp_error *err) {
    TRY(model_options_read(options, &out->options, err));
    if (word_of(WORDS_WEIGHTS, out->options.weights) == NULL) {
        return fail(err, VITLRP_USAGE, "weights: there is no choice %d", out->options.weights);
    }
    TRY(check_told(&out->options, err));
    out->load = (struct vit_load_options){
        .head = out->options.head_path,
        .head_activation = out->options.head_activation,
        .heads = out->options.heads,
        .activation = out->options.activation,
        .pool = out->options.pool,
        .probability = out->options.probability,
        .norm_eps = out->options.norm_eps,
        .logit_scale = out->options.logit_scale,
        .logit_bias = isnan(out->options.logit_bias) ? NULL : &out->options.logit_bias,
        .limits = &out->options.limits,
        .log = &out->options.log,
        .inputs = &out->options.inputs,
        .weights = out->options.weights,
        .ignore_tensors = out->options.ignore_tensors,
        .adapter_path = out->options.adapter_path,
        .config = out->options.config,
        .preprocessor = out->options.preprocessor,
        .facts = out->options.facts};
    return vit_load_limits_check(&out->options.limits, err);
}

/* A hash that cannot be taken leaves the guess, which is told as one. */
static enum vitlrp_status choose_preprocess(struct vitlrp_model *model,
                                            const struct vitlrp_model_options *options,
                                            struct vitlrp_error *err) {
    char digest[65];
    const struct vitlrp_log *log = options == NULL ? NULL : &options->log;
    if (options != NULL && options->preprocess != NULL) {
        TRY(error_prefix(err, preprocess_check(options->preprocess, err), "preprocess"));
        model->preprocess = (struct model_preprocess){*options->preprocess, "the caller"};
        model->preprocess.preprocess.channels = model->vit->config.grey ? 1 : 0;
        return VITLRP_OK;
    }
    enum vitlrp_status status = model_preprocess(model->vit, log, &model->preprocess, err);
    if (status == VITLRP_OK && model_preprocess_wants_hash(model->vit, &model->preprocess) &&
        vitlrp_model_sha256(model, digest, NULL) == VITLRP_OK) {
        model_preprocess_take_hash(digest, &model->preprocess);
    }
    return error_prefix(err, status, model->vit->name);
}

/* Puts preprocessing and classes beside the weights, of which it takes ownership, failing or not.
 * NULL options: those of a model without files. */
static enum vitlrp_status model_complete(struct vit_model *vit,
                                         const struct vitlrp_model_options *options,
                                         struct vitlrp_model **out, struct vitlrp_error *err) {
    enum vitlrp_status status = VITLRP_OK;
    struct vitlrp_model *model = mem_calloc(1, sizeof *model);
    if (model == NULL) {
        vit_model_free(vit);
        return fail(err, VITLRP_NOMEM, "out of memory for a model");
    }
    model->vit = vit;
    model->hash = model_hash_open();
    if (model->hash == NULL) {
        vitlrp_model_close(model);
        return fail(err, VITLRP_NOMEM, "out of memory for a model");
    }
    const struct vitlrp_log *log = options == NULL ? NULL : &options->log;
    struct label_list list = {0};
    status = choose_preprocess(model, options, err);
    if (options != NULL) {
        list = (struct label_list){.path = options->labels_path, .text = options->labels};
    }
    if (status == VITLRP_OK && list.path != NULL) {
        status = file_tell(&options->inputs, list.path, err);
    }
    if (status == VITLRP_OK) {
        status = labels_open(vit, &list, log, &model->labels, err);
    }
    if (status != VITLRP_OK) {
        vitlrp_model_close(model);
        return status;
    }
    *out = model;
    return VITLRP_OK;
}

#define LISTING_LIMIT ((size_t) 1 << 26)

/* *out is owned: text_free. */
static enum vitlrp_status listing_text(const json_t *listing, struct text *out,
                                       struct vitlrp_error *err) {
    *out = (struct text){.limit = LISTING_LIMIT};
    json_append(out, listing, 0);
    return text_check(out, "the list of tensors", err);
}

/* Releases the listing. */
static enum vitlrp_status listing_give(json_t *listing, const struct vitlrp_tensor_list *taker,
                                       struct vitlrp_error *err) {
    struct text text;
    enum vitlrp_status status = listing_text(listing, &text, err);
    if (status == VITLRP_OK) {
        taker->take(taker->user, text.data, text.length);
    }
    text_free(&text);
    json_decref(listing);
    return status;
}

static enum vitlrp_status open_path(const char *path, const struct vitlrp_model_options *options,
                                    struct vitlrp_model **out, struct vitlrp_error *err) {
    struct opening opening;
    struct vit_model *vit = NULL;
    json_t *listing = NULL;
    struct vitlrp_error unlisted;
    TRY(read_options(options, &opening, err));
    if (opening.load.config != NULL || opening.load.preprocessor != NULL) {
        return fail(err, VITLRP_USAGE,
                    "config and preprocessor are of models from memory: a file's lie beside it");
    }
    opening.load.listing = opening.options.tensors.take == NULL ? NULL : &listing;
    enum vitlrp_status status = vit_model_load(path, &opening.load, &vit, err);
    if (listing != NULL &&
        listing_give(listing, &opening.options.tensors, &unlisted) != VITLRP_OK &&
        status == VITLRP_OK) {
        vit_model_free(vit);
        return error_forward(err, &unlisted);
    }
    return status == VITLRP_OK ? model_complete(vit, &opening.options, out, err) : status;
}

enum vitlrp_status vitlrp_model_open(const char *path, const struct vitlrp_model_options *options,
                                     struct vitlrp_model **model, struct vitlrp_error *error) {
    API_NEEDS(path != NULL && model != NULL, error);
    return open_path(path, options, model, error);
}

static enum vitlrp_status file_tensors(const char *path, const struct vitlrp_model_options *options,
                                       char **data, size_t *size, struct vitlrp_error *err) {
    struct opening opening;
    struct text text;
    json_t *object = NULL;
    TRY(read_options(options, &opening, err));
    TRY(vit_file_tensors(path, &opening.load, &object, err));
    enum vitlrp_status status = listing_text(object, &text, err);
    json_decref(object);
    if (status != VITLRP_OK) {
        text_free(&text);
        return status;
    }
    *data = text.data;
    *size = text.length;
    return VITLRP_OK;
}

enum vitlrp_status vitlrp_file_tensors(const char *path, const struct vitlrp_model_options *options,
                                       char **data, size_t *size, struct vitlrp_error *error) {
    API_NEEDS(path != NULL && data != NULL && size != NULL, error);
    return file_tensors(path, options, data, size, error);
}

static enum vitlrp_status open_memory(const void *data, size_t size, const char *name,
                                      const struct vitlrp_model_options *options,
                                      struct vitlrp_model **out, struct vitlrp_error *err) {
    struct opening opening;
    struct vit_model *vit = NULL;
    TRY(read_options(options, &opening, err));
    TRY(vit_model_load_memory(data, size, name, &opening.load, &vit, err));
    return model_complete(vit, &opening.options, out, err);
}

enum vitlrp_status vitlrp_model_open_memory(const void *data, size_t size, const char *name,
                                            const struct vitlrp_model_options *options,
                                            struct vitlrp_model **model,
                                            struct vitlrp_error *error) {
    API_NEEDS(data != NULL && name != NULL && model != NULL, error);
    return open_memory(data, size, name, options, model, error);
}

static enum vitlrp_status open_tensors(const struct memory_tensors *tensors, const char *name,
                                       const struct vitlrp_model_options *options,
                                       struct vitlrp_model **out, struct vitlrp_error *err) {
    struct opening opening;
    struct vit_model *vit = NULL;
    TRY(read_options(options, &opening, err));
    TRY(vit_model_load_tensors(tensors, name, &opening.load, &vit, err));
    return model_complete(vit, &opening.options, out, err);
}

enum vitlrp_status vitlrp_model_open_tensors(const struct vitlrp_tensor *tensors, size_t count,
                                             const char *name,
                                             const struct vitlrp_model_options *options,
                                             struct vitlrp_model **model,
                                             struct vitlrp_error *error) {
    API_NEEDS(tensors != NULL && name != NULL && model != NULL, error);
    const struct memory_tensors list = {tensors, count};
    return open_tensors(&list, name, options, model, error);
}

static enum vitlrp_status open_random(const struct vitlrp_architecture *architecture,
                                      struct vitlrp_model **out, struct vitlrp_error *err) {
    struct vitlrp_architecture shape;
    struct vit_model *vit = NULL;
    TRY(architecture_read(architecture, &shape, err));
    if (shape.patch_size < 1 || shape.image_size < shape.patch_size) {
        return fail(err, VITLRP_USAGE, "image_size %d and patch_size %d make no grid of patches",
                    shape.image_size, shape.patch_size);
    }
    if (shape.dim < 1 || shape.depth < 1 || shape.heads < 1 || shape.mlp_dim < 1 ||
        shape.classes < 1) {
        return fail(err, VITLRP_USAGE, "dim, depth, heads, mlp_dim and classes must be from 1");
    }
    struct vit_config config = {.image_height = shape.image_size,
                                .image_width = shape.image_size,
                                .patch_height = shape.patch_size,
                                .patch_width = shape.patch_size,
                                .grid_height = shape.image_size / shape.patch_size,
                                .grid_width = shape.image_size / shape.patch_size,
                                .prefix = 1,
                                .dim = shape.dim,
                                .depth = shape.depth,
                                .heads = shape.heads,
                                .mlp_dim = shape.mlp_dim,
                                .classes = shape.classes,
                                .layer_norm_eps = 1e-6F,
                                .activation = VIT_GELU_ERF};
    TRY(vit_model_random(&config, shape.seed, &vit, err));
    return model_complete(vit, NULL, out, err);
}

enum vitlrp_status vitlrp_model_random(const struct vitlrp_architecture *architecture,
                                       struct vitlrp_model **model, struct vitlrp_error *error) {
    API_NEEDS(model != NULL, error);
    return open_random(architecture, model, error);
}

void vitlrp_model_close(struct vitlrp_model *model) {
    if (model != NULL) {
        vit_model_free(model->vit);
        labels_free(model->labels);
        model_hash_close(model->hash);
        class_texts_free(model->texts);
        mem_free(model->made_of);
        json_decref(model->edits);
        mem_free(model->empty_text);
        json_decref(model->text_facts);
        mem_free(model);
    }
}

/* An embedding is what a head would read where none projects it. */
static int32_t embed_dim_of(const struct vit_model *vit) {
    const struct vit_config *config = &vit->config;
    if (config->compared > 0) {
        return config->compared;
    }
    if (vit->kind == VITLRP_MODEL_PROMPTS) {
        return (int32_t) slot_size(config, SLOT_HEAD_WEIGHT).columns;
    }
    return vit->outputs == VITLRP_OUTPUTS_CLASSES ? 0 : config->classes;
}

/* Of a model and those that it is made of. */
static size_t weight_bytes_of(const struct vit_model *vit) {
    size_t bytes = 0;
    for (; vit != NULL; vit = vit->base) {
        bytes += vit->storage_bytes;
    }
    return bytes;
}

void vitlrp_model_describe(const struct vitlrp_model *model, struct vitlrp_model_info *info) {
    if (model == NULL) {
        return;
    }
    const struct vit_model *vit = model->vit;
    const struct vit_config *config = &vit->config;
    struct vitlrp_model_info known = {
        .name = vit->name,
        .layout = vit->layout,
        .container = vit->container,
        .stored_as = vit->stored_as,
        .image_height = config->image_height,
        .image_width = config->image_width,
        .patch_height = config->patch_height,
        .patch_width = config->patch_width,
        .dim = config->dim,
        .depth = config->depth,
        .heads = config->heads,
        .mlp_dim = config->mlp_dim,
        .classes = config->classes,
        .tokens = config->prefix + config->grid_height * config->grid_width,
        .layer_norm_eps = config->layer_norm_eps,
        .activation = model_activation_name(config->activation),
        .parameters = vit->parameters,
        .weight_bytes = weight_bytes_of(vit),
        .facts = json_array_size(vit->facts),
        .outputs = vit->outputs,
        .probability = vit->probability,
        .kind = vit->kind,
        .embed_dim = embed_dim_of(vit),
        .logit_scale = vit->logit_scale,
        .logit_bias = vit->logit_bias,
        .text_facts = json_array_size(model->text_facts),
    };
    model_info_write(&known, info);
}

/* facts: of the model, or of its text tower. */
static enum vitlrp_status read_fact(const json_t *facts, size_t number, struct vitlrp_fact *out,
                                    struct vitlrp_error *err) {
    const json_t *fact = json_array_get(facts, number);
    if (fact == NULL) {
        return fail(err, VITLRP_USAGE, "no fact %zu: the model has %zu", number,
                    json_array_size(facts));
    }
    *out = (struct vitlrp_fact){
        .name = json_get_string(fact, "name"),
        .title = json_get_string(fact, "title"),
        .value = json_get_string(fact, "value"),
        .source =
            (enum vitlrp_fact_source) word_find(WORDS_FACT_SOURCE, json_get_string(fact, "source")),
        .origin = json_get_string(fact, "origin"),
    };
    return VITLRP_OK;
}

enum vitlrp_status vitlrp_model_fact(const struct vitlrp_model *model, size_t number,
                                     struct vitlrp_fact *found, struct vitlrp_error *error) {
    API_NEEDS(model != NULL && found != NULL, error);
    return read_fact(model->vit->facts, number, found, error);
}

enum vitlrp_status vitlrp_model_text_fact(const struct vitlrp_model *model, size_t number,
                                          struct vitlrp_fact *found, struct vitlrp_error *error) {
    API_NEEDS(model != NULL && found != NULL, error);
    return read_fact(model->text_facts, number, found, error);
}

void vitlrp_model_preprocess(const struct vitlrp_model *model,
                             struct vitlrp_preprocess *preprocess) {
    if (model != NULL && preprocess != NULL) {
        *preprocess = model->preprocess.preprocess;
    }
}

const char *vitlrp_model_preprocess_origin(const struct vitlrp_model *model) {
    return model == NULL ? NULL : model->preprocess.origin;
}

static struct vitlrp_class class_of(const struct vitlrp_model *model, size_t output) {
    const struct class_entry *entry = &model->labels->classes.items[output];
    return (struct vitlrp_class){.output = (int32_t) output,
                                 .index = entry->index,
                                 .wnid = entry->wnid,
                                 .label = entry->name};
}

enum vitlrp_status vitlrp_model_class(const struct vitlrp_model *model, int32_t output,
                                      struct vitlrp_class *found, struct vitlrp_error *error) {
    API_NEEDS(model != NULL && found != NULL, error);
    if (output < 0 || output >= model->vit->config.classes) {
        return fail(error, VITLRP_USAGE, "output %d is out of range: the model has %d classes",
                    output, model->vit->config.classes);
    }
    *found = class_of(model, (size_t) output);
    return VITLRP_OK;
}

enum vitlrp_status vitlrp_model_probabilities(const struct vitlrp_model *model, const float *logits,
                                              double *probability, struct vitlrp_error *error) {
    API_NEEDS(model != NULL && logits != NULL && probability != NULL, error);
    probability_fill(model->vit->probability, logits, (size_t) model->vit->config.classes,
                     probability);
    return VITLRP_OK;
}

/* A number of vitlrp_model_top's, by its logit: the largest first, equal ones by their output. */
static int compare_likely(const void *a, const void *b) {
    const struct vitlrp_likely *first = a;
    const struct vitlrp_likely *second = b;
    if (first->logit != second->logit) {
        return first->logit < second->logit ? 1 : -1;
    }
    return (first->found.output > second->found.output) -
           (first->found.output < second->found.output);
}

enum vitlrp_status vitlrp_model_top(const struct vitlrp_model *model, const float *logits,
                                    size_t count, struct vitlrp_likely *top,
                                    struct vitlrp_error *error) {
    API_NEEDS(model != NULL && logits != NULL && top != NULL, error);
    size_t classes = (size_t) model->vit->config.classes;
    if (count < 1 || count > classes) {
        return fail(error, VITLRP_USAGE, "there are from 1 to %zu likely classes, not %zu", classes,
                    count);
    }
    struct vitlrp_likely *all = mem_calloc(classes, sizeof *all);
    double *probability = mem_calloc(classes, sizeof *probability);
    if (all == NULL || probability == NULL) {
        mem_free(all);
        mem_free(probability);
        return fail(error, VITLRP_NOMEM, "out of memory for %zu classes", classes);
    }
    probability_fill(model->vit->probability, logits, classes, probability);
    for (size_t i = 0; i < classes; i++) {
        all[i] = (struct vitlrp_likely){.found = class_of(model, i),
                                        .logit = (double) logits[i],
                                        .probability = probability[i]};
    }
    qsort(all, classes, sizeof *all, compare_likely);
    memcpy(top, all, count * sizeof *top);
    mem_free(all);
    mem_free(probability);
    return VITLRP_OK;
}

enum vitlrp_status vitlrp_model_find_class(const struct vitlrp_model *model, const char *text,
                                           struct vitlrp_class *found, struct vitlrp_error *error) {
    API_NEEDS(model != NULL && text != NULL && found != NULL, error);
    size_t output = 0;
    enum vitlrp_status status = labels_find(model->labels, text, &output, error);
    if (status == VITLRP_OK) {
        *found = class_of(model, output);
    }
    return status;
}
