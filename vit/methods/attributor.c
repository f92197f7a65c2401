/* Attributors: what methods share, checked and allocated once. */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "base/probability.h"
#include "vit/methods/method_private.h"
#include "vit/model/objective.h"
#include "vit/tokens/pooling.h"

/* ---- Opening ---- */

/* What the methods need, all together. */
struct needs {
    bool attention, batch;
    unsigned scratch;
};

static struct needs needs_of(const struct vit_attributor_options *options) {
    struct needs needs = {0};
    for (size_t i = 0; i < options->method_count; i++) {
        needs.attention = needs.attention || options->methods[i]->needs_attention;
        needs.batch = needs.batch || options->methods[i]->needs_batch;
        needs.scratch |= options->methods[i]->scratch;
    }
    return needs;
}

static struct vit_session_options session_options(const struct vit_attributor_options *options,
                                                  struct engine_watch *watch) {
    return (struct vit_session_options){.watch = watch,
                                        .threads = options->threads,
                                        .in_pool = options->in_pool,
                                        .input_height = options->input_height,
                                        .input_width = options->input_width,
                                        .keep_all_tokens = options->keep_all_tokens,
                                        .keep_totals = options->keep_totals,
                                        .attention_maps = needs_of(options).attention,
                                        .backend = options->backend,
                                        .max_bytes = options->max_bytes,
                                        .precision = options->precision,
                                        .many_passes = options->many_passes};
}

static struct vit_batch_options batch_options(const struct vit_attributor_options *options,
                                              struct engine_watch *watch) {
    return (struct vit_batch_options){.watch = watch,
                                      .threads = options->threads,
                                      .in_pool = options->in_pool,
                                      .input_height = options->input_height,
                                      .input_width = options->input_width,
                                      .backend = options->backend,
                                      .precision = options->precision,
                                      .many_passes = options->many_passes};
}

static enum vitlrp_status set_shape(struct vit_attributor *attributor,
                                    const struct vit_model *model,
                                    const struct vit_attributor_options *options,
                                    struct vitlrp_error *err) {
    TRY(tokens_lay_out(model, options->input_height, options->input_width, &attributor->layout,
                       err));
    const struct token_layout *layout = &attributor->layout;
    attributor->model = model;
    attributor->observer = options->observer;
    attributor->watch = (struct engine_watch){.cancelled = options->observer.cancelled,
                                              .user = options->observer.user};
    attributor->classes = (size_t) model->config.classes;
    attributor->tokens = layout->count;
    attributor->patches = layout->patches;
    attributor->capacity = vit_batch_default_capacity(layout->count);
    attributor->height = (size_t) layout->input_height;
    attributor->width = (size_t) layout->input_width;
    attributor->pixels = layout->patches * layout->patch_pixels;
    return VITLRP_OK;
}

static void lay_out_attention(struct vit_attributor *a, struct arena *arena, unsigned wanted) {
    struct attributor_scratch *scratch = &a->scratch;
    size_t depth = (size_t) a->model->config.depth;
    if ((wanted & SCRATCH_CHAIN) != 0) {
        scratch->row = arena_take(arena, a->tokens, sizeof *scratch->row);
        scratch->next = arena_take(arena, a->tokens, sizeof *scratch->next);
        scratch->line = arena_take(arena, a->tokens, sizeof *scratch->line);
    }
    if ((wanted & SCRATCH_FUSED) != 0) {
        scratch->fused = arena_take_floats(arena, a->tokens, a->tokens);
    }
    if ((wanted & SCRATCH_GRADIENTS) != 0) {
        scratch->gradients = arena_take_floats(arena, depth, scratch->gradient_floats);
    }
    if ((wanted & SCRATCH_NORM1) != 0) {
        scratch->norm1 = arena_take_floats(arena, a->tokens, a->norm1_width);
        scratch->norm1_g = arena_take_floats(arena, a->tokens, a->norm1_width);
    }
}

