/* Reads an adapter and merges it. Refuses what it does not know to merge: other kinds than LoRA,
 * its variants that change the result, tensors without a place. */
#include "vit/load/adapter.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/little_endian.h"
#include "base/mem.h"
#include "vit/load/find.h"
#include "vit/load/layout.h"
#include "vit/load/tensor_places.h"

#define MAX_CONFIG ((size_t) 1 << 20)
#define WORK_SHARE 100 /* the products may take this part of the operations of a forward pass */

/* ---- The configuration ---- */

/* Keys that do not change what an adapter that is merged computes. */
static const char *const HARMLESS[] = {"peft_type",        "r",
                                       "lora_alpha",       "target_modules",
                                       "lora_dropout",     "auto_mapping",
                                       "revision",         "base_model_name_or_path",
                                       "task_type",        "inference_mode",
                                       "modules_to_save",  "layers_to_transform",
                                       "layers_pattern",   "exclude_modules",
                                       "peft_version",     "megatron_core",
                                       "use_rslora",       "ephemeral_gpu_offload",
                                       "qalora_group_size"};

static bool is_harmless(const char *key) {
    for (size_t i = 0; i < sizeof HARMLESS / sizeof HARMLESS[0]; i++) {
        if (strcmp(key, HARMLESS[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* null, false, "none", {} and [] */
static bool is_unset(const json_t *value) {
    const char *text = json_string_value(value);
    return json_is_null(value) || json_is_false(value) ||
           (text != NULL && strcmp(text, "none") == 0) ||
           (json_is_object(value) && json_object_size(value) == 0) ||
           (json_is_array(value) && json_array_size(value) == 0);
}

/* How A and B began, unless that changed the weights of the model too. */
static bool is_plain_start(const char *key, const json_t *value) {
    const char *text = json_string_value(value);
    return strcmp(key, "init_lora_weights") == 0 &&
           (json_is_boolean(value) || (text != NULL && strcmp(text, "gaussian") == 0));
}

/* The class that was trained. What another one than transformers' own does with tokens its name
 * does not tell. */
static enum vitlrp_status read_class(struct adapter *adapter, struct vitlrp_error *err) {
    static const char LIBRARY[] = "transformers.";
    const json_t *mapping = json_object_get(adapter->config, "auto_mapping");
    const char *name = json_get_string(mapping, "base_model_class");
    const char *library = json_get_string(mapping, "parent_library");
    if (mapping == NULL || is_unset(mapping)) {
        return VITLRP_OK;
    }
    if (name == NULL || library == NULL) {
        return fail(err, VITLRP_FORMAT,
                    "auto_mapping has no texts base_model_class and parent_library: take it out if "
                    "the class is not known");
    }
    adapter->class_name = name;
    adapter->is_library_class = strncmp(library, LIBRARY, sizeof LIBRARY - 1) == 0;
    return VITLRP_OK;
}

static enum vitlrp_status read_config(struct adapter *adapter, struct vitlrp_error *err) {
    const json_t *config = adapter->config;
    const char *type = json_get_string(config, "peft_type");
    const char *key;
    json_t *value;
    char label[TENSOR_LABEL_TEXT];
    if (type == NULL || strcmp(type, "LORA") != 0) {
        return fail(err, VITLRP_UNSUPPORTED,
                    "peft_type is %s; LORA is read: merge it with "
                    "merge_and_unload() and save the model",
                    tensor_label(label, type == NULL ? "missing" : type));
    }
    json_object_foreach((json_t *) config, key, value) {
        if (!is_harmless(key) && !is_unset(value) && !is_plain_start(key, value)) {
            return fail(err, VITLRP_UNSUPPORTED,
                        "%s is set, which is not supported: merge it with merge_and_unload() and "
                        "save the model",
                        tensor_label(label, key));
        }
    }
    TRY(read_class(adapter, err));
    adapter->alpha = NAN;
    TRY(json_get_number(config, "lora_alpha", &adapter->alpha, err));
    adapter->by_root = json_is_true(json_object_get(config, "use_rslora"));
    return isfinite(adapter->alpha)
               ? VITLRP_OK
               : fail(err, VITLRP_FORMAT, "lora_alpha is missing or no number");
}

/* True if the name has these parts, whole ones and not its last: "head" of "heads.head.weight". */
static bool has_parts(const char *name, const char *parts) {
    size_t length = strlen(parts);
    const char *at = name;
    while (strncmp(at, parts, length) != 0 || at[length] != '.') {
        const char *dot = strchr(at, '.');
        if (dot == NULL) {
            return false;
        }
        at = dot + 1;
    }
    return length > 0;
}

static bool is_saved(const json_t *modules, const char *name) {
    for (size_t i = 0; i < json_array_size(modules); i++) {
        const char *module = json_string_value(json_array_get(modules, i));
        if (module != NULL && has_parts(name, module)) {
            return true;
        }
    }
    return false;
}

/* ---- Tensors ---- */

static struct tensor_info *find_tensor(const struct tensor_table *table, const char *name) {
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->items[i].name, name) == 0) {
            return &table->items[i];
        }
    }
    return NULL;
}

static enum vitlrp_status read_all(const struct tensor_info *tensor, float *out,
                                   struct vitlrp_error *err) {
    struct tensor_reader reader;
    enum vitlrp_status status = tensor_reader_open(tensor, &reader, err);
    if (status == VITLRP_OK) {
        status = tensor_reader_next(&reader, out, tensor->count, err);
    }
    tensor_reader_close(&reader);
    return status;
}

/* A layer's weight and the two factors of what is added to it. */
struct product {
    struct tensor_info *weight;  /* [outputs, ...] */
    const struct tensor_info *a; /* [rank, ...] */
    const struct tensor_info *b; /* [outputs, rank], or with 1 x 1 behind */
    double scale;
};

static enum vitlrp_status check_product(const struct product *product, uint64_t *work,
                                        struct vitlrp_error *err) {
    const struct tensor_info *weight = product->weight;
    size_t rank = product->a->rank > 0 ? product->a->shape[0] : 0;
    size_t outputs = weight->rank > 1 ? weight->shape[0] : 0;
    if (rank == 0 || outputs == 0 || product->b->rank < 2 || product->b->shape[0] != outputs ||
        product->b->shape[1] != rank || product->b->count != outputs * rank ||
        product->a->count / rank != weight->count / outputs ||
        memcmp(&product->a->shape[1], &weight->shape[1],
               (weight->rank - 1) * sizeof weight->shape[0]) != 0) {
        return fail(err, VITLRP_MISMATCH,
                    "the shapes of its A and B do not fit the model's tensor");
    }
    uint64_t more = (uint64_t) weight->count;
    if (more > *work / rank) {
        return fail_limit(err, "merging takes more operations than the limit allows");
    }
    *work -= more * rank;
    return VITLRP_OK;
}

/* out += scale b a, a row of outputs after the other, summed in double. */
static void add_product(const struct product *product, const float *a, const float *b, double *row,
                        float *out) {
    size_t rank = product->a->shape[0];
    size_t outputs = product->weight->shape[0];
    size_t inputs = product->weight->count / outputs;
    for (size_t output = 0; output < outputs; output++) {
        memset(row, 0, inputs * sizeof *row);
        for (size_t k = 0; k < rank; k++) {
            double factor = product->scale * (double) b[output * rank + k];
            for (size_t i = 0; i < inputs; i++) {
                row[i] += factor * (double) a[k * inputs + i];
            }
        }
        for (size_t i = 0; i < inputs; i++) {
            out[output * inputs + i] = (float) ((double) out[output * inputs + i] + row[i]);
        }
    }
}

/* The tensor in memory takes the place of the one in the file, in the order of bytes of files. */
static void replace(struct tensor_info *tensor, struct source *source, float *data) {
    size_t size = tensor->count * sizeof *data;
    little_endian_turn(data, sizeof *data, tensor->count);
    *source = source_over(data, size);
    tensor->stored = tensor->stored == NULL ? tensor->type : tensor->stored;
    tensor->type = element_type_named("F32");
    tensor->source = source;
    tensor->extent = (struct extent){.stored = size, .size = size};
    tensor->skip = 0;
    tensor->lies = TENSOR_PLAIN;
}

static enum vitlrp_status merge_product(const struct product *product, struct adapter *adapter,
                                        struct vitlrp_error *err) {
    size_t inputs = product->weight->count / product->weight->shape[0];
    float *a = mem_calloc(product->a->count, sizeof *a);
    float *b = mem_calloc(product->b->count, sizeof *b);
    double *row = mem_calloc(inputs, sizeof *row);
    float *merged = mem_calloc(product->weight->count, sizeof *merged);
    enum vitlrp_status status = VITLRP_OK;
    if (a == NULL || b == NULL || row == NULL || merged == NULL) {
        status = fail(err, VITLRP_NOMEM, "out of memory for merging an adapter");
        goto cleanup;
    }
    TRY_GOTO(status, read_all(product->a, a, err), cleanup);
    TRY_GOTO(status, read_all(product->b, b, err), cleanup);
    TRY_GOTO(status, read_all(product->weight, merged, err), cleanup);
    add_product(product, a, b, row, merged);
    adapter->blocks[adapter->count] = merged;
    replace(product->weight, &adapter->sources[adapter->count], merged);
    adapter->count++;
    merged = NULL;

cleanup:
    mem_free(merged);
    mem_free(row);
    mem_free(b);
    mem_free(a);
    return status;
}

/* ---- The whole ---- */

struct merging {
    struct tensor_table *model;
    struct adapter *adapter;
    struct tensor_places places; /* of the model's tensors */
    uint64_t work, bytes;        /* that are left */
};

static const char *base_name(const char *name) {
    static const char PREFIX[] = "base_model.model.";
    return strncmp(name, PREFIX, sizeof PREFIX - 1) == 0 ? name + sizeof PREFIX - 1 : name;
}

/* `stem` and `end` joined; false if they are too long. */
static bool join_name(char out[TENSOR_MAX_NAME + 1], const char *stem, size_t length,
                      const char *end) {
    int size = snprintf(out, TENSOR_MAX_NAME + 1, "%.*s%s", (int) length, stem, end);
    return size > 0 && (size_t) size <= TENSOR_MAX_NAME;
}

/* A tensor of the adapter's own file. */
static bool is_own(const struct adapter *adapter, const struct tensor_info *tensor) {
    const struct tensor_table *own = &adapter->checkpoint.tensors;
    return own->count > 0 && tensor->source == own->items[0].source;
}

/* Its own, or merged with what it has. */
static bool is_from(const struct adapter *adapter, const struct tensor_info *tensor) {
    for (size_t i = 0; i < adapter->count; i++) {
        if (tensor->source == &adapter->sources[i]) {
            return true;
        }
    }
    return is_own(adapter, tensor);
}

/* The model's tensor that a name of the adapter's is for; NULL: there is none. A base without a
 * head has other names than the network that was trained, whose begin with the base's place in it
 * (`vit.`); and in transformers 5 layers have new names, where files keep the old ones. `found`
 * gets the name as the model would have it. */
static enum vitlrp_status find_base(const struct merging *merging, const char *name,
                                    struct tensor_found *found, struct tensor_info **out,
                                    struct vitlrp_error *err) {
    struct tensor_table *model = merging->model;
    char label[TENSOR_LABEL_TEXT];
    TRY(tensor_places_find(&merging->places, model, name, found, err));
    *out = found->number < model->count ? &model->items[found->number] : NULL;
    if (*out != NULL && is_from(merging->adapter, *out)) {
        return fail(err, VITLRP_MISMATCH, "the adapter has another tensor for the model's %s",
                    tensor_label(label, (*out)->name));
    }
    return VITLRP_OK;
}

static enum vitlrp_status merge_factor(struct merging *merging, const struct tensor_info *a,
                                       const char *marker, struct vitlrp_error *err) {
    char other[TENSOR_MAX_NAME + 1];
    char name[TENSOR_MAX_NAME + 1];
    const char *base = base_name(a->name);
    struct product product = {.a = a};
    struct tensor_found found;
    char end[64];
    snprintf(end, sizeof end, ".lora_B%s", marker + strlen(".lora_A"));
    if (join_name(other, a->name, (size_t) (marker - a->name), end) &&
        join_name(name, base, (size_t) (marker - base), ".weight")) {
        product.b = find_tensor(&merging->adapter->checkpoint.tensors, other);
        TRY(find_base(merging, name, &found, &product.weight, err));
    }
    if (product.b == NULL || product.weight == NULL) {
        return fail(err, VITLRP_MISMATCH, "the %s has no tensor for it: is it of another model?",
                    product.b == NULL ? "adapter" : "model");
    }
    TRY(check_product(&product, &merging->work, err));
    if (product.weight->count > merging->bytes / sizeof(float)) {
        return fail_limit(err, "the merged tensors take more memory than the limit of weights");
    }
    merging->bytes -= product.weight->count * sizeof(float);
    double rank = (double) a->shape[0];
    product.scale = merging->adapter->alpha / (merging->adapter->by_root ? sqrt(rank) : rank);
    return merge_product(&product, merging->adapter, err);
}

/* A tensor that was trained whole. */
static enum vitlrp_status take_saved(struct merging *merging, const struct tensor_info *tensor,
                                     struct vitlrp_error *err) {
    const char *name = base_name(tensor->name);
    struct tensor_info *old = NULL;
    struct tensor_found found;
    if (!is_saved(json_object_get(merging->adapter->config, "modules_to_save"), name)) {
        return fail(err, VITLRP_UNSUPPORTED, "it is no part of a plain LoRA");
    }
    TRY(find_base(merging, name, &found, &old, err));
    if (old == NULL) {
        return tensor_table_add(merging->model, tensor, found.name, strlen(found.name), err);
    }
    char *kept = old->name;
    *old = *tensor;
    old->name = kept;
    return VITLRP_OK;
}

static enum vitlrp_status merge_tensors(struct merging *merging, struct vitlrp_error *err) {
    const struct tensor_table *tensors = &merging->adapter->checkpoint.tensors;
    for (size_t i = 0; i < tensors->count; i++) {
        const struct tensor_info *tensor = &tensors->items[i];
        const char *a = strstr(tensor->name, ".lora_A.");
        const char *b = strstr(tensor->name, ".lora_B.");
        if (b != NULL) {
            continue; /* with its A, or left over: counted below */
        }
        enum vitlrp_status status =
            a != NULL ? merge_factor(merging, tensor, a, err) : take_saved(merging, tensor, err);
        TRY(tensor_error_prefix(err, status, "tensor", tensor->name));
    }
    size_t factors = 0;
    for (size_t i = 0; i < tensors->count; i++) {
        factors += strstr(tensors->items[i].name, ".lora_B.") != NULL;
    }
    return factors == merging->adapter->count ? VITLRP_OK
                                              : fail(err, VITLRP_MISMATCH, "it has %zu B and %zu A",
                                                     factors, merging->adapter->count);
}

static enum vitlrp_status open_one(const char *folder, const char *name,
                                   const struct vit_load_options *options, struct vit_file *file,
                                   struct vitlrp_error *err) {
    char path[PATH_SIZE];
    TRY(path_join(path, folder, true, name, err));
    return vit_origin_open(file, path, name, options->inputs, err);
}

static enum vitlrp_status open_files(const struct vit_load_options *options,
                                     const struct checkpoint_options *reading,
                                     struct vit_file *files, struct adapter *out,
                                     struct vitlrp_error *err) {
    struct checkpoint_options plain = {.limits = reading->limits, .log = reading->log};
    struct bytes text = {0};
    TRY(open_one(options->adapter_path, "adapter_config.json", options, &files[0], err));
    struct extent extent = {.stored = files[0].source.size, .size = files[0].source.size};
    TRY(payload_read_all(&files[0].source, &extent, MAX_CONFIG, &text, err));
    enum vitlrp_status status = json_parse_within(
        (const char *) text.data, text.size, reading->limits->max_json_bytes, &out->config, err);
    bytes_free(&text);
    TRY(error_prefix(err, status, "adapter_config.json"));
    TRY(open_one(options->adapter_path, "adapter_model.safetensors", options, &files[1], err));
    status = checkpoint_open(&files[1].source, &plain, &out->checkpoint, err);
    TRY(error_prefix(err, status, "adapter_model.safetensors"));
    return error_prefix(err, read_config(out, err), "adapter_config.json");
}

enum vitlrp_status adapter_open(const struct vit_load_options *options,
                                const struct checkpoint_options *reading, struct vit_file *files,
                                struct adapter *out, struct vitlrp_error *err) {
    out->folder = options->adapter_path;
    enum vitlrp_status status = open_files(options, reading, files, out, err);
    /* What could not be opened is named with its path. */
    return status == VITLRP_IO ? status : error_prefix(err, status, out->folder);
}

enum vitlrp_status adapter_merge(struct adapter *adapter, struct checkpoint *model,
                                 struct vitlrp_error *err) {
    size_t most = adapter->checkpoint.tensors.count;
    struct merging merging = {.model = &model->tensors,
                              .adapter = adapter,
                              .work = (uint64_t) model->limits->max_operations / WORK_SHARE,
                              .bytes = model->limits->max_bytes};
    adapter->sources = mem_calloc(most, sizeof *adapter->sources);
    adapter->blocks = mem_calloc(most, sizeof *adapter->blocks);
    enum vitlrp_status status =
        adapter->sources == NULL || adapter->blocks == NULL
            ? fail(err, VITLRP_NOMEM, "out of memory for merging an adapter")
            : tensor_places_note(merging.model, &merging.places, err);
    if (status == VITLRP_OK) {
        status = merge_tensors(&merging, err);
    }
    if (status == VITLRP_OK) {
        log_message(model->log, LOG_LEVEL_INFO, "%zu layers are merged with an adapter",
                    adapter->count);
    }
    tensor_places_free(&merging.places);
    return error_prefix(err, status, adapter->folder);
}

/* ---- A head of its own ---- */

/* The tensors of a model with an adapter, while it is looked for a head. */
struct heads {
    const struct adapter *adapter;
    const struct layout *layout;
    struct tensor_table *tensors;
    bool is_there;   /* the adapter has one */
    bool is_another; /* under another name than the model's */
};

/* The row of a layer of a head; NULL: it is of none. */
static const struct layout_row *head_row(const struct heads *heads,
                                         const struct tensor_info *tensor) {
    size_t number;
    const struct layout_row *row = layout_find(heads->layout, tensor->name, &number);
    return row != NULL && layout_row_is_head(row) ? row : NULL;
}

static bool is_own_head(const struct heads *heads, const struct tensor_info *tensor) {
    const struct layout_row *row = head_row(heads, tensor);
    return row != NULL && !layout_row_is_projection(row) && is_own(heads->adapter, tensor);
}

static void look_for_heads(struct heads *heads) {
    const struct layout_row *own = NULL; /* of the output's layer */
    for (size_t i = 0; i < heads->tensors->count; i++) {
        const struct tensor_info *tensor = &heads->tensors->items[i];
        bool is_its = is_own_head(heads, tensor);
        heads->is_there = heads->is_there || is_its;
        own = is_its && head_row(heads, tensor)->slot == SLOT_HEAD_WEIGHT ? head_row(heads, tensor)
                                                                          : own;
    }
    for (size_t i = 0; i < heads->tensors->count; i++) {
        const struct layout_row *row = head_row(heads, &heads->tensors->items[i]);
        heads->is_another = heads->is_another || (own != NULL && row != NULL && row != own &&
                                                  row->slot == SLOT_HEAD_WEIGHT);
    }
}

static bool is_of_one_module(const char *name, const char *other) {
    const char *end = strrchr(name, '.');
    const char *other_end = strrchr(other, '.');
    return end != NULL && other_end != NULL && end - name == other_end - other &&
           strncmp(name, other, (size_t) (end - name)) == 0;
}

/* A head under another name is another head, all of it. Else each module that was saved takes the
 * place of the model's, whole: one without a bias has none. */
static bool is_replaced(const struct heads *heads, const struct tensor_info *tensor) {
    if (head_row(heads, tensor) == NULL || is_own_head(heads, tensor)) {
        return false;
    }
    bool is_replaced = heads->is_another;
    for (size_t i = 0; i < heads->tensors->count && !is_replaced; i++) {
        const struct tensor_info *own = &heads->tensors->items[i];
        is_replaced = is_own_head(heads, own) && is_of_one_module(own->name, tensor->name);
    }
    return is_replaced;
}

void adapter_take_head(struct adapter *adapter, struct checkpoint *model) {
    struct tensor_table *tensors = &model->tensors;
    struct heads heads = {adapter, layout_recognise(tensors), tensors, false, false};
    char label[TENSOR_LABEL_TEXT];
    if (heads.layout == NULL) {
        return;
    }
    look_for_heads(&heads);
    for (size_t i = tensors->count; i-- > 0 && heads.is_there;) {
        if (is_replaced(&heads, &tensors->items[i])) {
            log_message(model->log, LOG_LEVEL_INFO, "tensor %s is left out for the adapter's head",
                        tensor_label(label, tensors->items[i].name));
            mem_free(tensors->items[i].name);
            tensors->count--;
            memmove(&tensors->items[i], &tensors->items[i + 1],
                    (tensors->count - i) * sizeof *tensors->items);
        }
    }
    adapter->has_head = heads.is_there;
}

void adapter_close(struct adapter *adapter) {
    for (size_t i = 0; i < adapter->count; i++) {
        mem_free(adapter->blocks[i]);
    }
    mem_free(adapter->blocks);
    mem_free(adapter->sources);
    json_decref(adapter->config);
    checkpoint_close(&adapter->checkpoint);
    *adapter = (struct adapter){0};
}
