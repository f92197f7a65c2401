#include <string.h>

#include "cli/explain_session.h"
#include "cli/figure_format.h"
#include "cli/guard.h"
#include "cli/model_facts.h"
#include "cli/outputs.h"
#include "cli/verbs.h"
#include "compare_cells.h"
#include "compare_columns.h"
#include "compare_figure.h"
#include "compare_report.h"

#define DEFAULT_OUTPUT "compare.png"
#define DEFAULT_STEPS 8
#define MAX_STEPS 1000
#define REPORT_LIMIT ((size_t) 1 << 20)

/* A comparison from its options to its file. */
struct comparison {
    const struct args *args;
    struct console *console;
    struct settings settings;
    struct compare_columns columns;
    struct compare_cells cells;
    struct guard guard;
    struct vitlrp_model *model; /* owned */
    struct model_record record; /* owned; empty unless there is a record */
    const char *path;
    const char *json, *maps; /* NULL: not wanted */
    enum figure_format format;
};

static enum vitlrp_status claim_files(struct comparison *comparison, struct vitlrp_error *err) {
    static const char *const OPTIONS[] = {"-o", "--json", "--raw"};
    comparison->json = comparison->args->value[OPTION_JSON];
    comparison->maps = comparison->args->value[OPTION_RAW];
    comparison->cells.wants_hashes = comparison->json != NULL;
    comparison->cells.wants_one_size = comparison->maps != NULL;
    const char *const paths[] = {comparison->path, comparison->json, comparison->maps};
    TRY(output_check_array("--raw", comparison->maps, err));
    if (output_is_stdout(comparison->maps)) {
        return fail(err, VITLRP_USAGE, "--raw of a comparison needs a file name");
    }
    comparison->console->stdout_taken = output_is_stdout(comparison->json);
    TRY(guard_words(&comparison->guard, comparison->args, comparison->settings.model_path, err));
    return output_claim_each(&comparison->guard, OPTIONS, paths, 3, err);
}

static enum vitlrp_status choose_output(struct comparison *comparison, struct vitlrp_error *err) {
    const char *value = comparison->args->value[OPTION_OUTPUT];
    comparison->path = value == NULL ? DEFAULT_OUTPUT : value;
    comparison->format = figure_format_of(comparison->path);
    if (comparison->format == FIGURE_NONE || comparison->format == FIGURE_APNG) {
        return error_prefix(
            err, fail(err, VITLRP_USAGE, "a figure's name must end in .png, .jpg, .svg or .pdf"),
            comparison->path);
    }
    return figure_check(comparison->format, err);
}

static enum vitlrp_status read_curves(const struct args *args, struct compare_cells *cells,
                                      struct vitlrp_error *err) {
    int64_t steps = DEFAULT_STEPS;
    TRY(option_whole(args, OPTION_STEPS, 0, MAX_STEPS, &steps, err));
    TRY(replacement_read(args, &cells->replacement, err));
    cells->steps = (int32_t) steps;
    return VITLRP_OK;
}

static enum vitlrp_status read_options(struct comparison *comparison, struct vitlrp_error *err) {
    const struct args *args = comparison->args;
    if (args->operand_count == 0) {
        return fail(err, VITLRP_USAGE,
                    "no image is given (vitlrp compare IMAGE..., see vitlrp compare --help)");
    }
    if (args->operand_count > COMPARE_ROWS_MAX) { /* all of them are in memory */
        return fail(err, VITLRP_USAGE, "a comparison has at most %d rows, and %zu images are given",
                    COMPARE_ROWS_MAX, args->operand_count);
    }
    TRY(settings_read(args, &comparison->settings, err));
    if (comparison->settings.render.style == VITLRP_STYLE_PANEL) {
        return fail(err, VITLRP_USAGE, "--style panel is no cell of a figure: use overlay or heat");
    }
    TRY(compare_columns_read(args, &comparison->settings, &comparison->columns, err));
    comparison->cells.columns = &comparison->columns;
    TRY(read_curves(args, &comparison->cells, err));
    return choose_output(comparison, err);
}

