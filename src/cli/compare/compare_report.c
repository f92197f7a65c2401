#include "compare_report.h"

#include <math.h>
#include <string.h>

#include "base/formats.h"
#include "base/mem.h"
#include "base/npy.h"
#include "base/settings_json.h"
#include "base/words.h"
#include "cli/explanation.h"
#include "cli/outputs.h"
#include "cli/run_record.h"

/* ---- For people ---- */

void compare_report_append(const struct compare_cells *cells, struct text *out) {
    for (size_t r = 0; r < cells->row_count; r++) {
        const struct compare_row *row = &cells->rows[r];
        char name[240];
        text_escape_name(name, sizeof name, cells->images[row->image].path);
        text_printf(out, "%s: ", name);
        class_append(out, &row->target);
        if (cells->has_versus) {
            text_append_string(out, " versus ");
            class_append(out, &row->versus);
        } else if (!isnan(row->probability)) {
            text_printf(out, ", %.1f %%", 100.0 * row->probability);
        }
        text_append_string(out, "\n");
        for (size_t c = 0; c < cells->columns->count; c++) {
            const struct compare_cell *cell = compare_cell_at(cells, r, c);
            text_printf(out, "  %-28s", cells->columns->items[c].title);
            if (!isnan(cell->delta_logit)) {
                text_printf(out, "  Delta %8.3f", cell->delta_logit);
            }
            text_append_string(out, "\n");
        }
    }
}

/* ---- For programs ---- */

static json_t *json_image(const struct compare_cells *cells, const struct compare_image *image,
                          bool *complete) {
    json_t *object = json_object();
    json_set(object, "image", json_text(image->path), complete);
    if (!text_is_utf8(image->path, strlen(image->path))) {
        json_set(object, "image_escaped", json_true(), complete);
    }
    json_set(object, "image_sha256", json_string(image->sha256), complete);
    if (image->warning != NULL) {
        json_set(object, "warning", json_string(image->warning), complete);
    }
    json_set(object, "preprocess",
             json_seen(&image->geometry, image->is_input ? NULL : &cells->preprocess, complete),
             complete);
    return object;
}

static void set_class(json_t *object, const struct compare_cells *cells,
                      const struct compare_row *row, bool *complete) {
    json_set(object, "image", json_text(cells->images[row->image].path), complete);
    json_set(object, "class", json_integer(row->target.index), complete);
    json_set(object, "wnid", json_text(row->target.wnid), complete);
    json_set(object, "name", json_text(row->target.label), complete);
    json_set(object, "logit", json_number(row->logit), complete);
    json_set(object, "probability", json_number(row->probability), complete);
    if (cells->has_versus) {
        json_set(object, "versus", json_versus(&row->versus), complete);
        json_set(object, "versus_logit", json_number(row->versus_logit), complete);
    }
}

static json_t *json_cell(const struct compare_cells *cells, size_t r, size_t c, bool *complete) {
    const struct compare_column *column = &cells->columns->items[c];
    const struct compare_cell *cell = compare_cell_at(cells, r, c);
    json_t *object = json_object();
    json_set(object, "row", json_integer((json_int_t) r), complete);
    json_set(object, "column", json_integer((json_int_t) c), complete);
    json_set(object, "title", json_text(column->title), complete);
    set_class(object, cells, &cells->rows[r], complete);
    json_set(object, "method", json_string(column->settings.method_info.name), complete);
    json_set(object, "parameters",
             json_method_parameters(&column->settings.method_info, &column->settings.method,
                                    cell->precision),
             complete);
    json_set(object, "relevance_sum", json_number(cell->sum), complete);
    json_set(object, "delta_logit", json_number(cell->delta_logit), complete);
    json_set(object, "delta_prob", json_number(cell->delta_prob), complete);
    return object;
}

/* How Delta was measured; null if it was not. */
static json_t *json_curves(const struct compare_cells *cells, bool *complete) {
    if (cells->steps == 0) {
        return json_null();
    }
    json_t *object = json_object();
    json_set(object, "steps", json_integer(cells->steps), complete);
    json_set(object, "replace", json_string(word_of(WORDS_REPLACEMENT, cells->replacement)),
             complete);
    json_set(object, "seed",
             json_integer((json_int_t) cells->columns->items[0].settings.method.seed), complete);
    json_set(object, "forwards", json_integer((json_int_t) compare_cells_forwards(cells)),
             complete);
    return object;
}

static void set_lists(json_t *object, const struct compare_cells *cells, bool *complete) {
    json_t *images = json_array();
    json_t *list = json_array();
    for (size_t i = 0; i < cells->image_count; i++) {
        json_add(images, json_image(cells, &cells->images[i], complete), complete);
    }
    for (size_t r = 0; r < cells->row_count; r++) {
        for (size_t c = 0; c < cells->columns->count; c++) {
            json_add(list, json_cell(cells, r, c, complete), complete);
        }
    }
    json_set(object, "images", images, complete);
    json_set(object, "cells", list, complete);
}

enum vitlrp_status compare_record(const struct compare_cells *cells,
                                  const struct model_record *model,
                                  const struct compare_files *files, json_t **out,
                                  struct vitlrp_error *err) {
    bool complete = true;
    struct vitlrp_model_info info;
    json_t *object = json_object();
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(cells->model, &info);
    json_set(object, "format", json_string(FORMAT_COMPARISON), &complete);
    json_set(object, "model", json_text(info.name), &complete);
    json_set(object, "figure", json_text(files->figure), &complete);
    json_set(object, "maps", files->maps == NULL ? json_null() : json_text(files->maps), &complete);
    json_set(object, "curves", json_curves(cells, &complete), &complete);
    set_lists(object, cells, &complete);
    json_set(object, "version", json_string(vitlrp_version()), &complete);
    json_set_run(object, &cells->columns->items[0].settings, &cells->session, &complete);
    json_set_model(object, model, &complete);
    if (!complete) {
        json_decref(object);
        return fail(err, VITLRP_NOMEM, "out of memory for the record of a comparison");
    }
    *out = object;
    return VITLRP_OK;
}

enum vitlrp_status compare_write_maps(const struct compare_cells *cells, const char *path,
                                      struct vitlrp_error *err) {
    const struct compare_cell *first = compare_cell_at(cells, 0, 0);
    const size_t shape[4] = {cells->row_count, cells->columns->count, (size_t) first->height,
                             (size_t) first->width};
    size_t size = shape[2] * shape[3];
    size_t count = shape[0] * shape[1];
    struct bytes file = {0};
    float *values = mem_calloc(count, size * sizeof *values);
    if (values == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu maps", count);
    }
    for (size_t i = 0; i < count; i++) {
        memcpy(values + i * size, cells->cells[i].map, size * sizeof *values);
    }
    enum vitlrp_status status = npy_encode_float32(values, 4, shape, &file, err);
    if (status == VITLRP_OK) {
        status = output_write(path, file.data, file.size, err);
    }
    bytes_free(&file);
    mem_free(values);
    return status;
}
