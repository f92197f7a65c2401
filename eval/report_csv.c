/* The measurements as a spreadsheet or a data frame takes them. */
#include <math.h>
#include <string.h>

#include "base/words.h"
#include "eval/report.h"

static const char SEPARATORS[] = ",;|\t\r\n"; /* of cells and rows, in any spreadsheet */

/* True if a cell that begins so is a formula to a spreadsheet. */
static bool is_formula(const char *text) {
    text += strspn(text, "\"");
    return *text != '\0' && strchr("=+-@\t\r", *text) != NULL;
}

/* A text as one cell: quoted where it holds a separator of any spreadsheet. One that splits rows at
 * another separator than the comma passes over quotes that do not begin its cell, so an apostrophe
 * stands wherever a formula could begin. */
static void append_text(struct text *out, const char *text) {
    bool quoted =
        is_formula(text) || strpbrk(text, SEPARATORS) != NULL || strpbrk(text, "\" ") != NULL;
    text_append_string(out, quoted ? "\"" : "");
    text_append_string(out, is_formula(text) ? "'" : "");
    for (; *text != '\0'; text++) {
        text_append(out, text, 1);
        if (*text == '"') {
            text_append(out, text, 1);
        } else if (strchr(SEPARATORS, *text) != NULL && is_formula(text + 1)) {
            text_append_string(out, "'");
        }
    }
    text_append_string(out, quoted ? "\"" : "");
}

/* Empty for NaN. */
static void append_number(struct text *out, double value) {
    text_append_string(out, ",");
    if (isfinite(value)) {
        text_printf(out, "%.9g", value);
    }
}

static void append_class(struct text *out, const struct record *record, int32_t output) {
    const struct record_class *class = record_class_of(record, output);
    text_append_string(out, ",");
    if (class != NULL) {
        text_printf(out, "%d", class->index);
    }
}

static void append_image(struct text *out, const struct record *record,
                         const struct eval_image *image) {
    text_printf(out, "%zu,", image->index);
    append_text(out, image->id);
    text_append_string(out, image->status == VITLRP_OK ? ",ok," : ",failed,");
    append_text(out, image->message == NULL ? "" : image->message);
    append_class(out, record, image->label);
    append_class(out, record, image->output);
    append_class(out, record, image->predicted);
}

static void append_result(struct text *out, const struct record *record,
                          const struct eval_image *image, size_t method, size_t place) {
    const struct evaluation *evaluation = &record->evaluation;
    append_number(out, (double) image->logit);
    append_number(out, (double) image->probability);
    text_append_string(out, ",");
    append_text(out, evaluation->methods[method]);
    bool blocks = eval_places_are_blocks(&evaluation->protocol);
    text_printf(
        out, ",%s",
        word_of(WORDS_REPLACEMENT, eval_replacement_at(&evaluation->protocol, blocks ? 0 : place)));
    text_printf(out, ",%s", blocks ? eval_place_key(&evaluation->protocol, place).text : "");
    for (int metric = 0; metric < EVAL_METRIC_COUNT; metric++) {
        const struct eval_measure measure = {(enum eval_metric) metric, place};
        append_number(out, eval_metric_value(evaluation, image, method, measure));
    }
    append_number(out, image->shapley_error);
    append_number(out, image->shapley_split_half);
    text_append_string(out, "\n");
}

struct writing {
    const struct record *record;
    const struct report_sink *sink;
    struct text *out;
};

static enum vitlrp_status append_rows(void *user, const struct eval_image *image,
                                      struct vitlrp_error *err) {
    const struct writing *writing = user;
    struct text *out = writing->out;
    const struct evaluation *evaluation = &writing->record->evaluation;
    size_t places = eval_place_count(&evaluation->protocol);
    size_t rows = image->methods == NULL ? 0 : places * evaluation->method_count;
    for (size_t row = 0; row < rows; row++) {
        append_image(out, writing->record, image);
        append_result(out, writing->record, image, row / places, row % places);
    }
    if (image->methods == NULL) {
        append_image(out, writing->record, image);
        for (int column = 0; column < 7 + EVAL_METRIC_COUNT; column++) {
            text_append_string(out, ",");
        }
        text_append_string(out, "\n");
    }
    return report_pass_on(writing->sink, out, "the report", err);
}

enum vitlrp_status report_csv(const struct record *record, const struct report_sink *sink,
                              struct text *out, struct vitlrp_error *err) {
    struct writing writing = {record, sink, out};
    text_append_string(out,
                       "index,id,status,message,label,class,predicted,logit,probability,method,"
                       "replace,block");
    for (int metric = 0; metric < EVAL_METRIC_COUNT; metric++) {
        text_printf(out, ",%s", eval_metric_name((enum eval_metric) metric));
    }
    text_append_string(out, ",shapley_error,shapley_split_half\n");
    TRY(evaluation_visit(&record->evaluation, append_rows, &writing, err));
    return report_pass_rest(sink, out, "the report", err);
}
