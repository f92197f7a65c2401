/* Tuning for vitlrp.h. */
#include <string.h>

#include "api/api.h"
#include "api/eval_setup.h"
#include "api/growable.h"
#include "base/mem.h"
#include "eval/tune.h"

static void tune_report_trial(void *user, const struct tune_trial *trial) {
    static const char *const STAGES[] = {"preset", "coarse", "fine"};
    const struct vitlrp_tune_options *options = user;
    struct vitlrp_tune_trial shown = {
        .stage = STAGES[trial->stage],
        .kind = trial->stage == TUNE_PRESET ? "" : tune_kind_name(trial->kind),
        .rules = trial->rules,
        .delta = trial->delta,
    };
    if (options->tried != NULL) {
        options->tried(options->user, &shown);
    }
}

static void tune_fill_result(const struct tune_result *found, const char *method,
                             struct vitlrp_tune_result *result) {
    result->method = method;
    result->rules = found->best;
    result->trials = found->trial_count;
    result->calibration_preset = found->trials[0].delta;
    result->calibration_tuned = found->trials[found->best_trial].delta;
    result->preset = found->held_preset;
    result->tuned = found->held_best;
    result->gain = found->held_gain;
    memcpy(result->calibration_sha256, found->calibration_sha256, sizeof found->calibration_sha256);
    memcpy(result->held_out_sha256, found->held_out_sha256, sizeof found->held_out_sha256);
}

/* items [calibration..., held out...] with indices that ascend in each part. */
static enum vitlrp_status tune_dataset(struct eval_setup *setup,
                                       const struct vitlrp_tune_options *options,
                                       struct vitlrp_tune_result *result,
                                       struct vitlrp_error *err) {
    const struct dataset *dataset = &setup->dataset;
    size_t calibration = (dataset->count + 1) / 2;
    struct tune_result found = {0};
    struct tune_options wanted = {
        .evaluate = &setup->evaluate,
        .method = setup->methods[0].method,
        .preset = setup->methods[0].options,
        .tried = tune_report_trial,
        .user = (void *) options,
    };
    struct eval_item *items = mem_calloc(dataset->count, sizeof *items);
    if (items == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu images", dataset->count);
    }
    for (size_t i = 0; i < dataset->count; i++) {
        items[i % 2 == 0 ? i / 2 : calibration + i / 2] = dataset->items[i];
    }
    eval_change_rules(setup->options.rules, &wanted.preset.rules);
    setup->evaluate.observer = setup->options.observer;
    setup->evaluate.donors = NULL; /* each half of the images among itself */
    enum vitlrp_status status = tune_run(
        &wanted, &(struct tune_images){items, calibration},
        &(struct tune_images){items + calibration, dataset->count - calibration}, &found, err);
    if (status == VITLRP_OK) {
        tune_fill_result(&found, setup->methods[0].method->name, result);
        memcpy(result->manifest_sha256, dataset->manifest_sha256, sizeof dataset->manifest_sha256);
        memcpy(result->truth_sha256, dataset->truth_sha256, sizeof dataset->truth_sha256);
        result->calibration_images = calibration;
        result->held_out_images = dataset->count - calibration;
    }
    tune_result_free(&found);
    mem_free(items);
    return status;
}

enum vitlrp_status vitlrp_tune(const struct vitlrp_model *model,
                               const struct vitlrp_tune_options *options,
                               struct vitlrp_tune_result *result, struct vitlrp_error *error) {
    static const char *const DEFAULT_METHOD[] = {"attnlrp"};
    struct vitlrp_tune_options known;
    struct vitlrp_tune_result found;
    struct vitlrp_eval_options evaluation;
    struct eval_setup setup;
    API_NEEDS(model != NULL && options != NULL && result != NULL, error);
    TRY(tune_options_read(options, &known, error));
    TRY(tune_result_read(result, &found, error));
    API_NEEDS(known.evaluation != NULL, error);
    TRY(eval_options_read(known.evaluation, &evaluation, error));
    if (evaluation.map_count > 0) {
        return fail(error, VITLRP_USAGE, "maps that are read have nothing to tune");
    }
    if (evaluation.methods == NULL || evaluation.method_count == 0) {
        evaluation.methods = DEFAULT_METHOD;
    }
    evaluation.method_count = 1;
    evaluation.reference = NULL;
    evaluation.shard = 0;
    evaluation.shards = 1;
    if ((evaluation.replacements & (evaluation.replacements - 1)) != 0) {
        return fail(error, VITLRP_USAGE,
                    "tuning looks for the largest Delta under one replacement, and the options "
                    "name several");
    }
    enum vitlrp_status status =
        eval_setup_open(model, &evaluation, TUNE_MOST_AT_ONCE, &setup, error);
    if (status == VITLRP_OK) {
        status = tune_dataset(&setup, &known, &found, error);
    }
    if (status == VITLRP_OK) {
        tune_result_write(&found, result);
    }
    eval_setup_close(&setup);
    return status;
}
