/* Heat maps as pictures, in the photograph's own coordinates. What the map does not cover is
 * hatched, so that it cannot be mistaken for zero relevance. */
#ifndef IMGIO_RENDER_H
#define IMGIO_RENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "imgio/colormap.h"
#include "imgio/heatmap.h"
#include "imgio/image.h"

struct render_look {
    struct colormap colors;
    float
        opacity; /* of the overlay, 0 to 1; negative: in proportion to the strength of the value */
    enum vitlrp_underlay underlay;
    int32_t contours;  /* lines at equal steps of the colours, of each sign; 0: none */
    float top_percent; /* above 0: region.h in the place of the overlay */
    enum vitlrp_top_as top_as;
    enum vitlrp_map_kind kind;
    struct heatmap_range range; /* of the colours; low = high: the map's own */
    const char *unit;           /* of the values, for a legend; UTF-8 */
};

/* Which value has which colour. Values beyond the range are drawn as its ends. */
struct render_scale {
    bool around_zero; /* zero has the middle colour, and equal values of both signs are as far from
                         it; otherwise the range takes up all colours */
    struct heatmap_range range;
};

/* The scale for drawing the map over a picture of this size. Around zero for a signed map, and for
 * a diverging colour map, whose middle would otherwise call a positive value neutral. The range is
 * look->range, or the map's own, on both sides of zero if around zero. A map of one value has a
 * range without extent: a map of zeros is drawn in the neutral colour. */
enum vitlrp_status render_scale(const struct heatmap *map, const struct render_look *look,
                                int32_t width, int32_t height, struct render_scale *scale,
                                struct vitlrp_error *err);

/* The colour map's entry for a value. */
int32_t render_entry(const struct render_scale *scale, float value);

/* The map alone. *out is owned: image_free. */
enum vitlrp_status render_heat(const struct heatmap *map, const struct render_look *look,
                               int32_t width, int32_t height, struct image *out,
                               struct vitlrp_error *err);

/* The map over the photograph, or alone without an underlay. Outside of the map the photograph
 * loses its colour and brightness. *out is owned: image_free. */
enum vitlrp_status render_overlay(const struct image *photo, const struct heatmap *map,
                                  const struct render_look *look, struct image *out,
                                  struct vitlrp_error *err);

/* The rows of render_overlay, one after the other. */
struct overlay_rows;

/* *out is owned: overlay_rows_close; photo, map and look must outlive it. */
enum vitlrp_status overlay_rows_open(const struct image *photo, const struct heatmap *map,
                                     const struct render_look *look, struct overlay_rows **out,
                                     struct vitlrp_error *err);

/* Writes row y, of the photograph's width, to `row`. */
void overlay_rows_get(struct overlay_rows *rows, int32_t y, uint8_t *row);

/* NULL is fine. */
void overlay_rows_close(struct overlay_rows *rows);

/* Hatches the parts of a picture of the photograph that the map does not cover. */
void render_unseen(const struct image *photo, const struct heatmap *map, struct image *picture);

/* The hatching of render_heat over the given rectangle, for a legend. */
void render_hatch(struct image *image, const struct colormap *colors, int32_t left, int32_t top,
                  int32_t width, int32_t height);

#endif
