#include "imgio/heatmap.h"

#include <math.h>
#include <stddef.h>

#include "base/mem.h"

struct heatmap heatmap_scaled(const struct heatmap *map, double factor_x, double factor_y) {
    struct heatmap scaled = *map;
    scaled.left *= factor_x;
    scaled.span_x *= factor_x;
    scaled.top *= factor_y;
    scaled.span_y *= factor_y;
    return scaled;
}

bool heatmap_covers(const struct heatmap *map, int32_t picture_width, int32_t picture_height) {
    const double slack = 0.5;
    return map->left <= slack && map->top <= slack &&
           map->left + map->span_x >= picture_width - slack &&
           map->top + map->span_y >= picture_height - slack;
}

static int32_t clipped_pixel(double position, int32_t most) {
    if (position <= 0.0) {
        return 0;
    }
    return position >= most ? most : (int32_t) position;
}

/* The pixels of a line of `size` whose centres lie in [start, start + span), never none. */
static void cover(double start, double span, int32_t size, int32_t *begin, int32_t *end) {
    *begin = clipped_pixel(ceil(start - 0.5), size);
    *end = clipped_pixel(ceil(start + span - 0.5), size);
    if (*end <= *begin) {
        *begin = clipped_pixel(start + span / 2.0, size - 1);
        *end = *begin + 1;
    }
}

struct heatmap_cover heatmap_cover(const struct heatmap *map, int32_t picture_width,
                                   int32_t picture_height) {
    struct heatmap_cover found;
    cover(map->left, map->span_x, picture_width, &found.x_begin, &found.x_end);
    cover(map->top, map->span_y, picture_height, &found.y_begin, &found.y_end);
    return found;
}

static enum vitlrp_status axis_open(int32_t in, enum resample_filter filter,
                                    const struct resample_window *window, struct heatmap_axis *axis,
                                    struct vitlrp_error *err) {
    axis->is_monotone = filter == RESAMPLE_BICUBIC && window->step <= 1.0;
    if (axis->is_monotone) {
        return monotone_make(in, window, &axis->monotone, err);
    }
    return resample_taps_window(in, window, filter == RESAMPLE_BOX ? filter : RESAMPLE_BILINEAR,
                                &axis->taps, err);
}

static void axis_close(struct heatmap_axis *axis) {
    resample_taps_free(&axis->taps);
    monotone_free(&axis->monotone);
}

enum vitlrp_status heatmap_rows_open(const struct heatmap *map, int32_t picture_width,
                                     int32_t picture_height, struct heatmap_rows *rows,
                                     struct vitlrp_error *err) {
    struct heatmap_cover covered = heatmap_cover(map, picture_width, picture_height);
    struct heatmap_rows made = {.map = map,
                                .x_begin = covered.x_begin,
                                .x_end = covered.x_end,
                                .y_begin = covered.y_begin,
                                .y_end = covered.y_end};
    enum vitlrp_status status;
    double step_x = map->width / map->span_x;
    double step_y = map->height / map->span_y;
    struct resample_window columns = {.start = (made.x_begin - map->left) * step_x,
                                      .step = step_x,
                                      .count = made.x_end - made.x_begin};
    struct resample_window lines = {.start = (made.y_begin - map->top) * step_y,
                                    .step = step_y,
                                    .count = made.y_end - made.y_begin};
    made.averages = step_x > 1.0 || step_y > 1.0;
    TRY_GOTO(status, axis_open(map->width, map->filter, &columns, &made.horizontal, err), failed);
    TRY_GOTO(status, axis_open(map->height, map->filter, &lines, &made.vertical, err), failed);
    made.mixed = mem_calloc((size_t) map->width, sizeof *made.mixed);
    made.slopes = mem_calloc((size_t) map->width, sizeof *made.slopes);
    made.row = mem_calloc((size_t) (made.x_end - made.x_begin), sizeof *made.row);
    if (made.mixed == NULL || made.slopes == NULL || made.row == NULL) {
        status = fail(err, VITLRP_NOMEM, "out of memory for a heat map");
        goto failed;
    }
    *rows = made;
    return VITLRP_OK;
failed:
    heatmap_rows_close(&made);
    return status;
}

