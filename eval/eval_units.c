#include "eval/eval_units.h"

#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "base/random.h"
#include "vit/math/kernels.h"
#include "vit/program/units.h"
#include "vit/tokens/tokens.h"

const struct vit_method UNIT_ACTIVATION = {
    .name = "activation", .summary = "how large a hidden unit's values are", .needs_forward = true};

/* One thread's tools for units. */
struct unit_worker {
    struct unit_evaluator *curves, *audit; /* audit: NULL without one */
    float *values;                         /* [depth, width]: of the method at hand */
    float *activation;                     /* [depth, width]: of the image at hand, */
    bool has_activation;                   /* if a method's pass has shown them */
    struct vit_conductance conductance;    /* its arrays are owned; NULL where no method needs it */
    uint32_t *singles;                     /* [protocol.single] */
    float *scores;                         /* [methods, units] */
    const float **chosen;                  /* [methods]: the scores of valid results */
    struct unit_curves *found;             /* [methods]: theirs */
};

bool eval_units_are_wanted(const struct eval_run_options *options) {
    return options->protocol.units != VITLRP_UNITS_PATCH;
}

static enum vitlrp_site site_of(const struct eval_run_options *options) {
    return options->protocol.units == VITLRP_UNITS_HEAD ? VITLRP_SITE_HEAD : VITLRP_SITE_FC1;
}

static size_t width_of(const struct eval_run_options *options) {
    const struct vit_config *config = &options->model->config;
    return (size_t) (site_of(options) == VITLRP_SITE_HEAD ? config->heads : config->mlp_dim);
}

size_t eval_units_count(const struct eval_run_options *options) {
    return eval_units_are_wanted(options)
               ? (size_t) options->protocol.block_count * width_of(options)
               : 0;
}

/* Numbers that all tokens and blocks have at the site, for a path of inputs; 0: nobody needs them.
 */
static enum vitlrp_status path_floats(const struct run *run, size_t *out,
                                      struct vitlrp_error *err) {
    const struct eval_run_options *options = run->options;
    struct token_layout layout;
    bool is_needed = false;
    for (size_t m = 0; m < options->method_count; m++) {
        is_needed = is_needed || options->methods[m].method->has_conductance;
    }
    *out = 0;
    if (!is_needed || !eval_units_are_wanted(options)) {
        return VITLRP_OK;
    }
    TRY(tokens_lay_out(options->model, run->source.height, run->source.width, &layout, err));
    return checked_mul(out, layout.count * (size_t) options->model->config.depth,
                       vit_site_width(options->model, site_of(options)))
               ? VITLRP_OK
               : fail(err, VITLRP_LIMIT, "a path of inputs needs more memory than can be counted");
}

enum vitlrp_status eval_units_bytes(const struct run *run, size_t *bytes,
                                    struct vitlrp_error *err) {
    const struct eval_run_options *options = run->options;
    size_t units = eval_units_count(options);
    size_t sets = 0;
    size_t scores = 0;
    size_t path = 0;
    TRY(path_floats(run, &path, err));
    /* Two evaluators where there are audits; scores of every method, those at hand and activations;
     * values and gradients of a path. */
    return unit_evaluator_bytes(units, options->method_count, &sets) &&
                   checked_mul(&sets, sets, 2) &&
                   checked_mul(&scores, units, (options->method_count + 2) * sizeof(float)) &&
                   checked_mul(&path, path, 2 * sizeof(float)) &&
                   checked_add(bytes, sets, scores) && checked_add(bytes, *bytes, path)
               ? VITLRP_OK
               : fail(err, VITLRP_LIMIT, "curves over units need more memory than can be counted");
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
    return protocol->regions == 1 && protocol->coalitions == 0 && protocol->randomized == 0 &&
                   protocol->sensitivity == 0
               ? VITLRP_OK
               : fail(err, VITLRP_USAGE,
                      "regions, coalitions, randomized and sensitivity are of patches: leave them "
                      "out for hidden units");
}

static enum vitlrp_status check_blocks(const struct eval_run_options *options,
                                       struct vitlrp_error *err) {
    const struct eval_protocol *protocol = &options->protocol;
    int32_t depth = options->model->config.depth;
    return protocol->first_block < depth && protocol->block_count > 0 &&
                   protocol->block_count <= depth - protocol->first_block
               ? VITLRP_OK
               : fail(err, VITLRP_USAGE, "%d blocks from block %d on: the model has blocks 0 to %d",
                      (int) protocol->block_count, (int) protocol->first_block, (int) depth - 1);
}

