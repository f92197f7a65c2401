/* Matches a checkpoint's tensors against the layouts. Refuses to leave any tensor unused: a weight
 * that is not understood would give relevance of another model than the file's. */
#include "vit/load/layout.h"

#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "vit/load/checkpoint.h"

/* Of a network within the model, put before its names and not before the head's; dropped, as often
 * as they occur. What all names begin with is dropped before (tensor_names.h). */
static const char *const PREFIXES[] = {
    "model.",      "backbone.", "vision_model.",    "params/", "img/",    "vit.",
    "deit.",       "ijepa.",    "data2vec_vision.", "beit.",   "dinov2.", "dinov2_with_registers.",
    "dinov3_vit.",
};

/* What names give away about architectures that are not supported, most telling first. */
static const struct {
    const char *substring;
    const char *feature;
} FEATURES[] = {
    {"ls1.", "LayerScale"},
    {"ls2.", "LayerScale"},
    {"gamma_1", "LayerScale"},
    {"gamma_2", "LayerScale"},
    {"lambda1", "LayerScale"},
    {"lambda_", "differential attention"},
    {"layer_scale", "LayerScale"},
    {"register_tokens", "register tokens"},
    {"reg_token", "register tokens"},
    {"dist_token", "DeiT's distillation token"},
    {"distillation", "DeiT's distillation token"},
    {"head_dist", "DeiT's distillation head"},
    {"norm_pre", "a norm before the blocks"},
    {"ln_pre", "a norm before the blocks"},
    {"pre_layrnorm", "a norm before the blocks"},
    {"fc_norm", "mean pooling"},
    {"attn_pool", "attention pooling"},
    {"MAPHead", "attention pooling"},
    {"mask_token", "DINOv2 or masked training"},
    {"w12", "a SwiGLU MLP"},
    {"fc1_g", "a SwiGLU MLP"},
    {"weights_in", "a SwiGLU MLP"},
    {"mlp.w1", "a SwiGLU MLP"},
    {"mlp.w3", "a SwiGLU MLP"},
    {"q_norm", "norms of queries and keys"},
    {"k_norm", "norms of queries and keys"},
    {"relative_position", "relative position biases"},
    {"rel_pos", "relative position biases"},
    {"rope", "rotary position embeddings"},
    {"pre_logits", "a layer before the head"},
    {"decoder", "a decoder"},
    {"running_mean", "batch normalisation"},
    {"patch_embed.backbone", "a convolutional stem"},
};

static const char *feature_of(const char *name) {
    for (size_t i = 0; i < sizeof FEATURES / sizeof FEATURES[0]; i++) {
        if (strstr(name, FEATURES[i].substring) != NULL) {
            return FEATURES[i].feature;
        }
    }
    return "no part of a plain Vision Transformer";
}

static const char *without_prefixes(const char *name) {
    for (size_t i = 0; i < sizeof PREFIXES / sizeof PREFIXES[0];) {
        size_t length = strlen(PREFIXES[i]);
        if (strncmp(name, PREFIXES[i], length) == 0) {
            name += length;
            i = 0;
        } else {
            i++;
        }
    }
    return name;
}

/* Characters that both begin with, up to the pattern's '#' or '*'. Names are compared with every
 * row of every layout: most differ at once. */
static size_t common_length(const char *pattern, const char *name) {
    size_t length = 0;
    while (pattern[length] == name[length] && pattern[length] != '\0' && pattern[length] != '#' &&
           pattern[length] != '*') {
        length++;
    }
    return length;
}

/* True if both are equal, or the pattern's end is '*' and the name begins as it does. */
static bool text_matches(const char *pattern, const char *name) {
    size_t same = common_length(pattern, name);
    return pattern[same] == '*' || pattern[same] == name[same];
}

/* True if the name is the pattern with '#' replaced by a decimal number below VIT_MAX_DEPTH. */
static bool pattern_matches(const char *pattern, const char *name, size_t *block) {
    size_t same = common_length(pattern, name);
    *block = 0;
    if (pattern[same] != '#') {
        return text_matches(pattern + same, name + same);
    }
    const char *digits = name + same;
    size_t count = strspn(digits, "0123456789");
    if (count == 0 || count > 4 || (digits[0] == '0' && count > 1)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        *block = *block * 10 + (size_t) (digits[i] - '0');
    }
    return *block < VIT_MAX_DEPTH && text_matches(pattern + same + 1, digits + count);
}

