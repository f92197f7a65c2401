/* What figures of maps are made of: panes of one size, and a colour bar that says what the colours
 * mean. */
#ifndef FIGURE_FIGURE_MAP_H
#define FIGURE_FIGURE_MAP_H

#include "base/text.h"
#include "figure/figure.h"
#include "vitlrp.h"

#define FIGURE_TEXT_COLOR 0x222222
#define FIGURE_FAINT_COLOR 0x666666

/* A photograph in the size of a pane. */
struct figure_pane {
    struct vitlrp_image *image;      /* owned */
    struct vitlrp_geometry geometry; /* of the model input on it */
    double width, height;            /* points */
};

/* Its longer side gets `side` points. *out is owned: figure_pane_close, unless this has failed. */
enum vitlrp_status figure_pane_open(const struct vitlrp_image *image,
                                    const struct vitlrp_geometry *geometry, double side,
                                    struct figure_pane *out, struct vitlrp_error *err);

void figure_pane_close(struct figure_pane *pane);

/* What its hatching means; NULL where the model saw all of it. */
const char *figure_pane_hatching(const struct figure_pane *pane);

/* The photograph itself. */
enum vitlrp_status figure_add_photo(struct figure *figure, const struct figure_pane *pane, double x,
                                    double y, struct vitlrp_error *err);

/* A map [height, width] over the pane, drawn as the options say. */
struct figure_map {
    const float *values;
    int32_t height, width;
    struct vitlrp_render_options options; /* range_low and range_high are set */
    const char *unit;                     /* of its values: "logit", or "score"; NULL: none */
    bool of_pixels;                       /* a value is an input pixel's, not a patch's */
};

/* The least and the largest value of maps, for the range of their colours. */
struct figure_range {
    float low, high;
};

/* Of no map. */
struct figure_range figure_range_none(void);

void figure_range_add(struct figure_range *range, const float *values, size_t count);

/* The range as the options have it, if they have one; otherwise this one, around zero for maps with
 * two signs. */
void figure_range_set(const struct figure_range *range, struct vitlrp_render_options *options);

/* The picture of the map over the pane. *data is owned: vitlrp_free. */
enum vitlrp_status figure_map_encode(const struct figure_pane *pane, const struct figure_map *map,
                                     enum vitlrp_picture_format format, unsigned char **data,
                                     size_t *size, struct vitlrp_error *err);

enum vitlrp_status figure_add_map(struct figure *figure, const struct figure_pane *pane,
                                  const struct figure_map *map, double x, double y,
                                  struct vitlrp_error *err);

/* A line of text below y, in a size of points. */
struct figure_line {
    double x, y, width, size;
    bool is_bold, is_faint;
};

/* Adds the words, and empties them. */
void figure_add_line(struct figure *figure, const struct figure_line *line, struct text *words);

#define FIGURE_BAR_HEIGHT 27.0 /* points, with its texts */

/* The colours of the map and what they mean, `width` points wide, with the upper left corner at x,
 * y. */
enum vitlrp_status figure_add_bar(struct figure *figure, const struct figure_map *map,
                                  const struct figure_box *box, struct vitlrp_error *err);

#endif
