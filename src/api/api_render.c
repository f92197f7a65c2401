/* The public side of drawing: checks what the caller gave and hands it to imgio. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "api/api.h"
#include "api/growable.h"
#include "api/handles.h"
#include "base/words.h"
#include "figure/figure_single.h"
#include "figure/figure_svg.h"
#include "imgio/canvas.h"
#include "imgio/encode.h"
#include "imgio/panel.h"
#include "imgio/region.h"
#include "imgio/render.h"
#include "imgio/resize.h"
#include "imgio/strip.h"
#include "vitlrp.h"

#define TEXT_BYTES_MAX ((size_t) 1 << 20)
#define RELEVANCE_MAX 1e30F /* beyond, interpolation could leave the range of float */
#define AUTOMATIC "auto"    /* a colour map by the kind of the map */
#define UNIT_BYTES_MAX 32
#define CONTOURS_MAX 9
#define SPAN_MAX 1e14 /* pixels: a photograph of 2^18, its crop of 10^8 of them */

/* Both 0 stand for none. */
static enum vitlrp_status check_range(const struct vitlrp_render_options *options,
                                      struct vitlrp_error *err) {
    float low = options->range_low;
    float high = options->range_high;
    bool none = low == 0.0F && high == 0.0F;
    if (!none && !(low < high && fabsf(low) <= RELEVANCE_MAX && fabsf(high) <= RELEVANCE_MAX)) {
        return fail(err, VITLRP_USAGE, "a range from %g to %g is not one of finite, rising numbers",
                    (double) low, (double) high);
    }
    return VITLRP_OK;
}

static enum vitlrp_status check_parts(const struct vitlrp_render_options *options,
                                      struct vitlrp_error *err) {
    if (options->contours < 0 || options->contours > CONTOURS_MAX) {
        return fail(err, VITLRP_USAGE, "%d contours are not 0 to %d", options->contours,
                    CONTOURS_MAX);
    }
    if (!(options->top_percent >= 0.0F && options->top_percent <= 100.0F) ||
        word_of(WORDS_TOP_AS, options->top_as) == NULL) {
        return fail(err, VITLRP_USAGE,
                    "the top %g percent are not 0 to 100, or how they are shown is unknown",
                    (double) options->top_percent);
    }
    return VITLRP_OK;
}

static enum vitlrp_status check_options(const struct vitlrp_render_options *options,
                                        struct vitlrp_error *err) {
    if (options->colormap == NULL) {
        return fail(err, VITLRP_USAGE, "the render options name no colour map");
    }
    if (word_of(WORDS_STYLE, options->style) == NULL ||
        word_of(WORDS_UPSAMPLE, options->upsample) == NULL ||
        word_of(WORDS_PICTURE_FORMAT, options->format) == NULL ||
        word_of(WORDS_MAP_KIND, options->kind) == NULL ||
        word_of(WORDS_UNDERLAY, options->underlay) == NULL) {
        return fail(err, VITLRP_USAGE,
                    "the style, the upsampling, the format, the kind of the map or the underlay is "
                    "unknown");
    }
    if (!(options->opacity <= 1.0F)) {
        return fail(err, VITLRP_USAGE, "opacity %g is not within 0 and 1",
                    (double) options->opacity);
    }
    if (!(options->scale >= 0.0F && options->scale <= RELEVANCE_MAX)) {
        return fail(err, VITLRP_USAGE, "scale %g is not a finite number from 0",
                    (double) options->scale);
    }
    if (options->format == VITLRP_PICTURE_SVG && options->style == VITLRP_STYLE_PANEL) {
        return fail(err, VITLRP_USAGE, "a panel cannot be drawn as SVG: overlay and heat can");
    }
    TRY(check_range(options, err));
    TRY(check_parts(options, err));
    if (options->unit != NULL && strlen(options->unit) > UNIT_BYTES_MAX) {
        return fail(err, VITLRP_LIMIT, "the unit has more than %d bytes", UNIT_BYTES_MAX);
    }
    if ((options->caption != NULL && strlen(options->caption) > TEXT_BYTES_MAX) ||
        (options->comment != NULL && strlen(options->comment) > TEXT_BYTES_MAX)) {
        return fail(err, VITLRP_LIMIT, "the caption or the comment has more than %zu bytes",
                    TEXT_BYTES_MAX);
    }
    return VITLRP_OK;
}

