#include "imgio/render.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/mem.h"

#define OPACITY_MAX 0.8F /* the photograph stays visible below the strongest relevance */
#define GREY_DEPTH 154   /* of 256: how much darker than white a light grey photograph gets */
#define ALPHA_ONE 256
#define LINE_PART 600 /* of the longer side: the width of a contour */

/* What is laid over the photograph for each entry of the colour map: out = (photo * keep + add) /
 * ALPHA_ONE. */
struct blend {
    int32_t keep[COLORMAP_ENTRIES];
    int32_t add[COLORMAP_ENTRIES][3];
};

/* Diagonal stripes, their width in proportion to the picture. */
struct hatch {
    int32_t period, line;
};

static struct hatch hatch_for(int32_t width, int32_t height) {
    int32_t side = width > height ? width : height;
    int32_t period = side / 80 < 8 ? 8 : side / 80;
    return (struct hatch){.period = period, .line = period / 4};
}

static bool is_on_line(const struct hatch *hatch, int32_t x, int32_t y) {
    return (x + y) % hatch->period < hatch->line;
}

/* The colour of an entry with its neutral part taken out: the step from the neutral colour to it,
 * made as long as full strength would make it, but no longer than the range of colours allows. Laid
 * thinly over the photograph it tints, where the entry itself would veil it in white or black. */
static void tint(const struct colormap *colors, int32_t entry, float strength, float out[3]) {
    const uint8_t *neutral = colors->rgb[COLORMAP_SIDE];
    const uint8_t *color = colors->rgb[entry];
    float stretch = strength > 0.0F ? 1.0F / strength : 1.0F;
    for (int c = 0; c < 3; c++) {
        float step = (float) (color[c] - neutral[c]);
        float space = (float) (step > 0.0F ? 255 - neutral[c] : neutral[c]);
        if (fabsf(step) * stretch > space) {
            stretch = space / fabsf(step);
        }
    }
    for (int c = 0; c < 3; c++) {
        out[c] = (float) neutral[c] + (float) (color[c] - neutral[c]) * stretch;
    }
}

static void blend_make(const struct render_look *look, bool around_zero, struct blend *blend) {
    for (int32_t i = 0; i < COLORMAP_ENTRIES; i++) {
        float strength = around_zero ? fabsf((float) (i - COLORMAP_SIDE) / (float) COLORMAP_SIDE)
                                     : (float) i / (float) (COLORMAP_ENTRIES - 1);
        const uint8_t *plain = look->colors.rgb[i];
        float color[3] = {(float) plain[0], (float) plain[1], (float) plain[2]};
        float opacity = look->opacity;
        if (opacity < 0.0F) {
            opacity = OPACITY_MAX * strength; /* as the colour bar has it: in proportion */
            if (around_zero) {
                tint(&look->colors, i, strength, color);
            }
        }
        int32_t alpha = (int32_t) lroundf(opacity * (float) ALPHA_ONE);
        blend->keep[i] = ALPHA_ONE - alpha;
        for (int c = 0; c < 3; c++) {
            blend->add[i][c] = (int32_t) lroundf(color[c] * (float) alpha) + ALPHA_ONE / 2;
        }
    }
}

/* The grey of unseen parts of a heat map: off the neutral colour's brightness, further where that
 * is dark, because steps between dark greys are hard to see. */
static uint8_t heat_hatch_level(const struct colormap *colors, bool on_line) {
    int32_t neutral = image_luma(colors->rgb[COLORMAP_SIDE]);
    return (uint8_t) (neutral >= 128 ? neutral - (on_line ? 52 : 24)
                                     : neutral + (on_line ? 76 : 44));
}

static void hatch_heat(const struct colormap *colors, const struct hatch *hatch, int32_t x,
                       int32_t end, int32_t y, uint8_t *row) {
    uint8_t level[2] = {heat_hatch_level(colors, false), heat_hatch_level(colors, true)};
    for (; x < end; x++) {
        uint8_t value = level[is_on_line(hatch, x, y) ? 1 : 0];
        memset(row + 3 * (ptrdiff_t) x, value, 3);
    }
}

