/* The measurements as a spreadsheet or a data frame takes them. */
#include <math.h>
#include <string.h>

#include "base/number_text.h"
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
        number_significant(out, value, 9);
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
                          const struct eval_image *image, size_t method) {
    const struct evaluation *evaluation = &record->evaluation;
    append_number(out, (double) image->logit);
    append_number(out, (double) image->probability);
    text_append_string(out, ",");
    append_text(out, evaluation->methods[method]);
    for (int metric = 0; metric < EVAL_METRIC_COUNT; metric++) {
        append_number(out, eval_metric_value(evaluation, image, method, (enum eval_metric) metric));
    }
    text_append_string(out, "\n");
}

void report_csv(const struct record *record, struct text *out) {
    const struct evaluation *evaluation = &record->evaluation;
    text_append_string(out,
                       "index,id,status,message,label,class,predicted,logit,probability,method");
    for (int metric = 0; metric < EVAL_METRIC_COUNT; metric++) {
        text_printf(out, ",%s", eval_metric_name((enum eval_metric) metric));
    }
    text_append_string(out, "\n");
    for (size_t i = 0; i < evaluation->image_count; i++) {
        const struct eval_image *image = &evaluation->images[i];
        for (size_t m = 0; image->methods != NULL && m < evaluation->method_count; m++) {
            append_image(out, record, image);
            append_result(out, record, image, m);
        }
        if (image->methods == NULL) {
            append_image(out, record, image);
            for (int column = 0; column < 3 + EVAL_METRIC_COUNT; column++) {
                text_append_string(out, ",");
            }
            text_append_string(out, "\n");
        }
    }
}
