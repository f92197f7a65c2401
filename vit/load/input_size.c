#include "vit/load/input_size.h"

#include "vit/math/attention_bias.h"

/* The whole square root of a perfect square, else 0. */
static size_t exact_root(size_t square) {
    size_t root = 0;
    while ((root + 1) * (root + 1) <= square) {
        root++;
    }
    return root * root == square ? root : 0;
}

/* The tokens in front that may have entries: all, CLS alone where there are registers, none. */
struct candidates {
    size_t counts[3];
    size_t count;
};

static struct candidates candidates_of(const struct vit_config *config,
                                       const struct model_facts *facts) {
    struct candidates out = {{0}, 0};
    size_t prefix = (size_t) config->prefix;
    bool class_token = config->prefix > config->registers;
    int32_t stated = fact_whole(&facts->positions, -1);
    if (stated == FACT_POSITIONS_NONE && facts->positions.source == FACT_TABLE) {
        stated = -1; /* the model differs from the published one: its tensors show it */
    }
    if (stated == -1 || stated == FACT_POSITIONS_ALL) {
        out.counts[out.count++] = prefix;
    }
    if (class_token &&
        (stated == FACT_POSITIONS_CLASS || (stated == -1 && config->registers > 0))) {
        out.counts[out.count++] = prefix - (size_t) config->registers;
    }
    if (stated == FACT_POSITIONS_PATCHES || (stated == -1 && prefix > 0)) {
        out.counts[out.count++] = 0;
    }
    return out;
}

/* The grid of a stated input size. */
static enum vitlrp_status fit_stated(const struct model_facts *facts,
                                     const struct candidates *candidates, size_t positions,
                                     struct vit_config *config, size_t *positioned,
                                     struct vitlrp_error *err) {
    int32_t height = fact_whole(&facts->image_height, 0);
    int32_t width = fact_whole(&facts->image_width, 0);
    config->grid_height = height / config->patch_height;
    config->grid_width = width / config->patch_width;
    size_t patches = (size_t) config->grid_height * (size_t) config->grid_width;
    for (size_t i = 0; i < candidates->count && patches > 0; i++) {
        if (positions == patches + candidates->counts[i]) {
            *positioned = candidates->counts[i];
            return VITLRP_OK;
        }
    }
    return fail(err, VITLRP_MISMATCH,
                "%zu position embeddings do not fit a %dx%d input in %dx%d patches", positions,
                height, width, config->patch_height, config->patch_width);
}

/* A square grid. */
static enum vitlrp_status fit_square(const struct candidates *candidates, size_t positions,
                                     struct vit_config *config, size_t *positioned,
                                     struct vitlrp_error *err) {
    size_t limit = (size_t) VIT_MAX_SIDE * VIT_MAX_SIDE;
    for (size_t i = 0; i < candidates->count && positions <= limit; i++) {
        size_t in_front = candidates->counts[i];
        size_t root = positions > in_front ? exact_root(positions - in_front) : 0;
        if (root > 0) {
            config->grid_height = (int32_t) root;
            config->grid_width = (int32_t) root;
            *positioned = in_front;
            return VITLRP_OK;
        }
    }
    return fail(err, VITLRP_MISMATCH,
                "%zu position embeddings are no square of patches, and no configuration states "
                "the input size",
                positions);
}

/* What a stated size has beyond the last whole patch: SigLIP's patches of 14 leave 6 pixels of 384.
 */
static void set_unread(const struct model_facts *facts, struct vit_config *config) {
    int32_t height = fact_whole(&facts->image_height, 0);
    int32_t width = fact_whole(&facts->image_width, 0);
    config->unread_height = height > 0 ? height % config->patch_height : 0;
    config->unread_width = width > 0 ? width % config->patch_width : 0;
}

/* Patches of a million pixels times as many of them: the product is checked before it is an int. */
static enum vitlrp_status set_image_size(struct vit_config *config, struct vitlrp_error *err) {
    int32_t height;
    int32_t width;
    if (__builtin_mul_overflow(config->grid_height, config->patch_height, &height) ||
        __builtin_mul_overflow(config->grid_width, config->patch_width, &width) ||
        height > VIT_MAX_SIDE || width > VIT_MAX_SIDE) {
        return fail(err, VITLRP_LIMIT,
                    "an input of %d x %d patches of %d x %d pixels (width x height) is larger than "
                    "%d x %d pixels",
                    config->grid_width, config->grid_height, config->patch_width,
                    config->patch_height, VIT_MAX_SIDE, VIT_MAX_SIDE);
    }
    config->image_height = height;
    config->image_width = width;
    return VITLRP_OK;
}

/* DINOv2's own files have a mask token beside LayerScale, and its code a kernel of its own where
 * there are no registers. */
static bool is_dinov2(const struct layout_binding *binding, const struct vit_config *config) {
    return binding->layout->framework == FRAMEWORK_TIMM && binding->has_mask_token &&
           layout_has(binding, SLOT_PROJ_SCALE) && config->registers == 0;
}

