/* The picture of one explanation as a figure: SVG or PDF, where what stands below it is text. */
#ifndef CLI_FIGURE_SINGLE_H
#define CLI_FIGURE_SINGLE_H

#include "figure.h"
#include "figure_map.h"

struct figure_single {
    const struct vitlrp_image *image;
    const struct vitlrp_geometry *geometry;
    struct figure_map map;
    const char *caption; /* lines, the first of which is the title; NULL: none */
    const char *comment; /* how it was made */
};

/* *out is owned: bytes_free. */
enum vitlrp_status figure_single_encode(const struct figure_single *single,
                                        enum figure_format format, struct bytes *out,
                                        struct vitlrp_error *err);

#endif
