/* The perturbation curves of one map, for programs that show them beside it. */
#include <math.h>
#include <string.h>

#include "api/api.h"
#include "api/growable.h"
#include "api/handles.h"
#include "base/mem.h"
#include "base/words.h"
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
    if (word_of(WORDS_REPLACEMENT, curves->replacement) == NULL) {
        return fail(err, VITLRP_USAGE, "there is no replacement %d", (int) curves->replacement);
    }
    return api_check_threads(curves->threads, err);
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

/* Copies a curve where the caller has room for it. */
static void give_curve(float *out, const struct eval_curves *from, enum eval_curve curve,
                       int32_t steps) {
    if (out != NULL) {
        memcpy(out, from->of[curve], ((size_t) steps + 1) * sizeof *out);
    }
}

/* found: the curves under the one replacement. */
static enum vitlrp_status evaluate(const struct curve_options *options, const float *input,
                                   const float *patches, struct vitlrp_curves *curves,
                                   struct eval_curves *found, struct vitlrp_error *err) {
    size_t steps = (size_t) curves->steps;
    struct curve_evaluator *evaluator = NULL;
    struct eval_method_result result = {
        .valid = true, .curves = found, .patches = (float *) patches};
    const struct curve_request request = {.input = input,
                                          .output = curves->output,
                                          .expected = curves->output,
                                          .has_versus = curves->has_versus != 0,
                                          .versus = curves->versus,
                                          .seed = curves->seed,
                                          .methods = &result,
                                          .method_count = 1};
    TRY(curve_evaluator_open(options, &evaluator, err));
    enum vitlrp_status status = curve_evaluate(evaluator, &request, err);
    curve_evaluator_close(evaluator);
    TRY(status);
    curves->delta_logit = protocol_area(found->of[EVAL_CURVE_LERF_LOGIT], steps) -
                          protocol_area(found->of[EVAL_CURVE_MORF_LOGIT], steps);
    curves->delta_prob = protocol_area(found->of[EVAL_CURVE_LERF_PROB], steps) -
                         protocol_area(found->of[EVAL_CURVE_MORF_PROB], steps);
    curves->forwards = vit_batch_inputs(options->batch);
    give_curve(curves->morf_logit, found, EVAL_CURVE_MORF_LOGIT, curves->steps);
    give_curve(curves->lerf_logit, found, EVAL_CURVE_LERF_LOGIT, curves->steps);
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
    const struct vit_batch_options batch = {.threads = api_threads(curves->threads),
                                            .input_height = options.input_height,
                                            .input_width = options.input_width,
                                            .backend =
                                                curves->backend == NULL ? "auto" : curves->backend};
    options.protocol.steps = curves->steps;
    options.protocol.replacements = VITLRP_REPLACEMENT_BIT(curves->replacement);
    options.protocol.seed = curves->seed;
    TRY(eval_protocol_check(&options.protocol, err));
    TRY(vit_batch_open(model->vit, &batch, &options.batch, err));
    size_t count = (size_t) (options.input_height / config->patch_height) *
                   (size_t) (options.input_width / config->patch_width);
    struct eval_curves *found = NULL;
    enum vitlrp_status status = eval_curves_open(&options.protocol, &found, err);
    if (status == VITLRP_OK) {
        status = check_scores(patches, count, err);
    }
    if (status == VITLRP_OK) {
        status = evaluate(&options, input, patches, curves, found, err);
    }
    mem_free(found);
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
