#include "imgio/canvas.h"

#include <stddef.h>
#include <string.h>

#include "base/text.h"
#include "imgio/render.h"

#define LEGEND_SWATCH 12
#define LEGEND_SPACE 6

const uint8_t canvas_background[3] = {255, 255, 255};
const uint8_t canvas_text[3] = {34, 34, 34};
const uint8_t canvas_faint[3] = {102, 102, 102};
const char canvas_ellipsis[4] = "\xE2\x80\xA6";

static const uint8_t frame_color[3] = {176, 176, 176};
static const char legend_text[] = "not seen by the model";

void canvas_fill(struct image *image, const struct rectangle *area, const uint8_t color[3]) {
    for (int32_t y = area->y; y < area->y + area->height; y++) {
        uint8_t *pixel = image->rgb + ((size_t) y * (size_t) image->width + (size_t) area->x) * 3;
        for (int32_t x = 0; x < area->width; x++, pixel += 3) {
            memcpy(pixel, color, 3);
        }
    }
}

void canvas_frame(struct image *image, const struct rectangle *area) {
    struct rectangle outer = {area->x - 1, area->y - 1, area->width + 2, area->height + 2};
    canvas_fill(image, &outer, frame_color);
}

void canvas_paste(struct image *image, const struct image *part, int32_t x, int32_t y) {
    size_t bytes = (size_t) part->width * 3;
    for (int32_t row = 0; row < part->height; row++) {
        memcpy(image->rgb + ((size_t) (y + row) * (size_t) image->width + (size_t) x) * 3,
               part->rgb + (size_t) row * bytes, bytes);
    }
}

static void blend_row(uint8_t *pixel, const unsigned char *coverage, int32_t count,
                      const uint8_t color[3]) {
    for (int32_t x = 0; x < count; x++, pixel += 3) {
        int32_t alpha = coverage[x];
        for (int32_t c = 0; c < 3; c++) {
            pixel[c] = (uint8_t) ((pixel[c] * (255 - alpha) + color[c] * alpha + 127) / 255);
        }
    }
}

void canvas_cover(struct image *image, const struct rectangle *area, const unsigned char *coverage,
                  const uint8_t color[3]) {
    int32_t skipped = area->x < 0 ? -area->x : 0;
    int32_t space = image->width - area->x;
    int32_t end = area->width < space ? area->width : space;
    for (int32_t row = 0; row < area->height; row++) {
        int32_t y = area->y + row;
        if (y < 0 || y >= image->height || skipped >= end) {
            continue;
        }
        uint8_t *pixel =
            image->rgb + ((size_t) y * (size_t) image->width + (size_t) (area->x + skipped)) * 3;
        blend_row(pixel, coverage + (ptrdiff_t) row * area->width + skipped, end - skipped, color);
    }
}

void canvas_line(const struct font *font, struct image *image, const struct font_pen *pen,
                 const char *text, size_t length, bool is_cut) {
    struct text line = {.limit = length + sizeof canvas_ellipsis};
    if (is_cut) {
        text_append(&line, text, length);
        text_append_string(&line, canvas_ellipsis);
    }
    bool has_line = is_cut && !line.failed;
    font_draw(font, image, pen, has_line ? line.data : text, has_line ? line.length : length);
    text_free(&line);
}

int32_t canvas_text_width(const struct font *font, const char *text) {
    return font_measure(font, text, strlen(text));
}

void canvas_legend(struct image *image, const struct font *font, const struct colormap *colors,
                   int32_t x, int32_t baseline) {
    struct rectangle swatch = {x, baseline - LEGEND_SWATCH + 1, LEGEND_SWATCH, LEGEND_SWATCH};
    canvas_frame(image, &swatch);
    render_hatch(image, colors, swatch.x, swatch.y, swatch.width, swatch.height);
    font_draw(font, image,
              &(struct font_pen){x + LEGEND_SWATCH + LEGEND_SPACE, baseline, canvas_faint},
              legend_text, strlen(legend_text));
}