/* False for most rows of other layouts, at the price of one comparison. */
static bool may_match(const char *pattern, const char *name) {
    return pattern[0] == name[0] || pattern[0] == '#' || pattern[0] == '*';
}

/* Of a name without prefixes. */
static const struct layout_row *find_bare(const struct layout *layout, const char *name,
                                          size_t *block) {
    for (size_t i = 0; i < layout->row_count; i++) {
        const char *pattern = layout->rows[i].pattern;
        if (may_match(pattern, name) && pattern_matches(pattern, name, block)) {
            return &layout->rows[i];
        }
    }
    return NULL;
}

const struct layout_row *layout_find(const struct layout *layout, const char *name, size_t *block) {
    return find_bare(layout, without_prefixes(name), block);
}

/* The layouts of a kind of tower. */
struct layouts {
    const struct layout *items;
    size_t count;
};

static struct layouts layouts_of(bool is_text) {
    return is_text ? (struct layouts){TEXT_LAYOUTS, TEXT_LAYOUT_COUNT}
                   : (struct layouts){LAYOUTS, LAYOUT_COUNT};
}

/* The layout that knows most of the tensors; *most gets how many. */
static const struct layout *find_layout(const struct layouts *layouts,
                                        const struct tensor_table *tensors, size_t skip,
                                        size_t *most) {
    size_t known[LAYOUT_COUNT] = {0};
    size_t best = 0;
    for (size_t k = 0; k < tensors->count; k++) {
        const char *name = without_prefixes(tensors->items[k].name + skip);
        for (size_t i = 0; i < layouts->count; i++) {
            size_t block;
            known[i] += find_bare(&layouts->items[i], name, &block) != NULL;
        }
    }
    for (size_t i = 1; i < layouts->count; i++) {
        best = known[i] > known[best] ? i : best;
    }
    *most = known[best];
    return *most > 0 ? &layouts->items[best] : NULL;
}

size_t layout_known(const struct tensor_table *tensors, size_t skip, bool is_text) {
    const struct layouts layouts = layouts_of(is_text);
    size_t known = 0;
    find_layout(&layouts, tensors, skip, &known);
    return known;
}

/* The layout that knows most of the tensors, if that is at least half of them. */
static const struct layout *recognise(const struct tensor_table *tensors, bool is_text) {
    const struct layouts layouts = layouts_of(is_text);
    size_t known = 0;
    const struct layout *best = find_layout(&layouts, tensors, 0, &known);
    return known * 2 >= tensors->count ? best : NULL;
}

const struct layout *layout_recognise(const struct tensor_table *tensors) {
    return recognise(tensors, false);
}

static enum vitlrp_status fail_unknown(const struct tensor_table *tensors,
                                       struct vitlrp_error *err) {
    char names[3][TENSOR_LABEL_TEXT] = {"", "", ""};
    for (size_t i = 0; i < 3 && i < tensors->count; i++) {
        tensor_label(names[i], tensors->items[i].name);
    }
    return fail(
        err, VITLRP_UNSUPPORTED,
        "not a Vision Transformer in a known layout (torchvision, timm, Hugging Face, open_clip, "
        "JAX); "
        "first tensors: %s %s %s",
        names[0], names[1], names[2]);
}

struct bound_tensor *layout_bound(const struct layout_binding *binding, size_t block,
                                  enum slot slot, enum part part) {
    return &binding->items[(block * SLOT_COUNT + (size_t) slot) * PART_COUNT + (size_t) part];
}

bool layout_row_shares(const struct layout *layout, const struct layout_row *row) {
    bool inside = row > layout->rows && row < layout->rows + layout->row_count;
    return inside && strcmp(row[-1].pattern, row->pattern) == 0;
}

