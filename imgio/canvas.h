/* What pictures with text are made of: areas, frames, the legend of unseen parts, and the colours
 * that they share. */
#ifndef IMGIO_CANVAS_H
#define IMGIO_CANVAS_H

#include <stdbool.h>
#include <stdint.h>

#include "imgio/colormap.h"
#include "imgio/font.h"
#include "imgio/image.h"

extern const uint8_t canvas_background[3];
extern const uint8_t canvas_text[3];
extern const uint8_t canvas_faint[3];
extern const char canvas_ellipsis[4];

struct rectangle {
    int32_t x, y, width, height;
};

/* Areas lie inside of the image. */
void canvas_fill(struct image *image, const struct rectangle *area, const uint8_t color[3]);

/* The border goes around the area, not into it. */
void canvas_frame(struct image *image, const struct rectangle *area);

void canvas_paste(struct image *image, const struct image *part, int32_t x, int32_t y);

/* Lays a colour over the area as strongly as coverage [height, width] says, from 0 to 255. What
 * lies outside of the image is cut off. */
void canvas_cover(struct image *image, const struct rectangle *area, const unsigned char *coverage,
                  const uint8_t color[3]);

/* Draws one line of text, with an ellipsis at its end if it is cut there. */
void canvas_line(const struct font *font, struct image *image, const struct font_pen *pen,
                 const char *text, size_t length, bool is_cut);

int32_t canvas_text_width(const struct font *font, const char *text);

/* What the hatching means, as one line of text from x on. */
void canvas_legend(struct image *image, const struct font *font, const struct colormap *colors,
                   int32_t x, int32_t baseline);

#endif
