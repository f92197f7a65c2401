/* Evaluations for vitlrp_eval.h: runs and their records behind checked arguments. */

#include "api/api.h"
#include "api/eval_setup.h"
#include "api/growable.h"
#include "api/handles.h"
#include "base/mem.h"
#include "base/run_folder.h"
#include "base/words.h"
#include "eval/audit.h"
#include "eval/eval_timing.h"
#include "eval/join.h"
#include "eval/merge.h"

/* An evaluation around a record, which it takes over, failing or not. */
static enum vitlrp_status evaluation_from_record(struct record *record,
                                                 struct vitlrp_evaluation **out,
                                                 struct vitlrp_error *err) {
    struct vitlrp_evaluation *evaluation = mem_calloc(1, sizeof *evaluation);
    if (evaluation == NULL) {
        record_free(record);
        return fail(err, VITLRP_NOMEM, "out of memory for an evaluation");
    }
    evaluation->record = *record;
    enum vitlrp_status status =
        summary_make(&evaluation->record.evaluation, evaluation->record.reference, api_processors(),
                     &evaluation->summary, err);
    if (status != VITLRP_OK) {
        vitlrp_evaluation_close(evaluation);
        return status;
    }
    *out = evaluation;
    return VITLRP_OK;
}

static enum vitlrp_status evaluation_from_setup(struct eval_setup *setup,
                                                struct vitlrp_evaluation **out,
                                                struct vitlrp_error *err) {
    struct evaluation evaluation = {0};
    struct record record;
    const struct dataset *dataset = &setup->dataset;
    setup->evaluate.observer = setup->options.observer;
    if (setup->options.journal != NULL) {
        TRY(eval_run_kept(setup, &evaluation, err));
    } else {
        TRY(eval_run(&setup->evaluate, dataset->items, dataset->count, &evaluation, err));
    }
    TRY(eval_record(setup, &evaluation, &record, err));
    return evaluation_from_record(&record, out, err);
}

enum vitlrp_status vitlrp_evaluate(const struct vitlrp_model *model,
                                   const struct vitlrp_eval_options *options,
                                   struct vitlrp_evaluation **evaluation,
                                   struct vitlrp_error *error) {
    struct eval_setup setup;
    API_NEEDS(model != NULL && options != NULL && evaluation != NULL, error);
    enum vitlrp_status status = eval_setup_open(model, options, 1, &setup, error);
    if (status == VITLRP_OK) {
        status = evaluation_from_setup(&setup, evaluation, error);
    }
    eval_setup_close(&setup);
    return status;
}

enum vitlrp_status vitlrp_evaluation_read(const void *data, size_t size,
                                          struct vitlrp_evaluation **evaluation,
                                          struct vitlrp_error *error) {
    struct record record;
    API_NEEDS(data != NULL && evaluation != NULL, error);
    enum vitlrp_status status = record_read(data, size, &record, error);
    if (status == VITLRP_OK) {
        status = evaluation_from_record(&record, evaluation, error);
    }
    return status;
}

static enum vitlrp_status evaluation_from_parts(const struct vitlrp_evaluation *const *parts,
                                                size_t count, struct vitlrp_evaluation **out,
                                                struct vitlrp_error *err) {
    struct record record;
    const struct record **records = mem_calloc(count, sizeof *records);
    if (records == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu records", count);
    }
    for (size_t i = 0; i < count; i++) {
        records[i] = &parts[i]->record;
    }
    enum vitlrp_status status = record_merge(records, count, &record, err);
    mem_free(records);
    return status == VITLRP_OK ? evaluation_from_record(&record, out, err) : status;
}

enum vitlrp_status vitlrp_evaluation_merge(const struct vitlrp_evaluation *const *parts,
                                           size_t count, struct vitlrp_evaluation **evaluation,
                                           struct vitlrp_error *error) {
    API_NEEDS(parts != NULL && evaluation != NULL, error);
    if (count == 0) {
        return fail(error, VITLRP_USAGE, "there is nothing to merge");
    }
    for (size_t i = 0; i < count; i++) {
        API_NEEDS(parts[i] != NULL, error);
    }
    return evaluation_from_parts(parts, count, evaluation, error);
}

enum vitlrp_status vitlrp_evaluation_open(const char *const *paths, size_t count,
                                          struct vitlrp_evaluation **evaluation,
                                          struct vitlrp_error *error) {
    struct record record;
    API_NEEDS(paths != NULL && evaluation != NULL, error);
    if (count == 0) {
        return fail(error, VITLRP_USAGE, "there is nothing to open");
    }
    for (size_t i = 0; i < count; i++) {
        API_NEEDS(paths[i] != NULL, error);
    }
    enum vitlrp_status status = record_join_paths(paths, count, &record, error);
    return status == VITLRP_OK ? evaluation_from_record(&record, evaluation, error) : status;
}