/* Row `index` of the map; beyond its ends the outermost. */
static const float *map_row(const struct heatmap *map, int32_t index) {
    int32_t inside = index < 0 ? 0 : index >= map->height ? map->height - 1 : index;
    return map->values + (size_t) inside * (size_t) map->width;
}

static void mix_monotone(struct heatmap_rows *rows, int32_t output) {
    const struct monotone *line = &rows->vertical.monotone;
    int32_t first = line->first[output];
    const float *before = map_row(rows->map, first - 1);
    const float *upper = map_row(rows->map, first);
    const float *lower = map_row(rows->map, first + 1);
    const float *behind = map_row(rows->map, first + 2);
    for (size_t x = 0; x < (size_t) rows->map->width; x++) {
        double slope = monotone_slope((double) before[x], (double) upper[x], (double) lower[x]);
        double next = monotone_slope((double) upper[x], (double) lower[x], (double) behind[x]);
        rows->mixed[x] = (float) monotone_value(&line->weights[output], (double) upper[x],
                                                (double) lower[x], slope, next);
    }
}

static void mix_taps(struct heatmap_rows *rows, int32_t output) {
    const struct resample_taps *taps = &rows->vertical.taps;
    size_t width = (size_t) rows->map->width;
    const double *weight = taps->weight + (size_t) output * (size_t) taps->stride;
    const float *first = map_row(rows->map, taps->first[output]);
    for (size_t x = 0; x < width; x++) {
        double sum = 0.0;
        for (size_t k = 0; k < (size_t) taps->count[output]; k++) {
            sum += weight[k] * (double) first[k * width + x];
        }
        rows->mixed[x] = (float) sum;
    }
}

static void fill_monotone(struct heatmap_rows *rows) {
    const struct monotone *line = &rows->horizontal.monotone;
    const float *mixed = rows->mixed;
    int32_t last = rows->map->width - 1;
    for (int32_t x = 0; x <= last; x++) {
        rows->slopes[x] = monotone_slope((double) mixed[x > 0 ? x - 1 : 0], (double) mixed[x],
                                         (double) mixed[x < last ? x + 1 : last]);
    }
    for (int32_t x = 0; x < line->outputs; x++) {
        int32_t left = line->first[x];
        int32_t right = line->second[x];
        rows->row[x] =
            (float) monotone_value(&line->weights[x], (double) mixed[left], (double) mixed[right],
                                   rows->slopes[left], rows->slopes[right]);
    }
}

static void fill_taps(struct heatmap_rows *rows) {
    const struct resample_taps *taps = &rows->horizontal.taps;
    for (int32_t x = 0; x < taps->outputs; x++) {
        const double *weight = taps->weight + (size_t) x * (size_t) taps->stride;
        const float *first = rows->mixed + taps->first[x];
        double sum = 0.0;
        for (int32_t k = 0; k < taps->count[x]; k++) {
            sum += weight[k] * (double) first[k];
        }
        rows->row[x] = (float) sum;
    }
}

const float *heatmap_rows_get(struct heatmap_rows *rows, int32_t y) {
    if (rows->vertical.is_monotone) {
        mix_monotone(rows, y - rows->y_begin);
    } else {
        mix_taps(rows, y - rows->y_begin);
    }
    if (rows->horizontal.is_monotone) {
        fill_monotone(rows);
    } else {
        fill_taps(rows);
    }
    return rows->row;
}

static void range_add(struct heatmap_range *range, const float *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        range->low = values[i] < range->low ? values[i] : range->low;
        range->high = values[i] > range->high ? values[i] : range->high;
    }
}

struct heatmap_range heatmap_rows_range(struct heatmap_rows *rows) {
    const struct heatmap *map = rows->map;
    struct heatmap_range range = {INFINITY, -INFINITY};
    if (!rows->averages) {
        range_add(&range, map->values, (size_t) map->height * (size_t) map->width);
        return range;
    }
    for (int32_t y = rows->y_begin; y < rows->y_end; y++) {
        range_add(&range, heatmap_rows_get(rows, y), (size_t) (rows->x_end - rows->x_begin));
    }
    return range;
}

void heatmap_rows_close(struct heatmap_rows *rows) {
    axis_close(&rows->horizontal);
    axis_close(&rows->vertical);
    mem_free(rows->mixed);
    mem_free(rows->slopes);
    mem_free(rows->row);
    *rows = (struct heatmap_rows){0};
}
