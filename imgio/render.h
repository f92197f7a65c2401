/* Heat maps as pictures, in the photograph's own coordinates. The scale is symmetric around zero.
 * What the map does not cover is hatched, so that it cannot be mistaken for zero relevance. */
#ifndef IMGIO_RENDER_H
#define IMGIO_RENDER_H

#include <stdint.h>

#include "base/status.h"
#include "imgio/colormap.h"
#include "imgio/heatmap.h"
#include "imgio/image.h"

struct render_look {
    struct colormap colors;
    float opacity; /* of the overlay, 0 to 1; negative: grows with the strength of the value */
    float scale;   /* the absolute value that gets the full colour; 0: the largest that is drawn */
};

/* The scale that drawing the map over a picture of this size uses: look->scale, or the map's peak
 * there. 0 for a map of zeros, which is drawn in the neutral colour. */
enum vitlrp_status render_scale(const struct heatmap *map, const struct render_look *look,
                                int32_t width, int32_t height, float *scale,
                                struct vitlrp_error *err);

/* The map alone. *out is owned: image_free. */
enum vitlrp_status render_heat(const struct heatmap *map, const struct render_look *look,
                               int32_t width, int32_t height, struct image *out,
                               struct vitlrp_error *err);

/* The map over the photograph, which outside of it loses its colour and brightness. *out is owned:
 * image_free. */
enum vitlrp_status render_overlay(const struct image *photo, const struct heatmap *map,
                                  const struct render_look *look, struct image *out,
                                  struct vitlrp_error *err);

/* The hatching of render_heat over the given rectangle, for a legend. */
void render_hatch(struct image *image, const struct colormap *colors, int32_t left, int32_t top,
                  int32_t width, int32_t height);

#endif