static enum vitlrp_status bind_row(struct layout_binding *binding, size_t block,
                                   const struct layout_row *row, const struct tensor_info *tensor,
                                   struct vitlrp_error *err) {
    char label[TENSOR_LABEL_TEXT];
    char other[TENSOR_LABEL_TEXT];
    size_t at = slot_scope(row->slot) == SCOPE_BLOCK ? block : 0;
    struct bound_tensor *place = layout_bound(binding, at, row->slot, row->part);
    if (place->tensor != NULL) {
        return fail(err, VITLRP_MISMATCH, "tensors %s and %s are for the same place",
                    tensor_label(label, place->tensor->name), tensor_label(other, tensor->name));
    }
    *place = (struct bound_tensor){row, tensor};
    return VITLRP_OK;
}

/* The layers of a head. */
static const enum slot HEAD_SLOTS[] = {SLOT_PRE_LOGITS_WEIGHT, SLOT_PRE_LOGITS_BIAS,
                                       SLOT_HEAD_WEIGHT,       SLOT_HEAD_BIAS,
                                       SLOT_DIST_HEAD_WEIGHT,  SLOT_DIST_HEAD_BIAS};
enum { HEAD_SLOT_COUNT = sizeof HEAD_SLOTS / sizeof HEAD_SLOTS[0] };

bool layout_row_is_head(const struct layout_row *row) {
    for (size_t i = 0; i < HEAD_SLOT_COUNT; i++) {
        if (row->slot == HEAD_SLOTS[i]) {
            return true;
        }
    }
    return false;
}

bool layout_row_is_projection(const struct layout_row *row) {
    return layout_row_is_head(row) && strstr(row->pattern, "proj") != NULL;
}

/* A row for the numbered layers of a head. */
static bool is_numbered_head(const struct layout_row *row) {
    return (row->slot == SLOT_HEAD_WEIGHT || row->slot == SLOT_HEAD_BIAS) &&
           strchr(row->pattern, '#') != NULL;
}

/* What only shows something, or lies beside the model; a pooler is kept aside. */
static enum vitlrp_status bind_ignored(struct layout_binding *binding, const struct layout_row *row,
                                       const struct tensor_info *tensor,
                                       const struct vitlrp_log *log, struct vitlrp_error *err) {
    char label[TENSOR_LABEL_TEXT];
    char other[TENSOR_LABEL_TEXT];
    for (size_t i = 0; i < 2; i++) {
        struct bound_tensor *place = &binding->pooler[i];
        if (strcmp(row->pattern, LAYOUT_POOLER[i].pattern) != 0) {
            continue;
        }
        if (place->tensor != NULL) {
            return fail(err, VITLRP_MISMATCH, "tensors %s and %s are for the same place",
                        tensor_label(label, place->tensor->name),
                        tensor_label(other, tensor->name));
        }
        *place = (struct bound_tensor){&LAYOUT_POOLER[i], tensor};
        log_message(log, LOG_LEVEL_INFO, "tensor %s is not needed, unless the head reads it",
                    tensor_label(label, tensor->name));
        return VITLRP_OK;
    }
    binding->has_mask_token |= strcmp(row->pattern, "mask_token") == 0;
    binding->has_rope_tables |= strcmp(row->pattern, "rope.freqs_cos") == 0;
    binding->has_bias_index |= strstr(row->pattern, "relative_position_index") != NULL;
    log_message(log, LOG_LEVEL_INFO, "tensor %s is not needed for classification: left out",
                tensor_label(label, tensor->name));
    return VITLRP_OK;
}