static void lay_out_samples(struct vit_attributor *a, struct arena *arena, unsigned wanted) {
    struct attributor_scratch *scratch = &a->scratch;
    if ((wanted & SCRATCH_PIXELS) != 0) {
        scratch->sample = arena_take_floats(arena, 1, a->pixels);
        scratch->map = arena_take_floats(arena, 1, a->pixels);
        scratch->unfolded = arena_take_floats(arena, 1, a->pixels);
        scratch->sum = arena_take(arena, a->pixels, sizeof *scratch->sum);
    }
    if ((wanted & SCRATCH_PATCHES) != 0) {
        scratch->keep = arena_take(arena, a->patches, sizeof *scratch->keep);
        scratch->kept = arena_take(arena, a->patches, sizeof *scratch->kept);
        scratch->patch_sum = arena_take(arena, a->patches, sizeof *scratch->patch_sum);
        scratch->patch_map = arena_take_floats(arena, 1, a->patches);
    }
    if ((wanted & SCRATCH_MIXED) != 0) {
        scratch->zeros = arena_take_floats(arena, 1, a->pixels);
    }
    if ((wanted & (SCRATCH_MIXED | SCRATCH_DROPS)) != 0) {
        scratch->masks = arena_take(arena, a->capacity, a->patches);
    }
    if ((wanted & SCRATCH_BATCH) != 0) {
        scratch->samples = arena_take_floats(arena, a->capacity, a->pixels);
        scratch->coverage = arena_take_floats(arena, a->capacity, a->height * a->width);
    }
    if ((wanted & SCRATCH_DROPS) != 0) {
        scratch->drops = arena_take_floats(arena, 1, a->patches);
    }
    if ((wanted & (SCRATCH_MIXED | SCRATCH_BATCH | SCRATCH_DROPS)) != 0) {
        scratch->outputs = arena_take_floats(arena, a->capacity, a->classes);
    }
}

static void lay_out_shapley(struct vit_attributor *a, struct arena *arena) {
    struct shapley_scratch *scratch = &a->scratch.shapley;
    scratch->order = arena_take(arena, a->patches, sizeof *scratch->order);
    scratch->singles = arena_take(arena, a->patches, sizeof *scratch->singles);
    scratch->values = arena_take(arena, a->patches + 1, 2 * sizeof *scratch->values);
    scratch->found = arena_take(arena, a->capacity, sizeof *scratch->found);
    scratch->gains = arena_take(arena, a->patches, sizeof *scratch->gains);
    scratch->mean = arena_take(arena, a->patches, sizeof *scratch->mean);
    scratch->squares = arena_take(arena, a->patches, sizeof *scratch->squares);
    scratch->halves = arena_take(arena, a->patches, 2 * sizeof *scratch->halves);
}

static void lay_out(struct vit_attributor *attributor, struct arena *arena, unsigned wanted) {
    struct attributor_scratch *scratch = &attributor->scratch;
    scratch->logits = arena_take_floats(arena, 1, attributor->classes);
    scratch->sample_logits = arena_take_floats(arena, 1, attributor->classes);
    scratch->seed = arena_take(arena, attributor->classes, sizeof *scratch->seed);
    lay_out_attention(attributor, arena, wanted);
    lay_out_samples(attributor, arena, wanted);
    if ((wanted & SCRATCH_SHAPLEY) != 0) {
        lay_out_shapley(attributor, arena);
    }
}

/* Sets the shape; *own is the attributor's block, *total that and what the session and the batch
 * hold. */
static enum vitlrp_status measure(struct vit_attributor *attributor, const struct vit_model *model,
                                  const struct vit_attributor_options *options, size_t *own,
                                  size_t *total, struct vitlrp_error *err) {
    struct needs needs = needs_of(options);
    struct vit_session_options session = session_options(options, &attributor->watch);
    struct vit_batch_options batch = batch_options(options, &attributor->watch);
    struct arena arena = arena_measuring();
    struct vit_session_size size = {0};
    size_t batch_bytes = 0;
    TRY(set_shape(attributor, model, options, err));
    TRY(vit_session_measure(model, &session, &size, err));
    attributor->scratch.gradient_floats = size.attention_floats;
    attributor->norm1_width = size.norm1_width;
    if (needs.batch) {
        TRY(vit_batch_bytes(model, &batch, &batch_bytes, err));
    }
    lay_out(attributor, &arena, needs.scratch);
    if (arena.overflow || !checked_add(total, size.bytes, batch_bytes) ||
        !checked_add(total, *total, arena.used)) {
        return fail(err, VITLRP_LIMIT, "these methods need more memory than there is");
    }
    *own = arena.used;
    if (options->max_bytes != 0 && *total > options->max_bytes) {
        return fail_limit(err, "needs %zu bytes of memory, the limit is %zu", *total,
                          options->max_bytes);
    }
    return VITLRP_OK;
}

