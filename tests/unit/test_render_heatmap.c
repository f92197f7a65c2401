/* The map at the picture's pixels, against a naive twin in double precision, and where it lands. */
#include <math.h>
#include <stdbool.h>

#include "base/mem.h"
#include "imgio/heatmap.h"

#include "support/unit.h"

/* Values that look random and are the same everywhere. */
static float *make_values(int32_t height, int32_t width) {
    size_t count = (size_t) height * (size_t) width;
    float *values = mem_calloc(count, sizeof *values);
    assert_non_null(values);
    uint32_t state = 12345;
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525U + 1013904223U;
        values[i] = (float) (state >> 8) / 8388608.0F - 1.0F;
    }
    return values;
}

static int32_t clamped(int32_t index, int32_t count) {
    return index < 0 ? 0 : index >= count ? count - 1 : index;
}

static double slope(double before, double sample, double behind) {
    double rise = sample - before;
    double next = behind - sample;
    return rise * next > 0.0 ? 2.0 / (1.0 / rise + 1.0 / next) : 0.0;
}

/* Hermite's cubic between two of four samples at a distance of 1, in the form of its Bernstein
 * polynomials. */
static double hermite(const double sample[4], double t) {
    double left = sample[1] + slope(sample[0], sample[1], sample[2]) / 3.0;
    double right = sample[2] - slope(sample[1], sample[2], sample[3]) / 3.0;
    double u = 1.0 - t;
    return u * u * u * sample[1] + 3.0 * u * u * t * left + 3.0 * u * t * t * right +
           t * t * t * sample[2];
}

/* The definition of interpolation with pixel centres (align_corners = false) for a map whose cells
 * are at least as large as the pixels: beyond the outermost centres their values go on. */
static double naive_value(const struct heatmap *map, int32_t x, int32_t y) {
    double u = (x + 0.5 - map->left) * map->width / map->span_x - 0.5;
    double v = (y + 0.5 - map->top) * map->height / map->span_y - 0.5;
    double column[4];
    double cell[4];
    if (map->filter == RESAMPLE_BOX) {
        return (double) map->values[(int32_t) (v + 0.5) * map->width + (int32_t) (u + 0.5)];
    }
    u = fmin(fmax(u, 0.0), map->width - 1);
    v = fmin(fmax(v, 0.0), map->height - 1);
    for (int32_t i = 0; i < 4; i++) {
        for (int32_t j = 0; j < 4; j++) {
            int32_t row = clamped((int32_t) v + j - 1, map->height);
            cell[j] =
                (double) map->values[row * map->width + clamped((int32_t) u + i - 1, map->width)];
        }
        double t = v - floor(v);
        column[i] =
            map->filter == RESAMPLE_BICUBIC ? hermite(cell, t) : cell[1] + t * (cell[2] - cell[1]);
    }
    double t = u - floor(u);
    return map->filter == RESAMPLE_BICUBIC ? hermite(column, t)
                                           : column[1] + t * (column[2] - column[1]);
}

/* The largest absolute value of the range. */
static double range_peak(struct heatmap_rows *rows) {
    struct heatmap_range range = heatmap_rows_range(rows);
    return fmax(fabs((double) range.low), fabs((double) range.high));
}

static void compare(const struct heatmap *map, int32_t width, int32_t height) {
    struct heatmap_rows rows;
    double peak = 0.0;
    assert_int_equal(heatmap_rows_open(map, width, height, &rows, NULL), VITLRP_OK);
    for (int32_t y = rows.y_begin; y < rows.y_end; y++) {
        const float *row = heatmap_rows_get(&rows, y);
        for (int32_t x = rows.x_begin; x < rows.x_end; x++) {
            double wanted = naive_value(map, x, y);
            assert_true(fabs((double) row[x - rows.x_begin] - wanted) < 1e-6);
        }
    }
    for (int32_t i = 0; i < map->height * map->width; i++) {
        peak = fmax(peak, fabs((double) map->values[i]));
    }
    assert_true(range_peak(&rows) == peak);
    heatmap_rows_close(&rows);
}

static void test_filters_equal_the_naive_twin(void **state) {
    (void) state;
    const enum resample_filter filters[] = {RESAMPLE_BOX, RESAMPLE_BILINEAR, RESAMPLE_BICUBIC};
    const int32_t shapes[][2] = {{1, 1}, {1, 5}, {4, 1}, {8, 8}, {3, 7}};
    for (size_t f = 0; f < 3; f++) {
        for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
            float *values = make_values(shapes[i][0], shapes[i][1]);
            struct heatmap map = {.values = values,
                                  .height = shapes[i][0],
                                  .width = shapes[i][1],
                                  .left = 10.3,
                                  .top = 0.0,
                                  .span_x = 47.9,
                                  .span_y = 33.0,
                                  .filter = filters[f]};
            compare(&map, 71, 33);
            map.left = 0.0;
            map.span_x = 71.0;
            compare(&map, 71, 33);
            mem_free(values);
        }
    }
}

/* The least and the largest value of the cells whose centres lie around a pixel. */
static struct heatmap_range range_around(const struct heatmap *map, int32_t x, int32_t y) {
    struct heatmap_range range = {INFINITY, -INFINITY};
    int32_t column = (int32_t) floor((x + 0.5 - map->left) * map->width / map->span_x - 0.5);
    int32_t row = (int32_t) floor((y + 0.5 - map->top) * map->height / map->span_y - 0.5);
    for (int32_t i = 0; i < 4; i++) {
        float value = map->values[clamped(row + i / 2, map->height) * map->width +
                                  clamped(column + i % 2, map->width)];
        range.low = fminf(range.low, value);
        range.high = fmaxf(range.high, value);
    }
    return range;
}

