#include "eval/sanity.h"

#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/random.h"
#include "eval/randomize.h"

#define SAMPLES 10
#define RADIUS 0.2

struct sanity_options sanity_options_default(const struct eval_run_options *evaluate) {
    return (struct sanity_options){.evaluate = evaluate, .samples = SAMPLES, .radius = RADIUS};
}

/* ---- The maps that others are compared with ---- */

struct reference {
    struct evaluation maps;  /* of the images that could be read; failed ones dropped */
    struct eval_item *items; /* [maps.image_count]: labelled with the output explained */
    size_t patches;
};

static void reference_close(struct reference *reference) {
    evaluation_free(&reference->maps);
    mem_free(reference->items);
}

/* Maps of the items under these options; CANCELLED if the run was. */
static enum vitlrp_status make_maps(const struct eval_run_options *options,
                                    const struct eval_item *items, size_t count,
                                    struct evaluation *out, struct vitlrp_error *err) {
    TRY(eval_run(options, items, count, out, err));
    if (out->cancelled) {
        evaluation_free(out);
        return fail(err, VITLRP_CANCELLED, "cancelled");
    }
    return VITLRP_OK;
}

static enum vitlrp_status reference_open(const struct sanity_options *options,
                                         const struct eval_item *items, size_t count,
                                         struct reference *out, struct vitlrp_error *err) {
    struct eval_run_options evaluate = *options->evaluate;
    struct reference reference = {0};
    size_t kept = 0;
    evaluate.maps_only = true;
    evaluate.input_noise = 0.0;
    TRY(make_maps(&evaluate, items, count, &reference.maps, err));
    struct evaluation *maps = &reference.maps;
    reference.patches = (size_t) maps->grid_height * (size_t) maps->grid_width;
    reference.items = mem_calloc(count, sizeof *reference.items);
    if (reference.items == NULL) {
        reference_close(&reference);
        return fail(err, VITLRP_NOMEM, "out of memory for %zu images", count);
    }
    for (size_t i = 0; i < maps->image_count; i++) {
        if (maps->images[i].status != VITLRP_OK) {
            eval_image_free(&maps->images[i], maps->method_count);
            continue;
        }
        reference.items[kept] = items[i];
        reference.items[kept].label = maps->images[i].output;
        maps->images[kept++] = maps->images[i];
    }
    maps->image_count = kept;
    *out = reference;
    return VITLRP_OK;
}

/* The map of a method on an image; NULL if the method failed there. */
static const float *map_of(const struct evaluation *maps, size_t image, size_t method) {
    const struct eval_image *found = &maps->images[image];
    bool there = found->methods != NULL && found->methods[method].valid;
    return there ? found->methods[method].patches : NULL;
}

/* ---- Randomisation ---- */

static void absolute_values(const float *values, size_t count, float *out) {
    for (size_t i = 0; i < count; i++) {
        out[i] = fabsf(values[i]);
    }
}

/* values [2, images]: correlations of signed maps and of absolute ones; NaN where a map is missing.
 * scratch [2, patches]. */
