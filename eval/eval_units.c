#include "eval/eval_units.h"

#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "base/random.h"
#include "vit/math/kernels.h"

const struct vit_method UNIT_ACTIVATION = {
    .name = "activation", .summary = "how large a hidden unit's values are", .needs_forward = true};

/* One thread's tools for units. */
struct unit_worker {
    struct unit_evaluator *curves, *audit; /* audit: NULL without one */
    float *values;                         /* [depth, width]: of the method at hand */
    float *scores;                         /* [methods, units] */
    const float **chosen;                  /* [methods]: the scores of valid results */
    struct unit_curves *found;             /* [methods]: theirs */
};

bool eval_units_are_wanted(const struct eval_run_options *options) {
    return options->protocol.units != VITLRP_UNITS_PATCH && !options->maps_only;
}

static enum vitlrp_site site_of(const struct eval_run_options *options) {
    return options->protocol.units == VITLRP_UNITS_HEAD ? VITLRP_SITE_HEAD : VITLRP_SITE_FC1;
}

static size_t width_of(const struct eval_run_options *options) {
    const struct vit_config *config = &options->model->config;
    return (size_t) (site_of(options) == VITLRP_SITE_HEAD ? config->heads : config->mlp_dim);
}

/* Blocks of the ranking. */
static size_t block_count(const struct eval_run_options *options) {
    const struct eval_protocol *protocol = &options->protocol;
    return (size_t) (protocol->block_count > 0
                         ? protocol->block_count
                         : options->model->config.depth - protocol->first_block);
}

size_t eval_units_count(const struct eval_run_options *options) {
    return eval_units_are_wanted(options) ? block_count(options) * width_of(options) : 0;
}

bool eval_units_bytes(const struct eval_run_options *options, size_t *bytes) {
    size_t units = eval_units_count(options);
    size_t sets = 0;
    size_t scores = 0;
    /* Two evaluators where there are audits; scores of every method, and those at hand. */
    return unit_evaluator_bytes(units, options->method_count, &sets) &&
           checked_mul(&sets, sets, 2) &&
           checked_mul(&scores, units, (options->method_count + 1) * sizeof(float)) &&
           checked_add(bytes, sets, scores);
}

/* ---- Checks ---- */

static bool is_random(const struct vit_method *method) {
    return strcmp(method->name, "random") == 0;
}

static enum vitlrp_status check_settings(const struct eval_protocol *protocol,
                                         struct vitlrp_error *err) {
    if (protocol->steps != UNIT_POINTS - 1) {
        return fail(err, VITLRP_USAGE,
                    "steps: curves over hidden units have %d, at set shares of the units",
                    UNIT_POINTS - 1);
    }
    if (protocol->replacements != VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_ZERO)) {
        return fail(err, VITLRP_USAGE,
                    "replace: hidden units that are off are at 0, and know no other replacement");
    }
    return protocol->regions == 1 && protocol->coalitions == 0
               ? VITLRP_OK
               : fail(err, VITLRP_USAGE,
                      "regions and coalitions are of patches: leave them out for hidden units");
}

static enum vitlrp_status check_blocks(const struct eval_run_options *options,
                                       struct vitlrp_error *err) {
    const struct eval_protocol *protocol = &options->protocol;
    int32_t depth = options->model->config.depth;
    return protocol->first_block < depth && protocol->block_count <= depth - protocol->first_block
               ? VITLRP_OK
               : fail(err, VITLRP_USAGE, "%d blocks from block %d on: the model has blocks 0 to %d",
                      (int) protocol->block_count, (int) protocol->first_block, (int) depth - 1);
}

enum vitlrp_status eval_units_check(const struct eval_run_options *options,
                                    struct vitlrp_error *err) {
    bool are_wanted = options->protocol.units != VITLRP_UNITS_PATCH;
    if (!are_wanted && (options->protocol.first_block > 0 || options->protocol.block_count > 0)) {
        return fail(err, VITLRP_USAGE,
                    "first_block and block_count are of hidden units: say which (units)");
    }
    for (size_t m = 0; m < options->method_count; m++) {
        const struct vit_method *method = options->methods[m].method;
        bool knows = method->has_units || method == &UNIT_ACTIVATION || is_random(method);
        if (are_wanted ? !knows : method == &UNIT_ACTIVATION) {
            return fail(err, VITLRP_USAGE,
                        are_wanted ? "%s says nothing of hidden units: attnlrp, attnlrp-eps, "
                                     "cp-lrp, libra, input-x-gradient, activation and random do"
                                   : "%s is of hidden units, not of patches: say which (units)",
                        options->methods[m].name);
        }
    }
    if (are_wanted) {
        TRY(check_settings(&options->protocol, err));
        TRY(check_blocks(options, err));
    }
    return VITLRP_OK;
}

/* ---- A thread's tools ---- */

static enum vitlrp_status open_evaluator(const struct run *run, struct vit_batch *batch,
                                         struct unit_evaluator **out, struct vitlrp_error *err) {
    const struct eval_run_options *options = run->options;
    const struct unit_curve_options curves = {.model = options->model,
                                              .batch = batch,
                                              .site = site_of(options),
                                              .first_block = (size_t) options->protocol.first_block,
                                              .blocks = block_count(options),
                                              .method_count = options->method_count};
    return unit_evaluator_open(&curves, out, err);
}

