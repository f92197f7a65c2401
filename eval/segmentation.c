#include "eval/segmentation.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

/* A pixel's score for a class, and whether it is of that class. */
struct scored {
    float score; /* in float32, so that pixels which differ by rounding alone have one place */
    int is_right;
};

struct segmentation segmentation_unknown(void) {
    return (struct segmentation){NAN, NAN, {NAN, NAN}, {NAN, NAN}};
}

/* Between which patches an input pixel lies, and how far from the first, as PyTorch's interpolate
 * with align_corners=False. */
static void find_neighbours(size_t pixel, size_t patch, size_t count, size_t *first, size_t *second,
                            double *part) {
    double place = fmax(0.0, ((double) pixel + 0.5) / (double) patch - 0.5);
    *first = (size_t) place;
    *second = *first + 1 < count ? *first + 1 : *first;
    *part = place - (double) *first;
}

/* pixels [height, width] of the input. */
static void spread_map(const struct localize_grid *grid, const float *patches, double *pixels) {
    size_t height = grid->rows * grid->patch_height;
    size_t width = grid->columns * grid->patch_width;
    for (size_t y = 0; y < height; y++) {
        size_t top, bottom;
        double down;
        find_neighbours(y, grid->patch_height, grid->rows, &top, &bottom, &down);
        for (size_t x = 0; x < width; x++) {
            size_t left, right;
            double across;
            find_neighbours(x, grid->patch_width, grid->columns, &left, &right, &across);
            double above = (1.0 - across) * (double) patches[top * grid->columns + left] +
                           across * (double) patches[top * grid->columns + right];
            double below = (1.0 - across) * (double) patches[bottom * grid->columns + left] +
                           across * (double) patches[bottom * grid->columns + right];
            pixels[y * width + x] = (1.0 - down) * above + down * below;
        }
    }
}

/* Scales to 0 ... 1 and gives the mean; false for a map of one value. */
static bool scale_map(double *pixels, size_t count, double *mean) {
    double least = pixels[0];
    double most = pixels[0];
    for (size_t i = 0; i < count; i++) {
        least = fmin(least, pixels[i]);
        most = fmax(most, pixels[i]);
    }
    *mean = 0.0;
    for (size_t i = 0; i < count && most > least; i++) {
        pixels[i] = (pixels[i] - least) / (most - least);
        *mean += pixels[i] / (double) count;
    }
    return most > least;
}

static void count_pixels(const double *pixels, const uint8_t *mask, size_t count, double mean,
                         struct segmentation *out) {
    double right = 0.0;
    double seen = 0.0;
    *out = (struct segmentation){0};
    for (size_t i = 0; i < count; i++) {
        size_t found = pixels[i] > mean ? 1 : 0;
        if (mask[i] == SEGMENT_NONE) {
            continue;
        }
        seen += 1.0;
        right += found == mask[i] ? 1.0 : 0.0;
        out->both[found] += found == mask[i] ? 1.0 : 0.0;
        out->either[found] += 1.0;
        out->either[mask[i]] += found == mask[i] ? 0.0 : 1.0;
    }
    out->accuracy = right / seen;
}

static int compare_scored(const void *left, const void *right) {
    float a = ((const struct scored *) left)->score;
    float b = ((const struct scored *) right)->score;
    return (a < b) - (a > b);
}

/* Sum over the different scores, from the highest, of the gain of recall times precision. */
static double average_precision(struct scored *list, size_t count, double positives) {
    double right = 0.0;
    double sum = 0.0;
    qsort(list, count, sizeof *list, compare_scored);
    for (size_t first = 0, last = 0; first < count; first = last) {
        double before = right;
        while (last < count && list[last].score == list[first].score) {
            right += list[last++].is_right;
        }
        sum += (right - before) / positives * right / (double) last;
    }
    return sum;
}

/* Of both classes' pixels in one list: the object has the map's value, the background the rest to
 * 1. Each pixel is of one class, so there are as many right ones as pixels. */
static enum vitlrp_status find_precision(const double *pixels, const uint8_t *mask, size_t count,
                                         double *out, struct vitlrp_error *err) {
    struct scored *list = mem_calloc(count, 2 * sizeof *list);
    size_t seen = 0;
    if (list == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a segmentation");
    }
    for (size_t i = 0; i < count; i++) {
        if (mask[i] != SEGMENT_NONE) {
            list[2 * seen] = (struct scored){(float) pixels[i], mask[i] == SEGMENT_OBJECT};
            list[2 * seen + 1] =
                (struct scored){(float) (1.0 - pixels[i]), mask[i] == SEGMENT_BACKGROUND};
            seen++;
        }
    }
    *out = average_precision(list, 2 * seen, (double) seen);
    mem_free(list);
    return VITLRP_OK;
}

static bool has_pixels(const uint8_t *mask, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (mask[i] != SEGMENT_NONE) {
            return true;
        }
    }
    return false;
}

enum vitlrp_status segmentation_of(const struct localize_grid *grid, const float *patches,
                                   const uint8_t *mask, struct segmentation *out,
                                   struct vitlrp_error *err) {
    size_t count = grid->rows * grid->patch_height * grid->columns * grid->patch_width;
    double *pixels = mem_calloc(count, sizeof *pixels);
    double mean = 0.0;
    enum vitlrp_status status = VITLRP_OK;
    *out = segmentation_unknown();
    if (pixels == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a segmentation");
    }
    spread_map(grid, patches, pixels);
    if (scale_map(pixels, count, &mean) && has_pixels(mask, count)) {
        count_pixels(pixels, mask, count, mean, out);
        status = find_precision(pixels, mask, count, &out->average_precision, err);
    }
    mem_free(pixels);
    return status;
}

double segmentation_mean_iou(const double both[2], const double either[2]) {
    double sum = 0.0;
    size_t count = 0;
    for (size_t i = 0; i < 2; i++) {
        if (either[i] > 0.0) {
            sum += both[i] / either[i];
            count++;
        }
    }
    return count > 0 ? sum / (double) count : NAN;
}