static enum vitlrp_status correlate(const struct reference *reference,
                                    const struct evaluation *maps, size_t method, float *scratch,
                                    double *values, struct vitlrp_error *err) {
    size_t images = reference->maps.image_count;
    size_t patches = reference->patches;
    for (size_t i = 0; i < images; i++) {
        const float *a = map_of(&reference->maps, i, method);
        const float *b = map_of(maps, i, method);
        values[i] = values[images + i] = NAN;
        if (a != NULL && b != NULL) {
            absolute_values(a, patches, scratch);
            absolute_values(b, patches, scratch + patches);
            TRY(statistics_spearman(a, b, patches, &values[i], err));
            TRY(statistics_spearman(scratch, scratch + patches, patches, &values[images + i], err));
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status summarise_stage(const struct reference *reference,
                                          const struct evaluation *maps, size_t stage,
                                          uint64_t seed, struct sanity_randomization *out,
                                          struct vitlrp_error *err) {
    size_t images = reference->maps.image_count;
    enum vitlrp_status status = VITLRP_OK;
    float *scratch = mem_calloc(reference->patches, 2 * sizeof *scratch);
    double *values = mem_calloc(images, 2 * sizeof *values);
    if (scratch == NULL || values == NULL) {
        status = fail(err, VITLRP_NOMEM, "out of memory for correlations");
        goto cleanup;
    }
    for (size_t m = 0; m < out->method_count; m++) {
        size_t at = stage * out->method_count + m;
        TRY_GOTO(status, correlate(reference, maps, m, scratch, values, err), cleanup);
        TRY_GOTO(status, statistics_mean(values, images, seed, &out->correlation[at], err),
                 cleanup);
        TRY_GOTO(status, statistics_mean(values + images, images, seed, &out->absolute[at], err),
                 cleanup);
    }
cleanup:
    mem_free(values);
    mem_free(scratch);
    return status;
}

static enum vitlrp_status run_stages(const struct sanity_options *options,
                                     const struct reference *reference, struct vit_model *model,
                                     struct sanity_randomization *out, struct vitlrp_error *err) {
    struct eval_run_options evaluate = *options->evaluate;
    evaluate.model = model;
    evaluate.maps_only = true;
    evaluate.input_noise = 0.0;
    evaluate.protocol.target = VITLRP_EVAL_LABEL;
    for (size_t stage = 0; stage < out->stage_count; stage++) {
        struct evaluation maps;
        randomize_stage_name(&model->config, stage, out->stages[stage]);
        randomize_stage(model, stage, options->seed);
        TRY(make_maps(&evaluate, reference->items, reference->maps.image_count, &maps, err));
        enum vitlrp_status status =
            summarise_stage(reference, &maps, stage, options->seed, out, err);
        evaluation_free(&maps);
        TRY(status);
    }
    return VITLRP_OK;
}

static enum vitlrp_status allocate_randomization(const struct sanity_options *options,
                                                 struct sanity_randomization *out,
                                                 struct vitlrp_error *err) {
    size_t stages = randomize_stage_count(&options->evaluate->model->config);
    size_t methods = options->evaluate->method_count;
    *out = (struct sanity_randomization){.stage_count = stages, .method_count = methods};
    out->stages = mem_calloc(stages, sizeof *out->stages);
    out->correlation = mem_calloc(stages, methods * sizeof *out->correlation);
    out->absolute = mem_calloc(stages, methods * sizeof *out->absolute);
    if (out->stages == NULL || out->correlation == NULL || out->absolute == NULL) {
        sanity_randomization_free(out);
        return fail(err, VITLRP_NOMEM, "out of memory for correlations");
    }
    return VITLRP_OK;
}

void sanity_randomization_free(struct sanity_randomization *randomization) {
    mem_free(randomization->stages);
    mem_free(randomization->correlation);
    mem_free(randomization->absolute);
    *randomization = (struct sanity_randomization){0};
}

enum vitlrp_status sanity_randomize(const struct sanity_options *options,
                                    const struct eval_item *items, size_t count,
                                    struct sanity_randomization *out, struct vitlrp_error *err) {
    struct reference reference;
    struct vit_model *model = NULL;
    struct sanity_randomization result = {0};
    TRY(reference_open(options, items, count, &reference, err));
    enum vitlrp_status status = randomize_copy(options->evaluate->model, &model, err);
    if (status == VITLRP_OK) {
        status = allocate_randomization(options, &result, err);
    }
    if (status == VITLRP_OK) {
        status = run_stages(options, &reference, model, &result, err);
    }
    vit_model_free(model);
    reference_close(&reference);
    if (status != VITLRP_OK) {
        sanity_randomization_free(&result);
        return status;
    }
    *out = result;
    return VITLRP_OK;
}

/* ---- Max-Sensitivity ---- */

/* |b - a| / |a|; NaN for a map of zeros. */
static double relative_change(const float *a, const float *b, size_t count) {
    double change = 0.0;
    double norm = 0.0;
    for (size_t i = 0; i < count; i++) {
        double difference = (double) b[i] - (double) a[i];
        change += difference * difference;
        norm += (double) a[i] * (double) a[i];
    }
    return norm > 0.0 ? sqrt(change / norm) : NAN;
}

/* values [methods, images]: raised to the changes that these maps show. A sample on which a method
 * fails does not count. */
static void raise_to(const struct reference *reference, const struct evaluation *maps,
                     double *values) {
    size_t images = reference->maps.image_count;
    for (size_t at = 0; at < maps->method_count * images; at++) {
        const float *a = map_of(&reference->maps, at % images, at / images);
        const float *b = map_of(maps, at % images, at / images);
        if (a != NULL && b != NULL) {
            values[at] = fmax(values[at], relative_change(a, b, reference->patches));
        }
    }
}

static enum vitlrp_status run_samples(const struct sanity_options *options,
                                      const struct reference *reference, double *values,
                                      struct vitlrp_error *err) {
    struct eval_run_options evaluate = *options->evaluate;
    char name[32];
    evaluate.maps_only = true;
    evaluate.input_noise = options->radius;
    evaluate.protocol.target = VITLRP_EVAL_LABEL;
    for (size_t sample = 0; sample < options->samples; sample++) {
        struct evaluation maps;
        snprintf(name, sizeof name, "sample %zu", sample);
        evaluate.input_noise_seed = random_derive(options->seed, name);
        TRY(make_maps(&evaluate, reference->items, reference->maps.image_count, &maps, err));
        raise_to(reference, &maps, values);
        evaluation_free(&maps);
    }
    return VITLRP_OK;
}

enum vitlrp_status sanity_max_sensitivity(const struct sanity_options *options,
                                          const struct eval_item *items, size_t count,
                                          struct vitlrp_statistic *out, struct vitlrp_error *err) {
    struct reference reference;
    size_t methods = options->evaluate->method_count;
    if (options->samples < 1 || !(options->radius > 0.0) || isinf(options->radius)) {
        return fail(err, VITLRP_USAGE, "Max-Sensitivity needs samples and a positive radius");
    }
    TRY(reference_open(options, items, count, &reference, err));
    size_t images = reference.maps.image_count;
    enum vitlrp_status status = VITLRP_OK;
    double *values = mem_calloc(images, methods * sizeof *values);
    if (values == NULL) {
        status = fail(err, VITLRP_NOMEM, "out of memory for sensitivities");
        goto cleanup;
    }
    for (size_t i = 0; i < methods * images; i++) {
        values[i] = NAN;
    }
    TRY_GOTO(status, run_samples(options, &reference, values, err), cleanup);
    for (size_t m = 0; m < methods; m++) {
        TRY_GOTO(status, statistics_mean(values + m * images, images, options->seed, &out[m], err),
                 cleanup);
    }
cleanup:
    mem_free(values);
    reference_close(&reference);
    return status;
}