enum vitlrp_status vit_attributor_bytes(const struct vit_model *model,
                                        const struct vit_attributor_options *options, size_t *bytes,
                                        struct vitlrp_error *err) {
    struct vit_attributor attributor = {0};
    struct vit_attributor_options unlimited = *options;
    size_t own;
    unlimited.max_bytes = 0;
    return measure(&attributor, model, &unlimited, &own, bytes, err);
}

static enum vitlrp_status keep_methods(struct vit_attributor *attributor,
                                       const struct vit_attributor_options *options,
                                       struct vitlrp_error *err) {
    attributor->methods = mem_calloc(options->method_count, sizeof *attributor->methods);
    if (attributor->methods == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu methods", options->method_count);
    }
    for (size_t i = 0; i < options->method_count; i++) {
        attributor->methods[i] = options->methods[i];
    }
    attributor->method_count = options->method_count;
    return VITLRP_OK;
}

/* What it has opened so far is released by vit_attributor_close. */
static enum vitlrp_status open_resources(struct vit_attributor *attributor,
                                         const struct vit_model *model,
                                         const struct vit_attributor_options *options,
                                         struct vitlrp_error *err) {
    struct vit_session_options session = session_options(options, &attributor->watch);
    struct vit_batch_options batch = batch_options(options, &attributor->watch);
    struct needs needs = needs_of(options);
    size_t own;
    size_t total;
    TRY(measure(attributor, model, options, &own, &total, err));
    TRY(keep_methods(attributor, options, err));
    /* First: it refuses work beyond the model's limits before anything is allocated. */
    TRY(vit_session_open(model, &session, &attributor->session, err));
    attributor->block = mem_alloc_aligned(own, 1);
    if (attributor->block == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory: these methods need %zu bytes", total);
    }
    struct arena arena = arena_over(attributor->block, own);
    lay_out(attributor, &arena, needs.scratch);
    for (size_t i = 0; attributor->scratch.zeros != NULL && i < attributor->pixels; i++) {
        attributor->scratch.zeros[i] = 0.0F;
    }
    return needs.batch ? vit_batch_open(model, &batch, &attributor->batch, err) : VITLRP_OK;
}

enum vitlrp_status vit_attributor_open(const struct vit_model *model,
                                       const struct vit_attributor_options *options,
                                       struct vit_attributor **out, struct vitlrp_error *err) {
    struct vit_attributor *attributor = mem_calloc(1, sizeof *attributor);
    if (attributor == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for an attributor");
    }
    enum vitlrp_status status = open_resources(attributor, model, options, err);
    if (status != VITLRP_OK) {
        vit_attributor_close(attributor);
        return status;
    }
    *out = attributor;
    return VITLRP_OK;
}

void vit_attributor_close(struct vit_attributor *attributor) {
    if (attributor == NULL) {
        return;
    }
    vit_session_close(attributor->session);
    vit_batch_close(attributor->batch);
    mem_free(attributor->block);
    mem_free((void *) attributor->methods);
    mem_free(attributor);
}

struct vit_session *vit_attributor_session(struct vit_attributor *attributor) {
    return attributor->session;
}

struct vit_batch *vit_attributor_batch(struct vit_attributor *attributor) {
    return attributor->batch;
}

/* ---- Running ---- */

enum vitlrp_status vit_attributor_forward(struct vit_attributor *attributor, const float *input,
                                          float *logits, struct vitlrp_error *err) {
    return vit_attributor_forward_units(attributor, input, logits, NULL, 0, err);
}

enum vitlrp_status vit_attributor_forward_units(struct vit_attributor *attributor,
                                                const float *input, float *logits,
                                                struct vitlrp_unit_values *units, size_t sites,
                                                struct vitlrp_error *err) {
    attributor->has_forward = false;
    attributor->moved = false;
    engine_watch_begin(&attributor->watch);
    TRY(sites == 0 ? vit_forward(attributor->session, input, attributor->scratch.logits, err)
                   : vit_forward_units(attributor->session, input, attributor->scratch.logits,
                                       units, sites, err));
    if (logits != NULL) {
        memcpy(logits, attributor->scratch.logits, attributor->classes * sizeof *logits);
    }
    attributor->has_forward = true;
    return VITLRP_OK;
}

