#include "bench_eval.h"

#include "base/json.h"
#include "base/text.h"
#include "json_report.h"
#include "library.h"
#include "model_choice.h"
#include "outputs.h"

#define TEXT_LIMIT ((size_t) 1 << 16)

static enum status measure(const struct settings *settings, const struct console *console,
                           struct vitlrp_eval_cost *cost, struct error *err) {
    struct vitlrp_error detail;
    struct vitlrp_model *model = NULL;
    TRY(model_choose(settings, console, &model, err));
    vitlrp_eval_cost_init(cost);
    cost->threads = settings->threads;
    cost->backend = settings->backend;
    enum status status = from_library(vitlrp_eval_measure(model, cost, &detail), &detail, err);
    vitlrp_model_close(model);
    return status;
}

static void append_report(struct text *out, const struct vitlrp_eval_cost *cost) {
    double points = (double) cost->points;
    text_printf(out, "%d images, %d methods, %d steps: %zu inputs\n", cost->images, cost->methods,
                cost->steps, cost->points);
    text_printf(out, "evaluator      %8.3f ms an input and thread\n",
                1e3 * cost->evaluator_seconds / points);
    text_printf(out, "plain batches  %8.3f ms an input and thread\n",
                1e3 * cost->plain_seconds / points);
    text_printf(out, "ratio          %8.3f\n", cost->evaluator_seconds / cost->plain_seconds);
}

static enum status write_json(const char *path, const struct vitlrp_eval_cost *cost,
                              struct error *err) {
    struct text text = {.limit = TEXT_LIMIT};
    json_t *object = json_pack(
        "{s:i, s:i, s:i, s:I, s:f, s:f, s:f, s:s}", "images", cost->images, "methods",
        cost->methods, "steps", cost->steps, "inputs", (json_int_t) cost->points,
        "evaluator_seconds", cost->evaluator_seconds, "plain_seconds", cost->plain_seconds, "ratio",
        cost->evaluator_seconds / cost->plain_seconds, "version", vitlrp_version());
    if (object != NULL) {
        json_append(&text, object, 2);
        text_append_string(&text, "\n");
    }
    enum status status = object == NULL || text.failed
                             ? fail(err, STATUS_NOMEM, "out of memory for the JSON report")
                             : output_write(path, text.data, text.length, err);
    json_decref(object);
    text_free(&text);
    return status;
}

enum exit_code bench_eval_main(const struct args *args, const struct settings *settings,
                               const struct console *console) {
    struct error err;
    struct vitlrp_eval_cost cost;
    const char *json = args->value[OPTION_JSON];
    enum exit_code code = console_check(measure(settings, console, &cost, &err), CODE_INPUT, &err);
    if (code != CODE_DONE) {
        return code;
    }
    enum status status = json == NULL ? STATUS_OK : write_json(json, &cost, &err);
    if (status == STATUS_OK && console->verbosity > 0 &&
        (json == NULL || json[0] != '-' || json[1] != '\0')) {
        struct text text = {.limit = TEXT_LIMIT};
        append_report(&text, &cost);
        status = console_write(&text, &err);
        text_free(&text);
    }
    return console_check(status, CODE_OUTPUT, &err);
}