/* F1: cubic interpolation without a bound drew signs that the map does not have, and a strongest
 * colour beside the strongest cell. */
static void test_values_stay_among_their_neighbours(void **state) {
    (void) state;
    enum { SIDE = 9, PICTURE = 310 };
    const enum resample_filter filters[] = {RESAMPLE_BOX, RESAMPLE_BILINEAR, RESAMPLE_BICUBIC};
    float *values = make_values(SIDE, SIDE);
    for (size_t i = 0; i < (size_t) SIDE * SIDE; i += 3) {
        values[i] = 0.0F; /* edges between zero and both signs */
    }
    for (size_t f = 0; f < 3; f++) {
        struct heatmap map = {.values = values,
                              .height = SIDE,
                              .width = SIDE,
                              .span_x = PICTURE,
                              .span_y = PICTURE,
                              .filter = filters[f]};
        struct heatmap_rows rows;
        float strongest = 0.0F;
        int32_t cell = -1;
        assert_int_equal(heatmap_rows_open(&map, PICTURE, PICTURE, &rows, NULL), VITLRP_OK);
        for (int32_t y = 0; y < PICTURE; y++) {
            const float *row = heatmap_rows_get(&rows, y);
            for (int32_t x = 0; x < PICTURE; x++) {
                struct heatmap_range around = range_around(&map, x, y);
                assert_true(row[x] >= around.low && row[x] <= around.high);
                if (fabsf(row[x]) > strongest) {
                    strongest = fabsf(row[x]);
                    cell = y * SIDE / PICTURE * SIDE + x * SIDE / PICTURE;
                }
            }
        }
        assert_true(fabs((double) values[cell]) == range_peak(&rows));
        assert_true((double) strongest > 0.99 * range_peak(&rows));
        heatmap_rows_close(&rows);
    }
    mem_free(values);
}

static void test_cover(void **state) {
    (void) state;
    const float value = 1.0F;
    struct heatmap map = {.values = &value, .height = 1, .width = 1, .filter = RESAMPLE_BOX};
    const struct {
        double start, span;
        int32_t begin, end;
    } cases[] = {
        {0.0, 10.0, 0, 10},
        {2.5, 5.0, 2, 7},
        {2.6, 5.0, 3, 8},
        {2.4, 5.2, 2, 8},
        {3.6, 0.6, 3, 4}, /* covers no centre: the nearest pixel */
        {-1e-9, 10.0 + 1e-9, 0, 10},
        {9.7, 0.3, 9, 10},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct heatmap_rows rows;
        map.left = map.top = cases[i].start;
        map.span_x = map.span_y = cases[i].span;
        assert_int_equal(heatmap_rows_open(&map, 10, 10, &rows, NULL), VITLRP_OK);
        assert_int_equal(rows.x_begin, cases[i].begin);
        assert_int_equal(rows.x_end, cases[i].end);
        assert_int_equal(rows.y_begin, cases[i].begin);
        assert_int_equal(rows.y_end, cases[i].end);
        assert_true(range_peak(&rows) == 1.0);
        heatmap_rows_close(&rows);
    }
}

/* A map finer than the picture is averaged: a single hot cell is not lost, and a checkerboard of
 * both signs does not alias into one of them. */
static void test_shrinking_averages(void **state) {
    (void) state;
    enum { SIDE = 64, PICTURE = 8 };
    const enum resample_filter filters[] = {RESAMPLE_BOX, RESAMPLE_BILINEAR, RESAMPLE_BICUBIC};
    static float values[SIDE * SIDE];
    struct heatmap map = {
        .values = values, .height = SIDE, .width = SIDE, .span_x = PICTURE, .span_y = PICTURE};
    for (size_t f = 0; f < 3; f++) {
        struct heatmap_rows rows;
        map.filter = filters[f];
        for (int i = 0; i < SIDE * SIDE; i++) {
            values[i] = (i / SIDE + i % SIDE) % 2 == 0 ? 1.0F : -1.0F;
        }
        assert_int_equal(heatmap_rows_open(&map, PICTURE, PICTURE, &rows, NULL), VITLRP_OK);
        assert_true(range_peak(&rows) < 0.01);
        for (int i = 0; i < SIDE * SIDE; i++) {
            values[i] = i == 20 * SIDE + 31 ? 64.0F : 0.0F;
        }
        double sum = 0.0;
        for (int32_t y = 0; y < PICTURE; y++) {
            const float *row = heatmap_rows_get(&rows, y);
            for (int32_t x = 0; x < PICTURE; x++) {
                sum += (double) row[x];
            }
        }
        assert_true(fabs(sum - 1.0) < 0.01);
        heatmap_rows_close(&rows);
    }
}

static void test_scaled_map(void **state) {
    (void) state;
    struct heatmap map = {.left = 2.0, .top = 3.0, .span_x = 10.0, .span_y = 20.0};
    struct heatmap scaled = heatmap_scaled(&map, 0.5, 2.0);
    assert_true(scaled.left == 1.0 && scaled.span_x == 5.0);
    assert_true(scaled.top == 6.0 && scaled.span_y == 40.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filters_equal_the_naive_twin),
        cmocka_unit_test(test_values_stay_among_their_neighbours),
        cmocka_unit_test(test_cover),
        cmocka_unit_test(test_shrinking_averages),
        cmocka_unit_test(test_scaled_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