/* True if [start, start + span) is a part of [0, size), but for rounding, or holds all of it, as a
 * crop does that is larger than the picture. */
static bool is_within(double start, double span, int32_t size) {
    const double slack = 1e-6 * size;
    bool is_part = start >= -slack && start + span <= size + slack;
    bool is_whole = start <= slack && start + span >= size - slack;
    return span > 0.0 && span <= SPAN_MAX && (is_part || is_whole);
}

static enum vitlrp_status check_geometry(const struct vitlrp_image *image,
                                         const struct vitlrp_geometry *geometry,
                                         struct vitlrp_error *err) {
    int32_t width = image->photograph.width;
    int32_t height = image->photograph.height;
    if (geometry->image_width != width || geometry->image_height != height) {
        return fail(err, VITLRP_MISMATCH,
                    "the geometry is of a photograph of %d x %d pixels, not %d x %d",
                    geometry->image_width, geometry->image_height, width, height);
    }
    if (geometry->input_width <= 0 || geometry->input_height <= 0) {
        return fail(err, VITLRP_USAGE, "the geometry has a model input of %d x %d pixels",
                    geometry->input_width, geometry->input_height);
    }
    if (!is_within(geometry->left, geometry->width, width) ||
        !is_within(geometry->top, geometry->height, height)) {
        return fail(
            err, VITLRP_USAGE, "geometry outside of the photograph: %g x %g at (%g, %g) of %d x %d",
            geometry->width, geometry->height, geometry->left, geometry->top, width, height);
    }
    return VITLRP_OK;
}

/* Checks the values; *is_negative says whether one of them is below 0. */
static enum vitlrp_status check_map(const struct vitlrp_map *map, bool *is_negative,
                                    struct vitlrp_error *err) {
    const struct vitlrp_geometry *geometry = map->geometry;
    *is_negative = false;
    if (map->values == NULL || map->height <= 0 || map->width <= 0) {
        return fail(err, VITLRP_USAGE, "the map has no values");
    }
    if (map->height > geometry->input_height || map->width > geometry->input_width) {
        return fail(err, VITLRP_MISMATCH, "a map of %d x %d does not fit a model input of %d x %d",
                    map->width, map->height, geometry->input_width, geometry->input_height);
    }
    size_t count = (size_t) map->height * (size_t) map->width; /* at most a model input's */
    for (size_t i = 0; i < count; i++) {
        if (!(fabsf(map->values[i]) <= RELEVANCE_MAX)) {
            return fail(err, VITLRP_NUMERIC,
                        "the map holds %g in row %zu, column %zu, too large to be drawn: the "
                        "model's weights do not suit this input, or the rules have no bound; try "
                        "another method or a positive gamma",
                        (double) map->values[i], i / (size_t) map->width, i % (size_t) map->width);
        }
        *is_negative = *is_negative || map->values[i] < 0.0F;
    }
    return VITLRP_OK;
}

static enum resample_filter filter_of(enum vitlrp_upsample upsample) {
    switch (upsample) {
    case VITLRP_UPSAMPLE_NEAREST:
        return RESAMPLE_BOX;
    case VITLRP_UPSAMPLE_BICUBIC:
        return RESAMPLE_BICUBIC;
    case VITLRP_UPSAMPLE_BILINEAR:
        break;
    }
    return RESAMPLE_BILINEAR;
}

/* A range that is given, or one that a scale stands for. */
static struct heatmap_range range_of(const struct vitlrp_render_options *options,
                                     enum vitlrp_map_kind kind) {
    if (options->range_low < options->range_high) {
        return (struct heatmap_range){options->range_low, options->range_high};
    }
    return (struct heatmap_range){kind == VITLRP_MAP_SIGNED ? -options->scale : 0.0F,
                                  options->scale};
}

static bool is_of_pixels(const struct vitlrp_map *map) {
    return map->height == map->geometry->input_height && map->width == map->geometry->input_width;
}

