#include "eval/removal.h"

#include <string.h>

#include "base/arena.h"
#include "base/checked.h"
#include "base/mem.h"
#include "eval/protocol.h"
#include "eval/replace.h"
#include "eval/replaced.h"
#include "eval/road.h"
#include "vit/math/engine.h"
#include "vit/model/weights.h"
#include "vit/program/batch.h"

#define MEGABYTE 1048576.0

struct removal_buffers {
    float *input, *replacement; /* [3, height, width]; ROAD: the noise */
    float *imputed;             /* [at_once, 3, height, width], for ROAD only */
    float *logits;              /* [classes] */
    uint8_t *mask, *trial;      /* [patches] */
    struct ranked_patch *order; /* [patches] */
};

struct removal {
    const struct vit_model *model;
    int32_t input_height, input_width;
    struct vit_batch *batch;
    struct road *road; /* NULL for other replacements */
    size_t patches, classes, pixels, at_once;
    struct removal_buffers buffers;
    struct vitlrp_session_observer observer;
    struct engine_watch watch;
    void *block;
};

/* ---- Memory ---- */

static void lay_out(struct removal *r, bool is_road, struct arena *arena) {
    struct removal_buffers *b = &r->buffers;
    b->input = arena_take_floats(arena, 1, r->pixels);
    b->replacement = arena_take_floats(arena, 1, r->pixels);
    b->imputed = is_road ? arena_take_floats(arena, r->at_once, r->pixels) : NULL;
    b->logits = arena_take_floats(arena, 1, r->classes);
    b->mask = arena_take(arena, r->patches, 1);
    b->trial = arena_take(arena, r->patches, 1);
    b->order = arena_take(arena, r->patches, sizeof *b->order);
}

static enum vitlrp_status open_batch(struct removal *r, const struct removal_options *options,
                                     struct vitlrp_error *err) {
    const struct vit_batch_options batch = {.watch = &r->watch,
                                            .threads = options->threads,
                                            .input_height = options->input_height,
                                            .input_width = options->input_width,
                                            .backend = options->backend};
    size_t bytes = 0;
    TRY(vit_batch_bytes(r->model, &batch, &bytes, err));
    if (options->max_bytes > 0 && bytes > options->max_bytes) {
        return fail_limit(
            err, "forward passes without patches need %.1f MB of memory, the limit is %.1f MB",
            (double) bytes / MEGABYTE, (double) options->max_bytes / MEGABYTE);
    }
    TRY(vit_batch_open(r->model, &batch, &r->batch, err));
    r->at_once = vit_batch_capacity(r->batch);
    return VITLRP_OK;
}

static enum vitlrp_status open_buffers(struct removal *r, bool is_road, struct vitlrp_error *err) {
    struct arena arena = arena_measuring();
    lay_out(r, is_road, &arena);
    r->block = arena.overflow ? NULL : mem_alloc_aligned(arena.used, 1);
    if (r->block == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for an input without patches");
    }
    arena = arena_over(r->block, arena.used);
    lay_out(r, is_road, &arena);
    return VITLRP_OK;
}

static enum vitlrp_status make_replacement(struct removal *r, const struct removal_options *options,
                                           struct vitlrp_error *err) {
    const struct vit_config *config = &r->model->config;
    const struct replacement_request request = {.replacement = options->replacement,
                                                .preprocess = options->preprocess,
                                                .height = (size_t) r->input_height,
                                                .width = (size_t) r->input_width,
                                                .patch_height = (size_t) config->patch_height,
                                                .patch_width = (size_t) config->patch_width,
                                                .seed = options->seed};
    const struct road_shape shape = {.grey = config->grey,
                                     .height = request.height,
                                     .width = request.width,
                                     .patch_height = request.patch_height,
                                     .patch_width = request.patch_width};
    TRY(replacement_make(&request, r->buffers.input, r->buffers.replacement, err));
    return options->replacement == VITLRP_REPLACE_ROAD ? road_open(&shape, &r->road, err)
                                                       : VITLRP_OK;
}