enum vitlrp_status vit_attributor_restore(struct vit_attributor *attributor, const float *input,
                                          struct vitlrp_error *err) {
    engine_watch_begin(&attributor->watch);
    if (attributor->has_forward && attributor->moved) {
        TRY(vit_forward(attributor->session, input, attributor->scratch.logits, err));
        attributor->moved = false;
    }
    return VITLRP_OK;
}

static enum vitlrp_status check_method(const struct vit_attributor *attributor,
                                       const struct vit_method *method,
                                       const struct vit_method_request *request,
                                       struct vitlrp_error *err) {
    bool opened = false;
    for (size_t i = 0; i < attributor->method_count; i++) {
        opened = opened || attributor->methods[i] == method;
    }
    if (!opened) {
        return fail(err, VITLRP_USAGE, "the session was not opened for the method %s",
                    method->name);
    }
    if (!attributor->has_forward) {
        return fail(err, VITLRP_USAGE,
                    "there was no forward pass yet: there is nothing to explain");
    }
    if (request->pixels != NULL && !method->has_pixels) {
        return fail(err, VITLRP_USAGE, "the method %s has no pixel map", method->name);
    }
    if ((request->ledger != NULL || request->neurons != NULL) && !method->has_ledger) {
        return fail(err, VITLRP_USAGE, "the method %s has no ledger, and no neurons", method->name);
    }
    if ((request->inside != NULL || request->through != NULL) && !method->has_units) {
        return fail(err, VITLRP_USAGE,
                    "the method %s shows no hidden units: attnlrp, attnlrp-eps, cp-lrp, libra and "
                    "input-x-gradient do",
                    method->name);
    }
    if (request->conductance != NULL && !method->has_conductance) {
        return fail(err, VITLRP_USAGE, "the method %s has no conductance: integrated-gradients has",
                    method->name);
    }
    return VITLRP_OK;
}

static enum vitlrp_status check_options(const struct vit_attributor *attributor,
                                        const struct vit_method *method,
                                        const struct vitlrp_method_options *options,
                                        struct vitlrp_error *err) {
    if ((method->reads & VITLRP_READS_SAMPLES) != 0 &&
        (options->samples < 1 || options->samples > VIT_MAX_SAMPLES)) {
        return fail(err, VITLRP_USAGE, "samples must be from 1 to %d", VIT_MAX_SAMPLES);
    }
    if ((method->reads & VITLRP_READS_NOISE) != 0 &&
        !(options->noise >= 0.0 && isfinite(options->noise))) {
        return fail(err, VITLRP_USAGE, "noise must be 0 or positive, and finite");
    }
    if ((method->reads & VITLRP_READS_SCORE) != 0) {
        TRY(vit_score_check(attributor->model, options->score, err));
    }
    if ((method->reads & VITLRP_READS_HEAD_FUSION) != 0 &&
        !(options->discard_ratio >= 0.0 && options->discard_ratio < 1.0)) {
        return fail(err, VITLRP_USAGE, "the discard ratio must be at least 0 and below 1");
    }
    return VITLRP_OK;
}

/* A method's forward passes; those with a session of gradients repeat each backwards. */
static double passes_of(const struct vit_attributor *attributor, const struct vit_method *method,
                        const struct vitlrp_method_options *options) {
    bool halves =
        (method->reads & VITLRP_READS_MASKS) != 0 && options->masks == VITLRP_MASKS_HALVES;
    double samples = halves                                        ? (double) VIT_HALVES
                     : (method->reads & VITLRP_READS_SAMPLES) != 0 ? (double) options->samples
                                                                   : 1.0;
    return method->each_patch ? (double) attributor->patches : samples;
}

double vit_attributor_work(const struct vit_attributor *attributor, const struct vit_method *method,
                           const struct vitlrp_method_options *options) {
    const double backward = 3.0;
    double pass = vit_session_work(attributor->session);
    if (!method->needs_forward && !method->needs_batch && !method->moves_forward) {
        return 0.0;
    }
    return passes_of(attributor, method, options) * pass * (method->needs_batch ? 1.0 : backward);
}

#define PASSES_LIMIT 1000.0 /* of a method, of as many operations as a pass may take */

static enum vitlrp_status check_work(const struct vit_attributor *attributor,
                                     const struct vit_method *method,
                                     const struct vitlrp_method_options *options,
                                     struct vitlrp_error *err) {
    double limit = PASSES_LIMIT * (double) attributor->model->limits.max_operations;
    double passes = passes_of(attributor, method, options);
    if (passes > 1.0 && passes * vit_session_work(attributor->session) > limit) {
        return fail_limit(
            err,
            "%s needs %.0f forward passes of %.3g operations, more than a thousand times "
            "the limit of %.3g operations",
            method->name, passes, vit_session_work(attributor->session),
            (double) attributor->model->limits.max_operations);
    }
    return VITLRP_OK;
}

