/* A map laid over a picture: which pixels it covers, and its values there. The values are
 * interpolated as asked and never shifted or stretched, so that zero stays zero. No interpolated
 * value lies outside of the range of the map's values around it: a picture shows no sign that its
 * map does not have. */
#ifndef IMGIO_HEATMAP_H
#define IMGIO_HEATMAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/resample.h"
#include "base/status.h"
#include "imgio/monotone.h"

struct heatmap {
    const float *values; /* [height, width], finite; not owned */
    int32_t height, width;
    double left, top, span_x, span_y; /* the part of the picture that it covers, in pixels */
    enum resample_filter filter;      /* BOX: nearest neighbour, BILINEAR, or BICUBIC: monotone */
};

/* The same map over the picture scaled by these factors. */
struct heatmap heatmap_scaled(const struct heatmap *map, double factor_x, double factor_y);

/* How one axis is interpolated. */
struct heatmap_axis {
    bool is_monotone; /* or else by taps */
    struct resample_taps taps;
    struct monotone monotone;
};

/* The pixels of a picture that a map covers. */
struct heatmap_cover {
    int32_t x_begin, x_end, y_begin, y_end;
};

struct heatmap_cover heatmap_cover(const struct heatmap *map, int32_t picture_width,
                                   int32_t picture_height);

/* True if the map lies over the whole picture, but for rounding. */
bool heatmap_covers(const struct heatmap *map, int32_t picture_width, int32_t picture_height);

/* The map at the pixels of a picture, computed row by row. A pixel is covered if its centre is; a
 * map that covers no centre gets the one pixel nearest to its own centre. Map cells smaller than a
 * pixel are averaged by a filter without negative weights. */
struct heatmap_rows {
    const struct heatmap *map; /* not owned */
    int32_t x_begin, x_end, y_begin, y_end;
    bool averages; /* cells of the map are smaller than pixels */
    struct heatmap_axis horizontal, vertical;
    float *mixed;   /* [map->width]: map rows combined for one picture row */
    double *slopes; /* [map->width]: of mixed */
    float *row;     /* [x_end - x_begin] */
};

/* The map must outlive *rows, which the caller owns: heatmap_rows_close. */
enum vitlrp_status heatmap_rows_open(const struct heatmap *map, int32_t picture_width,
                                     int32_t picture_height, struct heatmap_rows *rows,
                                     struct vitlrp_error *err);

/* The values of the pixels x_begin to x_end of row y, y_begin <= y < y_end; valid until the next
 * call. */
const float *heatmap_rows_get(struct heatmap_rows *rows, int32_t y);

struct heatmap_range {
    float low, high;
};

/* The range of the map's own values or, where cells are smaller than pixels, of what is drawn. */
struct heatmap_range heatmap_rows_range(struct heatmap_rows *rows);

void heatmap_rows_close(struct heatmap_rows *rows);

#endif
