/* A map in few numbers: what the contact sheet averages over the images of a class. */
#include <math.h>

#include "batch_line.h"

struct share {
    int32_t begin, end;
    double first, last; /* how much of the cells at both ends belongs to it */
};

/* The `place`-th of `count` equal shares of `length` cells. */
static struct share share_of(int32_t length, int32_t count, int32_t place) {
    double low = (double) length * place / count;
    double high = (double) length * (place + 1) / count;
    struct share share = {(int32_t) floor(low), (int32_t) ceil(high), 1.0, 1.0};
    share.first = 1.0 - (low - share.begin);
    share.last = 1.0 - (share.end - high);
    if (share.end - share.begin == 1) {
        share.first = share.last = high - low;
    }
    return share;
}

static double weight_in(const struct share *share, int32_t at) {
    return at == share->begin ? share->first : at == share->end - 1 ? share->last : 1.0;
}

static double sum_over(const float *map, int32_t width, const struct share *rows,
                       const struct share *columns) {
    double sum = 0.0;
    for (int32_t y = rows->begin; y < rows->end; y++) {
        double of_row = 0.0;
        for (int32_t x = columns->begin; x < columns->end; x++) {
            of_row +=
                weight_in(columns, x) * (double) map[(size_t) y * (size_t) width + (size_t) x];
        }
        sum += weight_in(rows, y) * of_row;
    }
    return sum;
}

json_t *batch_line_coarse(const float *map, int32_t height, int32_t width) {
    double cells[BATCH_COARSE * BATCH_COARSE] = {0};
    int32_t rows = height < BATCH_COARSE ? height : BATCH_COARSE;
    int32_t columns = width < BATCH_COARSE ? width : BATCH_COARSE;
    double largest = 0.0;
    for (int32_t y = 0; y < rows; y++) {
        struct share of_rows = share_of(height, rows, y);
        for (int32_t x = 0; x < columns; x++) {
            struct share of_columns = share_of(width, columns, x);
            double sum = sum_over(map, width, &of_rows, &of_columns);
            cells[y * columns + x] = sum;
            largest = fmax(largest, fabs(sum));
        }
    }
    json_t *percent = json_array();
    for (int32_t i = 0; i < rows * columns; i++) {
        double share = largest > 0.0 && isfinite(largest) ? 100.0 * cells[i] / largest : 0.0;
        if (json_array_append_new(percent, json_integer((json_int_t) lround(share))) != 0) {
            json_decref(percent);
            return NULL;
        }
    }
    return json_pack("{s:i, s:i, s:o}", "rows", rows, "columns", columns, "percent", percent);
}
