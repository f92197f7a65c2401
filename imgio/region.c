#include "imgio/region.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "imgio/canvas.h"
#include "imgio/resize.h"

#define BLUR_CELLS 24 /* of the longer side: what is left of the rest's detail */
#define DARK_SHARE 90 /* of 256: how bright the rest is */
#define BOX_PART 200  /* of the longer side: the width of the box's lines */
#define EDGE_PART 400 /* of the longer side: the width of the lines around what is sharp */
#define EDGE_CELL 8   /* lines that a cell must be wide: around smaller ones there are none */

struct ranked {
    float value;
    size_t index;
};

static int compare_ranked(const void *a, const void *b) {
    const struct ranked *first = a;
    const struct ranked *second = b;
    if (first->value != second->value) {
        return first->value > second->value ? -1 : 1;
    }
    return first->index < second->index ? -1 : 1;
}

enum vitlrp_status region_choose(const struct heatmap *map, float percent, unsigned char **chosen,
                                 struct vitlrp_error *err) {
    size_t cells = (size_t) map->height * (size_t) map->width;
    size_t wanted = (size_t) ceil((double) percent / 100.0 * (double) cells);
    struct ranked *ranked = mem_calloc(cells, sizeof *ranked);
    unsigned char *marks = mem_calloc(cells, 1);
    if (ranked == NULL || marks == NULL) {
        mem_free(ranked);
        mem_free(marks);
        return fail(err, VITLRP_NOMEM, "out of memory for a map of %d x %d", map->width,
                    map->height);
    }
    for (size_t i = 0; i < cells; i++) {
        ranked[i] = (struct ranked){map->values[i], i};
    }
    qsort(ranked, cells, sizeof *ranked, compare_ranked);
    for (size_t i = 0; i < cells && (i < wanted || i == 0); i++) {
        marks[ranked[i].index] = 1;
    }
    mem_free(ranked);
    *chosen = marks;
    return VITLRP_OK;
}

/* ---- The rest ---- */

/* Small and large again: all that is left are blots. */
static enum vitlrp_status blur(const struct image *photo, struct image *out,
                               struct vitlrp_error *err) {
    int32_t side = photo->width > photo->height ? photo->width : photo->height;
    struct image small = {0};
    struct resize resize = {.width = (photo->width * BLUR_CELLS + side - 1) / side,
                            .height = (photo->height * BLUR_CELLS + side - 1) / side,
                            .filter = RESAMPLE_BILINEAR};
    resize.window_width = resize.width;
    resize.window_height = resize.height;
    TRY(image_resize(photo, &resize, &small, err));
    resize.width = resize.window_width = photo->width;
    resize.height = resize.window_height = photo->height;
    enum vitlrp_status status = image_resize(&small, &resize, out, err);
    image_free(&small);
    return status;
}

static enum vitlrp_status darken(const struct image *photo, struct image *out,
                                 struct vitlrp_error *err) {
    size_t pixels = (size_t) photo->width * (size_t) photo->height;
    TRY(image_alloc(photo->width, photo->height, out, err));
    for (size_t i = 0; i < pixels; i++) {
        memset(out->rgb + 3 * i, image_luma(photo->rgb + 3 * i) * DARK_SHARE / 256, 3);
    }
    return VITLRP_OK;
}

/* ---- The chosen cells ---- */

/* The first pixel whose centre is not before a boundary between cells. */
static int32_t pixel_from(double start, double span, int32_t cells, int32_t cell, int32_t size) {
    double edge = ceil(start + span * cell / cells - 0.5);
    return edge <= 0.0 ? 0 : edge >= size ? size : (int32_t) edge;
}

/* The pixels of a range of cells. */
static struct rectangle cells_area(const struct heatmap *map, const struct image *photo,
                                   const struct rectangle *cells) {
    int32_t x = pixel_from(map->left, map->span_x, map->width, cells->x, photo->width);
    int32_t y = pixel_from(map->top, map->span_y, map->height, cells->y, photo->height);
    int32_t end_x =
        pixel_from(map->left, map->span_x, map->width, cells->x + cells->width, photo->width);
    int32_t end_y =
        pixel_from(map->top, map->span_y, map->height, cells->y + cells->height, photo->height);
    return (struct rectangle){x, y, end_x - x, end_y - y};
}

static void keep_cells(const struct image *photo, const struct heatmap *map,
                       const unsigned char *chosen, struct image *out) {
    for (int32_t row = 0; row < map->height; row++) {
        for (int32_t column = 0; column < map->width; column++) {
            struct rectangle area = cells_area(map, photo, &(struct rectangle){column, row, 1, 1});
            bool is_chosen = chosen[(size_t) row * (size_t) map->width + (size_t) column] != 0;
            for (int32_t y = area.y; is_chosen && y < area.y + area.height; y++) {
                size_t offset = ((size_t) y * (size_t) photo->width + (size_t) area.x) * 3;
                memcpy(out->rgb + offset, photo->rgb + offset, (size_t) area.width * 3);
            }
        }
    }
}

