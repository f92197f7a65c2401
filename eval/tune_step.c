#include "eval/tune_step.h"

#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/words.h"
#include "eval/load_input.h"
#include "eval/record.h"
#include "eval/record_json.h"

#define LINE_LIMIT ((size_t) 1 << 24)

/* A step at work. */
struct work {
    const struct tune_step *step;
    struct evaluation shape; /* of the run: its protocol only */
    struct tune_values *values;
    struct eval_item *items; /* owned: [images] those that are not done, by their places */
    const char **paths;      /* owned: [images] */
    size_t count;            /* of items */
    size_t done, failed;     /* in the journal */
};

static double *delta_at(struct tune_values *values, size_t rule, size_t replacement, size_t image) {
    return &values->delta[(rule * values->replacements + replacement) * values->images + image];
}

const double *tune_values_of(const struct tune_values *values, size_t rule, size_t replacement) {
    return &values->delta[(rule * values->replacements + replacement) * values->images];
}

void tune_values_free(struct tune_values *values) {
    for (size_t i = 0; values->outcomes != NULL && i < values->images; i++) {
        mem_free(values->outcomes[i].message);
    }
    mem_free(values->outcomes);
    mem_free(values->delta);
    *values = (struct tune_values){0};
}

static enum vitlrp_status values_open(const struct tune_step *step, struct tune_values *values,
                                      struct vitlrp_error *err) {
    size_t curves = 0;
    values->rules = step->count;
    values->replacements = eval_replacement_count(&step->evaluate->protocol);
    values->images = step->images->count;
    values->outcomes = mem_calloc(values->images, sizeof *values->outcomes);
    if (values->outcomes != NULL && checked_mul(&curves, values->rules, values->replacements) &&
        checked_mul(&curves, curves, sizeof *values->delta)) {
        values->delta = mem_calloc(values->images, curves);
    }
    return values->delta == NULL
               ? fail(err, VITLRP_NOMEM, "out of memory for %zu images", values->images)
               : VITLRP_OK;
}

/* ---- Lines ---- */

static void line_write(const struct tune_step *step, struct tune_values *values, size_t place,
                       struct text *out) {
    const struct tune_outcome *outcome = &values->outcomes[place];
    text_printf(out, "{\"index\":%zu,\"status\":\"%s\",\"sha256\":\"%s\"", step->first + place,
                word_of(WORDS_STATUS, outcome->status), outcome->sha256);
    if (outcome->status != VITLRP_OK) {
        text_append_string(out, ",\"message\":");
        record_add_string(out, outcome->message);
    }
    text_append_string(out, ",\"delta_logit\":[");
    for (size_t rule = 0; outcome->status == VITLRP_OK && rule < values->rules; rule++) {
        text_append_string(out, rule == 0 ? "[" : ",[");
        for (size_t r = 0; r < values->replacements; r++) {
            text_append_string(out, r == 0 ? "" : ",");
            record_add_number(out, *delta_at(values, rule, r, place), 17);
        }
        text_append_string(out, "]");
    }
    text_append_string(out, "]}\n");
}

static enum vitlrp_status line_keep(const struct work *work, size_t place,
                                    struct vitlrp_error *err) {
    const struct tune_step *step = work->step;
    bool is_done = work->values->outcomes[place].status == VITLRP_OK;
    struct text line = {.limit = LINE_LIMIT};
    line_write(step, work->values, place, &line);
    enum vitlrp_status status = run_folder_add(step->journal, step->first + place,
                                               is_done ? JOURNAL_DONE : JOURNAL_FAILED, &line, err);
    text_free(&line);
    return error_topic(err, status, VITLRP_TOPIC_JOURNAL);
}

static enum vitlrp_status read_outcome(const json_t *line, struct tune_outcome *outcome,
                                       struct vitlrp_error *err) {
    const char *sha256 = json_get_string(line, "sha256");
    const char *word = json_get_string(line, "status");
    int found = word == NULL ? -1 : word_find(WORDS_STATUS, word);
    if (sha256 == NULL || (sha256[0] != '\0' && strlen(sha256) != SHA256_TEXT - 1)) {
        return record_fail_key("sha256", err);
    }
    if (found < 0) {
        return record_fail_key("status", err);
    }
    memcpy(outcome->sha256, sha256, strlen(sha256) + 1);
    outcome->status = (enum vitlrp_status) found;
    return outcome->status == VITLRP_OK
               ? VITLRP_OK
               : record_need_string(line, "message", &outcome->message, err);
}

static enum vitlrp_status read_delta(const json_t *number, double *out, struct vitlrp_error *err) {
    if (!json_is_number(number) && !json_is_null(number)) {
        return record_fail_key("delta_logit", err);
    }
    *out = json_is_null(number) ? (double) NAN : json_number_value(number);
    return VITLRP_OK;
}

static enum vitlrp_status line_read(const json_t *line, struct tune_values *values, size_t place,
                                    struct vitlrp_error *err) {
    const json_t *rules = json_object_get(line, "delta_logit");
    struct tune_outcome *outcome = &values->outcomes[place];
    TRY(read_outcome(line, outcome, err));
    if (json_array_size(rules) != (outcome->status == VITLRP_OK ? values->rules : 0)) {
        return record_fail_key("delta_logit", err);
    }
    for (size_t rule = 0; rule < json_array_size(rules); rule++) {
        const json_t *numbers = json_array_get(rules, rule);
        if (json_array_size(numbers) != values->replacements) {
            return record_fail_key("delta_logit", err);
        }
        for (size_t r = 0; r < values->replacements; r++) {
            TRY(read_delta(json_array_get(numbers, r), delta_at(values, rule, r, place), err));
        }
    }
    return VITLRP_OK;
}