/* "logit per patch", and room for it. */
static const char *write_unit(const struct vitlrp_map *map, const char *unit, char *out,
                              size_t size) {
    snprintf(out, size, "%s%s%s", unit != NULL ? unit : "",
             unit != NULL && unit[0] != '\0' ? " " : "",
             is_of_pixels(map) ? "per pixel" : "per patch");
    return out;
}

static enum vitlrp_status make_look(const struct vitlrp_render_options *options, bool is_negative,
                                    struct render_look *look, struct vitlrp_error *err) {
    bool is_automatic = strcmp(options->colormap, AUTOMATIC) == 0;
    enum vitlrp_map_kind kind = is_negative ? VITLRP_MAP_SIGNED : options->kind;
    const char *usual = kind == VITLRP_MAP_SIGNED ? "bwr" : "viridis";
    *look = (struct render_look){.kind = kind,
                                 .opacity = options->opacity,
                                 .underlay = options->underlay,
                                 .contours = options->contours,
                                 .top_percent = options->top_percent,
                                 .top_as = options->top_as,
                                 .range = range_of(options, kind)};
    return colormap_make(is_automatic ? usual : options->colormap, &look->colors, err);
}

/* The overlay, or the region in its place, and the strip below it, a row at a time. */
struct composed {
    struct overlay_rows *overlay; /* owned; NULL: `region` */
    struct image region;          /* owned */
    struct image below;           /* owned; without rows where there is no caption */
    int32_t width, height;        /* of the picture above the strip */
    struct image row;             /* owned: one row, white beside a narrow picture */
};

static const uint8_t *composed_row(void *user, int32_t y) {
    struct composed *composed = user;
    uint8_t *row = composed->row.rgb;
    size_t length = (size_t) composed->width * 3;
    if (y >= composed->height) {
        return composed->below.rgb +
               (size_t) (y - composed->height) * (size_t) composed->below.width * 3;
    }
    if (composed->overlay == NULL) {
        memcpy(row, composed->region.rgb + (size_t) y * length, length);
    } else {
        overlay_rows_get(composed->overlay, y, row);
    }
    return row;
}

static void composed_close(struct composed *composed) {
    overlay_rows_close(composed->overlay);
    image_free(&composed->region);
    image_free(&composed->below);
    image_free(&composed->row);
}

/* The strip of a picture that has a caption. A region has no colours to explain. */
static enum vitlrp_status compose_strip(const struct image *photo, const struct heatmap *map,
                                        const struct render_look *look, const char *caption,
                                        struct composed *composed, struct vitlrp_error *err) {
    struct render_scale scale;
    TRY(render_scale(map, look, photo->width, photo->height, &scale, err));
    struct strip strip = {.caption = caption, .unit = look->unit};
    if (look->top_percent == 0.0F) {
        strip.bar = colorbar_make(&look->colors, &scale);
    }
    if (!heatmap_covers(map, photo->width, photo->height)) {
        strip.hatching = &look->colors;
    }
    return strip_make(&strip, photo->width, &composed->below, err);
}

static enum vitlrp_status compose(const struct image *photo, const struct heatmap *map,
                                  const struct render_look *look, const char *caption,
                                  struct composed *out, struct vitlrp_error *err) {
    int32_t width = caption != NULL ? strip_width(photo->width) : photo->width;
    *out = (struct composed){.width = photo->width, .height = photo->height};
    TRY(caption == NULL ? VITLRP_OK : compose_strip(photo, map, look, caption, out, err));
    TRY(image_alloc(width, 1, &out->row, err));
    canvas_fill(&out->row, &(struct rectangle){0, 0, width, 1}, canvas_background);
    return look->top_percent > 0.0F ? region_draw(photo, map, look, &out->region, err)
                                    : overlay_rows_open(photo, map, look, &out->overlay, err);
}

static enum vitlrp_status encode_rows(const struct row_maker *rows,
                                      const struct vitlrp_render_options *options,
                                      struct bytes *file, struct vitlrp_error *err) {
    return options->format == VITLRP_PICTURE_JPEG
               ? encode_jpeg_rows(rows, options->comment, file, err)
               : encode_png_rows(rows, options->comment, file, err);
}

