#include "eval/sanity.h"

#include <math.h>
#include <stdio.h>

#include "base/checked.h"
#include "base/mem.h"
#include "base/random.h"
#include "eval/randomize.h"
#include "eval/statistics.h"

/* Largest change of a normalised value, as Quantus has it. */
#define RADIUS 0.2

bool sanity_is_wanted(const struct eval_run_options *options) {
    return options->protocol.randomized > 0 || options->protocol.sensitivity > 0;
}

int32_t sanity_parts(const struct eval_run_options *options) {
    size_t all = randomize_stage_count(&options->model->config);
    return (int32_t) size_min(all, (size_t) options->protocol.randomized);
}

enum vitlrp_status sanity_model(const struct eval_run_options *options, struct vit_model **out,
                                struct vitlrp_error *err) {
    size_t parts = (size_t) sanity_parts(options);
    *out = NULL;
    if (parts == 0) {
        return VITLRP_OK;
    }
    TRY(randomize_copy(options->model, out, err));
    for (size_t stage = 0; stage < parts; stage++) {
        randomize_stage(*out, stage, options->protocol.seed);
    }
    return VITLRP_OK;
}

/* Maps of one image, to be compared with those that it has. */
struct probe {
    const struct run *run;
    const struct eval_item *item;
    const struct eval_image *image;
    const float *input;
    float *map; /* [patches]: room for one */
    enum vitlrp_status (*compare)(const struct probe *probe, struct eval_method_result *result,
                                  struct vitlrp_error *err);
};

/* Shows every method's map of the input to `compare`. A method that fails has none. */
static enum vitlrp_status probe_methods(const struct probe *probe,
                                        struct vit_attributor *attributor,
                                        struct vitlrp_error *err) {
    const struct eval_run_options *options = probe->run->options;
    struct vitlrp_target target = {.output = probe->image->output, .weight = 1.0F};
    struct vit_method_request request = {
        .input = probe->input, .targets = &target, .target_count = 1, .patches = probe->map};
    TRY(vit_attributor_forward(attributor, probe->input, NULL, err));
    for (size_t m = 0; m < options->method_count; m++) {
        const struct eval_run_method *method = &options->methods[m];
        struct eval_method_result *result = &probe->image->methods[m];
        struct vitlrp_method_options seeded = eval_run_method_options(method, probe->item);
        bool is_there = false;
        if (!result->valid || method->maps != NULL) {
            continue;
        }
        request.options = &seeded;
        TRY(eval_run_attribute(attributor, method->method, &request, &is_there, err));
        if (is_there) {
            TRY(probe->compare(probe, result, err));
        }
    }
    return VITLRP_OK;
}

/* ---- Randomisation ---- */

static enum vitlrp_status correlate(const struct probe *probe, struct eval_method_result *result,
                                    struct vitlrp_error *err) {
    return statistics_spearman(result->patches, probe->map, eval_run_patches(probe->run),
                               &result->rho_randomized, err);
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

static enum vitlrp_status raise_change(const struct probe *probe, struct eval_method_result *result,
                                       struct vitlrp_error *err) {
    double change = relative_change(result->patches, probe->map, eval_run_patches(probe->run));
    (void) err;
    result->max_sensitivity = fmax(result->max_sensitivity, change);
    return VITLRP_OK;
}

static void add_noise(const float *input, size_t count, uint64_t seed, float *out) {
    struct random_stream stream = random_open(seed);
    for (size_t i = 0; i < count; i++) {
        double offset = RADIUS * (2.0 * random_uniform(&stream) - 1.0);
        out[i] = (float) ((double) input[i] + offset);
    }
}

static enum vitlrp_status probe_samples(struct probe *probe, struct worker *worker,
                                        struct vitlrp_error *err) {
    const struct run *run = probe->run;
    const struct eval_protocol *protocol = &run->options->protocol;
    size_t count = preprocess_channels(run->options->preprocess) * (size_t) run->source.height *
                   (size_t) run->source.width;
    enum vitlrp_status status = VITLRP_OK;
    float *noisy = mem_calloc(count, sizeof *noisy);
    if (noisy == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a model input");
    }
    probe->input = noisy;
    probe->compare = raise_change;
    for (int32_t sample = 0; sample < protocol->sensitivity && status == VITLRP_OK; sample++) {
        char name[32];
        snprintf(name, sizeof name, "sample %d", (int) sample);
        add_noise(worker->input, count,
                  random_derive(random_derive(protocol->seed, name), probe->item->id), noisy);
        status = probe_methods(probe, worker->attributor, err);
    }
    mem_free(noisy);
    return status;
}

enum vitlrp_status sanity_measure(const struct run *run, struct worker *worker,
                                  const struct eval_item *item, const struct eval_image *image,
                                  struct vitlrp_error *err) {
    enum vitlrp_status status = VITLRP_OK;
    struct probe probe = {
        .run = run, .item = item, .image = image, .input = worker->input, .compare = correlate};
    probe.map = mem_calloc(eval_run_patches(run), sizeof *probe.map);
    if (probe.map == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a map to compare with");
    }
    if (run->options->protocol.randomized > 0) {
        status = probe_methods(&probe, worker->randomized, err);
    }
    if (status == VITLRP_OK && run->options->protocol.sensitivity > 0) {
        status = probe_samples(&probe, worker, err);
    }
    mem_free(probe.map);
    return status;
}
