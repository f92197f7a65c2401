#include "eval/agreement.h"

#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "base/random.h"
#include "eval/statistics.h"
#include "vit/methods/shapley.h"

/* Fewest coalitions of an image. */
#define AGREEMENT_LEAST 1024

enum vitlrp_status agreement_check(const struct eval_protocol *protocol, struct vitlrp_error *err) {
    return protocol->coalitions == 0 || protocol->coalitions >= AGREEMENT_LEAST
               ? VITLRP_OK
               : fail(err, VITLRP_USAGE,
                      "coalitions must be 0, or %d at least: of fewer, Shapley values are noise",
                      AGREEMENT_LEAST);
}

bool agreement_is_wanted(const struct eval_run_options *options) {
    return options->protocol.coalitions > 0;
}

const struct vit_method *agreement_method_at(size_t place) {
    return place == 0 ? vit_method_find("token-drop") : place == 1 ? &SHAPLEY_VALUES : NULL;
}

struct vitlrp_method_options agreement_options(const struct run *run,
                                               const struct vit_method *method) {
    const struct eval_protocol *protocol = &run->options->protocol;
    struct vitlrp_method_options options = {0};
    vit_method_defaults(method, &options);
    options.score = protocol->score;
    options.seed = protocol->seed;
    if (method == &SHAPLEY_VALUES) {
        options.samples =
            (int32_t) size_min(VIT_MAX_SAMPLES, shapley_coalitions(eval_run_patches(run),
                                                                   (size_t) protocol->coalitions));
    }
    return options;
}

/* What is done for one image. */
struct comparison {
    const struct run *run;
    struct worker *worker;
    const struct eval_item *item;
    struct eval_image *image;
    struct vit_method_request request; /* patches: room for a map */
};

/* The map of one of the two; *is_there is false after a failure of this image's own. */
static enum vitlrp_status run_method(struct comparison *comparison, const struct vit_method *method,
                                     bool *is_there, struct vitlrp_error *err) {
    struct vitlrp_method_options options = agreement_options(comparison->run, method);
    options.seed = random_derive(random_derive(options.seed, comparison->item->id), method->name);
    comparison->request.options = &options;
    enum vitlrp_status status = eval_run_attribute(comparison->worker->attributor, method,
                                                   &comparison->request, is_there, err);
    comparison->request.options = NULL;
    return status;
}

/* Token-drop's map where the run has it as a method, with the same options: NULL if it has not. */
static const float *known_drops(const struct comparison *comparison) {
    const struct eval_run_options *options = comparison->run->options;
    for (size_t m = 0; m < options->method_count; m++) {
        const struct eval_method_result *result = &comparison->image->methods[m];
        if (options->methods[m].method == agreement_method_at(0) && result->valid) {
            return result->patches;
        }
    }
    return NULL;
}

/* The correlation of each valid map with that of one of the two. */
static enum vitlrp_status compare_all(const struct comparison *comparison,
                                      const struct vit_method *method, const float *map,
                                      struct vitlrp_error *err) {
    for (size_t m = 0; m < comparison->run->options->method_count; m++) {
        struct eval_method_result *result = &comparison->image->methods[m];
        double *rho = method == &SHAPLEY_VALUES ? &result->rho_shapley : &result->rho_drop;
        if (result->valid) {
            TRY(statistics_spearman(result->patches, map, eval_run_patches(comparison->run), rho,
                                    err));
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status measure_drops(struct comparison *comparison, struct vitlrp_error *err) {
    const float *drops = known_drops(comparison);
    bool is_there = drops != NULL;
    if (!is_there) {
        drops = comparison->request.patches;
        TRY(run_method(comparison, agreement_method_at(0), &is_there, err));
    }
    return is_there ? compare_all(comparison, agreement_method_at(0), drops, err) : VITLRP_OK;
}

static enum vitlrp_status measure_shapley(struct comparison *comparison, struct vitlrp_error *err) {
    const struct shapley_result *found = comparison->request.shapley;
    size_t patches = eval_run_patches(comparison->run);
    bool is_there = false;
    TRY(run_method(comparison, &SHAPLEY_VALUES, &is_there, err));
    if (!is_there) {
        return VITLRP_OK;
    }
    comparison->image->shapley_error = found->standard_error;
    TRY(statistics_spearman(found->halves, found->halves + patches, patches,
                            &comparison->image->shapley_split_half, err));
    return compare_all(comparison, &SHAPLEY_VALUES, comparison->request.patches, err);
}

enum vitlrp_status agreement_measure(const struct run *run, struct worker *worker,
                                     const struct eval_item *item, struct eval_image *image,
                                     struct vitlrp_error *err) {
    size_t patches = eval_run_patches(run);
    struct vitlrp_target target = {.output = image->output, .weight = 1.0F};
    float *maps = mem_calloc(patches, 3 * sizeof *maps);
    if (maps == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for maps to compare with");
    }
    struct shapley_result found = {.halves = maps + patches};
    struct comparison comparison = {.run = run,
                                    .worker = worker,
                                    .item = item,
                                    .image = image,
                                    .request = {.input = worker->input,
                                                .targets = &target,
                                                .target_count = 1,
                                                .patches = maps,
                                                .shapley = &found}};
    enum vitlrp_status status = measure_drops(&comparison, err);
    if (status == VITLRP_OK) {
        status = measure_shapley(&comparison, err);
    }
    mem_free(maps);
    return status;
}
