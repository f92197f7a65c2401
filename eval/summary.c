#define _GNU_SOURCE
#include "eval/summary.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/pool.h"

/* Cells of a method's row: its metrics, then its pairs. */
#define CELLS (EVAL_METRIC_COUNT + SUMMARY_PAIRS)

struct job {
    const struct evaluation *evaluation;
    struct summary *summary;
    enum vitlrp_status *statuses; /* one for each cell: tasks share nothing */
};

enum eval_metric summary_pair_metric(enum summary_pair pair) {
    return pair == SUMMARY_PAIR_LOGIT ? EVAL_DELTA_LOGIT : EVAL_DELTA_PROB;
}

bool summary_is_clear(const struct vitlrp_statistic *statistic) {
    return statistic->n > 0 && (statistic->lo > 0.0 || statistic->hi < 0.0);
}

static void compute_cell(void *context, size_t index, size_t thread) {
    const struct job *job = context;
    size_t method = index / CELLS;
    size_t cell = index % CELLS;
    struct summary_method *row = &job->summary->methods[method];
    size_t reference = job->summary->reference;
    (void) thread;
    if (cell < EVAL_METRIC_COUNT) {
        job->statuses[index] = eval_metric_mean(job->evaluation, method, (enum eval_metric) cell,
                                                &row->metrics[cell], NULL);
        return;
    }
    size_t pair = cell - EVAL_METRIC_COUNT;
    row->paired[pair] = (struct vitlrp_statistic){NAN, NAN, NAN, 0};
    if (reference < job->summary->method_count && reference != method) {
        job->statuses[index] = eval_metric_paired(job->evaluation, method, reference,
                                                  summary_pair_metric((enum summary_pair) pair),
                                                  &row->paired[pair], NULL);
    }
}

/* The mean to rank by; methods without one come last. */
static double rank_value(const struct summary *summary, size_t method) {
    const struct vitlrp_statistic *delta = &summary->methods[method].metrics[EVAL_DELTA_LOGIT];
    return delta->n > 0 ? delta->mean : -INFINITY;
}

static int compare_methods(const void *left, const void *right, void *context) {
    size_t a = *(const size_t *) left;
    size_t b = *(const size_t *) right;
    double value_a = rank_value(context, a);
    double value_b = rank_value(context, b);
    if (value_a != value_b) {
        return value_a > value_b ? -1 : 1;
    }
    return (a > b) - (a < b);
}

static enum vitlrp_status summary_compute(struct job *job, size_t threads,
                                          struct vitlrp_error *err) {
    struct pool *pool = NULL;
    size_t cells = job->summary->method_count * CELLS;
    TRY(pool_open(threads, NULL, &pool, err));
    pool_run(pool, cells, compute_cell, job);
    pool_close(pool);
    for (size_t i = 0; i < cells; i++) {
        if (job->statuses[i] != VITLRP_OK) {
            return fail(err, job->statuses[i], "out of memory for the statistics");
        }
    }
    return VITLRP_OK;
}

static size_t find_method(const struct evaluation *evaluation, const char *name) {
    for (size_t i = 0; name != NULL && i < evaluation->method_count; i++) {
        if (strcmp(evaluation->methods[i], name) == 0) {
            return i;
        }
    }
    return evaluation->method_count;
}

enum vitlrp_status summary_make(const struct evaluation *evaluation, const char *reference,
                                size_t threads, struct summary *out, struct vitlrp_error *err) {
    size_t count = evaluation->method_count;
    struct summary summary = {
        .method_count = count,
        .methods = mem_calloc(count, sizeof *summary.methods),
        .ranking = mem_calloc(count, sizeof *summary.ranking),
        .reference = find_method(evaluation, reference),
    };
    struct job job = {.evaluation = evaluation, .summary = &summary};
    job.statuses = mem_calloc(count, CELLS * sizeof *job.statuses);
    enum vitlrp_status status = VITLRP_OK;
    if (summary.methods == NULL || summary.ranking == NULL || job.statuses == NULL) {
        status = fail(err, VITLRP_NOMEM, "out of memory for the statistics");
        goto cleanup;
    }
    TRY_GOTO(status, summary_compute(&job, threads, err), cleanup);
    for (size_t i = 0; i < count; i++) {
        summary.ranking[i] = i;
    }
    qsort_r(summary.ranking, count, sizeof *summary.ranking, compare_methods, &summary);
    *out = summary;
    summary = (struct summary){0};

cleanup:
    mem_free(job.statuses);
    summary_free(&summary);
    return status;
}

void summary_free(struct summary *summary) {
    mem_free(summary->methods);
    mem_free(summary->ranking);
    *summary = (struct summary){0};
}
