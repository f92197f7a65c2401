/* What evaluations have measured, for vitlrp_eval.h: a metric of a method under a replacement. */
#include <string.h>

#include "api/api.h"
#include "api/growable.h"
#include "api/handles.h"
#include "base/words.h"
#include "eval/audit.h"

/* The statistic of that name in a method's row; NULL if there is none. */
static const struct vitlrp_statistic *find_statistic(const struct summary_method *row,
                                                     const char *name) {
    static const char PAIRED[] = "paired_";
    for (int i = 0; i < EVAL_METRIC_COUNT; i++) {
        if (strcmp(eval_metric_name((enum eval_metric) i), name) == 0) {
            return &row->metrics[i];
        }
    }
    if (strncmp(name, PAIRED, sizeof PAIRED - 1) != 0) {
        return NULL;
    }
    for (int i = 0; i < SUMMARY_PAIRS; i++) {
        enum eval_metric metric = summary_pair_metric((enum summary_pair) i);
        if (strcmp(eval_metric_name(metric), name + sizeof PAIRED - 1) == 0) {
            return &row->paired[i];
        }
    }
    return NULL;
}

/* Of the run itself; NULL if there is none of that name. */
static const struct vitlrp_statistic *find_own(const struct summary *summary, const char *name) {
    return strcmp(name, "shapley_error") == 0        ? &summary->shapley_error
           : strcmp(name, "shapley_split_half") == 0 ? &summary->shapley_split_half
                                                     : NULL;
}

/* The place that a query names. */
static enum vitlrp_status find_place(const struct vitlrp_evaluation *evaluation,
                                     const struct vitlrp_metric_query *query, size_t *place,
                                     struct vitlrp_error *err) {
    const struct eval_protocol *protocol = &evaluation->record.evaluation.protocol;
    const char *name = word_of(WORDS_REPLACEMENT, query->replacement);
    bool blocks = eval_places_are_blocks(protocol);
    size_t count = blocks ? 1 : eval_place_count(protocol);
    *place = 0;
    while (query->replacement >= 0 && *place < count &&
           (int32_t) eval_replacement_at(protocol, *place) != query->replacement) {
        ++*place;
    }
    if (query->replacement < -1 || *place == count) {
        return fail(err, VITLRP_USAGE, "nothing was replaced by %s",
                    name == NULL ? "a replacement of that number" : name);
    }
    if (query->block == -1) {
        return VITLRP_OK;
    }
    *place = 1 + (size_t) (query->block - protocol->first_block);
    return blocks && query->block >= protocol->first_block && *place < eval_place_count(protocol)
               ? VITLRP_OK
               : fail(err, VITLRP_USAGE, "block %d was not measured by itself", (int) query->block);
}

/* The audit of the metric of that name; NULL if it is not audited. */
static const struct vitlrp_audit *find_audit(const struct summary_method *row, const char *name) {
    for (int i = 0; i < AUDIT_METRICS; i++) {
        if (strcmp(eval_metric_name((enum eval_metric) i), name) == 0) {
            return &row->audits[i];
        }
    }
    return NULL;
}

static enum vitlrp_status answer(const struct vitlrp_evaluation *evaluation,
                                 struct vitlrp_metric_query *query, struct vitlrp_error *err) {
    const struct summary *summary = &evaluation->summary;
    const struct vitlrp_statistic *found = NULL;
    size_t place = 0;
    query->audit = (struct vitlrp_audit){0};
    query->rank = 0;
    TRY(find_place(evaluation, query, &place, err));
    if (query->method == NULL) {
        found = find_own(summary, query->metric);
    } else {
        size_t method = evaluation_find_method(&evaluation->record.evaluation, query->method);
        if (method >= summary->method_count) {
            return fail(err, VITLRP_USAGE, "no such method was run: %.60s", query->method);
        }
        const struct summary_method *row = summary_row(summary, method, place);
        const struct vitlrp_audit *audit = find_audit(row, query->metric);
        found = find_statistic(row, query->metric);
        query->audit = audit == NULL ? (struct vitlrp_audit){0} : *audit;
        query->rank = summary_rank(summary, method, place) + 1;
    }
    if (found == NULL) {
        return fail(err, VITLRP_USAGE, "no such metric: %.60s", query->metric);
    }
    query->statistic = *found;
    return VITLRP_OK;
}

enum vitlrp_status vitlrp_evaluation_query(const struct vitlrp_evaluation *evaluation,
                                           struct vitlrp_metric_query *query,
                                           struct vitlrp_error *error) {
    struct vitlrp_metric_query known;
    API_NEEDS(evaluation != NULL && query != NULL, error);
    TRY(metric_query_read(query, &known, error));
    API_NEEDS(known.metric != NULL, error);
    TRY(answer(evaluation, &known, error));
    metric_query_write(&known, query);
    return VITLRP_OK;
}

enum vitlrp_status vitlrp_evaluation_metric(const struct vitlrp_evaluation *evaluation,
                                            const char *method, const char *metric,
                                            struct vitlrp_statistic *statistic,
                                            struct vitlrp_error *error) {
    struct vitlrp_metric_query query = {
        .method = method, .metric = metric, .replacement = -1, .block = -1};
    API_NEEDS(evaluation != NULL && method != NULL && metric != NULL && statistic != NULL, error);
    TRY(answer(evaluation, &query, error));
    *statistic = query.statistic;
    return VITLRP_OK;
}

enum vitlrp_status vitlrp_evaluation_audit(const struct vitlrp_evaluation *evaluation,
                                           const char *method, const char *metric,
                                           struct vitlrp_audit *audit, struct vitlrp_error *error) {
    API_NEEDS(evaluation != NULL && method != NULL && metric != NULL && audit != NULL, error);
    size_t row = evaluation_find_method(&evaluation->record.evaluation, method);
    if (row >= evaluation->summary.method_count) {
        return fail(error, VITLRP_USAGE, "no such method was run: %.60s", method);
    }
    const struct vitlrp_audit *found = find_audit(&evaluation->summary.methods[row], metric);
    if (found == NULL) {
        return fail(error, VITLRP_USAGE, "no such metric is audited: %.60s", metric);
    }
    *audit = *found;
    return VITLRP_OK;
}