static enum vitlrp_status bind_tensor(struct layout_binding *binding,
                                      const struct tensor_info *tensor,
                                      const struct vitlrp_log *log, struct vitlrp_error *err) {
    char label[TENSOR_LABEL_TEXT];
    size_t block = 0;
    const struct layout *layout = binding->layout;
    const struct layout_row *row = layout_find(layout, tensor->name, &block);
    if (row == NULL && layout == &LAYOUT_HEAD) {
        return fail(err, VITLRP_UNSUPPORTED,
                    "tensor %s is no part of a head: weight and bias, alone or behind head., "
                    "linear_head., classifier. or fc., and the numbers of two layers",
                    tensor_label(label, tensor->name));
    }
    if (row == NULL) {
        return fail(err, VITLRP_UNSUPPORTED, "tensor %s (%s) is not supported yet",
                    tensor_label(label, tensor->name), feature_of(tensor->name));
    }
    if (row->slot == SLOT_IGNORED) {
        return bind_ignored(binding, row, tensor, log, err);
    }
    if (tensor->count == 0 && row->part == PART_REGISTERS && row->slot == SLOT_CLS_TOKEN) {
        log_message(log, LOG_LEVEL_INFO, "tensor %s is of no registers: left out",
                    tensor_label(label, tensor->name));
        return VITLRP_OK; /* transformers writes it of a model without them */
    }
    if (is_numbered_head(row) && block < binding->last_numbered) {
        row = &LAYOUT_FIRST_LAYER[row->slot == SLOT_HEAD_BIAS ? 1 : 0];
        return bind_row(binding, block, row, tensor, err);
    }
    TRY(bind_row(binding, block, row, tensor, err));
    while (++row < layout->rows + layout->row_count && layout_row_shares(layout, row)) {
        TRY(bind_row(binding, block, row, tensor, err));
    }
    return VITLRP_OK;
}

/* A slot is filled as a whole or part by part: one of two tensors for the same values would be left
 * unused. */
static enum vitlrp_status check_parts(const struct layout_binding *binding,
                                      struct vitlrp_error *err) {
    char label[TENSOR_LABEL_TEXT];
    char other[TENSOR_LABEL_TEXT];
    size_t slots = (binding->depth > 0 ? binding->depth : 1) * SLOT_COUNT;
    for (size_t i = 0; i < slots * STACKED_PARTS; i++) {
        const struct bound_tensor *parts = &binding->items[i / STACKED_PARTS * PART_COUNT];
        const struct tensor_info *part = parts[i % STACKED_PARTS].tensor;
        const struct tensor_info *whole = parts[PART_WHOLE].tensor;
        if (part != NULL && whole != NULL) {
            return fail(err, VITLRP_MISMATCH, "tensors %s and %s are for the same place",
                        tensor_label(label, whole->name), tensor_label(other, part->name));
        }
    }
    return VITLRP_OK;
}

/* transformers gives the first layer of a plain MLP the name that the value of a gated one has:
 * without any gate, it is the whole of its slot. */
static void settle_values(struct layout_binding *binding, enum slot slot) {
    if (layout_has_part(binding, slot, PART_GATE)) {
        return;
    }
    for (size_t block = 0; block < binding->depth; block++) {
        struct bound_tensor *value = layout_bound(binding, block, slot, PART_VALUE);
        if (value->tensor != NULL && strstr(value->row->pattern, "mlp.up_proj") != NULL) {
            *layout_bound(binding, block, slot, PART_WHOLE) = *value;
            *value = (struct bound_tensor){0};
        }
    }
}

/* Blocks, and numbered layers of a head, are as many as names say. */
static void count_numbers(struct layout_binding *binding, const char *name) {
    size_t number = 0;
    const struct layout_row *row = layout_find(binding->layout, name, &number);
    if (row == NULL || row->slot >= SLOT_COUNT) {
        return;
    }
    if (slot_scope(row->slot) == SCOPE_BLOCK) {
        binding->depth = size_max(binding->depth, number + 1);
    } else if (is_numbered_head(row)) {
        binding->last_numbered = size_max(binding->last_numbered, number);
    }
}

static enum vitlrp_status bind_all(const struct layout *layout, const struct tensor_table *tensors,
                                   const struct vitlrp_log *log, struct layout_binding *out,
                                   struct vitlrp_error *err) {
    struct layout_binding binding = {.layout = layout};
    enum vitlrp_status status = VITLRP_OK;
    for (size_t i = 0; i < tensors->count; i++) {
        count_numbers(&binding, tensors->items[i].name);
    }
    size_t blocks = binding.depth > 0 ? binding.depth : 1;
    binding.items = mem_calloc(blocks * SLOT_COUNT * PART_COUNT, sizeof *binding.items);
    if (binding.items == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the table of tensors");
    }
    for (size_t i = 0; i < tensors->count && status == VITLRP_OK; i++) {
        status = bind_tensor(&binding, &tensors->items[i], log, err);
    }
    if (status == VITLRP_OK) {
        status = check_parts(&binding, err);
    }
    if (status != VITLRP_OK) {
        layout_unbind(&binding);
        return status;
    }
    settle_values(&binding, SLOT_FC1_WEIGHT);
    settle_values(&binding, SLOT_FC1_BIAS);
    *out = binding;
    return VITLRP_OK;
}

