#define _GNU_SOURCE
#include "eval/summary.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "base/pool.h"

/* Cells of a method's row: its metrics, then its pairs. Behind them are pixels of its
 * segmentations: intersection and union of the background, then of the object. */
#define CELLS ((size_t) EVAL_METRIC_COUNT + SUMMARY_PAIRS)
#define PIXELS ((size_t) 4)
#define ROWS (CELLS + PIXELS)

/* Some of the summary's rows, whose values are in memory together. */
struct batch {
    const struct evaluation *evaluation;
    struct summary *summary;
    size_t begin, count; /* rows */
    size_t images;
    size_t memory;                /* bytes for values */
    size_t place;                 /* of the image that comes next */
    double *values;               /* owned: [count][ROWS][images] */
    enum vitlrp_status *statuses; /* owned: one for each row: tasks share nothing */
};

const struct summary_method *summary_row(const struct summary *summary, size_t method,
                                         size_t place) {
    return &summary->methods[place * summary->method_count + method];
}

const size_t *summary_ranking(const struct summary *summary, size_t place) {
    return summary->ranking + place * summary->method_count;
}

size_t summary_rank(const struct summary *summary, size_t method, size_t place) {
    const size_t *ranking = summary_ranking(summary, place);
    size_t rank = 0;
    while (ranking[rank] != method) {
        rank++;
    }
    return rank;
}

enum eval_metric summary_pair_metric(enum summary_pair pair) {
    return pair == SUMMARY_PAIR_LOGIT ? EVAL_DELTA_LOGIT : EVAL_DELTA_PROB;
}

bool summary_is_clear(const struct vitlrp_statistic *statistic) {
    return statistic->n > 0 && (statistic->lo > 0.0 || statistic->hi < 0.0);
}

/* How far the method is from the reference on an image; NaN where there is none. */
static double pair_value(const struct batch *batch, const struct eval_image *image, size_t method,
                         struct eval_measure measure) {
    size_t reference = batch->summary->reference;
    return reference < batch->summary->method_count && reference != method
               ? eval_metric_value(batch->evaluation, image, method, measure) -
                     eval_metric_value(batch->evaluation, image, reference, measure)
               : NAN;
}

/* The metric that has the same values: it is sampled for both. */
static enum eval_metric twin_of(enum eval_metric metric) {
    return metric == EVAL_DELETION    ? EVAL_MORF_PROB
           : metric == EVAL_INSERTION ? EVAL_LERF_PROB
                                      : metric;
}

/* The pixels of an image's segmentation; NaN without one. */
static void put_pixels(const struct batch *batch, const struct eval_image *image, size_t method,
                       double *row) {
    bool is_there = image->methods != NULL && image->methods[method].valid;
    const struct segmentation *found = is_there ? &image->methods[method].segmentation : NULL;
    for (size_t i = 0; i < PIXELS; i++, row += batch->images) {
        *row = found == NULL ? (double) NAN
               : i % 2 == 0  ? found->both[i / 2]
                             : found->either[i / 2];
    }
}

/* The mean IoU over a data set is of the sums of all its pixels, and no mean over images. So each
 * image's value becomes that of the whole and what it moves that by, to first order: their mean is
 * the whole's, and their spread is that of the ratio (the delta method). values [images], pixels
 * [PIXELS][images]. */
static void pool_iou(double *values, const double *pixels, size_t images) {
    double both[2] = {0.0, 0.0};
    double either[2] = {0.0, 0.0};
    double count = 0.0;
    for (size_t i = 0; i < images; i++) {
        bool is_there = !isnan(pixels[i]);
        count += is_there ? 1.0 : 0.0;
        for (size_t c = 0; c < 2 && is_there; c++) {
            both[c] += pixels[2 * c * images + i];
            either[c] += pixels[(2 * c + 1) * images + i];
        }
    }
    double classes = (either[0] > 0.0 ? 1.0 : 0.0) + (either[1] > 0.0 ? 1.0 : 0.0);
    for (size_t i = 0; i < images; i++) {
        values[i] = isnan(pixels[i]) ? (double) NAN : segmentation_mean_iou(both, either);
        for (size_t c = 0; c < 2 && !isnan(pixels[i]); c++) {
            double off =
                pixels[2 * c * images + i] - both[c] / either[c] * pixels[(2 * c + 1) * images + i];
            values[i] += either[c] > 0.0 ? off * count / either[c] / classes : 0.0;
        }
    }
}

