#include <math.h>
#include <string.h>

#include "cli/explain_session.h"
#include "cli/figure.h"
#include "cli/guard.h"
#include "cli/model_facts.h"
#include "cli/outputs.h"
#include "cli/verbs.h"
#include "compare_cells.h"
#include "compare_columns.h"
#include "compare_figure.h"

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
    const char *path;
    enum figure_format format;
};

static enum vitlrp_status choose_output(struct comparison *comparison, struct vitlrp_error *err) {
    const char *value = comparison->args->value[OPTION_OUTPUT];
    comparison->path = value == NULL ? DEFAULT_OUTPUT : value;
    comparison->format = figure_format_of(comparison->path);
    if (comparison->format == FIGURE_NONE || comparison->format == FIGURE_APNG) {
        return error_prefix(
            err, fail(err, VITLRP_USAGE, "a figure's name must end in .png, .jpg, .svg or .pdf"),
            comparison->path);
    }
    TRY(figure_check(comparison->format, err));
    TRY(guard_words(&comparison->guard, comparison->args, comparison->settings.model_path, err));
    return output_claim(&comparison->guard, "-o", comparison->path, err);
}

static enum vitlrp_status read_curves(const struct args *args, struct compare_cells *cells,
                                      struct vitlrp_error *err) {
    int64_t steps = DEFAULT_STEPS;
    int replacement = 0;
    TRY(option_whole(args, OPTION_STEPS, 0, MAX_STEPS, &steps, err));
    TRY(option_choice(args, OPTION_REPLACE, &replacement, err));
    cells->steps = (int32_t) steps;
    cells->replacement = (enum vitlrp_replacement) replacement;
    return VITLRP_OK;
}

static enum vitlrp_status read_options(struct comparison *comparison, struct vitlrp_error *err) {
    const struct args *args = comparison->args;
    if (args->operand_count == 0) {
        return fail(err, VITLRP_USAGE,
                    "no image is given (vitlrp compare IMAGE..., see vitlrp compare --help)");
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

/* A line for each row, and one for each of its maps. */
static void append_report(const struct comparison *comparison, struct text *out) {
    const struct compare_cells *cells = &comparison->cells;
    for (size_t r = 0; r < cells->row_count; r++) {
        char name[240];
        text_escape_name(name, sizeof name, cells->images[cells->rows[r].image].path);
        text_printf(out, "%s: ", name);
        class_append(out, &cells->rows[r].target);
        if (!isnan(cells->rows[r].probability)) {
            text_printf(out, ", %.1f %%", 100.0 * cells->rows[r].probability);
        }
        text_append_string(out, "\n");
        for (size_t c = 0; c < comparison->columns.count; c++) {
            const struct compare_cell *cell = compare_cell_at(cells, r, c);
            text_printf(out, "  %-28s", comparison->columns.items[c].title);
            if (!isnan(cell->delta_logit)) {
                text_printf(out, "  Delta %8.3f", cell->delta_logit);
            }
            text_append_string(out, "\n");
        }
    }
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

static enum vitlrp_status report(const struct comparison *comparison, struct vitlrp_error *err) {
    struct text text = {.limit = REPORT_LIMIT};
    char name[240];
    model_line_append(&text, comparison->model, comparison->settings.model_path == NULL);
    append_report(comparison, &text);
    text_escape_name(name, sizeof name, comparison->path);
    text_printf(&text, "wrote %s\n", name);
    enum vitlrp_status status =
        comparison->console->verbosity == 0 ? VITLRP_OK : console_write(&text, err);
    text_free(&text);
    return status;
}

static enum exit_code run(struct comparison *comparison) {
    struct vitlrp_error err;
    enum exit_code code = console_check(read_options(comparison, &err), CODE_INPUT, &err);
    if (code == CODE_DONE) {
        comparison->settings.inputs = guard_inputs(&comparison->guard);
        code = console_check(
            model_choose(&comparison->settings, comparison->console, &comparison->model, &err),
            CODE_INPUT, &err);
    }
    if (code == CODE_DONE) {
        code = console_check(compare_cells_compute(comparison->args, comparison->console,
                                                   comparison->model, &comparison->cells, &err),
                             CODE_INPUT, &err);
    }
    if (code == CODE_DONE) {
        code = console_check(write_figure(comparison, &err), CODE_OUTPUT, &err);
    }
    return code != CODE_DONE ? code : console_check(report(comparison, &err), CODE_OUTPUT, &err);
}

enum exit_code compare_main(const struct args *args, struct console *console) {
    struct comparison comparison = {.args = args, .console = console};
    enum exit_code code = run(&comparison);
    compare_cells_free(&comparison.cells);
    compare_columns_free(&comparison.columns);
    vitlrp_model_close(comparison.model);
    guard_free(&comparison.guard);
    return code;
}
