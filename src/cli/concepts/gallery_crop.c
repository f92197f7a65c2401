#include "gallery_crop.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "vitlrp.h"

#define SHOWN 0.2F /* of the largest value */
#define DIMMED 4   /* the rest has this part of its brightness */
#define SIDE 96    /* of the picture, at most: some thousand of them make a page of 10 MB */

/* ---- The blur ---- */

/* One line, [count] with a step between two numbers; what lies beyond its ends has no weight. */
static void blur_line(const float *weights, size_t radius, float *line, size_t count, size_t step,
                      float *scratch) {
    for (size_t i = 0; i < count; i++) {
        size_t first = i < radius ? 0 : i - radius;
        double sum = 0.0;
        double whole = 0.0;
        for (size_t j = first; j < count && j <= i + radius; j++) {
            double weight = (double) weights[j > i ? j - i : i - j];
            sum += weight * (double) line[j * step];
            whole += weight;
        }
        scratch[i] = (float) (sum / whole);
    }
    for (size_t i = 0; i < count; i++) {
        line[i * step] = scratch[i];
    }
}

static enum vitlrp_status blur(const struct gallery_view *view, float *map,
                               struct vitlrp_error *err) {
    double sigma = 0.5 * (double) view->patch;
    size_t radius = (size_t) ceil(3.0 * sigma);
    size_t height = (size_t) view->height;
    size_t width = (size_t) view->width;
    size_t longest = height > width ? height : width;
    float *weights = mem_calloc(radius + 1 + longest, sizeof *weights);
    if (weights == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a picture of %d x %d pixels", view->width,
                    view->height);
    }
    for (size_t i = 0; i <= radius; i++) {
        weights[i] = (float) exp(-0.5 * (double) (i * i) / (sigma * sigma));
    }
    for (size_t y = 0; y < height; y++) {
        blur_line(weights, radius, map + y * width, width, 1, weights + radius + 1);
    }
    for (size_t x = 0; x < width; x++) {
        blur_line(weights, radius, map + x, height, width, weights + radius + 1);
    }
    mem_free(weights);
    return VITLRP_OK;
}

/* ---- The square ---- */

/* What is shown: rows and columns [top, bottom), [left, right). */
struct box {
    int32_t top, bottom, left, right;
};

static struct box find_box(const struct gallery_view *view, const float *map) {
    struct box box = {view->height, 0, view->width, 0};
    for (int32_t y = 0; y < view->height; y++) {
        for (int32_t x = 0; x < view->width; x++) {
            if (map[(size_t) y * (size_t) view->width + (size_t) x] > SHOWN) {
                box.top = y < box.top ? y : box.top;
                box.bottom = y + 1;
                box.left = x < box.left ? x : box.left;
                box.right = x + 1 > box.right ? x + 1 : box.right;
            }
        }
    }
    return box;
}

/* `side` pixels around the middle of [low, high), within [0, limit). */
static void place_side(int32_t low, int32_t high, int32_t side, int32_t limit, int32_t *start,
                       int32_t *length) {
    *length = side < limit ? side : limit;
    *start = (low + high - *length) / 2;
    *start = *start < 0 ? 0 : *start;
    *start = *start > limit - *length ? limit - *length : *start;
}

enum vitlrp_status gallery_crop_find(const struct gallery_view *view, float *map,
                                     struct gallery_square *square, struct vitlrp_error *err) {
    size_t count = (size_t) view->height * (size_t) view->width;
    float largest = 0.0F;
    *square = (struct gallery_square){0, 0, view->height, view->width};
    for (size_t i = 0; i < count; i++) {
        map[i] = map[i] > 0.0F ? map[i] : 0.0F;
    }
    TRY(blur(view, map, err));
    for (size_t i = 0; i < count; i++) {
        largest = map[i] > largest ? map[i] : largest;
    }
    if (!(largest > 0.0F)) {
        return VITLRP_OK;
    }
    for (size_t i = 0; i < count; i++) {
        map[i] /= largest;
    }
    struct box box = find_box(view, map);
    int32_t tall = box.bottom - box.top;
    int32_t wide = box.right - box.left;
    int32_t side = (tall > wide ? tall : wide) + 2 * view->patch;
    place_side(box.top, box.bottom, side, view->height, &square->top, &square->height);
    place_side(box.left, box.right, side, view->width, &square->left, &square->width);
    return VITLRP_OK;
}

/* ---- The picture ---- */

static void copy_square(const struct gallery_view *view, const float *map,
                        const struct gallery_square *square, uint8_t *out) {
    for (int32_t y = 0; y < square->height; y++) {
        for (int32_t x = 0; x < square->width; x++) {
            size_t from =
                (size_t) (square->top + y) * (size_t) view->width + (size_t) (square->left + x);
            bool shown = map[from] > SHOWN;
            for (size_t c = 0; c < 3; c++) {
                uint8_t value = view->rgb[3 * from + c];
                *out++ = (uint8_t) (shown ? value : value / DIMMED);
            }
        }
    }
}

static enum vitlrp_status encode(const uint8_t *rgb, const struct gallery_square *square,
                                 unsigned char **data, size_t *size, struct vitlrp_error *err) {
    struct vitlrp_image *image = NULL;
    struct vitlrp_image *small = NULL;
    enum vitlrp_status status =
        vitlrp_image_from_rgb(rgb, square->height, square->width, &image, err);
    if (status == VITLRP_OK) {
        status = vitlrp_image_shrink(image, SIDE, &small, err);
    }
    if (status == VITLRP_OK) {
        status = vitlrp_image_encode(small, VITLRP_PICTURE_JPEG, NULL, data, size, err);
    }
    vitlrp_image_close(small);
    vitlrp_image_close(image);
    return status;
}

enum vitlrp_status gallery_crop(const struct gallery_view *view, float *map, unsigned char **data,
                                size_t *size, struct vitlrp_error *err) {
    struct gallery_square square;
    TRY(gallery_crop_find(view, map, &square, err));
    uint8_t *rgb = mem_calloc((size_t) square.height * (size_t) square.width, 3);
    if (rgb == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a picture of %d x %d pixels",
                    square.width, square.height);
    }
    copy_square(view, map, &square, rgb);
    enum vitlrp_status status = encode(rgb, &square, data, size, err);
    mem_free(rgb);
    return status;
}