/* ---- The run ---- */

static void set_failed(struct tune_values *values, size_t place) {
    for (size_t rule = 0; rule < values->rules; rule++) {
        for (size_t r = 0; r < values->replacements; r++) {
            *delta_at(values, rule, r, place) = (double) NAN;
        }
    }
}

/* Takes over what an image came to. Each image has its own place, so threads do not meet. */
static enum vitlrp_status keep_image(void *user, const struct eval_image *image,
                                     struct vitlrp_error *err) {
    struct work *work = user;
    struct tune_values *values = work->values;
    struct tune_outcome *outcome = &values->outcomes[image->index];
    outcome->status = image->status;
    memcpy(outcome->sha256, image->sha256, sizeof outcome->sha256);
    if (image->status != VITLRP_OK) {
        outcome->message = record_text(image->message);
        set_failed(values, image->index);
        if (outcome->message == NULL) {
            return fail(err, VITLRP_NOMEM, "out of memory for a message");
        }
    }
    for (size_t rule = 0; image->status == VITLRP_OK && rule < values->rules; rule++) {
        for (size_t r = 0; r < values->replacements; r++) {
            const struct eval_measure measure = {EVAL_DELTA_LOGIT, r};
            *delta_at(values, rule, r, image->index) =
                eval_metric_value(&work->shape, image, rule, measure);
        }
    }
    return work->step->journal == NULL ? VITLRP_OK : line_keep(work, image->index, err);
}

/* Takes what the journal has of an image; *done: it has. */
static enum vitlrp_status take_line(struct work *work, size_t place, bool *done,
                                    struct vitlrp_error *err) {
    const struct run_folder *folder = work->step->journal;
    size_t of_journal = work->step->first + place;
    json_t *line = NULL;
    *done = folder != NULL && folder->journal.entries[of_journal].state != JOURNAL_OPEN;
    if (!*done) {
        return VITLRP_OK;
    }
    TRY(journal_read(&folder->journal, of_journal, &line, err));
    enum vitlrp_status status = line_read(line, work->values, place, err);
    json_decref(line);
    if (status == VITLRP_OK && work->values->outcomes[place].status != VITLRP_OK) {
        set_failed(work->values, place);
        work->failed++;
    }
    work->done++;
    return error_prefix(err, status, folder->journal.path);
}

/* Lists what is not done, each image by its place among all. */
static enum vitlrp_status list_items(struct work *work, struct vitlrp_error *err) {
    const struct tune_images *images = work->step->images;
    work->items = mem_calloc(images->count, sizeof *work->items);
    work->paths = mem_calloc(images->count, sizeof *work->paths);
    if (work->items == NULL || work->paths == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu images", images->count);
    }
    for (size_t i = 0; i < images->count; i++) {
        bool done = false;
        TRY(error_topic(err, take_line(work, i, &done, err), VITLRP_TOPIC_JOURNAL));
        work->paths[i] = images->items[i].path;
        if (!done) {
            work->items[work->count] = images->items[i];
            work->items[work->count++].index = i;
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status run_items(struct work *work, const struct eval_run_method *methods,
                                    struct vitlrp_error *err) {
    struct eval_run_options evaluate = *work->step->evaluate;
    struct evaluation ran = {0};
    evaluate.methods = methods;
    evaluate.method_count = work->step->count;
    evaluate.manifest_count = work->step->images->count;
    evaluate.donors = work->paths;
    evaluate.keep = keep_image;
    evaluate.keep_user = work;
    evaluate.done_before = work->done;
    evaluate.failed_before = work->failed;
    TRY(eval_run(&evaluate, work->items, work->count, &ran, err));
    bool cancelled = ran.cancelled;
    evaluation_free(&ran);
    return cancelled ? fail(err, VITLRP_CANCELLED, "cancelled") : VITLRP_OK;
}

/* Evaluates what is not done. */
static enum vitlrp_status run_rest(struct work *work, struct vitlrp_error *err) {
    const struct tune_step *step = work->step;
    struct eval_run_method *methods = mem_calloc(step->count, sizeof *methods);
    if (methods == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu candidates", step->count);
    }
    for (size_t i = 0; i < step->count; i++) {
        methods[i] = (struct eval_run_method){
            .name = step->method->name, .method = step->method, .options = *step->options};
        methods[i].options.rules = step->rules[i];
    }
    enum vitlrp_status status = run_items(work, methods, err);
    mem_free(methods);
    if (status == VITLRP_OK && step->journal != NULL) {
        status = error_topic(err, journal_sync(&step->journal->journal, err), VITLRP_TOPIC_JOURNAL);
    }
    return status;
}

enum vitlrp_status tune_step_run(const struct tune_step *step, struct tune_values *out,
                                 struct vitlrp_error *err) {
    struct tune_values values = {0};
    struct work work = {
        .step = step, .shape = {.protocol = step->evaluate->protocol}, .values = &values};
    enum vitlrp_status status = values_open(step, &values, err);
    if (status == VITLRP_OK) {
        status = list_items(&work, err);
    }
    if (status == VITLRP_OK && work.count > 0) {
        status = run_rest(&work, err);
    }
    mem_free(work.items);
    mem_free((void *) work.paths);
    if (status != VITLRP_OK) {
        tune_values_free(&values);
        return status;
    }
    *out = values;
    return VITLRP_OK;
}