static void hatch_photo(const uint8_t *photo, const struct hatch *hatch, int32_t x, int32_t end,
                        int32_t y, uint8_t *row) {
    for (; x < end; x++) {
        int32_t grey = image_luma(photo + 3 * (ptrdiff_t) x);
        int32_t dark = grey * 2 / 5 + (is_on_line(hatch, x, y) ? 44 : 26);
        memset(row + 3 * (ptrdiff_t) x, dark, 3);
    }
}

/* Everything that colouring one row needs. */
struct painter {
    const struct image *photo; /* NULL: the map alone */
    bool in_grey;              /* the photograph */
    const struct colormap *colors;
    int32_t width; /* of the picture */
    struct blend blend;
    struct hatch hatch;
    struct render_scale scale;
};

static void paint_unseen(const struct painter *painter, int32_t x, int32_t end, int32_t y,
                         size_t offset, uint8_t *row) {
    if (painter->photo == NULL) {
        hatch_heat(painter->colors, &painter->hatch, x, end, y, row);
    } else {
        hatch_photo(painter->photo->rgb + offset, &painter->hatch, x, end, y, row);
    }
}

int32_t render_entry(const struct render_scale *scale, float value) {
    const struct heatmap_range *range = &scale->range;
    float clipped = value < range->low ? range->low : value > range->high ? range->high : value;
    if (scale->around_zero) {
        float unit = fmaxf(fabsf(range->low), fabsf(range->high));
        return unit > 0.0F ? colormap_index(clipped / unit) : COLORMAP_SIDE;
    }
    float extent = range->high - range->low;
    return extent > 0.0F ? colormap_index(2.0F * ((clipped - range->low) / extent) - 1.0F) : 0;
}

static void paint_heat(const struct painter *painter, const float *values, int32_t count,
                       uint8_t *pixel) {
    for (int32_t x = 0; x < count; x++, pixel += 3) {
        const uint8_t *color = painter->colors->rgb[render_entry(&painter->scale, values[x])];
        pixel[0] = color[0];
        pixel[1] = color[1];
        pixel[2] = color[2];
    }
}

/* The photograph in light grey, so that every colour is the map's. */
static void paint_grey(const uint8_t *photo, int32_t count, uint8_t *pixel) {
    for (int32_t x = 0; x < count; x++, pixel += 3, photo += 3) {
        memset(pixel, 255 - (255 - image_luma(photo)) * GREY_DEPTH / ALPHA_ONE, 3);
    }
}

static void paint_overlay(const struct painter *painter, const float *values, int32_t count,
                          const uint8_t *photo, uint8_t *pixel) {
    for (int32_t x = 0; x < count; x++, pixel += 3, photo += 3) {
        int32_t index = render_entry(&painter->scale, values[x]);
        int32_t keep = painter->blend.keep[index];
        const int32_t *add = painter->blend.add[index];
        pixel[0] = (uint8_t) ((photo[0] * keep + add[0]) / ALPHA_ONE);
        pixel[1] = (uint8_t) ((photo[1] * keep + add[1]) / ALPHA_ONE);
        pixel[2] = (uint8_t) ((photo[2] * keep + add[2]) / ALPHA_ONE);
    }
}

static void paint_row(const struct painter *painter, struct heatmap_rows *rows, int32_t y,
                      uint8_t *row) {
    size_t offset = (size_t) y * (size_t) painter->width * 3;
    if (y < rows->y_begin || y >= rows->y_end) {
        paint_unseen(painter, 0, painter->width, y, offset, row);
        return;
    }
    const float *values = heatmap_rows_get(rows, y);
    size_t begin = (size_t) rows->x_begin * 3;
    int32_t count = rows->x_end - rows->x_begin;
    paint_unseen(painter, 0, rows->x_begin, y, offset, row);
    if (painter->photo == NULL) {
        paint_heat(painter, values, count, row + begin);
    } else {
        const uint8_t *under = painter->photo->rgb + offset + begin;
        if (painter->in_grey) {
            paint_grey(under, count, row + begin);
            under = row + begin;
        }
        paint_overlay(painter, values, count, under, row + begin);
    }
    paint_unseen(painter, rows->x_end, painter->width, y, offset, row);
}

