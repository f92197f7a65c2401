#include "imgio/strip.h"

#include <stdbool.h>
#include <string.h>

#include "imgio/canvas.h"
#include "imgio/font.h"
#include "imgio/resize.h"
#include "imgio/shaper.h"

/* Sizes in pixels, before a strip is enlarged. */
#define MARGIN 10
#define WIDTH_MIN 300       /* of the whole picture */
#define WIDTH_ENLARGED 1000 /* from twice this on, the strip is enlarged */
#define WIDTH_SIDE 480      /* from this on, the bar stands beside the text */
#define BAR_WIDTH 160
#define BAR_HEIGHT 10
#define BAR_SPACE 4 /* above and below the bar */
#define BLOCK_GAP 16
#define TITLE_LINES 2
#define LINES_MAX 7

struct strip_layout {
    struct font regular, bold;
    const struct strip *strip;
    int32_t width, height;
    int32_t text_width;
    struct rectangle bar;
    int32_t legend_y;
};

/* Where the next line goes. */
struct cursor {
    const char *text; /* what is left */
    int32_t y, lines;
};

/* One line of the caption, drawn if there is an image; where it is the last that fits and text is
 * left, it ends in an ellipsis. */
static void set_line(const struct strip_layout *layout, const struct font *font, bool is_last,
                     struct cursor *cursor, struct image *image) {
    size_t left = strcspn(cursor->text, "\n");
    const uint8_t *color = font == &layout->bold ? canvas_text : canvas_faint;
    int32_t reserved = is_last ? canvas_text_width(font, canvas_ellipsis) : 0;
    size_t next = 0;
    size_t length = font_fit(font, cursor->text, left, layout->text_width - reserved, &next);
    struct font_pen pen = {MARGIN, cursor->y + font->ascent, color};
    if (image != NULL) {
        canvas_line(font, image, &pen, cursor->text, length, is_last && next < left);
    }
    cursor->text += is_last ? left : next;
    cursor->y += font->line_height;
    cursor->lines++;
}

/* One line of the caption's own, broken into lines of the strip. */
static void set_paragraph(const struct strip_layout *layout, const struct font *font, int32_t lines,
                          struct cursor *cursor, struct image *image) {
    int32_t end = cursor->lines + lines;
    do {
        set_line(layout, font, cursor->lines + 1 >= end, cursor, image);
    } while (*cursor->text != '\0' && *cursor->text != '\n' && cursor->lines < end);
    cursor->text += *cursor->text == '\n' ? 1 : 0;
}

/* Sets the caption; returns where it ends. */
static int32_t set_caption(const struct strip_layout *layout, struct image *image) {
    struct cursor cursor = {.text = layout->strip->caption, .y = MARGIN};
    set_paragraph(layout, &layout->bold, TITLE_LINES, &cursor, image);
    while (*cursor.text != '\0' && cursor.lines < LINES_MAX) {
        set_paragraph(layout, &layout->regular, LINES_MAX - cursor.lines, &cursor, image);
    }
    return cursor.y;
}

static struct strip_layout strip_plan(const struct strip *strip, int32_t width,
                                      struct shaper *shaper) {
    struct strip_layout layout = {.regular = font_open(FONT_REGULAR),
                                  .bold = font_open(FONT_BOLD),
                                  .strip = strip,
                                  .width = width};
    layout.regular.shaper = shaper;
    layout.bold.shaper = shaper;
    bool has_bar = strip->bar.colors != NULL;
    bool beside = has_bar && width >= WIDTH_SIDE;
    int32_t line = layout.regular.line_height;
    int32_t bar_height = 2 * line + BAR_HEIGHT + 2 * BAR_SPACE;
    layout.text_width = width - 2 * MARGIN - (beside ? BAR_WIDTH + BLOCK_GAP : 0);
    int32_t y = set_caption(&layout, NULL);
    if (strip->hatching != NULL) {
        layout.legend_y = y + layout.regular.ascent;
        y += line;
    }
    int32_t bar_top = beside ? MARGIN : y + BAR_SPACE;
    layout.bar = (struct rectangle){.x = beside ? width - MARGIN - BAR_WIDTH : MARGIN,
                                    .y = bar_top + line + BAR_SPACE,
                                    .width = BAR_WIDTH,
                                    .height = BAR_HEIGHT};
    int32_t bar_end = has_bar ? bar_top + bar_height : 0;
    layout.height = (y > bar_end ? y : bar_end) + MARGIN;
    return layout;
}

/* The bar lies, from the least value on the left to the largest on the right. */
static void draw_bar(const struct strip_layout *layout, struct image *image) {
    const struct rectangle *area = &layout->bar;
    const struct colorbar *bar = &layout->strip->bar;
    const struct font *font = &layout->regular;
    canvas_frame(image, area);
    for (int32_t x = 0; x < area->width; x++) {
        float position = 1.0F - ((float) x + 0.5F) / (float) area->width;
        struct rectangle line = {area->x + x, area->y, 1, area->height};
        canvas_fill(image, &line, colorbar_color(bar, position));
    }
    font_draw(font, image,
              &(struct font_pen){area->x, area->y - BAR_SPACE - font->descent, canvas_faint},
              layout->strip->unit, strlen(layout->strip->unit));
    for (int i = 0; i < COLORBAR_LABELS; i++) {
        const struct colorbar_label *label = &bar->labels[i];
        int32_t width = canvas_text_width(font, label->text);
        int32_t x = (int32_t) ((1.0F - label->position) * (float) area->width) - width / 2;
        x = x < 0 ? 0 : x > area->width - width ? area->width - width : x;
        int32_t y = area->y + area->height + BAR_SPACE + font->ascent;
        font_draw(font, image, &(struct font_pen){area->x + x, y, canvas_text}, label->text,
                  strlen(label->text));
    }
}

/* The strip alone; *out is owned. */
static enum vitlrp_status strip_draw(const struct strip *strip, int32_t width, struct image *out,
                                     struct vitlrp_error *err) {
    struct shaper *shaper = font_shaper(strip->caption, strip->unit);
    struct strip_layout layout = strip_plan(strip, width, shaper);
    enum vitlrp_status status;
    TRY_GOTO(status, image_alloc(width, layout.height, out, err), done);
    canvas_fill(out, &(struct rectangle){0, 0, out->width, out->height}, canvas_background);
    set_caption(&layout, out);
    if (strip->bar.colors != NULL) {
        draw_bar(&layout, out);
    }
    if (strip->hatching != NULL) {
        canvas_legend(out, &layout.regular, strip->hatching, MARGIN, layout.legend_y);
    }
done:
    shaper_close(shaper);
    return status;
}

int32_t strip_width(int32_t picture_width) {
    return picture_width > WIDTH_MIN ? picture_width : WIDTH_MIN;
}

enum vitlrp_status strip_make(const struct strip *strip, int32_t picture_width, struct image *out,
                              struct vitlrp_error *err) {
    int32_t width = strip_width(picture_width);
    int32_t factor = width / WIDTH_ENLARGED > 1 ? width / WIDTH_ENLARGED : 1;
    struct image drawn;
    TRY(strip_draw(strip, width / factor, &drawn, err));
    if (factor == 1) {
        *out = drawn;
        return VITLRP_OK;
    }
    enum vitlrp_status status =
        image_scale(&drawn, width, drawn.height * factor, RESAMPLE_BICUBIC, out, err);
    image_free(&drawn);
    return status;
}
