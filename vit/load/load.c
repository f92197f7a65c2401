/* Loads a checkpoint into a model: file or folder, container, layout, architecture, weights, in
 * this order, each checked before the next. */
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "vit/load/adapter.h"
#include "vit/load/architecture.h"
#include "vit/load/checkpoint.h"
#include "vit/load/fill.h"
#include "vit/load/find.h"
#include "vit/load/head_file.h"
#include "vit/load/layout.h"
#include "vit/load/listing.h"
#include "vit/load/memory_tensors.h"
#include "vit/load/probability_infer.h"
#include "vit/load/shards.h"
#include "vit/load/sidecars.h"
#include "vit/load/similarity_infer.h"
#include "vit/load/tensor_names.h"
#include "vit/load/token_table.h"
#include "vit/model/weights.h"

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
    struct head_file head;
};

/* Of the first block's queries, or of all that is stacked with them. */
static const char *stored_type(const struct layout_binding *binding) {
    const struct bound_tensor *query = layout_bound(binding, 0, SLOT_QKV_WEIGHT, PART_Q);
    const struct bound_tensor *whole = layout_bound(binding, 0, SLOT_QKV_WEIGHT, PART_WHOLE);
    const struct tensor_info *tensor = (whole->tensor != NULL ? whole : query)->tensor;
    return (tensor->stored != NULL ? tensor->stored : tensor->type)->name;
}

static enum vitlrp_status keep_ignored(struct vit_model *model,
                                       const struct vit_load_options *options,
                                       struct vitlrp_error *err) {
    if (options->ignore_tensors == NULL) {
        return VITLRP_OK;
    }
    model->ignored = mem_strdup(options->ignore_tensors);
    return model->ignored != NULL ? VITLRP_OK
                                  : fail(err, VITLRP_NOMEM, "out of memory for a model");
}

static enum vitlrp_outputs outputs_of(const struct model_facts *facts) {
    switch (fact_whole(&facts->head, FACT_HEAD_LINEAR)) {
    case FACT_HEAD_NONE:
        return VITLRP_OUTPUTS_FEATURE;
    case FACT_HEAD_PROJECTION:
        return VITLRP_OUTPUTS_EMBEDDING;
    default:
        return VITLRP_OUTPUTS_CLASSES;
    }
}

/* What the caller says about an image tower besides. */
static enum vitlrp_status take_words(const struct vit_load_options *options,
                                     struct model_facts *user, struct vitlrp_error *err) {
    if (options->text) {
        return VITLRP_OK;
    }
    TRY(facts_stated(options->facts, user, err));
    return head_activation_state(options->head_activation, &user->head_activation, err);
}

struct inferred {
    struct model_facts facts;
    struct vit_config config;
    size_t positioned;
    bool
        leaves_table; /* of tokens, in the file; what an adapter has changed is in memory for now */
};

/* The shape of a tower, as the tensors and all that is stated have it. */
static enum vitlrp_status infer(struct layout_binding *binding, const struct facts_beside *beside,
                                const struct vit_load_options *options, struct inferred *out,
                                struct vitlrp_error *err) {
    if (!options->text) {
        return architecture_infer(binding, beside, &out->facts, &out->config, &out->positioned,
                                  err);
    }
    TRY(architecture_infer_text(binding, beside, &out->facts, &out->config, err));
    out->leaves_table = options->adapter_path == NULL && token_table_is_readable(binding);
    if (out->leaves_table) {
        out->config.unusual &= ~slot_unusual(SLOT_TOKEN_TABLE, true);
    }
    return VITLRP_OK;
}

/* What an adapter states of a head that it has. */
static void tell_adapter(const struct adapter *adapter, struct facts_beside *out) {
    if (adapter == NULL || !adapter->has_head) {
        return;
    }
    out->has_saved_head = true;
    out->has_foreign_class = adapter->class_name != NULL && !adapter->is_library_class;
    out->saved_class = adapter->is_library_class ? adapter->class_name : NULL;
}

