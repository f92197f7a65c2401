#include "base/words.h"

#include <string.h>

#include "vitlrp_types.h"

static const char *const ROLES[] = {
#define VITLRP_ROLE(constant, name, text) #name,
#include "vitlrp_roles.def"
#undef VITLRP_ROLE
    NULL};

static const char *const REPLACEMENTS[] = {
#define VITLRP_REPLACEMENT(constant, name, text) #name,
#include "vitlrp_replacements.def"
#undef VITLRP_REPLACEMENT
    NULL};

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static const struct {
    const char *name;
    const char *const *words;
} LISTS[WORD_LISTS] = {
    [WORDS_STATUS] = {"status", LIST("ok", "usage", "io", "format", "unsupported", "limit", "nomem",
                                     "mismatch", "numeric", "cancelled", "internal")},
    [WORDS_RESIZE] = {"resize", LIST("short", "squash", "none", "cover", "unknown")},
    [WORDS_INTERPOLATION] = {"interpolation",
                             LIST("bilinear", "bicubic", "lanczos", "box", "hamming")},
    [WORDS_CROP_OFFSET] = {"crop_offset", LIST("even", "floor")},
    [WORDS_OUTPUTS] = {"outputs", LIST("classes", "feature", "embedding", "likeness")},
    [WORDS_PRECISION] = {"precision", LIST("fp32", "mixed", "bf16", "bf16x3")},
    [WORDS_ATTENTION_RULE] = {"attention_rule", LIST("attnlrp", "cp", "share")},
    [WORDS_ROLE] = {"role", ROLES},
    [WORDS_HEAD_FUSION] = {"head_fusion", LIST("mean", "max", "min")},
    [WORDS_STYLE] = {"style", LIST("overlay", "heat", "panel")},
    [WORDS_UPSAMPLE] = {"upsample", LIST("nearest", "bilinear", "bicubic")},
    [WORDS_MAP_KIND] = {"map_kind", LIST("signed", "unsigned")},
    [WORDS_UNDERLAY] = {"underlay", LIST("grey", "colour", "none")},
    [WORDS_TOP_AS] = {"top_as", LIST("mask", "blur", "box")},
    [WORDS_COLORMAP_KIND] = {"colormap_kind", LIST("diverging", "sequential", "rainbow")},
    [WORDS_PICTURE_FORMAT] = {"picture_format", LIST("png", "jpeg", "svg")},
    [WORDS_REPLACEMENT] = {"replacement", REPLACEMENTS},
    [WORDS_EVAL_TARGET] = {"eval_target", LIST("predicted", "label")},
    [WORDS_EVAL_UNITS] = {"eval_units", LIST("patch", "fc1", "head")},
    [WORDS_PATCH_GOAL] = {"patch_goal", LIST("suffices", "flips")},
    [WORDS_WEIGHTS] = {"weights", LIST("auto", "ema", "raw")},
    [WORDS_ACTIVATION] = {"activation", LIST("stated", "gelu", "gelu_tanh", "quick_gelu", "silu")},
    [WORDS_TEXT_TOWER] = {"text_tower", LIST("stated", "clip", "siglip")},
    [WORDS_POOL] = {"pool", LIST("stated", "cls", "mean", "cls_mean", "map", "pooler")},
    [WORDS_PROBABILITY] = {"probability", LIST("stated", "softmax", "sigmoid", "none")},
    [WORDS_FACT_SOURCE] = {"fact_source",
                           LIST("user", "file", "class", "table", "tensors", "guess")},
    [WORDS_SCORE] = {"score", LIST("logit", "log-odds", "contrast")},
    [WORDS_MASKS] = {"masks", LIST("random", "halves")},
    [WORDS_MODEL_KIND] = {"model_kind", LIST("image", "image_text", "prompts")},
    [WORDS_SITE] = {"site", LIST("fc1", "head", "stream")},
    [WORDS_UNIT_SEED] = {"unit_seed", LIST("class", "activation")},
    [WORDS_CONCEPT_KIND] = {"concept_kind", LIST("relevance", "activation")},
};

const char *const *words_of(enum word_list list) {
    return LISTS[list].words;
}

const char *words_name(enum word_list list) {
    return (size_t) list < WORD_LISTS ? LISTS[list].name : NULL;
}

const char *word_of(enum word_list list, int64_t value) {
    const char *const *words = LISTS[list].words;
    for (int i = 0; words[i] != NULL; i++) {
        if (i == value) {
            return words[i];
        }
    }
    return NULL;
}

int word_find(enum word_list list, const char *word) {
    const char *const *words = LISTS[list].words;
    for (int i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], word) == 0) {
            return i;
        }
    }
    return -1;
}

void words_append(struct text *out, const char *const *words) {
    for (size_t i = 0; words[i] != NULL; i++) {
        const char *join = i == 0 ? "" : words[i + 1] == NULL ? " or " : ", ";
        text_printf(out, "%s%s", join, words[i]);
    }
}