enum vitlrp_status vitlrp_journal_remove(const char *folder, struct vitlrp_error *error) {
    API_NEEDS(folder != NULL, error);
    return run_folder_remove(folder, error);
}

static void swap_texts(char **a, char **b) {
    char *kept = *a;
    *a = *b;
    *b = kept;
}

enum vitlrp_status vitlrp_evaluation_compare(struct vitlrp_evaluation *evaluation,
                                             const char *reference, struct vitlrp_error *error) {
    struct summary summary = {0};
    API_NEEDS(evaluation != NULL && reference != NULL, error);
    struct record *record = &evaluation->record;
    if (evaluation_find_method(&record->evaluation, reference) == record->evaluation.method_count) {
        return fail(error, VITLRP_USAGE, "method '%.60s' was not run", reference);
    }
    char *name = mem_strdup(reference);
    if (name == NULL) {
        return fail(error, VITLRP_NOMEM, "out of memory for a name");
    }
    enum vitlrp_status status =
        summary_make(&record->evaluation, reference, api_processors(), &summary, error);
    if (status != VITLRP_OK) {
        mem_free(name);
        return status;
    }
    /* What was described lives as long as the evaluation; the same image failed first. */
    swap_texts(&summary.first_failed, &evaluation->summary.first_failed);
    swap_texts(&summary.first_error, &evaluation->summary.first_error);
    summary_free(&evaluation->summary);
    mem_free(record->reference);
    evaluation->summary = summary;
    record->reference = name;
    return VITLRP_OK;
}

void vitlrp_evaluation_close(struct vitlrp_evaluation *evaluation) {
    if (evaluation != NULL) {
        summary_free(&evaluation->summary);
        record_free(&evaluation->record);
        mem_free(evaluation);
    }
}

const char *vitlrp_evaluation_method(const struct vitlrp_evaluation *evaluation, size_t index) {
    if (evaluation == NULL) {
        return NULL;
    }
    const struct evaluation *inner = &evaluation->record.evaluation;
    return index < inner->method_count ? inner->methods[index] : NULL;
}

void vitlrp_evaluation_describe(const struct vitlrp_evaluation *evaluation,
                                struct vitlrp_evaluation_info *info) {
    if (evaluation == NULL) {
        return;
    }
    const struct evaluation *inner = &evaluation->record.evaluation;
    struct vitlrp_evaluation_info known = {
        .images = inner->image_count,
        .failed = evaluation->summary.failed,
        .manifest = inner->manifest_count,
        .skipped = evaluation->record.skipped,
        .methods = inner->method_count,
        .shard = inner->shard,
        .shards = inner->shards,
        .cancelled = inner->cancelled ? 1 : 0,
        .reference = vitlrp_evaluation_method(evaluation, evaluation->summary.reference),
        .precision = inner->protocol.precision,
        .audited = evaluation->summary.audited,
        .first_error = evaluation->summary.first_error,
        .first_failed = evaluation->summary.first_failed,
    };
    evaluation_info_write(&known, info);
}

enum vitlrp_status vitlrp_eval_measure(const struct vitlrp_model *model,
                                       struct vitlrp_eval_cost *cost, struct vitlrp_error *error) {
    struct eval_timing_result result;
    struct vitlrp_eval_cost known;
    API_NEEDS(model != NULL && cost != NULL, error);
    TRY(eval_cost_read(cost, &known, error));
    if (known.precision == VITLRP_PRECISION_MIXED ||
        word_of(WORDS_PRECISION, known.precision) == NULL) {
        return fail(error, VITLRP_USAGE,
                    "the forward passes of an evaluation are in fp32, bf16 or bf16x3");
    }
    if (known.images < 0 || known.methods < 1 || known.steps < 1) {
        return fail(error, VITLRP_USAGE,
                    "methods and steps must be at least 1, images not negative");
    }
    TRY(api_check_threads(known.threads, error));
    struct eval_timing_options options = {.model = model->vit,
                                          .threads = api_threads(known.threads),
                                          .backend = known.backend == NULL ? "auto" : known.backend,
                                          .images = (size_t) known.images,
                                          .methods = (size_t) known.methods,
                                          .steps = known.steps,
                                          .precision = known.precision};
    enum vitlrp_status status = eval_timing_run(&options, &result, error);
    if (status == VITLRP_OK) {
        known.images = (int32_t) result.images;
        known.threads = (int32_t) result.threads;
        known.backend = result.backend;
        known.precision = result.precision;
        known.points = result.points;
        known.evaluator_seconds = result.evaluator_seconds;
        known.plain_seconds = result.plain_seconds;
        known.single_points = result.single_points;
        known.single_seconds = result.single_seconds;
        eval_cost_write(&known, cost);
    }
    return status;
}
