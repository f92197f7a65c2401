/* The perturbation curves of one map, for programs that show them beside it. */
#include <math.h>
#include <string.h>

#include "api/api.h"
#include "api/growable.h"
#include "api/handles.h"
#include "base/mem.h"
#include "base/pool.h"
#include "eval/curve.h"
#include "eval/protocol.h"
#include "eval/protocol_table.h"
#include "vit/model/weights.h"

static enum vitlrp_status check_curves(const struct vitlrp_model *model,
                                       const struct vitlrp_curves *curves,
                                       struct vitlrp_error *err) {
    if (curves->output < 0 || curves->output >= model->vit->config.classes) {
        return fail(err, VITLRP_USAGE, "output %d: the model has %d", curves->output,
                    model->vit->config.classes);
    }
    if (curves->has_versus != 0 &&
        (curves->versus < 0 || curves->versus >= model->vit->config.classes ||
         curves->versus == curves->output)) {
        return fail(err, VITLRP_USAGE, "output %d is no contrast of output %d: the model has %d",
                    curves->versus, curves->output, model->vit->config.classes);
    }
    if (curves->input_height < 0 || curves->input_width < 0) {
        return fail(err, VITLRP_USAGE, "an input of %d x %d pixels", curves->input_width,
                    curves->input_height);
    }
    if (curves->threads < 0 || curves->threads > POOL_MAX_THREADS) {
        return fail(err, VITLRP_USAGE, "threads must be from 0 to %d", POOL_MAX_THREADS);
    }
    return VITLRP_OK;
}

static enum vitlrp_status check_scores(const float *patches, size_t count,
                                       struct vitlrp_error *err) {
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(patches[i])) {
            return fail(err, VITLRP_NUMERIC, "value %zu of the map is not finite", i);
        }
    }
    return VITLRP_OK;
}

/* The curves [4, steps + 1] of eval_method_result, at `block`. */
static enum vitlrp_status evaluate(const struct curve_options *options, const float *input,
                                   const float *patches, struct vitlrp_curves *curves, float *block,
                                   struct vitlrp_error *err) {
    size_t points = (size_t) curves->steps + 1;
    struct curve_evaluator *evaluator = NULL;
    struct eval_method_result result = {.valid = true,
                                        .morf_logit = block,
                                        .morf_prob = block + points,
                                        .lerf_logit = block + 2 * points,
                                        .lerf_prob = block + 3 * points,
                                        .patches = (float *) patches};
    const struct curve_request request = {.input = input,
                                          .output = curves->output,
                                          .has_versus = curves->has_versus != 0,
                                          .versus = curves->versus,
                                          .seed = curves->seed,
                                          .methods = &result,
                                          .method_count = 1};
    TRY(curve_evaluator_open(options, &evaluator, err));
    enum vitlrp_status status = curve_evaluate(evaluator, &request, err);
    curve_evaluator_close(evaluator);
    TRY(status);
    size_t steps = points - 1;
    curves->delta_logit =
        protocol_area(result.lerf_logit, steps) - protocol_area(result.morf_logit, steps);
    curves->delta_prob =
        protocol_area(result.lerf_prob, steps) - protocol_area(result.morf_prob, steps);
    curves->forwards = vit_batch_inputs(options->batch);
    if (curves->morf_logit != NULL) {
        memcpy(curves->morf_logit, result.morf_logit, points * sizeof *block);
    }
    if (curves->lerf_logit != NULL) {
        memcpy(curves->lerf_logit, result.lerf_logit, points * sizeof *block);
    }
    return VITLRP_OK;
}

static enum vitlrp_status measure(const struct vitlrp_model *model, const float *input,
                                  const float *patches, struct vitlrp_curves *curves,
                                  struct vitlrp_error *err) {
    const struct vit_config *config = &model->vit->config;
    struct curve_options options = {
        .model = model->vit,
        .input_height = curves->input_height > 0 ? curves->input_height : config->image_height,
        .input_width = curves->input_width > 0 ? curves->input_width : config->image_width,
        .preprocess =
            curves->preprocess == NULL ? &model->preprocess.preprocess : curves->preprocess,
        .protocol = eval_protocol_default(),
        .method_count = 1};
    const struct vit_batch_options batch = {
        .threads = curves->threads > 0 ? (size_t) curves->threads : api_processors(),
        .input_height = options.input_height,
        .input_width = options.input_width,
        .backend = curves->backend == NULL ? "auto" : curves->backend};
    options.protocol.steps = curves->steps;
    options.protocol.replacement = curves->replacement;
    options.protocol.seed = curves->seed;
    TRY(eval_protocol_check(&options.protocol, err));
    TRY(vit_batch_open(model->vit, &batch, &options.batch, err));
    size_t count = (size_t) (options.input_height / config->patch_height) *
                   (size_t) (options.input_width / config->patch_width);
    float *block = mem_calloc((size_t) curves->steps + 1, 4 * sizeof *block);
    enum vitlrp_status status =
        block == NULL
            ? fail(err, VITLRP_NOMEM, "out of memory for curves of %d steps", curves->steps)
            : check_scores(patches, count, err);
    if (status == VITLRP_OK) {
        status = evaluate(&options, input, patches, curves, block, err);
    }
    mem_free(block);
    vit_batch_close(options.batch);
    return status;
}

enum vitlrp_status vitlrp_curves_measure(const struct vitlrp_model *model, const float *input,
                                         const float *patches, struct vitlrp_curves *curves,
                                         struct vitlrp_error *error) {
    struct vitlrp_curves known;
    API_NEEDS(model != NULL && input != NULL && patches != NULL && curves != NULL, error);
    TRY(curves_read(curves, &known, error));
    TRY(check_curves(model, &known, error));
    TRY(measure(model, input, patches, &known, error));
    curves_write(&known, curves);
    return VITLRP_OK;
}
