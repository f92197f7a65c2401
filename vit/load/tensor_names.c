/* Settles which tensors are the network's, and under which names. Refuses by name what no layout
 * could take. */
#include "vit/load/tensor_names.h"

#include <fnmatch.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "vit/load/layout.h"

/* ---- What is refused ---- */

/* Substrings of names that only such weights have, and what to do. */
static const struct {
    const char *substring;
    const char *what;
} REFUSED[] = {
#define QUANTISED "quantised weights: explain the F32 or F16 file of the same network"
    {".absmax", QUANTISED},
    {".quant_map", QUANTISED},
    {".quant_state", QUANTISED},
    {".SCB", QUANTISED},
    {".qweight", QUANTISED},
    {".qzeros", QUANTISED},
    {".weight_scale", QUANTISED},
    {"._packed_params", QUANTISED},
    {".lora_A", "an adapter (LoRA) that is not merged: save merge_and_unload() of the model"},
    {".lora_B", "an adapter (LoRA) that is not merged: save merge_and_unload() of the model"},
#define COCA                                                                                       \
    "CoCa, whose pool has many queries, which is not supported: explain a CLIP of that size"
    {"patch_embed.backbone.", "a hybrid with a convolutional stem, which is not supported"},
#define HIERARCHICAL "a network in stages (Swin, MViT, ConvNeXt and kin), which is not supported"
    {"layers.0.blocks.0.", HIERARCHICAL},
    {"layers.0.downsample.", HIERARCHICAL},
    {"stages.0.", HIERARCHICAL},
    {"patch_embed.conv1.", HIERARCHICAL},
    {"downsample_layers.", HIERARCHICAL},
#define PAIRED "branches in pairs (ViT 18x2, DeiT's paralx2 and kin), which are not supported"
    {".attns.0.", PAIRED},
    {".norm11.", PAIRED},
    {"text_decoder.resblocks.", COCA},
    {"attn_pool.query", COCA},
    {"embeds.proj.", "a NaFlexViT, which is not supported: explain the network of a fixed size"},
    {"patch_conv.",
     "Pixtral's tower, which is not supported: it takes pictures of any size, and has no "
     "output of its own"},
#define BLIP "BLIP's tower, which is not supported: explain a CLIP of that size"
    {"text_decoder.bert.", BLIP}, /* stands before the tower in its files */
    {"self_attn.projection.", BLIP},
    {"class_pos_emb",
     "MLCD's tower, whose class token learns a rotary position of its own, which is not supported: "
     "explain a CLIP of that size"},
#define INTERN ", which is not supported: explain timm's vit_intern300m_patch14_448"
    {"attention.projection_layer.", "InternVL's tower as transformers writes it" INTERN},
    {"encoder.layers.0.attn.qkv.", "InternViT as its authors write it" INTERN},
    {"vision_model.pre_layernorm.",
     "OWL-ViT or X-CLIP, which are not supported: explain the CLIP that they are made from"},
    {"detection_tokens",
     "YOLOS, a detector, which is not supported: explain the DeiT that it is made from"},
    {"blocks_token_only.",
     "CaiT, whose class token joins in the last blocks only, which is not supported: explain a "
     "DeiT III of that size"},
    {"cls_attn_blocks.",
     "XCiT, whose attention is among channels, which is not supported: explain a DeiT III of that "
     "size"},
#define RELPOS                                                                                     \
    "timm's vit_relpos or vit_srelpos, whose biases of relative positions a network computes, "    \
    "which is not supported: explain a DeiT III of that size"
    {".attn.rel_pos.", RELPOS},
    {"shared_rel_pos.", RELPOS},
    {".rel_pos_h",
     "SAM's or ViTDet's tower (timm's samvit), whose attention adds biases of rows and columns, "
     "which is not supported: explain a plain network of that size"},
};

static enum vitlrp_status check_kind(const struct tensor_table *tensors, struct vitlrp_error *err) {
    char label[TENSOR_LABEL_TEXT];
    for (size_t i = 0; i < tensors->count; i++) {
        const struct tensor_info *tensor = &tensors->items[i];
        for (size_t k = 0; k < sizeof REFUSED / sizeof REFUSED[0]; k++) {
            if (strstr(tensor->name, REFUSED[k].substring) != NULL) {
                return fail(err, VITLRP_UNSUPPORTED, "%s (tensor %s)", REFUSED[k].what,
                            tensor_label(label, tensor->name));
            }
        }
        if (strncmp(tensor->type->name, "F8_", 3) == 0) {
            return fail(err, VITLRP_UNSUPPORTED, "%s (tensor %s is %s)", QUANTISED,
                        tensor_label(label, tensor->name), tensor->type->name);
        }
    }
    return VITLRP_OK;
}

