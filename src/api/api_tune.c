/* Tuning for vitlrp_eval.h. */
#include <string.h>

#include "api/api.h"
#include "api/eval_setup.h"
#include "api/growable.h"
#include "base/log.h"
#include "base/mem.h"
#include "eval/tune.h"
#include "eval/tune_journal.h"

static void tune_report_trial(void *user, const struct tune_trial *trial) {
    static const char *const STAGES[] = {"preset", "coarse", "fine"};
    const struct vitlrp_tune_options *options = user;
    struct vitlrp_tune_trial shown = {
        .stage = STAGES[trial->stage],
        .kind = trial->stage == TUNE_PRESET ? "" : tune_kind_name(trial->kind),
        .rules = trial->rules,
        .delta = trial->delta[0],
        .gain = trial->gain,
    };
    if (options->tried != NULL) {
        options->tried(options->user, &shown);
    }
}

static void tune_fill_result(const struct tune_result *found, const char *method,
                             const struct eval_protocol *protocol,
                             struct vitlrp_tune_result *result) {
    const struct tune_trial *best = &found->trials[found->best_trial];
    result->method = method;
    result->rules = found->best;
    result->trials = found->trial_count;
    result->replacement_count = eval_replacement_count(protocol);
    for (size_t r = 0; r < result->replacement_count; r++) {
        result->replacements[r] =
            (struct vitlrp_tune_gain){.replacement = eval_replacement_at(protocol, r),
                                      .calibration_preset = found->trials[0].delta[r],
                                      .calibration_tuned = best->delta[r],
                                      .preset = found->held_preset[r],
                                      .tuned = found->held_best[r],
                                      .gain = found->held_gain[r]};
    }
    result->calibration_preset = result->replacements[0].calibration_preset;
    result->calibration_tuned = result->replacements[0].calibration_tuned;
    result->preset = result->replacements[0].preset;
    result->tuned = result->replacements[0].tuned;
    result->gain = result->replacements[0].gain;
    memcpy(result->calibration_sha256, found->calibration_sha256, sizeof found->calibration_sha256);
    memcpy(result->held_out_sha256, found->held_out_sha256, sizeof found->held_out_sha256);
}

/* The images of a search: those that calibrate, and those that are held out. */
struct halves {
    struct eval_item *items; /* owned: [calibration..., held out...], each in their order */
    struct tune_images calibration, held_out;
};

static enum vitlrp_status halves_open(const struct dataset *dataset, struct halves *out,
                                      struct vitlrp_error *err) {
    size_t calibration = (dataset->count + 1) / 2;
    struct eval_item *items = mem_calloc(dataset->count, sizeof *items);
    if (items == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu images", dataset->count);
    }
    for (size_t i = 0; i < dataset->count; i++) {
        items[i % 2 == 0 ? i / 2 : calibration + i / 2] = dataset->items[i];
    }
    *out = (struct halves){.items = items,
                           .calibration = {items, calibration},
                           .held_out = {items + calibration, dataset->count - calibration}};
    return VITLRP_OK;
}

static void say_resumed(const struct eval_setup *setup, const struct run_folder *journal) {
    size_t done = journal->journal.count - journal_count(&journal->journal, JOURNAL_OPEN);
    eval_say_lock(setup, journal->lock.missing);
    if (done > 0) {
        log_message(&setup->options.log, LOG_LEVEL_INFO,
                    "%zu evaluations of an image are done already", done);
    }
}

/* The journal of the search, which is closed where none is wanted. *journal is owned, after a
 * failure too. */
static enum vitlrp_status open_journal(const struct eval_setup *setup, const struct halves *halves,
                                       struct run_folder *journal, struct vitlrp_error *err) {
    struct record head = {0};
    size_t places = 0;
    *journal = run_folder_closed();
    if (setup->options.journal == NULL) {
        return VITLRP_OK;
    }
    if (!tune_places(halves->calibration.count, halves->held_out.count, &places)) {
        return fail(err, VITLRP_LIMIT, "more images than can be counted");
    }
    TRY(eval_record_begin(setup, &head, err));
    enum vitlrp_status status =
        tune_journal_open(setup->options.journal, &head, places, journal, err);
    record_free(&head);
    if (status == VITLRP_OK) {
        say_resumed(setup, journal);
    }
    return error_topic(err, status, VITLRP_TOPIC_JOURNAL);
}