static struct render_scale scale_of(struct heatmap_rows *rows, const struct render_look *look) {
    bool given = look->range.low < look->range.high;
    struct render_scale scale = {
        .around_zero =
            look->kind == VITLRP_MAP_SIGNED || look->colors.kind == VITLRP_COLORMAP_DIVERGING,
        .range = given ? look->range : heatmap_rows_range(rows),
    };
    if (scale.around_zero && !given) {
        float peak = fmaxf(fabsf(scale.range.low), fabsf(scale.range.high));
        scale.range = (struct heatmap_range){-peak, peak};
    }
    return scale;
}

struct picture_size {
    int32_t width, height;
};

/* The step of the colours in which a value lies: 0 around zero, or at the least value. */
static int32_t contour_step(const struct render_scale *scale, int32_t contours, float value) {
    int32_t entry = render_entry(scale, value);
    int32_t steps = contours + 1;
    if (!scale->around_zero) {
        return entry * steps / COLORMAP_ENTRIES;
    }
    int32_t side = entry - COLORMAP_SIDE;
    return side * steps / (COLORMAP_SIDE + 1); /* towards zero */
}

/* A line's pixel: dark on light ground, light on dark ground. */
static void draw_line_pixel(uint8_t *pixel) {
    memset(pixel, image_luma(pixel) >= 96 ? 24 : 232, 3);
}

struct overlay_rows {
    struct painter painter;
    struct heatmap_rows rows;
    int32_t contours;
    int32_t line;   /* width of a contour */
    int32_t *steps; /* [covered pixels of a row], owned; of contours */
};

/* Lines where a pixel and the one right of it or below it lie in different steps. */
static void draw_contours(struct overlay_rows *overlay, int32_t y, uint8_t *row) {
    struct heatmap_rows *rows = &overlay->rows;
    const struct render_scale *scale = &overlay->painter.scale;
    int32_t *steps = overlay->steps;
    int32_t line = overlay->line;
    int32_t count = rows->x_end - rows->x_begin;
    int32_t below_y = y + line < rows->y_end ? y + line : rows->y_end - 1;
    const float *values = heatmap_rows_get(rows, y);
    for (int32_t x = 0; x < count; x++) {
        steps[x] = contour_step(scale, overlay->contours, values[x]);
    }
    const float *below = heatmap_rows_get(rows, below_y);
    for (int32_t x = 0; x < count; x++) {
        int32_t right = x + line < count ? x + line : count - 1;
        if (steps[x] != steps[right] ||
            steps[x] != contour_step(scale, overlay->contours, below[x])) {
            draw_line_pixel(row + 3 * (size_t) (rows->x_begin + x));
        }
    }
}

/* photo NULL: the map alone. */
static enum vitlrp_status picture_open(const struct image *photo, const struct heatmap *map,
                                       const struct render_look *look, struct picture_size size,
                                       struct overlay_rows *out, struct vitlrp_error *err) {
    int32_t side = size.width > size.height ? size.width : size.height;
    *out = (struct overlay_rows){
        .painter = {.photo = photo,
                    .colors = &look->colors,
                    .width = size.width,
                    .hatch = hatch_for(size.width, size.height),
                    .in_grey = look->underlay == VITLRP_UNDERLAY_GREY},
        .contours = look->contours,
        .line = side / LINE_PART > 1 ? side / LINE_PART : 1,
    };
    TRY(heatmap_rows_open(map, size.width, size.height, &out->rows, err));
    if (look->contours > 0) {
        out->steps = mem_calloc((size_t) (out->rows.x_end - out->rows.x_begin), sizeof *out->steps);
        if (out->steps == NULL) {
            heatmap_rows_close(&out->rows);
            return fail(err, VITLRP_NOMEM, "out of memory for contours");
        }
    }
    out->painter.scale = scale_of(&out->rows, look);
    blend_make(look, out->painter.scale.around_zero, &out->painter.blend);
    return VITLRP_OK;
}

static void picture_close(struct overlay_rows *picture) {
    heatmap_rows_close(&picture->rows);
    mem_free(picture->steps);
}

