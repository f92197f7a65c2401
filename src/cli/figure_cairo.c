#include "figure_cairo.h"

#include <math.h>
#include <string.h>

#include <cairo-pdf.h>
#include <fontconfig/fontconfig.h>
#include <pango/pangocairo.h>

#include "base/checked.h"
#include "base/library.h"
#include "base/mem.h"
#include "base/spell.h"
#include "base/text.h"
#include "vitlrp.h"

#define SONAME "libpangocairo-1.0.so.0"
#define FILE_LIMIT ((size_t) 1 << 30)
#define SIDE_MAX 32767.0 /* pixels, cairo's own limit */
#define PAGE_MAX 14400.0 /* points, PDF's own limit */
#define WORDS_MAX ((size_t) 4096)

/* Every function that is called, in the libraries that pangocairo brings along. */
#define CAIRO_FUNCTIONS(F)                                                                         \
    F(cairo_pdf_surface_create_for_stream)                                                         \
    F(cairo_pdf_surface_set_metadata)                                                              \
    F(cairo_image_surface_create)                                                                  \
    F(cairo_image_surface_get_data)                                                                \
    F(cairo_image_surface_get_stride)                                                              \
    F(cairo_surface_flush)                                                                         \
    F(cairo_surface_mark_dirty)                                                                    \
    F(cairo_surface_finish)                                                                        \
    F(cairo_surface_status)                                                                        \
    F(cairo_surface_destroy)                                                                       \
    F(cairo_create)                                                                                \
    F(cairo_status)                                                                                \
    F(cairo_destroy)                                                                               \
    F(cairo_status_to_string)                                                                      \
    F(cairo_scale)                                                                                 \
    F(cairo_translate)                                                                             \
    F(cairo_save)                                                                                  \
    F(cairo_restore)                                                                               \
    F(cairo_set_source_rgb)                                                                        \
    F(cairo_set_source_surface)                                                                    \
    F(cairo_get_source)                                                                            \
    F(cairo_pattern_set_filter)                                                                    \
    F(cairo_pattern_set_extend)                                                                    \
    F(cairo_rectangle)                                                                             \
    F(cairo_fill)                                                                                  \
    F(cairo_move_to)                                                                               \
    F(pango_cairo_create_layout)                                                                   \
    F(pango_cairo_show_layout_line)                                                                \
    F(pango_font_description_from_string)                                                          \
    F(pango_font_description_set_absolute_size)                                                    \
    F(pango_font_description_free)                                                                 \
    F(pango_layout_set_font_description)                                                           \
    F(pango_layout_set_text)                                                                       \
    F(pango_layout_set_width)                                                                      \
    F(pango_layout_set_ellipsize)                                                                  \
    F(pango_layout_set_single_paragraph_mode)                                                      \
    F(pango_layout_get_unknown_glyphs_count)                                                       \
    F(pango_layout_get_line_readonly)                                                              \
    F(pango_layout_line_get_extents)                                                               \
    F(g_object_unref)                                                                              \
    F(FcConfigGetFonts)

/* Underscores keep the names apart from macros of the same names. */
struct cairo_calls {
#define MEMBER(name) __typeof__(&name) name##_;
    CAIRO_FUNCTIONS(MEMBER)
#undef MEMBER
};

/* What a figure is drawn with. */
struct painter {
    struct cairo_calls call;
    cairo_t *context;
    bool is_smaller;  /* pictures lose pixels */
    struct text file; /* of a PDF */
};

/* ---- Loading ---- */

static enum vitlrp_status load(struct cairo_calls *calls, struct vitlrp_error *err) {
    const char *obstacle = library_pango_obstacle();
    if (obstacle != NULL) {
        return fail(err, VITLRP_LIMIT,
                    "Pango, which sets the texts of a figure, cannot work: %s; "
                    "write .svg",
                    obstacle);
    }
#define NAME(name) #name,
    static const char *const NAMES[] = {CAIRO_FUNCTIONS(NAME)};
#undef NAME
    if (!library_load(SONAME, NAMES, sizeof NAMES / sizeof *NAMES, calls)) {
        return fail(
            err, VITLRP_UNSUPPORTED,
            "cairo and Pango, which PDF, PNG and JPEG figures need, are not on this machine "
            "(install libpangocairo-1.0-0, or write .svg)");
    }
    const FcFontSet *fonts = calls->FcConfigGetFonts_(NULL, FcSetSystem);
    return fonts == NULL || fonts->nfont == 0 /* Pango would end the process */
               ? fail(err, VITLRP_UNSUPPORTED,
                      "fontconfig finds no font for the texts of a figure (install "
                      "fonts-dejavu-core, "
                      "or write .svg)")
               : VITLRP_OK;
}

enum vitlrp_status figure_cairo_check(struct vitlrp_error *err) {
    struct cairo_calls calls;
    return load(&calls, err);
}

