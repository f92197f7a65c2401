/* Tuning for vitlrp.h. */

#include "api/api.h"
#include "api/api_session.h"
#include "api/eval_private.h"
#include "api/eval_setup.h"
#include "base/mem.h"
#include "eval/tune.h"

void vitlrp_tune_options_init(struct vitlrp_tune_options *options) {
    if (options == NULL) {
        return;
    }
    *options = (struct vitlrp_tune_options){.struct_size = sizeof *options};
}

void vitlrp_tune_result_init(struct vitlrp_tune_result *result) {
    if (result == NULL) {
        return;
    }
    *result = (struct vitlrp_tune_result){.struct_size = sizeof *result};
}

static void tune_report_trial(void *user, const struct tune_trial *trial) {
    static const char *const STAGES[] = {"preset", "coarse", "fine"};
    const struct vitlrp_tune_options *options = user;
    struct vitlrp_tune_trial shown = {
        .stage = STAGES[trial->stage],
        .kind = trial->stage == TUNE_PRESET ? "" : tune_kind_name(trial->kind),
        .rules = session_public_rules(&trial->rules),
        .delta = eval_statistic(&trial->delta),
    };
    if (options->tried != NULL) {
        options->tried(options->user, &shown);
    }
}

static void tune_fill_result(const struct tune_result *found, const char *method,
                             struct vitlrp_tune_result *result) {
    result->method = method;
    result->rules = session_public_rules(&found->best);
    result->trials = found->trial_count;
    result->calibration_preset = eval_statistic(&found->trials[0].delta);
    result->calibration_tuned = eval_statistic(&found->trials[found->best_trial].delta);
    result->preset = eval_statistic(&found->held_preset);
    result->tuned = eval_statistic(&found->held_best);
    result->gain = eval_statistic(&found->held_gain);
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
    setup->evaluate.observer = eval_observer(&setup->options.observer);
    enum vitlrp_status status = tune_run(&wanted, items, calibration, items + calibration,
                                         dataset->count - calibration, &found, err);
    if (status == VITLRP_OK) {
        tune_fill_result(&found, setup->methods[0].method->name, result);
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
    struct eval_setup setup;
    API_NEEDS(model != NULL && options != NULL && result != NULL, error);
    if (options->evaluation == NULL || options->struct_size != sizeof *options ||
        result->struct_size != sizeof *result) {
        return fail(error, VITLRP_USAGE, "vitlrp_tune: an argument was not initialised");
    }
    struct vitlrp_eval_options evaluation = *options->evaluation;
    if (evaluation.methods == NULL || evaluation.method_count == 0) {
        evaluation.methods = DEFAULT_METHOD;
    }
    evaluation.method_count = 1;
    evaluation.reference = NULL;
    evaluation.shard = 0;
    evaluation.shards = 1;
    enum vitlrp_status status =
        eval_setup_open(model, &evaluation, TUNE_MOST_AT_ONCE, &setup, error);
    if (status == VITLRP_OK) {
        status = tune_dataset(&setup, options, result, error);
    }
    eval_setup_close(&setup);
    return status;
}
