/* The picture of one explanation as a figure: SVG or PDF, where what stands below it is text. */
#ifndef FIGURE_FIGURE_SINGLE_H
#define FIGURE_FIGURE_SINGLE_H

#include "figure/figure.h"
#include "figure/figure_map.h"

struct figure_single {
    const struct vitlrp_image *image;
    const struct vitlrp_geometry *geometry;
    struct figure_map map; /* whose options need no range: its own is the map's */
    const char *caption;   /* lines, the first of which is the title; NULL: none */
};

/* *out is owned: figure_free, after a failure too. */
enum vitlrp_status figure_single_draw(const struct figure_single *single, struct figure *out,
                                      struct vitlrp_error *err);

#endif