/* ---- Items ---- */

static void set_color(const struct painter *painter, uint32_t color) {
    painter->call.cairo_set_source_rgb_(painter->context, (color >> 16 & 255U) / 255.0,
                                        (color >> 8 & 255U) / 255.0, (color & 255U) / 255.0);
}

static void draw_area(const struct painter *painter, const struct figure_box *box, uint32_t color) {
    set_color(painter, color);
    painter->call.cairo_rectangle_(painter->context, box->x, box->y, box->width, box->height);
    painter->call.cairo_fill_(painter->context);
}

static cairo_surface_t *picture_surface(const struct painter *painter,
                                        const struct vitlrp_image_info *info) {
    const struct cairo_calls *call = &painter->call;
    cairo_surface_t *surface =
        call->cairo_image_surface_create_(CAIRO_FORMAT_RGB24, info->width, info->height);
    if (call->cairo_surface_status_(surface) != CAIRO_STATUS_SUCCESS) {
        return surface; /* of no use, and harmless: the context takes over its status */
    }
    unsigned char *data = call->cairo_image_surface_get_data_(surface);
    int stride = call->cairo_image_surface_get_stride_(surface);
    for (int32_t y = 0; y < info->height; y++) {
        uint32_t *row = (uint32_t *) (void *) (data + (ptrdiff_t) y * stride);
        const uint8_t *rgb = info->rgb + (size_t) y * (size_t) info->width * 3;
        for (int32_t x = 0; x < info->width; x++, rgb += 3) {
            row[x] = (uint32_t) rgb[0] << 16 | (uint32_t) rgb[1] << 8 | rgb[2];
        }
    }
    call->cairo_surface_mark_dirty_(surface);
    return surface;
}

static enum vitlrp_status draw_picture(const struct painter *painter,
                                       const struct figure_item *item, struct vitlrp_error *err) {
    const struct cairo_calls *call = &painter->call;
    struct vitlrp_image *image = NULL;
    struct vitlrp_image_info info;
    TRY(vitlrp_image_open_memory(item->png, item->png_size, NULL, &image, err));
    vitlrp_image_describe(image, &info);
    cairo_surface_t *surface = picture_surface(painter, &info);
    call->cairo_save_(painter->context);
    call->cairo_translate_(painter->context, item->box.x, item->box.y);
    call->cairo_scale_(painter->context, item->box.width / info.width,
                       item->box.height / info.height);
    call->cairo_set_source_surface_(painter->context, surface, 0.0, 0.0);
    cairo_pattern_t *source = call->cairo_get_source_(painter->context);
    call->cairo_pattern_set_filter_(source,
                                    painter->is_smaller ? CAIRO_FILTER_GOOD : CAIRO_FILTER_NEAREST);
    call->cairo_pattern_set_extend_(source, CAIRO_EXTEND_PAD);
    call->cairo_rectangle_(painter->context, 0.0, 0.0, info.width, info.height);
    call->cairo_fill_(painter->context);
    call->cairo_restore_(painter->context);
    call->cairo_surface_destroy_(surface);
    vitlrp_image_close(image);
    return VITLRP_OK;
}

/* The words, bounded, with what is no text spelled out, and everything beyond ASCII if `all`. */
static void append_words(struct text *out, const char *words, bool all) {
    size_t length = strlen(words);
    for (size_t i = 0; i < length && i < WORDS_MAX;) {
        struct character next = character_read(words + i, length - i);
        char spelled[SPELLED_BYTES];
        if (next.is_text && (!all || next.code < 0x80)) {
            text_append(out, words + i, next.bytes);
        } else {
            text_append(out, spelled, character_spell(&next, spelled));
        }
        i += next.bytes;
    }
}

static void set_layout(const struct painter *painter, PangoLayout *layout,
                       const struct figure_text *text) {
    const struct cairo_calls *call = &painter->call;
    PangoFontDescription *font = call->pango_font_description_from_string_(
        text->is_bold ? "DejaVu Sans,sans Bold" : "DejaVu Sans,sans");
    call->pango_font_description_set_absolute_size_(font, text->size * PANGO_SCALE);
    call->pango_layout_set_font_description_(layout, font);
    call->pango_font_description_free_(font);
    call->pango_layout_set_single_paragraph_mode_(layout, TRUE);
    call->pango_layout_set_ellipsize_(layout, PANGO_ELLIPSIZE_END);
    call->pango_layout_set_width_(layout,
                                  text->width > 0.0 ? (int) lround(text->width * PANGO_SCALE) : -1);
}

