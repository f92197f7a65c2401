#include "figure/figure_map.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/print_plain.h"

#define BAR_COLORS 128
#define BAR_THICKNESS 6.0
#define LABEL_SIZE 7.0
#define FRAME_COLOR 0xB0B0B0

/* ---- Panes ---- */

static enum vitlrp_status pane_image(const float *input, int32_t height, int32_t width,
                                     struct vitlrp_image **out, struct vitlrp_error *err) {
    size_t count = (size_t) height * (size_t) width;
    uint8_t *rgb = mem_calloc(count, 3);
    if (rgb == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a picture of %d x %d", width, height);
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t c = 0; c < 3; c++) {
            rgb[3 * i + c] = (uint8_t) lroundf(input[c * count + i] * 255.0F);
        }
    }
    enum vitlrp_status status = vitlrp_image_from_rgb(rgb, height, width, out, err);
    mem_free(rgb);
    return status;
}

static struct vitlrp_geometry scaled_geometry(const struct vitlrp_geometry *geometry, int32_t width,
                                              int32_t height) {
    double x = (double) width / geometry->image_width;
    double y = (double) height / geometry->image_height;
    struct vitlrp_geometry scaled = *geometry;
    scaled.image_width = width;
    scaled.image_height = height;
    scaled.left *= x;
    scaled.width *= x;
    scaled.top *= y;
    scaled.height *= y;
    return scaled;
}

enum vitlrp_status figure_pane_open(const struct vitlrp_image *image,
                                    const struct vitlrp_geometry *geometry, double side,
                                    struct figure_pane *out, struct vitlrp_error *err) {
    struct vitlrp_geometry ignored;
    float *input = NULL;
    double longer = fmax(geometry->image_width, geometry->image_height);
    double factor = side * FIGURE_PIXELS / longer;
    struct vitlrp_preprocess resize = {
        .resize = VITLRP_RESIZE_SQUASH,
        .interpolation = VITLRP_BICUBIC,
        .resize_to = (int32_t) fmax(1.0, round(geometry->image_height * factor)),
        .resize_width = (int32_t) fmax(1.0, round(geometry->image_width * factor)),
        .std = {1.0F, 1.0F, 1.0F}};
    TRY(vitlrp_image_prepare(image, &resize, &input, &ignored, err));
    *out = (struct figure_pane){
        .geometry = scaled_geometry(geometry, resize.resize_width, resize.resize_to),
        .width = (double) resize.resize_width / FIGURE_PIXELS,
        .height = (double) resize.resize_to / FIGURE_PIXELS};
    enum vitlrp_status status =
        pane_image(input, resize.resize_to, resize.resize_width, &out->image, err);
    vitlrp_free(input);
    return status;
}

void figure_pane_close(struct figure_pane *pane) {
    vitlrp_image_close(pane->image);
    *pane = (struct figure_pane){0};
}

const char *figure_pane_hatching(const struct figure_pane *pane) {
    const struct vitlrp_geometry *geometry = &pane->geometry;
    double right = geometry->image_width - (geometry->left + geometry->width);
    double bottom = geometry->image_height - (geometry->top + geometry->height);
    bool is_whole = fmax(fmax(geometry->left, geometry->top), fmax(right, bottom)) < 0.5;
    return is_whole ? NULL : "hatched: not seen by the model";
}

/* A hairline around the picture. */
static void add_frame(struct figure *figure, const struct figure_box *box) {
    const double line = 0.5;
    struct figure_box frame = {box->x - line, box->y - line, box->width + 2.0 * line,
                               box->height + 2.0 * line};
    figure_add_area(figure, &frame, FRAME_COLOR);
}

static void add_picture(struct figure *figure, const struct figure_box *box, unsigned char *png,
                        size_t size) {
    add_frame(figure, box);
    figure_add_picture(figure, box, png, size);
}

enum vitlrp_status figure_add_photo(struct figure *figure, const struct figure_pane *pane, double x,
                                    double y, struct vitlrp_error *err) {
    unsigned char *png = NULL;
    size_t size = 0;
    TRY(vitlrp_image_encode(pane->image, VITLRP_PICTURE_PNG, NULL, &png, &size, err));
    add_picture(figure, &(struct figure_box){x, y, pane->width, pane->height}, png, size);
    return VITLRP_OK;
}

/* ---- Maps ---- */

struct figure_range figure_range_none(void) {
    return (struct figure_range){INFINITY, -INFINITY};
}

void figure_range_add(struct figure_range *range, const float *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        range->low = fminf(range->low, values[i]);
        range->high = fmaxf(range->high, values[i]);
    }
}

void figure_range_set(const struct figure_range *range, struct vitlrp_render_options *options) {
    bool is_signed = options->kind == VITLRP_MAP_SIGNED || range->low < 0.0F;
    float peak = fmaxf(fabsf(range->low), fabsf(range->high));
    if (options->range_low < options->range_high) {
        return;
    }
    if (options->scale > 0.0F) {
        options->range_low = is_signed ? -options->scale : 0.0F;
        options->range_high = options->scale;
    } else if (range->low < range->high || (is_signed && peak > 0.0F)) {
        options->range_low = is_signed ? -peak : range->low;
        options->range_high = is_signed ? peak : range->high;
    }
}