enum vitlrp_status eval_units_open(const struct run *run, struct worker *worker,
                                   struct vitlrp_error *err) {
    const struct eval_run_options *options = run->options;
    size_t methods = options->method_count;
    size_t depth = (size_t) options->model->config.depth;
    struct unit_worker *units = mem_calloc(1, sizeof *units);
    if (units == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for hidden units");
    }
    worker->units = units;
    units->values = mem_calloc(depth, width_of(options) * sizeof *units->values);
    units->scores = mem_calloc(methods, eval_units_count(options) * sizeof *units->scores);
    units->chosen = mem_calloc(methods, sizeof *units->chosen);
    units->found = mem_calloc(methods, sizeof *units->found);
    if (units->values == NULL || units->scores == NULL || units->chosen == NULL ||
        units->found == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the scores of hidden units");
    }
    TRY(open_evaluator(run, worker->curve_batch, &units->curves, err));
    return worker->audit_batch == NULL
               ? VITLRP_OK
               : open_evaluator(run, worker->audit_batch, &units->audit, err);
}

void eval_units_close(struct worker *worker) {
    struct unit_worker *units = worker->units;
    if (units != NULL) {
        unit_evaluator_close(units->curves);
        unit_evaluator_close(units->audit);
        mem_free(units->values);
        mem_free(units->scores);
        mem_free((void *) units->chosen);
        mem_free(units->found);
        mem_free(units);
    }
}

/* ---- Scores ---- */

/* Uniform, of the method's seed for the image. */
static void draw_scores(uint64_t seed, float *scores, size_t count) {
    struct random_stream stream = random_open(random_derive(seed, "units"));
    for (size_t i = 0; i < count; i++) {
        scores[i] = (float) random_uniform(&stream);
    }
}

/* The map goes into request->patches: activation has none, and what its pass leaves there goes. */
static enum vitlrp_status run_method(const struct run *run, struct worker *worker,
                                     const struct vit_method_request *request, size_t index,
                                     struct vitlrp_error *err) {
    const struct vit_method *method = run->options->methods[index].method;
    struct vit_method_request asked = *request;
    struct vitlrp_method_options plain;
    struct vitlrp_unit_values values = {.site = site_of(run->options)};
    const struct vit_inside inside = {.units = &values, .unit_sites = 1};
    if (is_random(method)) {
        return vit_attributor_run(worker->attributor, method, request, err);
    }
    asked.inside = &inside;
    if (method == &UNIT_ACTIVATION) {
        values.activation = worker->units->values;
        method = vit_method_find("input-x-gradient");
        vit_method_defaults(method, &plain);
        asked.options = &plain;
    } else {
        values.relevance = worker->units->values;
    }
    return vit_attributor_run(worker->attributor, method, &asked, err);
}

enum vitlrp_status eval_units_attribute(const struct run *run, struct worker *worker,
                                        const struct vit_method_request *request, size_t method,
                                        struct eval_method_result *result,
                                        struct vitlrp_error *err) {
    const struct eval_run_options *options = run->options;
    size_t units = eval_units_count(options);
    size_t skipped = (size_t) options->protocol.first_block * width_of(options);
    float *scores = worker->units->scores + method * units;
    enum vitlrp_status status = run_method(run, worker, request, method, err);
    if (status != VITLRP_OK) {
        return failure_is_systemic(status, err) ? status : VITLRP_OK;
    }
    if (is_random(options->methods[method].method)) {
        draw_scores(request->options->seed, scores, units);
    } else {
        memcpy(scores, worker->units->values + skipped, units * sizeof *scores);
    }
    result->valid = values_are_finite(scores, units) &&
                    values_are_finite(result->patches, run->grid.rows * run->grid.columns);
    if (options->methods[method].method == &UNIT_ACTIVATION) {
        mem_free(result->patches);
        result->patches = NULL;
    }
    return VITLRP_OK;
}

/* ---- Curves ---- */

static void give_curves(const struct unit_curves *found, struct eval_curves *out) {
    for (int c = 0; c < EVAL_CURVES; c++) {
        memcpy(out->of[c], found->of[c], sizeof found->of[c]);
    }
}

static void give_areas(const struct unit_curves *found, size_t units, struct eval_curves *out) {
    for (int c = 0; c < EVAL_AREAS; c++) {
        out->fp32_areas[c] = unit_order_area(found->of[c], units);
    }
}

enum vitlrp_status eval_units_curves(const struct run *run, struct worker *worker,
                                     const struct curve_request *request,
                                     struct vitlrp_error *err) {
    struct unit_worker *units = worker->units;
    size_t count = eval_units_count(run->options);
    struct unit_curve_request asked = {
        .input = request->input,
        .question = {.output = request->output, .expected = request->expected},
        .scores = units->chosen};
    for (size_t m = 0; m < request->method_count; m++) {
        if (request->methods[m].valid) {
            units->chosen[asked.method_count++] = units->scores + m * count;
        }
    }
    for (int pass = 0; pass < (request->audited ? 2 : 1); pass++) {
        struct unit_evaluator *evaluator = pass == 0 ? units->curves : units->audit;
        TRY(unit_curve_evaluate(evaluator, &asked, units->found, err));
        for (size_t m = 0, place = 0; m < request->method_count; m++) {
            if (request->methods[m].valid && pass == 0) {
                give_curves(&units->found[place++], &request->methods[m].curves[0]);
            } else if (request->methods[m].valid) {
                give_areas(&units->found[place++], count, &request->methods[m].curves[0]);
            }
        }
    }
    return VITLRP_OK;
}