/* Units that are off are at 0, or at their means, which somebody must know. */
static enum vitlrp_status check_replacement(const struct eval_run_options *options,
                                            struct vitlrp_error *err) {
    uint32_t replacements = options->protocol.replacements;
    if (replacements == VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_ZERO)) {
        return VITLRP_OK;
    }
    if (replacements != VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_MEAN)) {
        return fail(err, VITLRP_USAGE,
                    "replace: hidden units that are off are at 0 (zero) or at their means (mean); "
                    "a run has one of them");
    }
    return options->unit_means != NULL
               ? VITLRP_OK
               : fail(err, VITLRP_USAGE,
                      "replace: the means of hidden units are those of an index of this model "
                      "(concepts)");
}

/* What is of hidden units alone. */
static enum vitlrp_status check_patches(const struct eval_protocol *protocol,
                                        struct vitlrp_error *err) {
    return protocol->first_block == 0 && protocol->block_count == 0 && protocol->each_block == 0 &&
                   protocol->single == 0
               ? VITLRP_OK
               : fail(err, VITLRP_USAGE,
                      "blocks (first_block and block_count), each_block and single are of hidden "
                      "units: say which (units)");
}

enum vitlrp_status eval_units_check(const struct eval_run_options *options,
                                    struct vitlrp_error *err) {
    bool are_wanted = options->protocol.units != VITLRP_UNITS_PATCH;
    if (!are_wanted) {
        TRY(check_patches(&options->protocol, err));
    }
    for (size_t m = 0; m < options->method_count; m++) {
        const struct vit_method *method = options->methods[m].method;
        bool knows = method->has_units || method->has_conductance || method == &UNIT_ACTIVATION ||
                     is_random(method);
        if (are_wanted ? !knows : method == &UNIT_ACTIVATION) {
            return fail(err, VITLRP_USAGE,
                        are_wanted ? "%s says nothing of hidden units: attnlrp, attnlrp-eps, "
                                     "cp-lrp, libra, input-x-gradient, integrated-gradients, "
                                     "activation and random do"
                                   : "%s is of hidden units, not of patches: say which (units)",
                        options->methods[m].name);
        }
    }
    if (are_wanted) {
        TRY(check_settings(&options->protocol, err));
        TRY(check_replacement(options, err));
        TRY(check_blocks(options, err));
    }
    return VITLRP_OK;
}

/* ---- A thread's tools ---- */

static enum vitlrp_status open_evaluator(const struct run *run, struct vit_batch *batch,
                                         struct unit_evaluator **out, struct vitlrp_error *err) {
    const struct eval_run_options *options = run->options;
    const struct unit_curve_options curves = {
        .model = options->model,
        .batch = batch,
        .site = site_of(options),
        .blocks = (size_t) options->protocol.block_count,
        .means = options->unit_means,
        .block_means = 2 * vit_site_width(options->model, site_of(options)),
        .method_count = options->method_count,
        .single_count = (size_t) options->protocol.single};
    return unit_evaluator_open(&curves, out, err);
}

static enum vitlrp_status open_conductance(const struct run *run, struct unit_worker *units,
                                           struct vitlrp_error *err) {
    const struct eval_run_options *options = run->options;
    struct vit_conductance *path = &units->conductance;
    size_t floats = 0;
    TRY(path_floats(run, &floats, err));
    if (floats == 0) {
        return VITLRP_OK;
    }
    path->site = site_of(options);
    path->values = mem_calloc(floats, sizeof *path->values);
    path->gradients = mem_calloc(floats, sizeof *path->gradients);
    path->sums =
        mem_calloc((size_t) options->model->config.depth * width_of(options), sizeof *path->sums);
    return path->values != NULL && path->gradients != NULL && path->sums != NULL
               ? VITLRP_OK
               : fail(err, VITLRP_NOMEM, "out of memory for a path of inputs");
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
    units->activation = mem_calloc(depth, width_of(options) * sizeof *units->activation);
    units->singles = mem_calloc((size_t) options->protocol.single, sizeof *units->singles);
    units->scores = mem_calloc(methods, eval_units_count(options) * sizeof *units->scores);
    units->chosen = mem_calloc(methods, sizeof *units->chosen);
    units->found = mem_calloc(methods, sizeof *units->found);
    if (units->values == NULL || units->activation == NULL || units->singles == NULL ||
        units->scores == NULL || units->chosen == NULL || units->found == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the scores of hidden units");
    }
    TRY(open_conductance(run, units, err));
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
        mem_free(units->conductance.values);
        mem_free(units->conductance.gradients);
        mem_free(units->conductance.sums);
        mem_free(units->singles);
        mem_free(units->activation);
        mem_free(units->values);
        mem_free(units->scores);
        mem_free((void *) units->chosen);
        mem_free(units->found);
        mem_free(units);
    }
}

