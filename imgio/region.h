/* The part of a photograph that a map values most, as people are shown it: the rest dark, the rest
 * blurred with a line around what is not, or a box around it. Cells of the map are taken whole. */
#ifndef IMGIO_REGION_H
#define IMGIO_REGION_H

#include "base/status.h"
#include "imgio/heatmap.h"
#include "imgio/image.h"
#include "imgio/render.h"

/* The cells with the largest values, `percent` of all and never none, of equal values the
 * earlier: *chosen [height, width] of the map has 1 for them. It is owned: mem_free. */
enum vitlrp_status region_choose(const struct heatmap *map, float percent, unsigned char **chosen,
                                 struct vitlrp_error *err);

/* The photograph as look->top_as says. Parts that the map does not cover are hatched. *out is
 * owned: image_free. */
enum vitlrp_status region_draw(const struct image *photo, const struct heatmap *map,
                               const struct render_look *look, struct image *out,
                               struct vitlrp_error *err);

#endif
