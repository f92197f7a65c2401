#define _GNU_SOURCE
#include "eval/summary.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/pool.h"

/* Cells of a method's row: its metrics, then its pairs. */
#define CELLS ((size_t) EVAL_METRIC_COUNT + SUMMARY_PAIRS)

struct job {
    const struct evaluation *evaluation;
    struct summary *summary;
    enum vitlrp_status *statuses; /* one for each method: tasks share nothing */
};

enum eval_metric summary_pair_metric(enum summary_pair pair) {
    return pair == SUMMARY_PAIR_LOGIT ? EVAL_DELTA_LOGIT : EVAL_DELTA_PROB;
}

bool summary_is_clear(const struct vitlrp_statistic *statistic) {
    return statistic->n > 0 && (statistic->lo > 0.0 || statistic->hi < 0.0);
}

/* values [image_count]: how far the method is from the reference; NaN where there is none. */
static void gather_pair(const struct job *job, size_t method, enum summary_pair pair,
                        double *values) {
    const struct evaluation *evaluation = job->evaluation;
    size_t reference = job->summary->reference;
    enum eval_metric metric = summary_pair_metric(pair);
    for (size_t i = 0; i < evaluation->image_count; i++) {
        const struct eval_image *image = &evaluation->images[i];
        values[i] = reference < job->summary->method_count && reference != method
                        ? eval_metric_value(evaluation, image, method, metric) -
                              eval_metric_value(evaluation, image, reference, metric)
                        : NAN;
    }
}

/* The row of a method, all cells together: they share their samples. */
static enum vitlrp_status make_row(const struct job *job, size_t method) {
    size_t images = job->evaluation->image_count;
    struct summary_method *row = &job->summary->methods[method];
    struct vitlrp_statistic cells[CELLS];
    double *values = mem_calloc(images, CELLS * sizeof *values);
    if (values == NULL) {
        return VITLRP_NOMEM;
    }
    for (size_t m = 0; m < EVAL_METRIC_COUNT; m++) {
        eval_metric_gather(job->evaluation, method, (enum eval_metric) m, values + m * images);
    }
    for (size_t p = 0; p < SUMMARY_PAIRS; p++) {
        gather_pair(job, method, (enum summary_pair) p, values + (EVAL_METRIC_COUNT + p) * images);
    }
    enum vitlrp_status status =
        statistics_means(values, CELLS, images, job->evaluation->protocol.seed, cells, NULL);
    if (status == VITLRP_OK) {
        memcpy(row->metrics, cells, sizeof row->metrics);
        memcpy(row->paired, cells + EVAL_METRIC_COUNT, sizeof row->paired);
    }
    mem_free(values);
    return status;
}

static void compute_row(void *context, size_t method, size_t thread) {
    const struct job *job = context;
    (void) thread;
    job->statuses[method] = make_row(job, method);
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
    size_t methods = job->summary->method_count;
    TRY(pool_open(threads, NULL, &pool, err));
    pool_run(pool, methods, compute_row, job);
    pool_close(pool);
    for (size_t i = 0; i < methods; i++) {
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
    job.statuses = mem_calloc(count, sizeof *job.statuses);
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
