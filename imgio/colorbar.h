/* The legend of a scale: its colours from the largest value to the least, and what they mean. */
#ifndef IMGIO_COLORBAR_H
#define IMGIO_COLORBAR_H

#include "imgio/colormap.h"
#include "imgio/render.h"

enum { COLORBAR_LABELS = 3 };

/* A value beside the bar; position 0 is the largest value's end, 1 the least's. */
struct colorbar_label {
    char text[24]; /* UTF-8; "" is not shown */
    float position;
};

struct colorbar {
    const struct colormap *colors; /* not owned */
    struct render_scale scale;
    struct colorbar_label labels[COLORBAR_LABELS]; /* the ends, and zero where it lies between */
};

/* Fills the labels; they have as many digits as tell the ends apart. */
struct colorbar colorbar_make(const struct colormap *colors, const struct render_scale *scale);

/* The colour at a position, RGB. */
const uint8_t *colorbar_color(const struct colorbar *bar, float position);

#endif