static enum vitlrp_status draw_text(const struct painter *painter, const struct figure_item *item,
                                    struct vitlrp_error *err) {
    const struct cairo_calls *call = &painter->call;
    const struct figure_text *text = &item->text;
    struct text words = {.limit = WORDS_MAX * SPELLED_BYTES + SPELLED_BYTES};
    PangoRectangle logical;
    append_words(&words, item->words, false);
    PangoLayout *layout = call->pango_cairo_create_layout_(painter->context);
    set_layout(painter, layout, text);
    call->pango_layout_set_text_(layout, words.data == NULL ? "" : words.data, -1);
    if (call->pango_layout_get_unknown_glyphs_count_(layout) > 0) {
        words.length = 0;
        append_words(&words, item->words, true);
        call->pango_layout_set_text_(layout, words.data, -1);
    }
    PangoLayoutLine *line = call->pango_layout_get_line_readonly_(layout, 0);
    call->pango_layout_line_get_extents_(line, NULL, &logical);
    double part = text->anchor == FIGURE_START ? 0.0 : text->anchor == FIGURE_END ? 1.0 : 0.5;
    set_color(painter, text->color);
    call->cairo_move_to_(painter->context, text->x - part * logical.width / PANGO_SCALE,
                         text->baseline);
    call->pango_cairo_show_layout_line_(painter->context, line);
    call->g_object_unref_(layout);
    enum vitlrp_status status = text_check(&words, "the texts of a figure", err);
    text_free(&words);
    return status;
}