enum vitlrp_status layout_bind(const struct tensor_table *tensors, const struct vitlrp_log *log,
                               struct layout_binding *out, struct vitlrp_error *err) {
    const struct layout *layout = recognise(tensors, false);
    return layout == NULL ? fail_unknown(tensors, err) : bind_all(layout, tensors, log, out, err);
}

enum vitlrp_status layout_bind_text(const struct tensor_table *tensors,
                                    const struct vitlrp_log *log, struct layout_binding *out,
                                    struct vitlrp_error *err) {
    const struct layout *layout = recognise(tensors, true);
    if (layout == NULL) {
        return fail(err, VITLRP_UNSUPPORTED,
                    "holds no text tower of CLIP's or SigLIP's, by the names of its tensors");
    }
    return bind_all(layout, tensors, log, out, err);
}

enum vitlrp_status layout_bind_head(const struct tensor_table *tensors,
                                    const struct vitlrp_log *log, struct layout_binding *out,
                                    struct vitlrp_error *err) {
    return bind_all(&LAYOUT_HEAD, tensors, log, out, err);
}

void layout_take_head(struct layout_binding *binding, const struct layout_binding *head) {
    for (size_t i = 0; i < HEAD_SLOT_COUNT; i++) {
        struct bound_tensor *place = layout_bound(binding, 0, HEAD_SLOTS[i], PART_WHOLE);
        *place = *layout_bound(head, 0, HEAD_SLOTS[i], PART_WHOLE);
    }
    binding->last_numbered = head->last_numbered;
    binding->head_given = true;
    binding->head_file = NULL;
}

void layout_unbind(struct layout_binding *binding) {
    mem_free(binding->items);
    *binding = (struct layout_binding){0};
}

bool layout_has_part(const struct layout_binding *binding, enum slot slot, enum part part) {
    size_t blocks = slot_scope(slot) == SCOPE_BLOCK ? binding->depth : 1;
    for (size_t block = 0; block < blocks; block++) {
        if (layout_bound(binding, block, slot, part)->tensor != NULL) {
            return true;
        }
    }
    return false;
}

bool layout_has(const struct layout_binding *binding, enum slot slot) {
    for (enum part part = 0; part < PART_COUNT; part++) {
        if (layout_has_part(binding, slot, part)) {
            return true;
        }
    }
    return false;
}

uint64_t layout_unusual(const struct layout_binding *binding) {
    uint64_t unusual = 0;
    for (enum slot slot = 0; slot < SLOT_COUNT; slot++) {
        unusual |= slot_unusual(slot, layout_has(binding, slot));
    }
    return unusual;
}

/* out [rank]: the shape that a row's tensor has by these sizes. Returns the rank. */
static size_t row_shape(const struct layout_row *row, const size_t sizes[DIMENSION_COUNT],
                        size_t out[LAYOUT_MAX_RANK]) {
    size_t rank = 0;
    for (; row->shape[rank] != DIMENSION_END; rank++) {
        out[rank] = sizes[row->shape[rank]];
    }
    return rank;
}

/* Learns the sizes that are not known yet from one tensor of the right rank. */
static void learn_sizes(const struct bound_tensor *bound, size_t sizes[DIMENSION_COUNT]) {
    size_t known[LAYOUT_MAX_RANK];
    size_t rank = row_shape(bound->row, sizes, known);
    for (size_t i = 0; i < rank && rank == bound->tensor->rank; i++) {
        enum dimension dimension = bound->row->shape[i];
        if (sizes[dimension] == 0) { /* which it may be no more: a size can stand twice */
            sizes[dimension] = bound->tensor->shape[i];
        }
    }
}