void overlay_rows_get(struct overlay_rows *rows, int32_t y, uint8_t *row) {
    paint_row(&rows->painter, &rows->rows, y, row);
    if (rows->contours > 0 && y >= rows->rows.y_begin && y < rows->rows.y_end) {
        draw_contours(rows, y, row);
    }
}

static enum vitlrp_status picture_draw(const struct image *photo, const struct heatmap *map,
                                       const struct render_look *look, struct picture_size size,
                                       struct image *out, struct vitlrp_error *err) {
    struct overlay_rows rows;
    TRY(picture_open(photo, map, look, size, &rows, err));
    enum vitlrp_status status = image_alloc(size.width, size.height, out, err);
    for (int32_t y = 0; y < size.height && status == VITLRP_OK; y++) {
        overlay_rows_get(&rows, y, out->rgb + (size_t) y * (size_t) size.width * 3);
    }
    picture_close(&rows);
    return status;
}

static const struct image *underlay_of(const struct image *photo, const struct render_look *look) {
    return look->underlay == VITLRP_UNDERLAY_NONE ? NULL : photo;
}

enum vitlrp_status overlay_rows_open(const struct image *photo, const struct heatmap *map,
                                     const struct render_look *look, struct overlay_rows **out,
                                     struct vitlrp_error *err) {
    struct overlay_rows *rows = mem_calloc(1, sizeof *rows);
    if (rows == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a picture");
    }
    enum vitlrp_status status =
        picture_open(underlay_of(photo, look), map, look,
                     (struct picture_size){photo->width, photo->height}, rows, err);
    if (status != VITLRP_OK) {
        mem_free(rows);
        return status;
    }
    *out = rows;
    return VITLRP_OK;
}

void overlay_rows_close(struct overlay_rows *rows) {
    if (rows != NULL) {
        picture_close(rows);
        mem_free(rows);
    }
}

enum vitlrp_status render_scale(const struct heatmap *map, const struct render_look *look,
                                int32_t width, int32_t height, struct render_scale *scale,
                                struct vitlrp_error *err) {
    struct heatmap_rows rows;
    TRY(heatmap_rows_open(map, width, height, &rows, err));
    *scale = scale_of(&rows, look);
    heatmap_rows_close(&rows);
    return VITLRP_OK;
}

enum vitlrp_status render_heat(const struct heatmap *map, const struct render_look *look,
                               int32_t width, int32_t height, struct image *out,
                               struct vitlrp_error *err) {
    return picture_draw(NULL, map, look, (struct picture_size){width, height}, out, err);
}

enum vitlrp_status render_overlay(const struct image *photo, const struct heatmap *map,
                                  const struct render_look *look, struct image *out,
                                  struct vitlrp_error *err) {
    return picture_draw(underlay_of(photo, look), map, look,
                        (struct picture_size){photo->width, photo->height}, out, err);
}

void render_unseen(const struct image *photo, const struct heatmap *map, struct image *picture) {
    struct hatch hatch = hatch_for(picture->width, picture->height);
    struct heatmap_cover cover = heatmap_cover(map, picture->width, picture->height);
    for (int32_t y = 0; y < picture->height; y++) {
        size_t offset = (size_t) y * (size_t) picture->width * 3;
        bool is_row = y >= cover.y_begin && y < cover.y_end;
        int32_t begin = is_row ? cover.x_begin : picture->width;
        hatch_photo(photo->rgb + offset, &hatch, 0, begin, y, picture->rgb + offset);
        if (is_row) {
            hatch_photo(photo->rgb + offset, &hatch, cover.x_end, picture->width, y,
                        picture->rgb + offset);
        }
    }
}

void render_hatch(struct image *image, const struct colormap *colors, int32_t left, int32_t top,
                  int32_t width, int32_t height) {
    struct hatch hatch = hatch_for(width, height);
    for (int32_t y = top; y < top + height; y++) {
        uint8_t *row = image->rgb + (size_t) y * (size_t) image->width * 3;
        hatch_heat(colors, &hatch, left, left + width, y, row);
    }
}