/* The picture of overlay or map is never whole in memory: it may be large. */
static enum vitlrp_status encode_overlay(const struct image *photo, const struct heatmap *map,
                                         const struct render_look *look,
                                         const struct vitlrp_render_options *options,
                                         struct bytes *file, struct vitlrp_error *err) {
    struct composed composed;
    enum vitlrp_status status = compose(photo, map, look, options->caption, &composed, err);
    if (status == VITLRP_OK) {
        const struct row_maker rows = {composed.row.width, photo->height + composed.below.height,
                                       composed_row, &composed};
        status = encode_rows(&rows, options, file, err);
    }
    composed_close(&composed);
    return status;
}

static enum vitlrp_status encode_panel(const struct image *photo, const struct heatmap *map,
                                       const struct render_look *look,
                                       const struct vitlrp_render_options *options,
                                       struct bytes *file, struct vitlrp_error *err) {
    struct image picture = {0};
    enum vitlrp_status status = panel_draw(photo, map, look, options->caption, &picture, err);
    if (status == VITLRP_OK) {
        status = options->format == VITLRP_PICTURE_JPEG
                     ? encode_jpeg(&picture, options->comment, file, err)
                     : encode_png(&picture, options->comment, file, err);
    }
    image_free(&picture);
    return status;
}

/* What is drawn of a map, checked: it over the pixels of the photograph, and its looks. */
static enum vitlrp_status prepare(const struct vitlrp_image *image, const struct vitlrp_map *map,
                                  const struct vitlrp_render_options *options,
                                  struct heatmap *heatmap, struct render_look *look,
                                  struct vitlrp_error *err) {
    const struct vitlrp_geometry *geometry = map->geometry;
    bool is_negative = false;
    TRY(check_geometry(image, geometry, err));
    TRY(check_map(map, &is_negative, err));
    TRY(make_look(options, is_negative, look, err));
    /* Where fewer pixels than the photograph's were kept; else 1 exactly. */
    const struct photograph *photograph = &image->photograph;
    double scale_x = (double) photograph->pixels.width / photograph->width;
    double scale_y = (double) photograph->pixels.height / photograph->height;
    *heatmap = (struct heatmap){.values = map->values,
                                .height = map->height,
                                .width = map->width,
                                .left = geometry->left * scale_x,
                                .top = geometry->top * scale_y,
                                .span_x = geometry->width * scale_x,
                                .span_y = geometry->height * scale_y,
                                .filter = filter_of(options->upsample)};
    return VITLRP_OK;
}

/* With the caption and the colour bar as texts below the picture, which is a PNG inside. */
static enum vitlrp_status encode_svg(const struct vitlrp_image *image, const struct vitlrp_map *map,
                                     const struct vitlrp_render_options *options,
                                     struct bytes *file, struct vitlrp_error *err) {
    const struct figure_single single = {.image = image,
                                         .geometry = map->geometry,
                                         .map = {.values = map->values,
                                                 .height = map->height,
                                                 .width = map->width,
                                                 .options = *options,
                                                 .unit = options->unit,
                                                 .of_pixels = is_of_pixels(map)},
                                         .caption = options->caption};
    struct figure figure;
    enum vitlrp_status status = figure_single_draw(&single, &figure, err);
    if (status == VITLRP_OK) {
        status = figure_svg(&figure, options->comment, file, err);
    }
    figure_free(&figure);
    return status;
}

static enum vitlrp_status draw_and_encode(const struct vitlrp_image *image,
                                          const struct vitlrp_map *map,
                                          const struct vitlrp_render_options *options,
                                          struct bytes *file, struct vitlrp_error *err) {
    const struct image *photo = &image->photograph.pixels;
    struct render_look look;
    struct heatmap heatmap;
    char unit[UNIT_BYTES_MAX + sizeof " per patch"];
    TRY(prepare(image, map, options, &heatmap, &look, err));
    if (options->format == VITLRP_PICTURE_SVG) {
        return encode_svg(image, map, options, file, err);
    }
    look.unit = write_unit(map, options->unit, unit, sizeof unit);
    if (options->style == VITLRP_STYLE_PANEL) {
        return encode_panel(photo, &heatmap, &look, options, file, err);
    }
    struct vitlrp_render_options drawn = *options;
    if (options->style == VITLRP_STYLE_HEAT) { /* over nothing, with nothing below */
        look.underlay = VITLRP_UNDERLAY_NONE;
        look.top_percent = 0.0F;
        drawn.caption = NULL;
    }
    return encode_overlay(photo, &heatmap, &look, &drawn, file, err);
}

