#include "compare_cells.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "cli/contrast.h"
#include "cli/explain_session.h"
#include "cli/model_input.h"

#define PANE_SIDE 180.0 /* points */

const struct compare_cell *compare_cell_at(const struct compare_cells *cells, size_t row,
                                           size_t column) {
    return &cells->cells[row * cells->columns->count + column];
}

size_t compare_cells_forwards(const struct compare_cells *cells) {
    size_t sum = 0;
    for (size_t i = 0; i < cells->row_count * cells->columns->count; i++) {
        sum += cells->cells[i].forwards;
    }
    return sum;
}

void compare_cells_free(struct compare_cells *cells) {
    size_t count = cells->cells == NULL ? 0 : cells->row_count * cells->columns->count;
    for (size_t i = 0; i < count; i++) {
        mem_free(cells->cells[i].map);
    }
    for (size_t i = 0; i < cells->image_count; i++) {
        figure_pane_close(&cells->images[i].pane);
        vitlrp_free(cells->images[i].input);
    }
    mem_free(cells->cells);
    mem_free(cells->rows);
    mem_free(cells->images);
    *cells = (struct compare_cells){0};
}

/* ---- Images ---- */

static enum vitlrp_status open_image(const struct settings *settings,
                                     const struct explain_session *state, const char *path,
                                     bool hashed, struct compare_image *out,
                                     struct vitlrp_error *err) {
    struct photo photo = {0};
    TRY(photo_open(path, &state->preprocess, &settings->image, hashed ? out->sha256 : NULL, &photo,
                   err));
    explain_warn(state, &photo, path);
    out->path = path;
    out->geometry = photo.geometry;
    out->is_input = photo.is_input;
    out->warning = photo_warning(&photo);
    enum vitlrp_status status =
        figure_pane_open(photo.image, &photo.geometry, PANE_SIDE, &out->pane, err);
    if (status == VITLRP_OK) {
        out->input = photo.input;
        photo.input = NULL;
    }
    photo_close(&photo);
    return error_prefix(err, status, path);
}

/* Maps of one array have one size. */
static enum vitlrp_status check_size(const struct compare_cells *cells, size_t place,
                                     struct vitlrp_error *err) {
    const struct vitlrp_geometry *first = &cells->images[0].geometry;
    const struct vitlrp_geometry *own = &cells->images[place].geometry;
    if (!cells->wants_one_size ||
        (own->input_height == first->input_height && own->input_width == first->input_width)) {
        return VITLRP_OK;
    }
    return error_prefix(
        err,
        fail(err, VITLRP_MISMATCH,
             "becomes an input of %d x %d, the first image one of %d x %d: the maps "
             "of --raw are of one size (--resize squash:N)",
             own->input_width, own->input_height, first->input_width, first->input_height),
        cells->images[place].path);
}

static enum vitlrp_status open_images(const struct args *args, const struct settings *settings,
                                      const struct explain_session *state,
                                      struct compare_cells *cells, struct vitlrp_error *err) {
    cells->images = mem_calloc(args->operand_count, sizeof *cells->images);
    if (cells->images == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu images", args->operand_count);
    }
    for (size_t i = 0; i < args->operand_count; i++) {
        cells->image_count = i + 1;
        TRY(open_image(settings, state, args->operands[i], cells->wants_hashes, &cells->images[i],
                       err));
        TRY(check_size(cells, i, err));
    }
    return VITLRP_OK;
}

static enum vitlrp_status run_forward(struct explain_session *state,
                                      const struct compare_image *image, struct vitlrp_error *err) {
    TRY(explain_session_fit(state, image->geometry.input_height, image->geometry.input_width, err));
    TRY(explain_forward(state, image->input, err));
    return prediction_rank(&state->prediction, state->model, err);
}

/* ---- Rows ---- */

static enum vitlrp_status add_rows(const struct settings *settings,
                                   const struct explain_session *state, size_t place,
                                   struct compare_cells *cells, struct vitlrp_error *err) {
    struct vitlrp_class label = {.output = -1};
    if (settings->wants_label) {
        TRY(class_of_folder(state->model, cells->images[place].path, &label, err));
    }
    const struct class_image image = {state->model, &state->prediction, label.output};
    int32_t ranks = class_choice_ranks(&state->choice);
    for (int32_t rank = 0; rank < ranks; rank++) {
        struct class_taken taken;
        TRY(class_choice_take(&state->choice, &image, rank, &taken, err));
        if (taken.again ||
            (state->choice.has_versus && taken.target.output == taken.versus.output)) {
            continue;
        }
        if (cells->row_count == COMPARE_ROWS_MAX) {
            return fail(err, VITLRP_USAGE, "a comparison has at most %d rows", COMPARE_ROWS_MAX);
        }
        int32_t output = taken.target.output;
        cells->rows[cells->row_count++] =
            (struct compare_row){.image = place,
                                 .target = taken.target,
                                 .versus = taken.versus,
                                 .probability = state->prediction.probability[output],
                                 .logit = (double) state->prediction.logits[output]};
        if (cells->has_versus) {
            const struct explanation of_row = {
                .prediction = &state->prediction, .target = taken.target, .versus = taken.versus};
            cells->rows[cells->row_count - 1].versus_logit = contrast_logit(&of_row);
        }
    }
    return VITLRP_OK;
}

