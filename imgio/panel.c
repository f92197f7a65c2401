#include "imgio/panel.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "imgio/canvas.h"
#include "imgio/colorbar.h"
#include "imgio/font.h"
#include "imgio/region.h"
#include "imgio/resize.h"
#include "imgio/shaper.h"

/* Sizes in pixels. */
#define MARGIN 24
#define PANE_GAP 16
#define PANE_LONG_MIN 320 /* of a picture's long side */
#define PANE_LONG_MAX 480
#define PANE_SHORT_MIN 8 /* so that a line of pixels can be seen */
#define SLOT_MIN 128     /* room for a title, or for the colour bar's labels */
#define TITLE_GAP 10     /* below the titles */
#define BAR_GAP 20
#define BAR_WIDTH 14
#define TICK_LENGTH 4
#define TICK_GAP 4
#define CAPTION_GAP 16
#define CAPTION_LINES_MAX 12
#define LEGEND_GAP 10

static const char *const pane_titles[3] = {"Photograph", "Relevance", "Overlay"};

struct layout {
    struct font regular, bold;
    struct rectangle picture[3]; /* in the upper left corners of the slots */
    struct rectangle slot[3];
    struct rectangle bar;
    const char *bar_title;
    struct colorbar colorbar;
    bool legend;
    int32_t caption_y, caption_lines, legend_y;
    int32_t width, height;
};

/* ---- Layout ---- */

static int32_t larger(int32_t a, int32_t b) {
    return a > b ? a : b;
}

/* The size at which the photograph is shown. */
static void fit_picture(const struct image *photo, int32_t *width, int32_t *height) {
    int32_t side = larger(photo->width, photo->height);
    double factor = 1.0;
    if (side < PANE_LONG_MIN) {
        factor = (double) PANE_LONG_MIN / side;
    } else if (side > PANE_LONG_MAX) {
        factor = (double) PANE_LONG_MAX / side;
    }
    *width = larger((int32_t) lround(photo->width * factor), PANE_SHORT_MIN);
    *height = larger((int32_t) lround(photo->height * factor), PANE_SHORT_MIN);
}

static void place_panes(struct layout *layout, const struct image *photo) {
    int32_t width;
    int32_t height;
    fit_picture(photo, &width, &height);
    struct rectangle slot = {.x = MARGIN,
                             .y = MARGIN + layout->bold.line_height + TITLE_GAP,
                             .width = larger(width, SLOT_MIN),
                             .height = larger(height, SLOT_MIN)};
    for (int i = 0; i < 3; i++) {
        layout->slot[i] = slot;
        layout->picture[i] =
            (struct rectangle){.x = slot.x, .y = slot.y, .width = width, .height = height};
        slot.x += slot.width + PANE_GAP;
    }
    layout->bar = (struct rectangle){
        .x = slot.x - PANE_GAP + BAR_GAP, .y = slot.y, .width = BAR_WIDTH, .height = slot.height};
}

/* Walks the caption line by line, drawing into `image` if there is one; returns the lines. */
static int32_t set_caption(const struct layout *layout, const char *caption, struct image *image) {
    const struct font *font = &layout->regular;
    int32_t space = layout->width - 2 * MARGIN;
    size_t left = strlen(caption);
    int32_t lines = 0;
    while (left > 0 && lines < CAPTION_LINES_MAX) {
        bool last = lines == CAPTION_LINES_MAX - 1;
        int32_t baseline = layout->caption_y + lines * font->line_height + font->ascent;
        int32_t reserved = last ? canvas_text_width(font, canvas_ellipsis) : 0;
        size_t next;
        size_t length = font_fit(font, caption, left, space - reserved, &next);
        if (image != NULL) {
            canvas_line(font, image, &(struct font_pen){MARGIN, baseline, canvas_text}, caption,
                        length, last && next < left);
        }
        caption += next;
        left -= next;
        lines++;
    }
    return lines;
}

static void place_texts(struct layout *layout, const char *caption) {
    int32_t labels =
        canvas_text_width(&layout->regular, layout->bar_title) - BAR_WIDTH - TICK_LENGTH - TICK_GAP;
    for (int i = 0; i < COLORBAR_LABELS; i++) {
        labels =
            larger(labels, canvas_text_width(&layout->regular, layout->colorbar.labels[i].text));
    }
    layout->width = layout->bar.x + BAR_WIDTH + TICK_LENGTH + TICK_GAP + labels + MARGIN;
    int32_t y = layout->bar.y + layout->bar.height;
    if (layout->legend) {
        layout->legend_y = layout->picture[0].y + layout->picture[0].height + LEGEND_GAP;
        y = larger(y, layout->legend_y + layout->regular.line_height);
    }
    if (caption != NULL && caption[0] != '\0') {
        layout->caption_y = y + CAPTION_GAP;
        layout->caption_lines = set_caption(layout, caption, NULL);
        y = layout->caption_y + layout->caption_lines * layout->regular.line_height;
    }
    layout->height = y + MARGIN;
}