/* Moves the sidecars' bytes to the model. */
static enum vitlrp_status build_model(struct opened *opened, const struct vit_load_options *options,
                                      struct vit_model **out, struct vitlrp_error *err) {
    const struct checkpoint *checkpoint = &opened->checkpoint;
    struct layout_binding *binding = &opened->binding;
    struct sidecars *sidecars = &opened->sidecars;
    struct inferred inferred = {0};
    struct vit_model *model = NULL;
    json_t *metadata = NULL;
    enum vitlrp_status status = VITLRP_OK;
    struct model_facts user;
    TRY(read_metadata(checkpoint, &metadata, err));
    facts_told(options, &user);
    TRY_GOTO(status, take_words(options, &user, err), cleanup);
    struct facts_beside beside = {.user = &user,
                                  .metadata = metadata,
                                  .config = sidecars->config,
                                  .open_clip = sidecars->open_clip,
                                  .openai_clip = checkpoint->openai_clip,
                                  .path = opened->name,
                                  .log = options->log};
    tell_adapter(checkpoint->adapter, &beside);
    TRY_GOTO(status, infer(binding, &beside, options, &inferred, err), cleanup);
    TRY_GOTO(status,
             weights_allocate(&inferred.config, opened->name, checkpoint->limits, &model, err),
             cleanup);
    TRY_GOTO(status, fill_weights(checkpoint, binding, inferred.positioned, model, err), cleanup);
    if (inferred.leaves_table) {
        TRY_GOTO(status, token_table_keep(binding, model, err), cleanup);
    }
    model->layout = binding->layout->name;
    model->container = checkpoint->container;
    model->weight_set = checkpoint->weight_set;
    model->openai_clip = checkpoint->openai_clip;
    TRY_GOTO(status, keep_ignored(model, options, err), cleanup);
    model->stored_as = stored_type(binding);
    model->outputs = outputs_of(&inferred.facts);
    TRY_GOTO(status, similarity_infer(model, &inferred.facts, err), cleanup);
    model->facts = facts_json(&inferred.facts);
    if (model->facts == NULL) {
        status = fail(err, VITLRP_NOMEM, "out of memory for what is known of the model");
        goto cleanup;
    }
    model->probability = probability_kind(&inferred.facts);
    model->head_given = binding->head_given;
    model->metadata = json_incref(metadata);
    model->config_json = json_incref(sidecars->config);
    model->preprocessor = json_incref(sidecars->preprocessor);
    model->preprocessor_file = sidecars->preprocessor_file;
    model->open_clip = json_incref(sidecars->open_clip);
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

/* Puts the head of the caller's file in the place of the model's. Its bytes are named like those of
 * what lies beside the weights. */
static enum vitlrp_status take_head(struct opened *opened, const struct vit_load_options *options,
                                    struct vitlrp_error *err) {
    struct sidecars *sidecars = &opened->sidecars;
    if (options->head == NULL || options->text) {
        return VITLRP_OK;
    }
    TRY(head_file_open(options->head, opened->checkpoint.limits, options, &opened->head, err));
    layout_take_head(&opened->binding, &opened->head.binding);
    sidecars->files[sidecars->count++] = (struct vit_sidecar){"head", opened->head.bytes};
    opened->head.bytes = (struct bytes){0};
    return VITLRP_OK;
}

/* Puts every tensor of a tower in its place. Only a tower's own tensors, under settled names, are
 * merged with an adapter: of weights and their average, those that are used. */
static enum vitlrp_status bind(struct opened *opened, const struct vit_load_options *options,
                               struct vitlrp_error *err) {
    struct checkpoint *checkpoint = &opened->checkpoint;
    enum vitlrp_status status = (options->text ? names_settle_text : names_settle)(
        checkpoint, options->ignore_tensors, err);
    TRY(error_prefix(err, status, opened->name));
    if (checkpoint->adapter != NULL) {
        TRY(adapter_merge(checkpoint->adapter, checkpoint, err));
        adapter_take_head(checkpoint->adapter, checkpoint);
    }
    status = (options->text ? layout_bind_text : layout_bind)(&checkpoint->tensors, options->log,
                                                              &opened->binding, err);
    if (status == VITLRP_OK && checkpoint->adapter != NULL && checkpoint->adapter->has_head) {
        opened->binding.head_given = true;
        opened->binding.head_file = "adapter_model.safetensors";
    }
    return error_prefix(err, status, opened->name);
}

/* Takes the checkpoint over, failing or not. `path` is NULL for memory. Messages begin with the
 * name of the file that they are about: `name`, or a sidecar's. */
static enum vitlrp_status load_checkpoint(struct checkpoint *checkpoint, const char *path,
                                          const char *name, const struct vit_load_options *options,
                                          struct vit_model **out, struct vitlrp_error *err) {
    struct opened opened = {.name = name, .checkpoint = *checkpoint};
    enum vitlrp_status status = VITLRP_OK;
    TRY_GOTO(status, bind(&opened, options, err), cleanup);
    if (path != NULL && !checkpoint->openai_clip) { /* which needs no words beside it */
        TRY_GOTO(
            status,
            sidecars_read(path, opened.binding.layout->framework, options, &opened.sidecars, err),
            cleanup);
    }
    status = sidecars_take(opened.binding.layout->framework, options, &opened.sidecars, err);
    TRY_GOTO(status, error_prefix(err, status, name), cleanup);
    TRY_GOTO(status, take_head(&opened, options, err), cleanup);
    status = error_prefix(err, build_model(&opened, options, out, err), name);

cleanup:
    head_file_close(&opened.head);
    sidecars_close(&opened.sidecars);
    layout_unbind(&opened.binding);
    checkpoint_close(&opened.checkpoint);
    return status;
}

/* Opens the files of the weights and lists their tensors. */
static enum vitlrp_status open_weights(const struct weights_place *place,
                                       const struct vit_load_options *options,
                                       const struct checkpoint_options *reading,
                                       struct vit_origin *origin, struct checkpoint *out,
                                       struct vitlrp_error *err) {
    if (place->index) {
        enum vitlrp_status status = shards_open(place->path, options, reading, origin, out, err);
        return error_prefix(err, status, place->path);
    }
    bool alone = options->adapter_path == NULL;
    const char *name = alone ? NULL : text_path_tail(place->path, 1);
    TRY(vit_origin_reserve(origin, alone ? 1 : 1 + ADAPTER_FILES, err));
    TRY(vit_origin_open(&origin->files[0], place->path, name, options->inputs, err));
    enum vitlrp_status status = checkpoint_open(&origin->files[0].source, reading, out, err);
    return error_prefix(err, status, place->path);
}

/* Gives the caller the model with the bytes that it was made of; after a failure releases both. */
static enum vitlrp_status give_model(enum vitlrp_status status, struct vit_origin *origin,
                                     struct vit_model *model, struct vit_model **out) {
    if (status != VITLRP_OK) {
        vit_model_free(model);
        vit_origin_close(origin);
        return status;
    }
    model->origin.files = origin->files;
    model->origin.file_count = origin->file_count;
    model->origin.in_memory = origin->in_memory;
    *out = model;
    return VITLRP_OK;
}

static enum vitlrp_status load_place(const struct weights_place *place,
                                     const struct vit_load_options *options, struct vit_model **out,
                                     struct vitlrp_error *err) {
    const struct vitlrp_model_limits limits = vit_load_limits(options);
    struct checkpoint_options reading = {&limits, options->weights, options->log};
    struct vit_origin origin = {0};
    struct checkpoint checkpoint = {0};
    struct adapter adapter = {0};
    struct vit_model *model = NULL;
    if (options->listing != NULL) { /* the caller writes, if the load ends before they are read */
        TRY(sidecars_tell(place->path, options, err));
    }
    enum vitlrp_status status = open_weights(place, options, &reading, &origin, &checkpoint, err);
    if (status == VITLRP_OK && options->listing != NULL) {
        status = listing_make(&checkpoint, options->ignore_tensors, options->listing, err);
        error_prefix(err, status, place->path);
    }
    if (status == VITLRP_OK && options->adapter_path != NULL) {
        status = adapter_open(options, &reading, &origin.files[origin.file_count - ADAPTER_FILES],
                              &adapter, err);
        checkpoint.adapter = &adapter;
    }
    if (status != VITLRP_OK) {
        checkpoint_close(&checkpoint);
    } else {
        status = load_checkpoint(&checkpoint, place->path, place->path, options, &model, err);
    }
    adapter_close(&adapter);
    if (status == VITLRP_OK) {
        status = error_prefix(err, vit_origin_check(&origin, err), place->path);
    }
    return give_model(status, &origin, model, out);
}

enum vitlrp_status vit_model_load(const char *path, const struct vit_load_options *options,
                                  struct vit_model **out, struct vitlrp_error *err) {
    struct weights_place place;
    TRY(error_prefix(err, weights_find(path, options->log, &place, err), path));
    return load_place(&place, options, out, err);
}

enum vitlrp_status vit_file_tensors(const char *path, const struct vit_load_options *options,
                                    json_t **out, struct vitlrp_error *err) {
    const struct vitlrp_model_limits limits = vit_load_limits(options);
    struct checkpoint_options reading = {&limits, options->weights, NULL};
    struct vit_load_options alone = *options;
    struct weights_place place;
    struct vit_origin origin = {0};
    struct checkpoint checkpoint = {0};
    alone.adapter_path = NULL;
    TRY(error_prefix(err, weights_find(path, NULL, &place, err), path));
    TRY(sidecars_tell(place.path, options, err));
    enum vitlrp_status status = open_weights(&place, &alone, &reading, &origin, &checkpoint, err);
    if (status == VITLRP_OK) {
        status = listing_make(&checkpoint, options->ignore_tensors, out, err);
        error_prefix(err, status, path);
    }
    checkpoint_close(&checkpoint);
    vit_origin_close(&origin);
    return status;
}

enum vitlrp_status vit_model_load_memory(const void *data, size_t size, const char *name,
                                         const struct vit_load_options *options,
                                         struct vit_model **out, struct vitlrp_error *err) {
    const struct vitlrp_model_limits limits = vit_load_limits(options);
    struct checkpoint_options reading = {&limits, options->weights, options->log};
    struct vit_origin origin = {0};
    struct checkpoint checkpoint = {0};
    struct vit_model *model = NULL;
    if (options->adapter_path != NULL) {
        return fail(err, VITLRP_USAGE, "an adapter needs a model from a file, not %s", name);
    }
    TRY(vit_origin_reserve(&origin, 1, err));
    origin.files[0].source = source_over(data, size);
    enum vitlrp_status status = error_prefix(
        err, checkpoint_open(&origin.files[0].source, &reading, &checkpoint, err), name);
    if (status == VITLRP_OK) {
        status = load_checkpoint(&checkpoint, NULL, name, options, &model, err);
    }
    return give_model(status, &origin, model, out);
}

enum vitlrp_status vit_model_load_tensors(const struct memory_tensors *tensors, const char *name,
                                          const struct vit_load_options *options,
                                          struct vit_model **out, struct vitlrp_error *err) {
    const struct vitlrp_model_limits limits = vit_load_limits(options);
    struct checkpoint_options reading = {&limits, options->weights, options->log};
    struct vit_origin origin = {.in_memory = true};
    struct checkpoint checkpoint = {0};
    struct vit_model *model = NULL;
    if (options->adapter_path != NULL) {
        return fail(err, VITLRP_USAGE, "an adapter needs a model from a file, not %s", name);
    }
    if (tensors->count == 0 || tensors->count > limits.max_tensors) {
        return fail(err, tensors->count == 0 ? VITLRP_USAGE : VITLRP_LIMIT,
                    "%s: %zu tensors are not from 1 to %zu", name, tensors->count,
                    limits.max_tensors);
    }
    TRY(vit_origin_reserve(&origin, tensors->count, err));
    enum vitlrp_status status =
        error_prefix(err, memory_tensors_open(tensors, &reading, &origin, &checkpoint, err), name);
    if (status == VITLRP_OK) {
        status = load_checkpoint(&checkpoint, NULL, name, options, &model, err);
    } else {
        checkpoint_close(&checkpoint);
    }
    return give_model(status, &origin, model, out);
}