/* Sizes of what shares a tensor, and the sum. */
static enum vitlrp_status derive_sum(size_t *part, size_t *sum, size_t rest,
                                     struct vitlrp_error *err) {
    if (*part == 0 && *sum > rest) {
        *part = *sum - rest;
    }
    return checked_add(sum, *part, rest)
               ? VITLRP_OK
               : fail(err, VITLRP_LIMIT, "a tensor's size of %zu is out of range", *part);
}

static enum vitlrp_status derive_sizes(size_t sizes[DIMENSION_COUNT], struct vitlrp_error *err) {
    size_t width = sizes[DIMENSION_WIDTH];
    if (width > SIZE_MAX / 3) {
        return fail(err, VITLRP_LIMIT, "dim %zu is out of range", width);
    }
    if (sizes[DIMENSION_POOLED] == 0) { /* a head of one layer */
        sizes[DIMENSION_POOLED] = sizes[DIMENSION_HEAD_INPUTS];
    }
    if (sizes[DIMENSION_CHANNELS] != 1) {
        sizes[DIMENSION_CHANNELS] = 3;
    }
    sizes[DIMENSION_WIDTH_2] = 2 * width;
    sizes[DIMENSION_WIDTH_3] = 3 * width;
    TRY(derive_sum(&sizes[DIMENSION_HIDDEN], &sizes[DIMENSION_HIDDEN_WIDTH_3], 3 * width, err));
    TRY(derive_sum(&sizes[DIMENSION_MLP], &sizes[DIMENSION_WIDTH_MLP], width, err));
    TRY(derive_sum(&sizes[DIMENSION_TOKENS], &sizes[DIMENSION_PADDED_TOKENS], LAYOUT_PADDING, err));
    if (sizes[DIMENSION_HIDDEN] == 0) {
        sizes[DIMENSION_HIDDEN] = sizes[DIMENSION_GATED];
    }
    return VITLRP_OK;
}

/* The architecture that a tensor is of whose shape is another one than wanted; NULL: none that is
 * known. */
static const char *kind_of_shape(const struct bound_tensor *bound, size_t rank,
                                 const size_t *wanted) {
    const struct tensor_info *tensor = bound->tensor;
    enum slot slot = bound->row->slot;
    bool keys = (slot == SLOT_QKV_WEIGHT || slot == SLOT_QKV_BIAS) &&
                (bound->row->part == PART_K || bound->row->part == PART_V);
    if (slot == SLOT_PATCH_WEIGHT && tensor->rank == 2 &&
        strstr(bound->row->pattern, "embeddings.patch_embedding.") != NULL) {
        return "patches of pictures of any size (SigLIP 2's NaFlex), which are not supported: "
               "explain the network of a fixed size";
    }
    if (keys && tensor->rank == rank && tensor->shape[0] > 0 && tensor->shape[0] < wanted[0] &&
        wanted[0] % tensor->shape[0] == 0) {
        return "keys and values of fewer heads than queries (Sapiens2), which are not supported";
    }
    return NULL;
}

static enum vitlrp_status check_shape(const struct bound_tensor *bound,
                                      const size_t sizes[DIMENSION_COUNT],
                                      struct vitlrp_error *err) {
    size_t wanted[LAYOUT_MAX_RANK];
    size_t rank = row_shape(bound->row, sizes, wanted);
    const struct tensor_info *tensor = bound->tensor;
    bool positive = true;
    for (size_t i = 0; i < rank; i++) {
        positive = positive && wanted[i] > 0;
    }
    bool is_scalar = tensor->rank == 0 && rank == 1 && wanted[0] == 1;
    if (positive && (is_scalar || (tensor->rank == rank &&
                                   memcmp(tensor->shape, wanted, rank * sizeof *wanted) == 0))) {
        return VITLRP_OK;
    }
    char label[TENSOR_LABEL_TEXT];
    char got_text[TENSOR_SHAPE_TEXT];
    char wanted_text[TENSOR_SHAPE_TEXT];
    tensor_shape_text(got_text, tensor->rank, tensor->shape);
    tensor_shape_text(wanted_text, rank, wanted);
    const char *kind = kind_of_shape(bound, rank, wanted);
    if (kind != NULL) {
        return fail(err, VITLRP_UNSUPPORTED, "%s (tensor %s has shape %s)", kind,
                    tensor_label(label, tensor->name), got_text);
    }
    return fail(err, VITLRP_MISMATCH, "tensor %s has shape %s instead of %s",
                tensor_label(label, tensor->name), got_text, wanted_text);
}