/* ---- What is left out ---- */

/* Keeps the tensors for which `drop` is false. */
static void keep(struct tensor_table *tensors, bool (*drop)(const char *name, const void *context),
                 const void *context, const struct vitlrp_log *log) {
    char label[TENSOR_LABEL_TEXT];
    size_t kept = 0;
    for (size_t i = 0; i < tensors->count; i++) {
        struct tensor_info *tensor = &tensors->items[i];
        if (drop(tensor->name, context)) {
            log_message(log, LOG_LEVEL_INFO, "tensor %s is left out",
                        tensor_label(label, tensor->name));
            mem_free(tensor->name);
        } else {
            tensors->items[kept++] = *tensor;
        }
    }
    tensors->count = kept;
}

static bool begins_with(const char *name, const void *prefix) {
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

static size_t count_with(const struct tensor_table *tensors, const char *prefix) {
    size_t count = 0;
    for (size_t i = 0; i < tensors->count; i++) {
        count += begins_with(tensors->items[i].name, prefix);
    }
    return count;
}

static bool matches(const char *name, const void *pattern) {
    return fnmatch(pattern, name, 0) == 0;
}

#define MAX_PATTERN ((size_t) 512)

static enum vitlrp_status ignore_pattern(struct checkpoint *checkpoint, const char *pattern,
                                         struct vitlrp_error *err) {
    size_t before = checkpoint->tensors.count;
    keep(&checkpoint->tensors, matches, pattern, checkpoint->log);
    size_t dropped = before - checkpoint->tensors.count;
    if (dropped == 0) {
        char label[TENSOR_LABEL_TEXT];
        return fail(err, VITLRP_MISMATCH, "no tensor has a name like %s, which is to be ignored",
                    tensor_label(label, pattern));
    }
    if (checkpoint->tensors.count == 0) {
        return fail(err, VITLRP_MISMATCH, "all tensors are ignored");
    }
    log_message(checkpoint->log, LOG_LEVEL_WARNING, "%zu of %zu tensors are ignored: %s", dropped,
                before, pattern);
    return VITLRP_OK;
}

static enum vitlrp_status ignore_patterns(struct checkpoint *checkpoint, const char *patterns,
                                          struct vitlrp_error *err) {
    while (patterns != NULL) {
        char pattern[MAX_PATTERN];
        size_t length = strcspn(patterns, ",");
        if (length == 0 || length >= sizeof pattern) {
            return fail(err, VITLRP_USAGE, "a pattern of tensors to ignore is empty or too long");
        }
        memcpy(pattern, patterns, length);
        pattern[length] = '\0';
        TRY(ignore_pattern(checkpoint, pattern, err));
        patterns = patterns[length] == ',' ? patterns + length + 1 : NULL;
    }
    return VITLRP_OK;
}

/* Of training, beside the network. A trailing dot: names that begin so. */
static const char *const BESIDE[] = {"criterion.", "loss.",      "loss_fn.",         "loss_func.",
                                     "criteria.",  "n_averaged", "module.n_averaged"};

static bool is_beside(const char *name, const void *unused) {
    (void) unused;
    for (size_t i = 0; i < sizeof BESIDE / sizeof BESIDE[0]; i++) {
        bool group = BESIDE[i][strlen(BESIDE[i]) - 1] == '.';
        if (group ? begins_with(name, BESIDE[i]) : strcmp(name, BESIDE[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- Two networks in one ---- */

/* The average, and what it is an average of. */
static const struct {
    const char *average;
    const char *raw;
} PAIRS[] = {{"teacher.", "student."},
             {"model_ema.", "model."},
             {"ema_model.", "model."},
             {"ema.", "model."},
             {"module.teacher.", "module.student."}};

static bool not_within(const char *name, const void *prefix) {
    return !begins_with(name, prefix);
}

static enum vitlrp_status choose_pair(struct checkpoint *checkpoint, struct vitlrp_error *err) {
    for (size_t i = 0; i < sizeof PAIRS / sizeof PAIRS[0]; i++) {
        size_t average = count_with(&checkpoint->tensors, PAIRS[i].average);
        size_t raw = count_with(&checkpoint->tensors, PAIRS[i].raw);
        if (average == 0 || raw == 0 || average < raw / 2) {
            continue;
        }
        bool use_raw = checkpoint->weights == VITLRP_WEIGHTS_RAW;
        if (checkpoint->weights == VITLRP_WEIGHTS_AUTO) {
            log_message(checkpoint->log, LOG_LEVEL_WARNING,
                        "the file holds weights (%s*) and their average over the training (%s*): "
                        "the average is used",
                        PAIRS[i].raw, PAIRS[i].average);
        }
        checkpoint->weight_set = use_raw ? VITLRP_WEIGHTS_RAW : VITLRP_WEIGHTS_EMA;
        keep(&checkpoint->tensors, not_within, use_raw ? PAIRS[i].raw : PAIRS[i].average,
             checkpoint->log);
        break;
    }
    if (checkpoint->weights == VITLRP_WEIGHTS_EMA && checkpoint->weight_set != VITLRP_WEIGHTS_EMA) {
        return fail(err, VITLRP_MISMATCH, "holds no average of its weights (EMA)");
    }
    return VITLRP_OK;
}

/* ---- Prefixes ---- */

/* Put into names, anywhere, by wrappers around modules: compile, FSDP, activation checkpoints. */
static const char *const WRAPPERS[] = {"_orig_mod.", "_fsdp_wrapped_module.",
                                       "_checkpoint_wrapped_module."};

static void remove_wrappers(char *name) {
    for (size_t i = 0; i < sizeof WRAPPERS / sizeof WRAPPERS[0]; i++) {
        size_t length = strlen(WRAPPERS[i]);
        char *found;
        while ((found = strstr(name, WRAPPERS[i])) != NULL) {
            memmove(found, found + length, strlen(found + length) + 1);
        }
    }
}

#define MAX_PARTS 8 /* of a prefix: model.module.vision_model. has three */

/* The length of the longest prefix of whole parts ("model.", "opt/target/") that all have. */
static size_t common_prefix(const struct tensor_table *tensors) {
    const char *first = tensors->items[0].name;
    size_t length = strlen(first);
    for (size_t i = 1; i < tensors->count; i++) {
        const char *name = tensors->items[i].name;
        size_t same = 0;
        while (same < length && name[same] == first[same]) {
            same++;
        }
        length = same;
    }
    while (length > 0 && first[length - 1] != '.' && first[length - 1] != '/') {
        length--;
    }
    return length;
}

/* Drops so many bytes of every name. */
static void drop_prefix(struct tensor_table *tensors, size_t length) {
    for (size_t i = 0; i < tensors->count; i++) {
        char *name = tensors->items[i].name;
        memmove(name, name + length, strlen(name + length) + 1);
    }
}

/* One part after the other, and as many as the best layout wants: some names of theirs begin with a
 * part of their own (`visual.`). */
static void drop_common(struct tensor_table *tensors, bool is_text, const struct vitlrp_log *log) {
    size_t whole = common_prefix(tensors);
    const char *first = tensors->items[0].name;
    char label[TENSOR_LABEL_TEXT];
    char prefix[TENSOR_MAX_NAME + 1] = "";
    size_t best = 0;
    size_t best_known = layout_known(tensors, 0, is_text);
    size_t length = 0;
    for (size_t part = 0; part < MAX_PARTS && length < whole; part++) {
        length += strcspn(first + length, "./") + 1;
        size_t known = layout_known(tensors, length, is_text);
        if (known > best_known) {
            best = length;
            best_known = known;
        }
    }
    if (best > 0) {
        memcpy(prefix, first, best);
        drop_prefix(tensors, best);
        log_message(log, LOG_LEVEL_INFO, "all names begin with %s, which is left out",
                    tensor_label(label, prefix));
    }
}

/* ---- A tower of timm's in a model of open_clip's ---- */

#define TOWER "visual."
#define TRUNK "visual.trunk."
#define PROJECTION "visual.head.proj."

/* Of the model as a whole: what makes logits of its cosines. */
static const char *logits_name(const char *name) {
    static const char *const NAMES[] = {"logit_scale", "logit_bias"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        const char *found = strstr(name, NAMES[i]);
        if (found != NULL && found[strlen(NAMES[i])] == '\0' &&
            (found == name || found[-1] == '.')) {
            return found;
        }
    }
    return NULL;
}

static bool is_outside_tower(const char *name, const void *unused) {
    (void) unused;
    return strstr(name, TOWER) == NULL && logits_name(name) == NULL;
}

/* Its names are timm's behind TRUNK; a linear layer may project what it pools. The rest is of the
 * text, but for scale and bias of the cosines. */
static void settle_trunk(struct tensor_table *tensors, const struct vitlrp_log *log) {
    bool there = false;
    for (size_t i = 0; i < tensors->count; i++) {
        there = there || strstr(tensors->items[i].name, TRUNK) != NULL;
    }
    if (!there) {
        return;
    }
    keep(tensors, is_outside_tower, NULL, log);
    for (size_t i = 0; i < tensors->count; i++) {
        char *name = tensors->items[i].name;
        const char *begin = strstr(name, TOWER);
        if (begin == NULL) {
            begin = logits_name(name);
        } else if (begins_with(begin, TRUNK)) {
            begin += strlen(TRUNK);
        } else if (begins_with(begin, PROJECTION)) {
            begin += strlen(TOWER);
        }
        memmove(name, begin, strlen(begin) + 1);
    }
}

static enum vitlrp_status check_some(const struct checkpoint *checkpoint,
                                     struct vitlrp_error *err) {
    return checkpoint->tensors.count > 0
               ? VITLRP_OK
               : fail(err, VITLRP_UNSUPPORTED, "holds no tensors but those of a training");
}

/* What both kinds of towers need: the tensors of one network, without what wrappers add. */
static enum vitlrp_status settle_network(struct checkpoint *checkpoint, const char *ignore,
                                         struct vitlrp_error *err) {
    struct tensor_table *tensors = &checkpoint->tensors;
    TRY(ignore_patterns(checkpoint, ignore, err));
    TRY(check_kind(tensors, err));
    for (size_t i = 0; i < tensors->count; i++) {
        remove_wrappers(tensors->items[i].name);
    }
    keep(tensors, is_beside, NULL, checkpoint->log);
    TRY(choose_pair(checkpoint, err));
    return check_some(checkpoint, err);
}

enum vitlrp_status names_settle(struct checkpoint *checkpoint, const char *ignore,
                                struct vitlrp_error *err) {
    struct tensor_table *tensors = &checkpoint->tensors;
    TRY(settle_network(checkpoint, ignore, err));
    settle_trunk(tensors, checkpoint->log);
    drop_common(tensors, false, checkpoint->log);
    return tensor_table_check_unique(tensors, err);
}

/* ---- The text tower of a model of images and texts ---- */

/* Parts of names that the image tower's begin with. */
static const char *const IMAGE_PARTS[] = {"visual.", "vision_model.", "visual_projection."};

/* Last parts of names that are neither tower's. */
static const char *const JOINING[] = {"logit_scale", "logit_bias", "input_resolution",
                                      "context_length", "vocab_size"};

static bool is_outside_text(const char *name, const void *unused) {
    const char *dot = strrchr(name, '.');
    const char *last = dot == NULL ? name : dot + 1;
    (void) unused;
    for (size_t i = 0; i < sizeof IMAGE_PARTS / sizeof IMAGE_PARTS[0]; i++) {
        if (strstr(name, IMAGE_PARTS[i]) != NULL) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof JOINING / sizeof JOINING[0]; i++) {
        if (strcmp(last, JOINING[i]) == 0) {
            return true;
        }
    }
    return false;
}

enum vitlrp_status names_settle_text(struct checkpoint *checkpoint, const char *ignore,
                                     struct vitlrp_error *err) {
    struct tensor_table *tensors = &checkpoint->tensors;
    TRY(settle_network(checkpoint, ignore, err));
    keep(tensors, is_outside_text, NULL, checkpoint->log);
    if (tensors->count == 0) {
        return fail(err, VITLRP_UNSUPPORTED, "holds no text tower");
    }
    drop_common(tensors, true, checkpoint->log);
    return tensor_table_check_unique(tensors, err);
}