/* The targets that relevance begins with, at the input that is explained. */
static void choose_seed(struct vit_attributor *attributor, struct vit_method_request *request) {
    bool is_logit = request->options->score == VITLRP_SCORE_LOGIT;
    request->seed = is_logit ? request->targets : attributor->scratch.seed;
    request->seed_count = is_logit ? request->target_count : attributor->classes;
    attributor_seed(attributor, attributor->scratch.logits, request);
}

enum vitlrp_status vit_attributor_run(struct vit_attributor *attributor,
                                      const struct vit_method *method,
                                      const struct vit_method_request *request,
                                      struct vitlrp_error *err) {
    TRY(check_method(attributor, method, request, err));
    const struct objective objective = {request->targets, request->target_count};
    TRY(objective_check(&objective, attributor->classes, err));
    TRY(check_options(attributor, method, request->options, err));
    TRY(check_work(attributor, method, request->options, err));
    if (method->needs_forward) {
        TRY(vit_attributor_restore(attributor, request->input, err));
    }
    struct vit_method_request seeded = *request;
    choose_seed(attributor, &seeded);
    engine_watch_begin(&attributor->watch);
    attributor->moved = attributor->moved || method->moves_forward;
    TRY(method->attribute(attributor, &seeded, err));
    if (request->through != NULL || request->conductance != NULL) {
        return VITLRP_OK;
    }
    if (!values_are_finite(request->patches, attributor->patches)) {
        return fail(err, VITLRP_NUMERIC, "the map of %s is not finite", method->name);
    }
    if (request->sum != NULL && !method->has_ledger) {
        *request->sum = 0.0;
        for (size_t p = 0; p < attributor->patches; p++) {
            *request->sum += request->patches[p];
        }
    }
    return VITLRP_OK;
}

/* ---- What several methods use ---- */

void attributor_progress(const struct vit_attributor *attributor, size_t done, size_t total) {
    if (attributor->observer.progress != NULL) {
        attributor->observer.progress(attributor->observer.user, done, total);
    }
}

double vit_attributor_explained(struct vit_attributor *attributor,
                                const struct vit_method_request *request) {
    struct vit_method_request seeded = *request;
    choose_seed(attributor, &seeded);
    const struct objective objective = {seeded.seed, seeded.seed_count};
    return objective_value(&objective, attributor->scratch.logits);
}

double attributor_probability(const struct vit_attributor *attributor, const float *logits,
                              const struct vitlrp_target *targets, size_t target_count) {
    enum vitlrp_probability kind = attributor->model->probability;
    double sum = 0.0;
    for (size_t i = 0; i < target_count; i++) {
        size_t output = (size_t) targets[i].output;
        double value = kind == VITLRP_PROBABILITY_NONE
                           ? (double) logits[output]
                           : probability_of(kind, logits, attributor->classes, output);
        sum += (double) targets[i].weight * value;
    }
    return sum;
}

void attributor_read_shares(const struct vit_attributor *attributor, double *out) {
    pool_shares(pool_of(attributor->model->config.pool), &attributor->layout, out);
}

void attributor_patch_sums(struct vit_attributor *attributor, const float *map, float *patches) {
    embed_unfold(&attributor->layout.grid, map, attributor->scratch.unfolded);
    embed_patch_sums(&attributor->layout.grid, attributor->scratch.unfolded, patches);
}

enum vitlrp_status attributor_sample(struct vit_attributor *attributor, const float *input,
                                     const struct vit_method_request *request,
                                     struct vitlrp_error *err) {
    float *logits = attributor->scratch.sample_logits;
    TRY(vit_forward(attributor->session, input, logits, err));
    attributor_seed(attributor, logits, request);
    return VITLRP_OK;
}

enum vitlrp_status attributor_gradient(struct vit_attributor *attributor, const float *input,
                                       const struct vit_method_request *request, float *gradient,
                                       struct vitlrp_error *err) {
    struct vit_relevance relevance = {.input_g = gradient};
    TRY(attributor_sample(attributor, input, request, err));
    return vit_relevance(attributor->session, request->seed, request->seed_count, NULL, &relevance,
                         err);
}