/* The name that a pattern stands for in that block. */
static void pattern_name(char *out, size_t size, const char *pattern, size_t block) {
    const char *hash = strchr(pattern, '#');
    if (hash == NULL) {
        snprintf(out, size, "%s", pattern);
    } else {
        snprintf(out, size, "%.*s%zu%s", (int) (hash - pattern), pattern, block, hash + 1);
    }
}

static enum vitlrp_status fail_missing(const struct layout_row *row, size_t block,
                                       const size_t sizes[DIMENSION_COUNT],
                                       struct vitlrp_error *err) {
    char name[128];
    char shape[TENSOR_SHAPE_TEXT];
    size_t wanted[LAYOUT_MAX_RANK];
    pattern_name(name, sizeof name, row->pattern, block);
    tensor_shape_text(shape, row_shape(row, sizes, wanted), wanted);
    return fail(err, VITLRP_MISMATCH, "tensor '%s' is missing; it must have shape %s", name, shape);
}

enum vitlrp_status layout_fail_missing(const struct layout_binding *binding, enum slot slot,
                                       const char *consequence, struct vitlrp_error *err) {
    const char *name = "";
    for (size_t i = binding->layout->row_count; i-- > 0;) {
        name = binding->layout->rows[i].slot == slot ? binding->layout->rows[i].pattern : name;
    }
    return fail(err, VITLRP_MISMATCH, "tensor '%s' is missing, %s", name, consequence);
}

/* True if the block has what the row is for: in its place, or stacked otherwise. */
static bool has_place(const struct layout_binding *binding, const struct layout_row *row,
                      size_t block) {
    size_t parts = 0;
    for (enum part part = 0; part < STACKED_PARTS; part++) {
        parts += layout_bound(binding, block, row->slot, part)->tensor != NULL ? 1 : 0;
    }
    bool whole = layout_bound(binding, block, row->slot, PART_WHOLE)->tensor != NULL;
    bool own = layout_bound(binding, block, row->slot, row->part)->tensor != NULL;
    return whole || own || (row->part == PART_WHOLE && parts > 0);
}

/* A row that the block must have a tensor for; alternatives are for the same place. */
static bool is_wanted(const struct layout_binding *binding, const struct layout_row *row) {
    bool stacked = false;
    if (row->slot == SLOT_IGNORED) {
        return false;
    }
    for (enum part part = 0; part < STACKED_PARTS; part++) {
        stacked = stacked || layout_has_part(binding, row->slot, part);
    }
    switch (row->presence) {
    case PRESENCE_NEEDED: /* one of q, k and v asks for all three */
        return row->part == PART_WHOLE || stacked;
    case PRESENCE_UNIFORM:
        return layout_has_part(binding, row->slot, row->part);
    case PRESENCE_OPTIONAL:
        return false;
    }
    return false;
}

static enum vitlrp_status check_missing(const struct layout_binding *binding,
                                        const size_t sizes[DIMENSION_COUNT],
                                        struct vitlrp_error *err) {
    const struct layout *layout = binding->layout;
    for (size_t i = 0; i < layout->row_count; i++) {
        const struct layout_row *row = &layout->rows[i];
        if (!is_wanted(binding, row)) {
            continue;
        }
        size_t blocks = slot_scope(row->slot) == SCOPE_BLOCK ? binding->depth : 1;
        for (size_t block = 0; block < blocks; block++) {
            if (!has_place(binding, row, block)) {
                return fail_missing(row, block, sizes, err);
            }
        }
    }
    if (binding->depth == 0) {
        return fail(err, VITLRP_MISMATCH, "no tensor of any block is there");
    }
    return VITLRP_OK;
}