static enum vitlrp_status removal_fill(struct removal *r, const struct removal_options *options,
                                       const float *input, struct vitlrp_error *err) {
    const struct vit_config *config = &r->model->config;
    TRY(open_batch(r, options, err));
    r->classes = (size_t) config->classes;
    r->patches = (size_t) (r->input_height / config->patch_height) *
                 (size_t) (r->input_width / config->patch_width);
    r->pixels = vit_channels(config) * (size_t) r->input_height * (size_t) r->input_width;
    TRY(open_buffers(r, options->replacement == VITLRP_REPLACE_ROAD, err));
    memcpy(r->buffers.input, input, r->pixels * sizeof *input);
    return make_replacement(r, options, err);
}

enum vitlrp_status removal_open(const struct removal_options *options, const float *input,
                                struct removal **out, struct vitlrp_error *err) {
    struct removal *removal = mem_calloc(1, sizeof *removal);
    if (removal == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for an input without patches");
    }
    removal->model = options->model;
    removal->input_height = options->input_height;
    removal->input_width = options->input_width;
    removal->observer = options->observer;
    removal->watch = (struct engine_watch){.cancelled = options->observer.cancelled,
                                           .user = options->observer.user};
    enum vitlrp_status status = removal_fill(removal, options, input, err);
    if (status != VITLRP_OK) {
        removal_close(removal);
        return status;
    }
    *out = removal;
    return VITLRP_OK;
}

void removal_close(struct removal *removal) {
    if (removal != NULL) {
        vit_batch_close(removal->batch);
        road_close(removal->road);
        mem_free(removal->block);
        mem_free(removal);
    }
}

struct removal_info removal_describe(const struct removal *removal) {
    const struct vit_config *config = &removal->model->config;
    return (struct removal_info){.grid_height = removal->input_height / config->patch_height,
                                 .grid_width = removal->input_width / config->patch_width,
                                 .at_once = removal->at_once,
                                 .forwards = vit_batch_inputs(removal->batch)};
}

/* ---- What the model says ---- */

/* At most at_once versions. */
static enum vitlrp_status forward_some(struct removal *r, const uint8_t *masks, size_t count,
                                       float *logits, struct vitlrp_error *err) {
    const struct removal_buffers *b = &r->buffers;
    const struct replaced_input of = {.input = b->input,
                                      .replacement = b->replacement,
                                      .road = r->road,
                                      .imputed = b->imputed,
                                      .patches = r->patches,
                                      .pixels = r->pixels};
    return replaced_forward(&of, r->batch, masks, count, logits, err);
}

enum vitlrp_status removal_logits(struct removal *removal, const uint8_t *masks, size_t count,
                                  float *logits, struct vitlrp_error *err) {
    engine_watch_begin(&removal->watch);
    for (size_t i = 0; i < count; i += removal->at_once) {
        size_t some = size_min(removal->at_once, count - i);
        TRY(forward_some(removal, masks + i * removal->patches, some, logits + i * removal->classes,
                         err));
        if (removal->observer.progress != NULL) {
            removal->observer.progress(removal->observer.user, i + some, count);
        }
    }
    return VITLRP_OK;
}

/* ---- Sets ---- */

/* A search at work. The set that is tried lies in buffers.trial. */
struct hunt {
    struct removal *removal;
    const struct removal_search *search;
    struct removal_found *found;
};

static bool is_decided(const struct removal *r, const struct removal_search *search) {
    const float *logits = r->buffers.logits;
    float own = logits[search->output];
    bool first = true;
    if (search->versus >= 0) {
        return own > logits[search->versus];
    }
    if (r->model->probability == VITLRP_PROBABILITY_SIGMOID) {
        return own > 0.0F;
    }
    for (size_t i = 0; i < r->classes; i++) {
        bool is_before = i < (size_t) search->output;
        first = first && !(logits[i] > own) && !(is_before && logits[i] == own);
    }
    return first;
}