/* ---- Drawing ---- */

static void draw_bar(const struct layout *layout, struct image *image) {
    const struct rectangle *bar = &layout->bar;
    const struct font *font = &layout->regular;
    canvas_frame(image, bar);
    for (int32_t row = 0; row < bar->height; row++) {
        float position = ((float) row + 0.5F) / (float) bar->height;
        struct rectangle line = {bar->x, bar->y + row, bar->width, 1};
        canvas_fill(image, &line, colorbar_color(&layout->colorbar, position));
    }
    for (int i = 0; i < COLORBAR_LABELS; i++) {
        const char *text = layout->colorbar.labels[i].text;
        int32_t y =
            bar->y + (int32_t) (layout->colorbar.labels[i].position * (float) (bar->height - 1));
        struct rectangle tick = {bar->x + bar->width + 1, y, TICK_LENGTH, 1};
        if (text[0] != '\0') {
            canvas_fill(image, &tick, canvas_faint);
            font_draw(font, image,
                      &(struct font_pen){tick.x + TICK_LENGTH + TICK_GAP, y + 5, canvas_text}, text,
                      strlen(text));
        }
    }
}

static void draw_texts(const struct layout *layout, const struct colormap *colors,
                       const char *caption, struct image *image) {
    int32_t baseline = layout->slot[0].y - TITLE_GAP - layout->bold.descent;
    for (int i = 0; i < 3; i++) {
        font_draw(&layout->bold, image,
                  &(struct font_pen){layout->slot[i].x, baseline, canvas_text}, pane_titles[i],
                  strlen(pane_titles[i]));
    }
    font_draw(&layout->regular, image, &(struct font_pen){layout->bar.x, baseline, canvas_faint},
              layout->bar_title, strlen(layout->bar_title));
    if (layout->legend) {
        int32_t y = layout->legend_y + layout->regular.ascent;
        canvas_legend(image, &layout->regular, colors, MARGIN, y);
    }
    if (layout->caption_lines > 0) {
        set_caption(layout, caption, image);
    }
}

/* The three pictures at the panel's size; the scale is the same for map and overlay. */
struct panes {
    struct image picture[3];
    struct render_scale scale;
};

static void panes_free(struct panes *panes) {
    for (int i = 0; i < 3; i++) {
        image_free(&panes->picture[i]);
    }
}

static enum vitlrp_status panes_draw(const struct image *photo, const struct heatmap *map,
                                     const struct render_look *look, struct panes *panes,
                                     struct vitlrp_error *err) {
    int32_t width;
    int32_t height;
    fit_picture(photo, &width, &height);
    struct heatmap scaled =
        heatmap_scaled(map, (double) width / photo->width, (double) height / photo->height);
    struct render_look shared = *look;
    TRY(render_scale(&scaled, look, width, height, &panes->scale, err));
    shared.range = panes->scale.range;
    TRY(image_scale(photo, width, height, RESAMPLE_BICUBIC, &panes->picture[0], err));
    TRY(render_heat(&scaled, &shared, width, height, &panes->picture[1], err));
    return look->top_percent > 0.0F
               ? region_draw(&panes->picture[0], &scaled, look, &panes->picture[2], err)
               : render_overlay(&panes->picture[0], &scaled, &shared, &panes->picture[2], err);
}

enum vitlrp_status panel_draw(const struct image *photo, const struct heatmap *map,
                              const struct render_look *look, const char *caption,
                              struct image *out, struct vitlrp_error *err) {
    struct layout layout = {.bar_title = look->unit,
                            .regular = font_open(FONT_REGULAR),
                            .bold = font_open(FONT_BOLD),
                            .legend = !heatmap_covers(map, photo->width, photo->height)};
    struct panes panes = {.scale = {.around_zero = false}};
    struct shaper *shaper = font_shaper(caption, look->unit);
    enum vitlrp_status status;
    layout.regular.shaper = shaper;
    layout.bold.shaper = shaper;
    TRY_GOTO(status, panes_draw(photo, map, look, &panes, err), done);
    layout.colorbar = colorbar_make(&look->colors, &panes.scale);
    place_panes(&layout, photo);
    place_texts(&layout, caption);
    TRY_GOTO(status, image_alloc(layout.width, layout.height, out, err), done);
    canvas_fill(out, &(struct rectangle){0, 0, out->width, out->height}, canvas_background);
    for (int i = 0; i < 3; i++) {
        canvas_frame(out, &layout.picture[i]);
        canvas_paste(out, &panes.picture[i], layout.picture[i].x, layout.picture[i].y);
    }
    draw_bar(&layout, out);
    draw_texts(&layout, &look->colors, caption, out);
done:
    shaper_close(shaper);
    panes_free(&panes);
    return status;
}