static enum vitlrp_status gather_image(void *user, const struct eval_image *image,
                                       struct vitlrp_error *err) {
    struct batch *batch = user;
    size_t place = batch->place++;
    (void) err;
    for (size_t i = 0; i < batch->count; i++) {
        double *row = batch->values + i * ROWS * batch->images + place;
        size_t method = (batch->begin + i) % batch->summary->method_count;
        struct eval_measure measure = {.place = (batch->begin + i) / batch->summary->method_count};
        for (size_t m = 0; m < EVAL_METRIC_COUNT; m++, row += batch->images) {
            measure.metric = (enum eval_metric) m;
            *row = twin_of(measure.metric) == measure.metric
                       ? eval_metric_value(batch->evaluation, image, method, measure)
                       : (double) NAN;
        }
        for (size_t p = 0; p < SUMMARY_PAIRS; p++, row += batch->images) {
            measure.metric = summary_pair_metric((enum summary_pair) p);
            *row = pair_value(batch, image, method, measure);
        }
        put_pixels(batch, image, method, row);
    }
    return VITLRP_OK;
}

/* A row, all cells together: they share their samples. */
static void compute_row(void *context, size_t place, size_t thread) {
    const struct batch *batch = context;
    struct summary_method *row = &batch->summary->methods[batch->begin + place];
    struct vitlrp_statistic cells[CELLS];
    double *values = batch->values + place * ROWS * batch->images;
    (void) thread;
    pool_iou(values + EVAL_MEAN_IOU * batch->images, values + CELLS * batch->images, batch->images);
    enum vitlrp_status status = statistics_means(values, CELLS, batch->images,
                                                 batch->evaluation->protocol.seed, cells, NULL);
    if (status == VITLRP_OK) {
        for (size_t m = 0; m < EVAL_METRIC_COUNT; m++) {
            row->metrics[m] = cells[twin_of((enum eval_metric) m)];
        }
        memcpy(row->paired, cells + EVAL_METRIC_COUNT, sizeof row->paired);
    }
    batch->statuses[place] = status;
}

struct ranked_rows {
    const struct summary *summary;
    size_t place;
};

/* The mean to rank by; methods without one come last. */
static double rank_value(const struct ranked_rows *rows, size_t method) {
    const struct vitlrp_statistic *delta =
        &summary_row(rows->summary, method, rows->place)->metrics[EVAL_DELTA_LOGIT];
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

static void rank_methods(struct summary *summary, size_t place) {
    struct ranked_rows rows = {summary, place};
    size_t *ranking = summary->ranking + place * summary->method_count;
    for (size_t i = 0; i < summary->method_count; i++) {
        ranking[i] = i;
    }
    qsort_r(ranking, summary->method_count, sizeof *ranking, compare_methods, &rows);
}

static enum vitlrp_status batch_compute(struct batch *batch, struct pool *pool,
                                        struct vitlrp_error *err) {
    batch->place = 0;
    TRY(evaluation_visit(batch->evaluation, gather_image, batch, err));
    pool_run(pool, batch->count, compute_row, batch);
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->statuses[i] != VITLRP_OK) {
            return fail(err, batch->statuses[i], "out of memory for the statistics");
        }
    }
    return VITLRP_OK;
}

/* As many rows at a time as there is memory for. */
static enum vitlrp_status summary_compute(struct batch *batch, size_t threads,
                                          struct vitlrp_error *err) {
    struct pool *pool = NULL;
    size_t rows = batch->summary->method_count * batch->summary->place_count;
    size_t row_bytes = size_max(1, batch->images) * ROWS * sizeof *batch->values;
    size_t most = size_min(rows, size_max(1, batch->memory / row_bytes));
    enum vitlrp_status status = VITLRP_OK;
    batch->values = mem_calloc(most * ROWS, batch->images * sizeof *batch->values);
    batch->statuses = mem_calloc(most, sizeof *batch->statuses);
    if (batch->values == NULL || batch->statuses == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the statistics");
    }
    TRY(pool_open(threads, NULL, &pool, err));
    for (size_t begin = 0; begin < rows && status == VITLRP_OK; begin += most) {
        batch->begin = begin;
        batch->count = size_min(most, rows - begin);
        status = batch_compute(batch, pool, err);
    }
    pool_close(pool);
    return status;
}

/* ---- What is counted ---- */

struct counting {
    const struct evaluation *evaluation;
    struct summary *summary;
    double *errors, *halves; /* [images]: of Shapley values */
    size_t place;            /* of the image that comes next */
};

static enum vitlrp_status count_failure(struct summary *summary, const struct eval_image *image,
                                        struct vitlrp_error *err) {
    if (summary->failed++ > 0) {
        return VITLRP_OK;
    }
    summary->first_failed = mem_strdup(image->id);
    summary->first_error = mem_strdup(image->message);
    return summary->first_failed == NULL || summary->first_error == NULL
               ? fail(err, VITLRP_NOMEM, "out of memory for a message")
               : VITLRP_OK;
}