/* An area and `more` pixels around it, as far as the image goes. */
static struct rectangle wider_area(const struct rectangle *area, int32_t more,
                                   const struct image *image) {
    int32_t left = area->x > more ? area->x - more : 0;
    int32_t top = area->y > more ? area->y - more : 0;
    int32_t right = area->x + area->width + more;
    int32_t bottom = area->y + area->height + more;
    right = right < image->width ? right : image->width;
    bottom = bottom < image->height ? bottom : image->height;
    return (struct rectangle){left, top, right - left, bottom - top};
}

/* Every chosen cell, and `more` pixels around it, in one colour. */
static void fill_cells(const struct heatmap *map, const unsigned char *chosen, int32_t more,
                       const uint8_t color[3], struct image *out) {
    for (int32_t row = 0; row < map->height; row++) {
        for (int32_t column = 0; column < map->width; column++) {
            struct rectangle area = cells_area(map, out, &(struct rectangle){column, row, 1, 1});
            const struct rectangle wider = wider_area(&area, more, out);
            bool is_seen = area.width > 0 && area.height > 0;
            if (is_seen && chosen[(size_t) row * (size_t) map->width + (size_t) column] != 0) {
                canvas_fill(out, &wider, color);
            }
        }
    }
}

/* Lines around the chosen cells, which cover their inside: where the photograph is smooth, sharp
 * and blurred look the same. */
static void draw_edges(const struct heatmap *map, const unsigned char *chosen, struct image *out) {
    int32_t side = out->width > out->height ? out->width : out->height;
    int32_t line = side / EDGE_PART > 1 ? side / EDGE_PART : 1;
    double cell = fmin(map->span_x / map->width, map->span_y / map->height);
    if (cell >= EDGE_CELL * line) {
        fill_cells(map, chosen, 2 * line, canvas_text, out);
        fill_cells(map, chosen, line, canvas_background, out);
    }
}

/* The cells from the first to the last chosen one, both ways. */
static struct rectangle cells_around(const struct heatmap *map, const unsigned char *chosen) {
    int32_t left = map->width;
    int32_t top = map->height;
    int32_t right = 0;
    int32_t bottom = 0;
    for (int32_t y = 0; y < map->height; y++) {
        for (int32_t x = 0; x < map->width; x++) {
            if (chosen[(size_t) y * (size_t) map->width + (size_t) x] != 0) {
                left = x < left ? x : left;
                right = x + 1 > right ? x + 1 : right;
                top = y < top ? y : top;
                bottom = y + 1;
            }
        }
    }
    return (struct rectangle){left, top, right - left, bottom - top};
}

/* The inner border of an area, `line` pixels wide. */
static void draw_border(struct image *image, const struct rectangle *area, int32_t line,
                        const uint8_t color[3]) {
    int32_t high = line < area->height ? line : area->height;
    int32_t wide = line < area->width ? line : area->width;
    const struct rectangle sides[4] = {
        {area->x, area->y, area->width, high},
        {area->x, area->y + area->height - high, area->width, high},
        {area->x, area->y, wide, area->height},
        {area->x + area->width - wide, area->y, wide, area->height},
    };
    for (int i = 0; i < 4; i++) {
        canvas_fill(image, &sides[i], color);
    }
}

/* Dark outside and light inside, so that it is seen on every ground. */
static void draw_box(const struct heatmap *map, const unsigned char *chosen, struct image *out) {
    int32_t side = out->width > out->height ? out->width : out->height;
    int32_t line = side / BOX_PART > 2 ? side / BOX_PART : 2;
    struct rectangle cells = cells_around(map, chosen);
    struct rectangle area = cells_area(map, out, &cells);
    struct rectangle inner = {area.x + line, area.y + line, area.width - 2 * line,
                              area.height - 2 * line};
    draw_border(out, &area, line, canvas_text);
    if (inner.width > 0 && inner.height > 0) {
        draw_border(out, &inner, line, canvas_background);
    }
}

enum vitlrp_status region_draw(const struct image *photo, const struct heatmap *map,
                               const struct render_look *look, struct image *out,
                               struct vitlrp_error *err) {
    unsigned char *chosen = NULL;
    struct image made = {0};
    enum vitlrp_status status = VITLRP_OK;
    TRY(region_choose(map, look->top_percent, &chosen, err));
    switch (look->top_as) {
    case VITLRP_TOP_MASK:
        TRY_GOTO(status, darken(photo, &made, err), failed);
        keep_cells(photo, map, chosen, &made);
        break;
    case VITLRP_TOP_BLUR:
        TRY_GOTO(status, blur(photo, &made, err), failed);
        draw_edges(map, chosen, &made);
        keep_cells(photo, map, chosen, &made);
        break;
    case VITLRP_TOP_BOX:
        TRY_GOTO(status, image_alloc(photo->width, photo->height, &made, err), failed);
        memcpy(made.rgb, photo->rgb, (size_t) photo->width * (size_t) photo->height * 3);
        draw_box(map, chosen, &made);
        break;
    }
    render_unseen(photo, map, &made);
    *out = made;
failed:
    mem_free(chosen);
    return status;
}