/* ---- Scores ---- */

/* Uniform, of the method's seed for the image. */
static void draw_scores(uint64_t seed, size_t count, float *scores) {
    struct random_stream stream = random_open(random_derive(seed, "units"));
    for (size_t i = 0; i < count; i++) {
        scores[i] = (float) random_uniform(&stream);
    }
}

void eval_units_begin(struct worker *worker) {
    if (worker->units != NULL) {
        worker->units->has_activation = false;
    }
}

/* False for methods of hidden units alone. */
static bool has_map(const struct vit_method *method) {
    return method != &UNIT_ACTIVATION && !method->has_conductance;
}

/* Of the passes of a path of inputs, which makes no map. */
static enum vitlrp_status run_conductance(const struct run *run, struct worker *worker,
                                          const struct vit_method *method,
                                          const struct vit_method_request *request,
                                          struct vitlrp_error *err) {
    size_t count = (size_t) run->options->model->config.depth * width_of(run->options);
    struct unit_worker *units = worker->units;
    struct vit_method_request asked = *request;
    asked.conductance = &units->conductance;
    TRY(vit_attributor_run(worker->attributor, method, &asked, err));
    for (size_t i = 0; i < count; i++) {
        units->values[i] = (float) units->conductance.sums[i];
    }
    return VITLRP_OK;
}

/* Of a backward pass, which shows the activations on its way. */
static enum vitlrp_status run_pass(const struct run *run, struct worker *worker,
                                   const struct vit_method *method,
                                   const struct vit_method_request *request,
                                   struct vitlrp_error *err) {
    struct unit_worker *units = worker->units;
    struct vit_method_request asked = *request;
    struct vitlrp_unit_values values = {.site = site_of(run->options),
                                        .baseline = run->options->unit_means,
                                        .relevance = units->values,
                                        .activation =
                                            units->has_activation ? NULL : units->activation};
    const struct vit_inside inside = {.units = &values, .unit_sites = 1};
    asked.inside = &inside;
    TRY(vit_attributor_run(worker->attributor, method, &asked, err));
    units->has_activation = true;
    return VITLRP_OK;
}

/* What other methods' passes have shown; of none, of a gradient's. What that leaves in
 * request->patches is no map of activations. */
static enum vitlrp_status read_activation(const struct run *run, struct worker *worker,
                                          const struct vit_method_request *request,
                                          struct vitlrp_error *err) {
    const struct vit_method *method = vit_method_find("input-x-gradient");
    struct unit_worker *units = worker->units;
    struct vit_method_request asked = *request;
    struct vitlrp_method_options plain;
    vit_method_defaults(method, &plain);
    asked.options = &plain;
    if (!units->has_activation) {
        TRY(run_pass(run, worker, method, &asked, err));
    }
    memcpy(units->values, units->activation,
           (size_t) run->options->model->config.depth * width_of(run->options) *
               sizeof *units->values);
    return VITLRP_OK;
}

/* The map goes into request->patches, of those that have one. */
static enum vitlrp_status run_method(const struct run *run, struct worker *worker,
                                     const struct vit_method_request *request, size_t index,
                                     struct vitlrp_error *err) {
    const struct vit_method *method = run->options->methods[index].method;
    if (is_random(method)) { /* of every block, so that a unit's is the same whichever are ranked */
        draw_scores(request->options->seed,
                    (size_t) run->options->model->config.depth * width_of(run->options),
                    worker->units->values);
        return vit_attributor_run(worker->attributor, method, request, err);
    }
    if (method == &UNIT_ACTIVATION) {
        return read_activation(run, worker, request, err);
    }
    return method->has_conductance ? run_conductance(run, worker, method, request, err)
                                   : run_pass(run, worker, method, request, err);
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
    memcpy(scores, worker->units->values + skipped, units * sizeof *scores);
    if (!has_map(options->methods[method].method)) {
        mem_free(result->patches);
        result->patches = NULL;
    }
    result->valid = values_are_finite(scores, units) &&
                    (result->patches == NULL ||
                     values_are_finite(result->patches, run->grid.rows * run->grid.columns));
    return VITLRP_OK;
}