enum vitlrp_status figure_map_encode(const struct figure_pane *pane, const struct figure_map *map,
                                     enum vitlrp_picture_format format, unsigned char **data,
                                     size_t *size, struct vitlrp_error *err) {
    const struct vitlrp_map drawn = {map->values, map->height, map->width, &pane->geometry};
    struct vitlrp_render_options options = map->options;
    options.format = format;
    options.caption = NULL;
    options.comment = NULL;
    return vitlrp_render(pane->image, &drawn, &options, data, size, err);
}

enum vitlrp_status figure_add_map(struct figure *figure, const struct figure_pane *pane,
                                  const struct figure_map *map, double x, double y,
                                  struct vitlrp_error *err) {
    unsigned char *png = NULL;
    size_t size = 0;
    TRY(figure_map_encode(pane, map, VITLRP_PICTURE_PNG, &png, &size, err));
    add_picture(figure, &(struct figure_box){x, y, pane->width, pane->height}, png, size);
    return VITLRP_OK;
}

/* ---- Colour bars ---- */

/* The colours as a picture: a map that rises from the first to the last value. */
static enum vitlrp_status bar_picture(const struct vitlrp_render_options *options,
                                      unsigned char **png, size_t *size, struct vitlrp_error *err) {
    static const uint8_t BLANK[BAR_COLORS * 3] = {255};
    const struct vitlrp_geometry geometry = {.image_width = BAR_COLORS,
                                             .image_height = 1,
                                             .input_width = BAR_COLORS,
                                             .input_height = 1,
                                             .width = BAR_COLORS,
                                             .height = 1.0};
    struct vitlrp_render_options bar = *options;
    struct vitlrp_image *image = NULL;
    float values[BAR_COLORS];
    for (int i = 0; i < BAR_COLORS; i++) {
        float part = (float) i / (float) (BAR_COLORS - 1);
        values[i] = bar.range_low + part * (bar.range_high - bar.range_low);
    }
    const struct vitlrp_map map = {values, 1, BAR_COLORS, &geometry};
    bar.style = VITLRP_STYLE_HEAT;
    bar.upsample = VITLRP_UPSAMPLE_NEAREST;
    bar.contours = 0;
    bar.top_percent = 0.0F;
    bar.format = VITLRP_PICTURE_PNG;
    TRY(vitlrp_image_from_rgb(BLANK, 1, BAR_COLORS, &image, err));
    enum vitlrp_status status = vitlrp_render(image, &map, &bar, png, size, err);
    vitlrp_image_close(image);
    return status;
}

/* "+0.19", with a minus sign as typographers want it. */
static void write_label(char *out, size_t size, double value, bool with_sign) {
    char digits[32];
    print_plain(digits, sizeof digits, "%.2g", fabs(value));
    snprintf(out, size, "%s%s",
             value < 0.0                ? "\xE2\x88\x92"
             : with_sign && value > 0.0 ? "+"
                                        : "",
             digits);
}

enum vitlrp_status figure_add_bar(struct figure *figure, const struct figure_map *map,
                                  const struct figure_box *box, struct vitlrp_error *err) {
    static const enum figure_anchor ANCHORS[3] = {FIGURE_START, FIGURE_MIDDLE, FIGURE_END};
    const struct vitlrp_render_options *options = &map->options;
    double ends[2] = {options->range_low, options->range_high};
    bool is_signed = ends[0] < 0.0;
    struct figure_text text = {
        .size = LABEL_SIZE, .color = FIGURE_FAINT_COLOR, .width = box->width};
    struct figure_box bar = {box->x, box->y + LABEL_SIZE + 3.0, box->width, BAR_THICKNESS};
    unsigned char *png = NULL;
    size_t size = 0;
    char unit[64];
    bool has_unit = map->unit != NULL && map->unit[0] != '\0';
    snprintf(unit, sizeof unit, "%s%sper %s", has_unit ? map->unit : "", has_unit ? " " : "",
             map->of_pixels ? "pixel" : "patch");
    text.x = box->x;
    text.baseline = box->y + LABEL_SIZE;
    if (!(ends[0] < ends[1])) {
        figure_add_text(figure, &text, "the same value everywhere");
        return VITLRP_OK;
    }
    figure_add_text(figure, &text, unit);
    TRY(bar_picture(options, &png, &size, err));
    add_picture(figure, &bar, png, size);
    text.baseline = bar.y + BAR_THICKNESS + LABEL_SIZE + 1.0;
    text.color = FIGURE_TEXT_COLOR;
    for (int i = 0; i < 3; i++) {
        char label[40];
        double part = i / 2.0;
        double value = ends[0] + part * (ends[1] - ends[0]);
        if (i == 1 && (!is_signed || fabs(value) > 1e-6 * (ends[1] - ends[0]))) {
            continue;
        }
        write_label(label, sizeof label, i == 1 ? 0.0 : value, is_signed);
        text.x = box->x + part * box->width;
        text.anchor = ANCHORS[i];
        figure_add_text(figure, &text, label);
    }
    return VITLRP_OK;
}

void figure_add_line(struct figure *figure, const struct figure_line *line, struct text *words) {
    const struct figure_text text = {.x = line->x,
                                     .baseline = line->y + line->size,
                                     .size = line->size,
                                     .width = line->width,
                                     .color =
                                         line->is_faint ? FIGURE_FAINT_COLOR : FIGURE_TEXT_COLOR,
                                     .is_bold = line->is_bold};
    figure_add_text(figure, &text, words->data == NULL ? "" : words->data);
    words->length = 0;
}