enum vitlrp_status layout_sizes(const struct layout_binding *binding, size_t sizes[DIMENSION_COUNT],
                                struct vitlrp_error *err) {
    size_t blocks = binding->depth > 0 ? binding->depth : 1;
    size_t count = blocks * SLOT_COUNT * PART_COUNT;
    memset(sizes, 0, DIMENSION_COUNT * sizeof *sizes);
    sizes[DIMENSION_ONE] = 1;
    sizes[DIMENSION_TWO] = 2;
    sizes[DIMENSION_DEPTH] = binding->depth;
    for (size_t i = 0; i < count; i++) {
        if (binding->items[i].tensor != NULL) {
            learn_sizes(&binding->items[i], sizes);
        }
    }
    TRY(derive_sizes(sizes, err));
    TRY(check_missing(binding, sizes, err));
    for (size_t i = 0; i < count; i++) {
        if (binding->items[i].tensor != NULL) {
            TRY(check_shape(&binding->items[i], sizes, err));
        }
    }
    size_t width = sizes[DIMENSION_WIDTH];
    if (layout_has(binding, SLOT_QK_NORM_WEIGHT) && sizes[DIMENSION_HEAD_SIZE] == width) {
        return fail(err, VITLRP_UNSUPPORTED,
                    "norms of queries and keys over all heads together are not supported, norms of "
                    "each head are");
    }
    if (sizes[DIMENSION_HEADS] == 0 && sizes[DIMENSION_HEAD_SIZE] > 0) {
        sizes[DIMENSION_HEADS] = width / sizes[DIMENSION_HEAD_SIZE];
    }
    if (sizes[DIMENSION_HEADS] > 0 && sizes[DIMENSION_HEAD_SIZE] > 0 &&
        (width % sizes[DIMENSION_HEADS] != 0 ||
         width / sizes[DIMENSION_HEADS] != sizes[DIMENSION_HEAD_SIZE])) {
        return fail(err, VITLRP_MISMATCH, "%zu attention heads of size %zu do not make up dim %zu",
                    sizes[DIMENSION_HEADS], sizes[DIMENSION_HEAD_SIZE], width);
    }
    return VITLRP_OK;
}

bool layout_may_read_pooler(const struct layout_binding *binding,
                            const size_t sizes[DIMENSION_COUNT]) {
    const struct tensor_info *weight = binding->pooler[0].tensor;
    return weight != NULL && weight->rank == 2 && layout_has(binding, SLOT_HEAD_WEIGHT) &&
           !layout_has(binding, SLOT_DIST_HEAD_WEIGHT) &&
           weight->shape[0] == sizes[DIMENSION_POOLED];
}

enum vitlrp_status layout_take_pooler(struct layout_binding *binding, size_t sizes[DIMENSION_COUNT],
                                      struct vitlrp_error *err) {
    const struct tensor_info *weight = binding->pooler[0].tensor;
    if (weight == NULL) {
        return fail(err, VITLRP_MISMATCH,
                    "the head is to read the file's pooler, and the file has none: tensor "
                    "'pooler.dense.weight' is missing");
    }
    if (layout_has(binding, SLOT_PRE_LOGITS_WEIGHT) || layout_has(binding, SLOT_DIST_HEAD_WEIGHT)) {
        return fail(err, VITLRP_UNSUPPORTED,
                    "the head is to read the file's pooler, and it is %s: not supported behind a "
                    "pooler, only one layer is",
                    layout_has(binding, SLOT_DIST_HEAD_WEIGHT) ? "two heads" : "of two layers");
    }
    if (sizes[DIMENSION_HEAD_INPUTS] == 0 && weight->rank == 2) { /* there is no head */
        sizes[DIMENSION_HEAD_INPUTS] = weight->shape[0];
    }
    sizes[DIMENSION_POOLED] = sizes[DIMENSION_WIDTH];
    for (size_t i = 0; i < 2; i++) {
        if (binding->pooler[i].tensor != NULL) {
            TRY(check_shape(&binding->pooler[i], sizes, err));
            *layout_bound(binding, 0, LAYOUT_POOLER[i].slot, PART_WHOLE) = binding->pooler[i];
        }
    }
    return VITLRP_OK;
}