static enum vitlrp_status write_figure(const struct comparison *comparison,
                                       struct vitlrp_error *err) {
    struct figure figure;
    struct bytes bytes = {0};
    struct text comment = {.limit = 256};
    text_printf(&comment, "vitlrp %s; compare", vitlrp_version());
    enum vitlrp_status status = compare_figure_draw(&comparison->cells, &figure, err);
    if (status == VITLRP_OK) {
        status = figure_encode(&figure, comparison->format, comment.data, &bytes, err);
    }
    figure_free(&figure);
    text_free(&comment);
    if (status == VITLRP_OK) {
        status = output_write(comparison->path, bytes.data, bytes.size, err);
    }
    bytes_free(&bytes);
    return status;
}

static enum vitlrp_status write_record(const struct comparison *comparison,
                                       struct vitlrp_error *err) {
    const struct compare_files files = {comparison->path, comparison->maps};
    json_t *record = NULL;
    TRY(compare_record(&comparison->cells, &comparison->record, &files, &record, err));
    enum vitlrp_status status = output_write_json(comparison->json, record, err);
    json_decref(record);
    return status;
}

/* All are tried. */
static enum exit_code write_files(const struct comparison *comparison) {
    struct vitlrp_error err;
    enum exit_code code = console_check(write_figure(comparison, &err), CODE_OUTPUT, &err);
    if (comparison->maps != NULL) {
        enum vitlrp_status status = compare_write_maps(&comparison->cells, comparison->maps, &err);
        code = console_check_also(code, status, CODE_OUTPUT, &err);
    }
    if (comparison->json != NULL) {
        enum vitlrp_status status = write_record(comparison, &err);
        code = console_check_also(code, status, CODE_OUTPUT, &err);
    }
    return code;
}

static enum vitlrp_status report(const struct comparison *comparison, struct vitlrp_error *err) {
    struct text text = {.limit = REPORT_LIMIT};
    const struct console *console = comparison->console;
    model_line_append(&text, comparison->model, comparison->settings.model_path == NULL);
    compare_report_append(&comparison->cells, &text);
    output_append_written(&text, comparison->path);
    if (comparison->maps != NULL) {
        output_append_written(&text, comparison->maps);
    }
    if (comparison->json != NULL) {
        output_append_written(&text, comparison->json);
    }
    enum vitlrp_status status =
        console->verbosity == 0 || console->stdout_taken ? VITLRP_OK : console_write(&text, err);
    text_free(&text);
    return status;
}

static enum exit_code run(struct comparison *comparison) {
    struct vitlrp_error err;
    enum exit_code code = console_check(read_options(comparison, &err), CODE_INPUT, &err);
    if (code == CODE_DONE) {
        code = console_check(claim_files(comparison, &err), CODE_OUTPUT, &err);
    }
    if (code == CODE_DONE) {
        comparison->settings.inputs = guard_inputs(&comparison->guard);
        code = console_check(
            model_choose(&comparison->settings, comparison->console, &comparison->model, &err),
            CODE_INPUT, &err);
    }
    if (code == CODE_DONE && comparison->json != NULL) {
        code = console_check(model_record_take(comparison->model, &comparison->record, &err),
                             CODE_INPUT, &err);
    }
    if (code == CODE_DONE) {
        code = console_check(compare_cells_compute(comparison->args, comparison->console,
                                                   comparison->model, &comparison->cells, &err),
                             CODE_INPUT, &err);
    }
    if (code == CODE_DONE) {
        code = write_files(comparison);
    }
    return code != CODE_DONE ? code : console_check(report(comparison, &err), CODE_OUTPUT, &err);
}

enum exit_code compare_main(const struct args *args, struct console *console) {
    struct comparison comparison = {.args = args, .console = console};
    enum exit_code code = run(&comparison);
    compare_cells_free(&comparison.cells);
    compare_columns_free(&comparison.columns);
    model_record_free(&comparison.record);
    vitlrp_model_close(comparison.model);
    guard_free(&comparison.guard);
    return code;
}