static enum vitlrp_status tune_halves(struct eval_setup *setup,
                                      const struct vitlrp_tune_options *options,
                                      const struct halves *halves,
                                      struct vitlrp_tune_result *result, struct vitlrp_error *err) {
    const struct dataset *dataset = &setup->dataset;
    struct tune_result found = {0};
    struct run_folder journal;
    struct tune_options wanted = {
        .evaluate = &setup->evaluate,
        .method = setup->methods[0].method,
        .preset = setup->methods[0].options,
        .tried = tune_report_trial,
        .user = (void *) options,
    };
    enum vitlrp_status status = open_journal(setup, halves, &journal, err);
    if (status == VITLRP_OK) {
        wanted.journal = setup->options.journal == NULL ? NULL : &journal;
        status = tune_run(&wanted, &halves->calibration, &halves->held_out, &found, err);
    }
    if (status == VITLRP_OK) {
        tune_fill_result(&found, setup->methods[0].method->name, &setup->evaluate.protocol, result);
        memcpy(result->manifest_sha256, dataset->manifest_sha256, sizeof dataset->manifest_sha256);
        memcpy(result->truth_sha256, dataset->truth_sha256, sizeof dataset->truth_sha256);
        result->calibration_images = halves->calibration.count;
        result->held_out_images = halves->held_out.count;
    }
    tune_result_free(&found);
    run_folder_close(&journal);
    return status;
}

static enum vitlrp_status tune_dataset(struct eval_setup *setup,
                                       const struct vitlrp_tune_options *options,
                                       struct vitlrp_tune_result *result,
                                       struct vitlrp_error *err) {
    struct halves halves;
    size_t count = setup->dataset.count;
    TRY(tune_check(setup->methods[0].method, (count + 1) / 2, count / 2, err));
    TRY(halves_open(&setup->dataset, &halves, err));
    eval_change_rules(setup->options.rules, &setup->methods[0].options.rules);
    setup->evaluate.observer = setup->options.observer;
    enum vitlrp_status status = tune_halves(setup, options, &halves, result, err);
    mem_free(halves.items);
    return status;
}

/* What a search holds while it works: some kilobytes, too many for the stack of a small thread. */
struct search {
    struct vitlrp_tune_options options;
    struct vitlrp_tune_result result;
    struct vitlrp_eval_options evaluation;
    struct eval_setup setup;
};

static enum vitlrp_status search_read(const struct vitlrp_tune_options *options,
                                      const struct vitlrp_tune_result *result,
                                      struct search *search, struct vitlrp_error *err) {
    static const char *const DEFAULT_METHOD[] = {"attnlrp"};
    struct vitlrp_eval_options *evaluation = &search->evaluation;
    TRY(tune_options_read(options, &search->options, err));
    TRY(tune_result_read(result, &search->result, err));
    API_NEEDS(search->options.evaluation != NULL, err);
    TRY(eval_options_read(search->options.evaluation, evaluation, err));
    if (evaluation->map_count > 0) {
        return fail(err, VITLRP_USAGE, "maps that are read have nothing to tune");
    }
    if (evaluation->units != VITLRP_UNITS_PATCH) {
        return fail(err, VITLRP_USAGE, "a search measures maps of patches: leave units out");
    }
    if (evaluation->methods == NULL || evaluation->method_count == 0) {
        evaluation->methods = DEFAULT_METHOD;
    }
    evaluation->method_count = 1;
    evaluation->reference = NULL;
    evaluation->coalitions = 0; /* a search reads neither agreement nor checks */
    evaluation->randomized = evaluation->sensitivity = 0;
    evaluation->shard = 0;
    evaluation->shards = 1;
    return VITLRP_OK;
}

static enum vitlrp_status search_run(const struct vitlrp_model *model, struct search *search,
                                     struct vitlrp_tune_result *result, struct vitlrp_error *err) {
    enum vitlrp_status status =
        eval_setup_open(model, &search->evaluation, TUNE_MOST_AT_ONCE, &search->setup, err);
    if (status == VITLRP_OK) {
        status = tune_dataset(&search->setup, &search->options, &search->result, err);
    }
    if (status == VITLRP_OK) {
        tune_result_write(&search->result, result);
    }
    eval_setup_close(&search->setup);
    return status;
}

enum vitlrp_status vitlrp_tune(const struct vitlrp_model *model,
                               const struct vitlrp_tune_options *options,
                               struct vitlrp_tune_result *result, struct vitlrp_error *error) {
    API_NEEDS(model != NULL && options != NULL && result != NULL, error);
    struct search *search = mem_calloc(1, sizeof *search);
    if (search == NULL) {
        return fail(error, VITLRP_NOMEM, "out of memory for a search");
    }
    enum vitlrp_status status = search_read(options, result, search, error);
    if (status == VITLRP_OK) {
        status = search_run(model, search, result, error);
    }
    mem_free(search);
    return status;
}
