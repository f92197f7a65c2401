/* A resize of a picture whose rows come one after the other, as stored: the same window that
 * image_resize makes of the whole picture turned upright, bit for bit, in memory that grows with
 * the window and a row, not with the picture. */
#ifndef IMGIO_STREAM_RESIZE_H
#define IMGIO_STREAM_RESIZE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "imgio/resize.h"

struct stream_resize;

/* The picture as stored, and what is wanted of it. */
struct stream_source {
    int32_t width, height;
    int32_t orientation; /* 1 to 8: the resize is of the upright picture */
    bool in_grey;        /* without colour, as preprocess_grey makes it */
    bool any_order;      /* the last bit may differ: in the order that takes least memory */
};

/* The window must lie in the resized picture. *out is owned: stream_resize_close. NOMEM is the only
 * failure. */
enum vitlrp_status stream_resize_open(const struct stream_source *source,
                                      const struct resize *resize, struct stream_resize **out,
                                      struct vitlrp_error *err);

/* The next row [width, 3]; exactly `height` of them. */
void stream_resize_add(struct stream_resize *stream, const uint8_t *row);

/* After the last row: the window, upright. *out is owned: image_free. */
enum vitlrp_status stream_resize_take(struct stream_resize *stream, struct image *out,
                                      struct vitlrp_error *err);

void stream_resize_close(struct stream_resize *stream);

#endif