static enum vitlrp_status count_image(void *user, const struct eval_image *image,
                                      struct vitlrp_error *err) {
    struct counting *counting = user;
    struct summary *summary = counting->summary;
    counting->errors[counting->place] = image->shapley_error;
    counting->halves[counting->place++] = image->shapley_split_half;
    if (image->status != VITLRP_OK) {
        return count_failure(summary, image, err);
    }
    if (!audit_covers(counting->evaluation, image->index)) {
        return VITLRP_OK;
    }
    summary->audited++;
    for (size_t row = 0; row < summary->method_count * summary->place_count; row++) {
        struct eval_measure measure = {.place = row / summary->method_count};
        for (size_t metric = 0; metric < AUDIT_METRICS; metric++) {
            measure.metric = (enum eval_metric) metric;
            audit_add(&summary->methods[row].audits[metric],
                      audit_difference(counting->evaluation, image, row % summary->method_count,
                                       measure));
        }
    }
    return VITLRP_OK;
}

/* Visits the images, and makes the means of what they have beside their methods. */
static enum vitlrp_status count_images(struct counting *counting, struct vitlrp_error *err) {
    const struct evaluation *evaluation = counting->evaluation;
    size_t images = evaluation->image_count;
    uint64_t seed = evaluation->protocol.seed;
    struct summary *summary = counting->summary;
    TRY(evaluation_visit(evaluation, count_image, counting, err));
    TRY(statistics_mean(counting->errors, images, seed, &summary->shapley_error, err));
    return statistics_mean(counting->halves, images, seed, &summary->shapley_split_half, err);
}

static enum vitlrp_status summary_count(const struct evaluation *evaluation,
                                        struct summary *summary, struct vitlrp_error *err) {
    struct counting counting = {
        .evaluation = evaluation,
        .summary = summary,
        .errors = mem_calloc(size_max(1, evaluation->image_count), 2 * sizeof *counting.errors)};
    if (counting.errors == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the statistics");
    }
    counting.halves = counting.errors + evaluation->image_count;
    enum vitlrp_status status = count_images(&counting, err);
    mem_free(counting.errors);
    TRY(status);
    for (size_t row = 0; row < summary->method_count * summary->place_count; row++) {
        struct summary_method *cells = &summary->methods[row];
        for (size_t metric = 0; metric < AUDIT_METRICS; metric++) {
            audit_end(&cells->audits[metric], &cells->metrics[metric]);
        }
    }
    return VITLRP_OK;
}

enum vitlrp_status summary_make(const struct evaluation *evaluation, const char *reference,
                                size_t threads, struct summary *out, struct vitlrp_error *err) {
    return summary_make_within(evaluation, reference, threads, SUMMARY_MEMORY, out, err);
}

enum vitlrp_status summary_make_within(const struct evaluation *evaluation, const char *reference,
                                       size_t threads, size_t memory, struct summary *out,
                                       struct vitlrp_error *err) {
    size_t count = evaluation->method_count;
    size_t places = eval_place_count(&evaluation->protocol);
    struct summary summary = {
        .method_count = count,
        .place_count = places,
        .methods = mem_calloc(count, places * sizeof *summary.methods),
        .ranking = mem_calloc(count, places * sizeof *summary.ranking),
        .reference = evaluation_find_method(evaluation, reference),
    };
    struct batch batch = {.evaluation = evaluation,
                          .summary = &summary,
                          .images = evaluation->image_count,
                          .memory = memory};
    enum vitlrp_status status = VITLRP_OK;
    if (summary.methods == NULL || summary.ranking == NULL) {
        status = fail(err, VITLRP_NOMEM, "out of memory for the statistics");
        goto cleanup;
    }
    TRY_GOTO(status, summary_compute(&batch, threads, err), cleanup);
    TRY_GOTO(status, summary_count(evaluation, &summary, err), cleanup);
    for (size_t r = 0; r < places; r++) {
        rank_methods(&summary, r);
    }
    TRY_GOTO(status, standing_make(evaluation, &summary, &summary.standing, err), cleanup);
    *out = summary;
    summary = (struct summary){0};

cleanup:
    mem_free(batch.statuses);
    mem_free(batch.values);
    summary_free(&summary);
    return status;
}

void summary_free(struct summary *summary) {
    mem_free(summary->methods);
    mem_free(summary->ranking);
    standing_free(&summary->standing);
    mem_free(summary->first_failed);
    mem_free(summary->first_error);
    *summary = (struct summary){0};
}