/* ---- Curves ---- */

static void give_curves(const struct unit_curves *found, struct eval_curves *out) {
    for (int c = 0; c < EVAL_CURVES; c++) {
        memcpy(out->of[c], found->of[c], sizeof found->of[c]);
    }
    out->units_to_lose = found->units_to_lose;
    out->rho_single = found->rho;
    out->pearson_single = found->pearson;
}

static void give_areas(const struct unit_curves *found, size_t units, struct eval_curves *out) {
    for (int c = 0; c < EVAL_AREAS; c++) {
        out->fp32_areas[c] = unit_order_area(found->of[c], units);
    }
}

/* `count` of the units by chance, all if there are no more, ascending (Knuth, "The Art of Computer
 * Programming" 2, 3.4.2, algorithm S). Returns how many. */
static size_t draw_singles(uint64_t seed, size_t units, size_t count, uint32_t *singles) {
    struct random_stream stream = random_open(random_derive(seed, "single"));
    size_t taken = 0;
    for (size_t unit = 0; unit < units && taken < count; unit++) {
        double left = (double) (units - unit);
        if (random_uniform(&stream) * left < (double) (size_min(count, units) - taken)) {
            singles[taken++] = (uint32_t) unit;
        }
    }
    return taken;
}

/* The blocks of a place. */
static void choose_blocks(const struct run *run, size_t place, struct unit_curve_request *out) {
    const struct eval_protocol *protocol = &run->options->protocol;
    int32_t block = eval_place_block(protocol, place);
    out->first_block = (size_t) (block < 0 ? protocol->first_block : block);
    out->blocks = (size_t) (block < 0 ? protocol->block_count : 1);
}

/* Curves in a place, of results whose scores `asked` has. */
static enum vitlrp_status evaluate_place(const struct run *run, struct worker *worker,
                                         const struct curve_request *request, size_t place,
                                         struct unit_curve_request *asked,
                                         struct vitlrp_error *err) {
    struct unit_worker *units = worker->units;
    size_t count = asked->blocks * width_of(run->options);
    for (int pass = 0; pass < (request->audited ? 2 : 1); pass++) {
        asked->curves_alone = pass == 1;
        TRY(unit_curve_evaluate(pass == 0 ? units->curves : units->audit, asked, units->found,
                                err));
        for (size_t m = 0, found = 0; m < request->method_count; m++) {
            if (request->methods[m].valid && pass == 0) {
                give_curves(&units->found[found++], &request->methods[m].curves[place]);
            } else if (request->methods[m].valid) {
                give_areas(&units->found[found++], count, &request->methods[m].curves[place]);
            }
        }
    }
    return VITLRP_OK;
}

enum vitlrp_status eval_units_curves(const struct run *run, struct worker *worker,
                                     const struct curve_request *request,
                                     struct vitlrp_error *err) {
    const struct eval_protocol *protocol = &run->options->protocol;
    struct unit_worker *units = worker->units;
    size_t width = width_of(run->options);
    struct unit_curve_request asked = {
        .input = request->input,
        .question = {.output = request->output, .expected = request->expected},
        .scores = units->chosen,
        .singles = units->singles};
    for (size_t place = 0; place < eval_place_count(protocol); place++) {
        choose_blocks(run, place, &asked);
        size_t skipped = (asked.first_block - (size_t) protocol->first_block) * width;
        asked.method_count = 0;
        for (size_t m = 0; m < request->method_count; m++) {
            if (request->methods[m].valid) {
                units->chosen[asked.method_count++] =
                    units->scores + m * eval_units_count(run->options) + skipped;
            }
        }
        asked.single_count = draw_singles(request->seed, asked.blocks * width,
                                          (size_t) protocol->single, units->singles);
        TRY(evaluate_place(run, worker, request, place, &asked, err));
    }
    return VITLRP_OK;
}