static enum vitlrp_status infer_resampling(const struct layout_binding *binding,
                                           struct model_facts *facts, struct vit_config *config,
                                           struct vitlrp_error *err) {
    static const enum vit_resampling KINDS[] = {
        [FACT_RESAMPLE_ANTIALIASED] = VIT_RESAMPLE_ANTIALIASED,
        [FACT_RESAMPLE_BICUBIC] = VIT_RESAMPLE_BICUBIC,
        [FACT_RESAMPLE_BICUBIC_OFFSET] = VIT_RESAMPLE_BICUBIC_OFFSET,
        [FACT_RESAMPLE_CORNERS] = VIT_RESAMPLE_CORNERS,
        [FACT_RESAMPLE_LINEAR] = VIT_RESAMPLE_LINEAR};
    struct fact *fact = &facts->resampling;
    if (is_dinov2(binding, config) && fact->source != FACT_USER && fact->source != FACT_FILE) {
        *fact = (struct fact){FACT_RESAMPLE_BICUBIC_OFFSET, FACT_TENSORS, NULL, NULL};
    }
    fact_guess(fact, FACT_RESAMPLE_ANTIALIASED);
    int32_t kind = fact_whole(fact, 0);
    if ((size_t) kind >= sizeof KINDS / sizeof KINDS[0]) {
        return fail(err, VITLRP_UNSUPPORTED,
                    "this resampling of position embeddings is not supported yet");
    }
    config->resampling = KINDS[kind];
    return VITLRP_OK;
}

/* Pixels of a side where nothing states them: what most models are trained at. */
#define USUAL_SIDE 224

/* The side of the square grid that a table of relative position biases is for, 0: none. */
static int32_t bias_side(size_t rows) {
    size_t limit = (size_t) 4 * VIT_MAX_SIDE * VIT_MAX_SIDE;
    size_t differences = rows > 3 && rows <= limit ? exact_root(rows - 3) : 0;
    return differences % 2 == 1 ? (int32_t) (differences / 2 + 1) : 0;
}

/* A side of the input where nothing states it: that of the biases' grid, or what most models are
 * trained at. */
static void guess_side(struct fact *fact, int32_t side, int32_t patch) {
    if (side > 0) {
        fact_show(fact, (double) side * patch);
    } else {
        fact_guess(fact, USUAL_SIDE >= patch ? USUAL_SIDE / patch * patch : patch);
    }
}

/* Without position embeddings, statements and relative positions tell the size. */
static enum vitlrp_status set_grid(const struct layout_binding *binding,
                                   const size_t sizes[DIMENSION_COUNT], struct model_facts *facts,
                                   struct vit_config *config, struct vitlrp_error *err) {
    size_t bias_rows = sizes[DIMENSION_BIAS_ROWS];
    bool stated = fact_whole(&facts->positions, -1) == FACT_POSITIONS_NONE;
    if (config->rope.form == VIT_ROPE_NONE && bias_rows == 0 && !stated) {
        return layout_fail_missing(binding, SLOT_POSITION,
                                   "and nothing states that the model has no position embeddings",
                                   err);
    }
    guess_side(&facts->image_height, bias_side(bias_rows), config->patch_height);
    guess_side(&facts->image_width, bias_side(bias_rows), config->patch_width);
    fact_show(&facts->positions, FACT_POSITIONS_NONE);
    config->grid_height = fact_whole(&facts->image_height, 0) / config->patch_height;
    config->grid_width = fact_whole(&facts->image_width, 0) / config->patch_width;
    if (config->grid_height < 1 || config->grid_width < 1) {
        return fail(err, VITLRP_MISMATCH, "an input of %dx%d holds no patch of %dx%d",
                    fact_whole(&facts->image_height, 0), fact_whole(&facts->image_width, 0),
                    config->patch_height, config->patch_width);
    }
    return VITLRP_OK;
}

static enum vitlrp_status check_bias(const size_t sizes[DIMENSION_COUNT],
                                     const struct vit_config *config, struct vitlrp_error *err) {
    size_t rows = sizes[DIMENSION_BIAS_ROWS];
    size_t wanted = attention_bias_rows((size_t) config->grid_height, (size_t) config->grid_width);
    if (rows != 0 && rows != wanted) {
        return fail(err, VITLRP_MISMATCH,
                    "tables of %zu relative position biases do not fit a grid of %dx%d patches, "
                    "which has %zu",
                    rows, config->grid_height, config->grid_width, wanted);
    }
    return VITLRP_OK;
}

enum vitlrp_status input_size_infer(const struct layout_binding *binding, struct model_facts *facts,
                                    const size_t sizes[DIMENSION_COUNT], struct vit_config *config,
                                    size_t *positioned, struct vitlrp_error *err) {
    const struct candidates candidates = candidates_of(config, facts);
    size_t positions = sizes[DIMENSION_TOKENS];
    bool stated = fact_known(&facts->image_height) && fact_known(&facts->image_width);
    *positioned = 0;
    if (positions == 0) {
        TRY(set_grid(binding, sizes, facts, config, err));
    } else if (stated) {
        TRY(fit_stated(facts, &candidates, positions, config, positioned, err));
    } else {
        TRY(fit_square(&candidates, positions, config, positioned, err));
    }
    if (positions > 0) {
        TRY(infer_resampling(binding, facts, config, err));
    }
    TRY(set_image_size(config, err));
    set_unread(facts, config);
    return check_bias(sizes, config, err);
}