static enum vitlrp_status draw_plain(const struct image *photo, const struct heatmap *map,
                                     const struct render_look *look, enum vitlrp_style style,
                                     struct image *out, struct vitlrp_error *err) {
    if (style == VITLRP_STYLE_HEAT) {
        return render_heat(map, look, photo->width, photo->height, out, err);
    }
    return look->top_percent > 0.0F ? region_draw(photo, map, look, out, err)
                                    : render_overlay(photo, map, look, out, err);
}

/* The map over the small picture of the photograph, in the place of *small. */
static enum vitlrp_status draw_small(const struct vitlrp_image *image, const struct vitlrp_map *map,
                                     const struct vitlrp_render_options *options,
                                     struct image *small, struct vitlrp_error *err) {
    struct vitlrp_render_options known;
    struct render_look look;
    struct heatmap heatmap;
    struct image drawn = {0};
    TRY(render_options_read(options, &known, err));
    TRY(check_options(&known, err));
    TRY(prepare(image, map, &known, &heatmap, &look, err));
    const struct image *photo = &image->photograph.pixels;
    struct heatmap scaled = heatmap_scaled(&heatmap, (double) small->width / photo->width,
                                           (double) small->height / photo->height);
    TRY(draw_plain(small, &scaled, &look, known.style, &drawn, err));
    image_free(small);
    *small = drawn;
    return VITLRP_OK;
}

const char *vitlrp_colormap_name(size_t index) {
    return colormap_name(index);
}

enum vitlrp_status vitlrp_colormap_describe(const char *name, enum vitlrp_colormap_kind *kind,
                                            struct vitlrp_error *error) {
    struct colormap colors;
    API_NEEDS(name != NULL && kind != NULL, error);
    TRY(colormap_make(name, &colors, error));
    *kind = colors.kind;
    return VITLRP_OK;
}

enum vitlrp_status vitlrp_colormap_colors(const char *name, uint8_t *rgb,
                                          struct vitlrp_error *error) {
    struct colormap colors;
    _Static_assert(VITLRP_COLORMAP_ENTRIES == COLORMAP_ENTRIES, "the public number of colours");
    API_NEEDS(name != NULL && rgb != NULL, error);
    TRY(colormap_make(name, &colors, error));
    memcpy(rgb, colors.rgb, sizeof colors.rgb);
    return VITLRP_OK;
}

enum vitlrp_status vitlrp_render(const struct vitlrp_image *image, const struct vitlrp_map *map,
                                 const struct vitlrp_render_options *options, unsigned char **data,
                                 size_t *size, struct vitlrp_error *error) {
    struct vitlrp_render_options known;
    struct bytes file = {0};
    API_NEEDS(image != NULL && map != NULL && options != NULL, error);
    API_NEEDS(map->geometry != NULL && data != NULL && size != NULL, error);
    TRY(render_options_read(options, &known, error));
    TRY(check_options(&known, error));
    enum vitlrp_status status = draw_and_encode(image, map, &known, &file, error);
    if (status == VITLRP_OK) {
        *data = file.data;
        *size = file.size;
    }
    return status;
}

enum vitlrp_status vitlrp_thumbnail(const struct vitlrp_image *image, const struct vitlrp_map *map,
                                    const struct vitlrp_render_options *options,
                                    unsigned char **data, size_t *size,
                                    struct vitlrp_error *error) {
    struct image small = {0};
    struct bytes file = {0};
    API_NEEDS(image != NULL && data != NULL && size != NULL, error);
    API_NEEDS(map == NULL || (map->geometry != NULL && options != NULL), error);
    TRY(image_shrink(&image->photograph.pixels, VITLRP_THUMBNAIL_SIDE, RESAMPLE_BILINEAR, &small,
                     error));
    enum vitlrp_status status =
        map == NULL ? VITLRP_OK : draw_small(image, map, options, &small, error);
    if (status == VITLRP_OK) {
        status = encode_thumbnail(&small, &file, error);
    }
    image_free(&small);
    if (status == VITLRP_OK) {
        *data = file.data;
        *size = file.size;
    }
    return status;
}
