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

enum vitlrp_status heatmap_rows_open(const struct heatmap *map, int32_t picture_width,
                                     int32_t picture_height, struct heatmap_rows *rows,
                                     struct vitlrp_error *err) {
    struct heatmap_rows made = {.map = map};
    enum vitlrp_status status;
    cover(map->left, map->span_x, picture_width, &made.x_begin, &made.x_end);
    cover(map->top, map->span_y, picture_height, &made.y_begin, &made.y_end);
    double step_x = map->width / map->span_x;
    double step_y = map->height / map->span_y;
    struct resample_window columns = {.start = (made.x_begin - map->left) * step_x,
                                      .step = step_x,
                                      .count = made.x_end - made.x_begin};
    struct resample_window lines = {.start = (made.y_begin - map->top) * step_y,
                                    .step = step_y,
                                    .count = made.y_end - made.y_begin};
    TRY_GOTO(status, resample_taps_window(map->width, &columns, map->filter, &made.horizontal, err),
             failed);
    TRY_GOTO(status, resample_taps_window(map->height, &lines, map->filter, &made.vertical, err),
             failed);
    made.mixed = mem_calloc((size_t) map->width, sizeof *made.mixed);
    made.row = mem_calloc((size_t) (made.x_end - made.x_begin), sizeof *made.row);
    if (made.mixed == NULL || made.row == NULL) {
        status = fail(err, VITLRP_NOMEM, "out of memory for a heat map");
        goto failed;
    }
    *rows = made;
    return VITLRP_OK;
failed:
    heatmap_rows_close(&made);
    return status;
}

static void mix_rows(struct heatmap_rows *rows, int32_t output) {
    const struct heatmap *map = rows->map;
    const struct resample_taps *taps = &rows->vertical;
    size_t width = (size_t) map->width;
    const double *weight = taps->weight + (size_t) output * (size_t) taps->stride;
    const float *first = map->values + (size_t) taps->first[output] * width;
    for (size_t x = 0; x < width; x++) {
        double sum = 0.0;
        for (size_t k = 0; k < (size_t) taps->count[output]; k++) {
            sum += weight[k] * (double) first[k * width + x];
        }
        rows->mixed[x] = (float) sum;
    }
}

const float *heatmap_rows_get(struct heatmap_rows *rows, int32_t y) {
    const struct resample_taps *taps = &rows->horizontal;
    mix_rows(rows, y - rows->y_begin);
    for (int32_t x = 0; x < taps->outputs; x++) {
        const double *weight = taps->weight + (size_t) x * (size_t) taps->stride;
        const float *first = rows->mixed + taps->first[x];
        double sum = 0.0;
        for (int32_t k = 0; k < taps->count[x]; k++) {
            sum += weight[k] * (double) first[k];
        }
        rows->row[x] = (float) sum;
    }
    return rows->row;
}

float heatmap_rows_peak(struct heatmap_rows *rows) {
    float peak = 0.0F;
    for (int32_t y = rows->y_begin; y < rows->y_end; y++) {
        const float *row = heatmap_rows_get(rows, y);
        for (int32_t x = 0; x < rows->horizontal.outputs; x++) {
            float size = fabsf(row[x]);
            peak = size > peak ? size : peak;
        }
    }
    return peak;
}

void heatmap_rows_close(struct heatmap_rows *rows) {
    resample_taps_free(&rows->horizontal);
    resample_taps_free(&rows->vertical);
    mem_free(rows->mixed);
    mem_free(rows->row);
    *rows = (struct heatmap_rows){0};
}