/* The classes of every image, which are the same for all columns. */
static enum vitlrp_status find_rows(const struct settings *settings, struct explain_session *state,
                                    struct compare_cells *cells, struct vitlrp_error *err) {
    cells->has_versus = state->choice.has_versus;
    if (state->choice.has_versus && state->choice.versus.kind == CLASS_OTHERS && cells->steps > 0) {
        return fail(err, VITLRP_USAGE,
                    "--versus others: Delta is of one class or of two: --steps 0 leaves it out");
    }
    cells->rows = mem_calloc(COMPARE_ROWS_MAX, sizeof *cells->rows);
    if (cells->rows == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a comparison");
    }
    for (size_t i = 0; i < cells->image_count; i++) {
        TRY(error_prefix(err, run_forward(state, &cells->images[i], err), cells->images[i].path));
        TRY(error_prefix(err, add_rows(settings, state, i, cells, err), cells->images[i].path));
    }
    if (cells->row_count == 0) {
        return fail(err, VITLRP_MISMATCH, "every class is the one of --versus");
    }
    cells->cells = mem_calloc(cells->row_count * cells->columns->count, sizeof *cells->cells);
    return cells->cells != NULL ? VITLRP_OK
                                : fail(err, VITLRP_NOMEM, "out of memory for a comparison");
}

/* ---- Cells ---- */

static enum vitlrp_status measure_cell(const struct explain_session *state,
                                       const struct compare_cells *cells,
                                       const struct compare_row *row, struct compare_cell *cell,
                                       struct vitlrp_error *err) {
    const struct compare_image *image = &cells->images[row->image];
    struct vitlrp_curves curves;
    cell->delta_logit = cell->delta_prob = NAN;
    if (cells->steps == 0) {
        return VITLRP_OK;
    }
    vitlrp_curves_init(&curves);
    curves.input_height = image->geometry.input_height;
    curves.input_width = image->geometry.input_width;
    curves.output = row->target.output;
    curves.has_versus = cells->has_versus ? 1 : 0;
    curves.versus = row->versus.output;
    curves.steps = cells->steps;
    curves.replacement = cells->replacement;
    curves.seed = state->settings->method.seed;
    curves.preprocess = &state->preprocess;
    curves.threads = state->settings->threads;
    curves.backend = state->settings->backend;
    TRY(vitlrp_curves_measure(cells->model, image->input, cell->map, &curves, err));
    cell->delta_logit = curves.delta_logit;
    cell->delta_prob = curves.delta_prob;
    cell->forwards = curves.forwards;
    return VITLRP_OK;
}

static enum vitlrp_status fill_cell(struct explain_session *state, struct compare_cells *cells,
                                    const struct compare_row *row, struct compare_cell *cell,
                                    struct vitlrp_error *err) {
    struct explanation explanation = {.settings = state->settings,
                                      .prediction = &state->prediction,
                                      .target = row->target,
                                      .versus = row->versus,
                                      .has_versus = cells->has_versus};
    TRY(explain_relevance(state, &explanation, err));
    size_t count = (size_t) state->map_height * (size_t) state->map_width;
    cell->sum = explanation.sum;
    cell->precision = explanation.precision;
    cells->session = *explanation.session;
    cell->height = state->map_height;
    cell->width = state->map_width;
    cell->map = mem_calloc(count, sizeof *cell->map);
    if (cell->map == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a map");
    }
    memcpy(cell->map, state->map, count * sizeof *cell->map);
    return measure_cell(state, cells, row, cell, err);
}

static enum vitlrp_status fill_column(struct explain_session *state, struct compare_cells *cells,
                                      size_t column, struct vitlrp_error *err) {
    size_t image = SIZE_MAX;
    for (size_t r = 0; r < cells->row_count; r++) {
        const struct compare_row *row = &cells->rows[r];
        const char *path = cells->images[row->image].path;
        if (row->image != image) {
            image = row->image;
            TRY(error_prefix(err, run_forward(state, &cells->images[image], err), path));
        }
        struct compare_cell *cell = &cells->cells[r * cells->columns->count + column];
        TRY(error_prefix(err, fill_cell(state, cells, row, cell, err), path));
        progress_show(&cells->meter, ++cells->done, 0);
    }
    return VITLRP_OK;
}

/* One session after the other: their memory is the largest part of all. */
static enum vitlrp_status compute_column(const struct args *args, struct console *console,
                                         struct vitlrp_model *model, size_t column,
                                         struct compare_cells *cells, struct vitlrp_error *err) {
    const struct settings *settings = &cells->columns->items[column].settings;
    struct explain_session state = {.tells_work = true};
    state.watch = pass_watch_open(settings->progress, console);
    enum vitlrp_status status = explain_session_open_on(settings, console, model, &state, err);
    if (status == VITLRP_OK && column == 0) {
        model_input_warn(settings, model, &state.preprocess, console);
        cells->preprocess = state.preprocess;
        status = open_images(args, settings, &state, cells, err);
        if (status == VITLRP_OK) {
            status = find_rows(settings, &state, cells, err);
        }
        cells->meter =
            progress_start(settings->progress, console, cells->row_count * cells->columns->count);
    }
    if (status == VITLRP_OK) {
        status = fill_column(&state, cells, column, err);
    }
    explain_session_close(&state);
    return status;
}

enum vitlrp_status compare_cells_compute(const struct args *args, struct console *console,
                                         struct vitlrp_model *model, struct compare_cells *out,
                                         struct vitlrp_error *err) {
    out->model = model;
    for (size_t c = 0; c < out->columns->count; c++) {
        TRY(compute_column(args, console, model, c, out, err));
    }
    return VITLRP_OK;
}