static enum vitlrp_status draw_items(const struct painter *painter, const struct figure *figure,
                                     struct vitlrp_error *err) {
    for (size_t i = 0; i < figure->count; i++) {
        const struct figure_item *item = &figure->items[i];
        if (item->kind == FIGURE_AREA) {
            draw_area(painter, &item->box, item->color);
        } else if (item->kind == FIGURE_PICTURE) {
            TRY(draw_picture(painter, item, err));
        } else {
            TRY(draw_text(painter, item, err));
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status check_status(const struct painter *painter, cairo_status_t status,
                                       struct vitlrp_error *err) {
    return status == CAIRO_STATUS_SUCCESS ? VITLRP_OK
           : status == CAIRO_STATUS_NO_MEMORY
               ? fail(err, VITLRP_NOMEM, "out of memory for a figure")
               : fail(err, VITLRP_INTERNAL, "figure not drawn: %s",
                      painter->call.cairo_status_to_string_(status));
}

/* Draws on the surface, and finishes it. */
static enum vitlrp_status paint(struct painter *painter, const struct figure *figure, double scale,
                                cairo_surface_t *surface, struct vitlrp_error *err) {
    const struct cairo_calls *call = &painter->call;
    const struct figure_box page = {0.0, 0.0, figure->width + 1.0, figure->height + 1.0};
    painter->context = call->cairo_create_(surface);
    call->cairo_scale_(painter->context, scale, scale);
    draw_area(painter, &page, 0xFFFFFF);
    enum vitlrp_status status = draw_items(painter, figure, err);
    if (status == VITLRP_OK) {
        status = check_status(painter, call->cairo_status_(painter->context), err);
    }
    call->cairo_destroy_(painter->context);
    return status;
}

/* ---- Files ---- */

static cairo_status_t keep_bytes(void *closure, const unsigned char *data, unsigned int length) {
    struct text *file = closure;
    text_append(file, (const char *) data, length);
    return file->failed ? CAIRO_STATUS_NO_MEMORY : CAIRO_STATUS_SUCCESS;
}

static enum vitlrp_status write_pdf(struct painter *painter, const struct figure *figure,
                                    const char *comment, struct bytes *out,
                                    struct vitlrp_error *err) {
    const struct cairo_calls *call = &painter->call;
    painter->file = (struct text){.limit = FILE_LIMIT};
    if (figure->width > PAGE_MAX || figure->height > PAGE_MAX) {
        return fail(err, VITLRP_LIMIT, "a page of %.0f x %.0f points: PDF has at most %.0f a side",
                    figure->width, figure->height, PAGE_MAX);
    }
    cairo_surface_t *surface = call->cairo_pdf_surface_create_for_stream_(
        keep_bytes, &painter->file, figure->width, figure->height);
    /* No date: equal figures are equal files. */
    call->cairo_pdf_surface_set_metadata_(surface, CAIRO_PDF_METADATA_CREATE_DATE, "");
    if (figure->title != NULL) {
        call->cairo_pdf_surface_set_metadata_(surface, CAIRO_PDF_METADATA_TITLE, figure->title);
    }
    if (comment != NULL) {
        call->cairo_pdf_surface_set_metadata_(surface, CAIRO_PDF_METADATA_SUBJECT, comment);
    }
    enum vitlrp_status status = paint(painter, figure, 1.0, surface, err);
    call->cairo_surface_finish_(surface);
    if (status == VITLRP_OK) {
        status = check_status(painter, call->cairo_surface_status_(surface), err);
    }
    call->cairo_surface_destroy_(surface);
    if (status != VITLRP_OK) {
        text_free(&painter->file);
        return status;
    }
    *out =
        (struct bytes){.data = (unsigned char *) painter->file.data, .size = painter->file.length};
    return VITLRP_OK;
}

static enum vitlrp_status copy_pixels(const struct painter *painter, cairo_surface_t *surface,
                                      int32_t width, int32_t height, uint8_t **rgb) {
    size_t count = 0;
    uint8_t *made = NULL;
    if (checked_mul(&count, (size_t) width, (size_t) height)) {
        made = mem_calloc(count, 3);
    }
    if (made == NULL) {
        return VITLRP_NOMEM;
    }
    painter->call.cairo_surface_flush_(surface);
    const unsigned char *data = painter->call.cairo_image_surface_get_data_(surface);
    int stride = painter->call.cairo_image_surface_get_stride_(surface);
    uint8_t *pixel = made;
    for (int32_t y = 0; y < height; y++) {
        const uint32_t *row = (const uint32_t *) (const void *) (data + (ptrdiff_t) y * stride);
        for (int32_t x = 0; x < width; x++, pixel += 3) {
            pixel[0] = (uint8_t) (row[x] >> 16);
            pixel[1] = (uint8_t) (row[x] >> 8);
            pixel[2] = (uint8_t) row[x];
        }
    }
    *rgb = made;
    return VITLRP_OK;
}

/* A picture on its way to a file. */
struct raster {
    double scale; /* pixels a point */
    uint8_t *rgb; /* owned */
    int32_t width, height;
};

static enum vitlrp_status draw_pixels(struct painter *painter, const struct figure *figure,
                                      struct raster *raster, struct vitlrp_error *err) {
    const struct cairo_calls *call = &painter->call;
    double wide = ceil(figure->width * raster->scale);
    double high = ceil(figure->height * raster->scale);
    if (wide > SIDE_MAX || high > SIDE_MAX) {
        return fail(
            err, VITLRP_LIMIT,
            "a figure of %.0f x %.0f pixels is too large for PNG and JPEG: write .pdf or .svg",
            wide, high);
    }
    painter->is_smaller = raster->scale < FIGURE_PIXELS;
    raster->width = (int32_t) wide;
    raster->height = (int32_t) high;
    cairo_surface_t *surface =
        call->cairo_image_surface_create_(CAIRO_FORMAT_RGB24, raster->width, raster->height);
    enum vitlrp_status status = paint(painter, figure, raster->scale, surface, err);
    if (status == VITLRP_OK &&
        copy_pixels(painter, surface, raster->width, raster->height, &raster->rgb) != VITLRP_OK) {
        status = fail(err, VITLRP_NOMEM, "out of memory for a figure");
    }
    call->cairo_surface_destroy_(surface);
    return status;
}

static enum vitlrp_status encode(const struct raster *raster, enum vitlrp_picture_format format,
                                 const char *comment, struct bytes *out, struct vitlrp_error *err) {
    struct vitlrp_image *image = NULL;
    TRY(vitlrp_image_from_rgb(raster->rgb, raster->height, raster->width, &image, err));
    enum vitlrp_status status =
        vitlrp_image_encode(image, format, comment, &out->data, &out->size, err);
    vitlrp_image_close(image);
    return status;
}

static enum vitlrp_status write_picture(struct painter *painter, const struct figure *figure,
                                        enum vitlrp_picture_format format, const char *comment,
                                        struct bytes *out, struct vitlrp_error *err) {
    struct raster raster = {.scale = FIGURE_PIXELS};
    TRY(draw_pixels(painter, figure, &raster, err));
    enum vitlrp_status status = encode(&raster, format, comment, out, err);
    mem_free(raster.rgb);
    return status;
}

enum vitlrp_status figure_cairo_png(const struct figure *figure, double scale, struct bytes *out,
                                    struct vitlrp_error *err) {
    struct painter painter = {0};
    struct raster raster = {.scale = scale};
    if (figure->failed) {
        return fail(err, VITLRP_NOMEM, "out of memory for a figure");
    }
    TRY(load(&painter.call, err));
    TRY(draw_pixels(&painter, figure, &raster, err));
    enum vitlrp_status status = encode(&raster, VITLRP_PICTURE_PNG, NULL, out, err);
    mem_free(raster.rgb);
    return status;
}

enum vitlrp_status figure_cairo(const struct figure *figure, enum figure_format format,
                                const char *comment, struct bytes *out, struct vitlrp_error *err) {
    struct painter painter = {0};
    TRY(load(&painter.call, err));
    if (format == FIGURE_PDF) {
        return write_pdf(&painter, figure, comment, out, err);
    }
    return write_picture(&painter, figure,
                         format == FIGURE_JPEG ? VITLRP_PICTURE_JPEG : VITLRP_PICTURE_PNG, comment,
                         out, err);
}