/* Whether the set in buffers.trial reaches the goal; if it does, it is the one that was found. */
static enum vitlrp_status try_set(struct hunt *hunt, bool *reaches, struct vitlrp_error *err) {
    struct removal *r = hunt->removal;
    const struct removal_search *search = hunt->search;
    struct removal_buffers *b = &r->buffers;
    bool keeps = search->goal == VITLRP_GOAL_SUFFICES;
    for (size_t p = 0; p < r->patches; p++) {
        b->mask[p] = keeps ? !b->trial[p] : b->trial[p];
    }
    TRY(forward_some(r, b->mask, 1, b->logits, err));
    hunt->found->forwards++;
    *reaches = is_decided(r, search) == keeps;
    if (*reaches) {
        memcpy(search->set, b->trial, r->patches);
    }
    if (*reaches || !hunt->found->found) {
        memcpy(search->logits, b->logits, r->classes * sizeof *b->logits);
    }
    hunt->found->found = hunt->found->found || *reaches;
    return VITLRP_OK;
}

static enum vitlrp_status try_prefix(struct hunt *hunt, size_t length, bool *reaches,
                                     struct vitlrp_error *err) {
    const struct removal_buffers *b = &hunt->removal->buffers;
    for (size_t i = 0; i < hunt->removal->patches; i++) {
        b->trial[b->order[i].patch] = i < length;
    }
    TRY(try_set(hunt, reaches, err));
    hunt->found->prefix = *reaches ? length : hunt->found->prefix;
    return VITLRP_OK;
}

/* The shortest beginning is not sought: whether longer ones reach the goal is not monotone. */
static enum vitlrp_status find_prefix(struct hunt *hunt, struct vitlrp_error *err) {
    size_t patches = hunt->removal->patches;
    size_t below = 0; /* a length that does not reach the goal */
    size_t length = 1;
    bool reaches = false;
    TRY(try_prefix(hunt, length, &reaches, err));
    while (!reaches && length < patches) {
        below = length;
        length = size_min(2 * length, patches);
        TRY(try_prefix(hunt, length, &reaches, err));
    }
    while (reaches && length - below > 1) {
        size_t middle = below + (length - below) / 2;
        bool is_enough = false;
        TRY(try_prefix(hunt, middle, &is_enough, err));
        length = is_enough ? middle : length;
        below = is_enough ? below : middle;
    }
    return VITLRP_OK;
}

static enum vitlrp_status prune(struct hunt *hunt, struct vitlrp_error *err) {
    const struct removal_buffers *b = &hunt->removal->buffers;
    uint8_t *set = hunt->search->set;
    size_t tried = 0;
    for (size_t i = hunt->found->prefix; i-- > 0 && tried < hunt->search->most_prunings; tried++) {
        bool reaches = false;
        memcpy(b->trial, set, hunt->removal->patches);
        b->trial[b->order[i].patch] = 0;
        TRY(try_set(hunt, &reaches, err));
    }
    return VITLRP_OK;
}

enum vitlrp_status removal_search(struct removal *removal, const struct removal_search *search,
                                  struct removal_found *found, struct vitlrp_error *err) {
    struct hunt hunt = {removal, search, found};
    bool at_once = false;
    *found = (struct removal_found){0};
    memset(search->set, 0, removal->patches);
    engine_watch_begin(&removal->watch);
    protocol_rank(search->scores, removal->patches, removal->buffers.order);
    TRY(try_prefix(&hunt, 0, &at_once, err));
    if (at_once && search->goal == VITLRP_GOAL_FLIPS) {
        found->found = false; /* the whole image is not decided so: there is nothing to flip */
        return VITLRP_OK;
    }
    if (!at_once) {
        TRY(find_prefix(&hunt, err));
        TRY(prune(&hunt, err));
    }
    for (size_t p = 0; p < removal->patches; p++) {
        found->count += search->set[p];
    }
    return VITLRP_OK;
}
