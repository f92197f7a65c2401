/* Antialiased resizing that equals Pillow's Image.resize bit for bit (checked against version
 * 13.0), so that a model sees here what it saw in Python. Enlarges and shrinks; no other filter
 * than those of base/resample.h. */
#ifndef IMGIO_RESIZE_H
#define IMGIO_RESIZE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/resample.h"
#include "base/status.h"
#include "imgio/image.h"

/* A picture resized to width x height, of which the window of window_width x window_height pixels
 * at (left, top) is wanted; nothing outside of it is computed. */
struct resize {
    int32_t width, height;
    int32_t left, top;
    int32_t window_width, window_height;
    enum resample_filter filter;
};

/* True if a picture of that size is resized in its height first. The order decides about the last
 * bit. */
bool resize_begins_with_rows(const struct resize *resize, int32_t width, int32_t height);

/* Writes the window to *out, owned by the caller: image_free. The window must lie in the resized
 * picture. NOMEM is the only failure. */
enum vitlrp_status image_resize(const struct image *image, const struct resize *resize,
                                struct image *out, struct vitlrp_error *err);

/* Likewise, of the whole picture. */
enum vitlrp_status image_scale(const struct image *image, int32_t width, int32_t height,
                               enum resample_filter filter, struct image *out,
                               struct vitlrp_error *err);

/* A copy whose longer side has `side` pixels, in proportion; a smaller picture keeps its size. */
enum vitlrp_status image_shrink(const struct image *image, int32_t side,
                                enum resample_filter filter, struct image *out,
                                struct vitlrp_error *err);

#endif
