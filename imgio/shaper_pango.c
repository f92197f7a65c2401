#include "imgio/shaper.h"

#include <string.h>

#include <fontconfig/fontconfig.h>
#include <pango/pangofc-fontmap.h>
#include <pango/pangoft2.h>

#include "base/library.h"
#include "base/mem.h"
#include "base/spell.h"

#define SONAME "libpangoft2-1.0.so.0"
#define EM_PIXELS 14            /* as data/make_font.py has it */
#define LINE_BYTES_MAX 2048     /* more than a picture's width takes */
#define COVERAGE_SIDE_MAX 16384 /* pixels */

/* Every function that is called, in the libraries that pangoft2 brings along. */
#define PANGO_FUNCTIONS(F)                                                                         \
    F(pango_ft2_font_map_new)                                                                      \
    F(pango_ft2_font_map_set_resolution)                                                           \
    F(pango_fc_font_map_set_default_substitute)                                                    \
    F(pango_ft2_render_layout_line)                                                                \
    F(pango_fc_font_get_pattern)                                                                   \
    F(pango_font_map_create_context)                                                               \
    F(pango_context_set_language)                                                                  \
    F(pango_language_from_string)                                                                  \
    F(pango_font_description_from_string)                                                          \
    F(pango_font_description_set_absolute_size)                                                    \
    F(pango_font_description_free)                                                                 \
    F(pango_layout_new)                                                                            \
    F(pango_layout_set_font_description)                                                           \
    F(pango_layout_set_text)                                                                       \
    F(pango_layout_set_width)                                                                      \
    F(pango_layout_set_wrap)                                                                       \
    F(pango_layout_get_line_count)                                                                 \
    F(pango_layout_get_line_readonly)                                                              \
    F(pango_layout_line_get_pixel_extents)                                                         \
    F(g_object_unref)                                                                              \
    F(FcConfigGetFonts)                                                                            \
    F(FcPatternAddBool)                                                                            \
    F(FcPatternGetBool)

/* Underscores keep the names apart from macros of the same names. */
struct pango {
#define MEMBER(name) __typeof__(&name) name##_;
    PANGO_FUNCTIONS(MEMBER)
#undef MEMBER
};

struct shaper {
    struct pango pango;
    PangoFontMap *map;
    PangoContext *context;
    PangoLayout *layout;
};

/* A line as Pango gets it. Arrays are owned. */
struct line {
    char *text;       /* characters that cannot be drawn are spelled out */
    uint16_t *origin; /* of each byte of it: where its character begins in the source */
    bool *spelled;    /* of each byte of the source at which a character begins: no font has it */
    size_t length, source_length;
};

/* ---- Opening ---- */

/* Fonts whose glyphs are pictures cannot be drawn in the text's colour: others first. */
static void prefer_outlines(FcPattern *pattern, gpointer data) {
    const struct shaper *shaper = data;
    shaper->pango.FcPatternAddBool_(pattern, FC_COLOR, FcFalse);
}

void shaper_describe(struct text *out) {
    text_append_string(
        out,
        "texts: built-in font; Pango, where it is installed (built with " PANGO_VERSION_STRING ")");
}

/* Without a font Pango would end the process. */
static bool has_fonts(const struct pango *pango) {
    const FcFontSet *fonts = pango->FcConfigGetFonts_(NULL, FcSetSystem);
    return fonts != NULL && fonts->nfont > 0;
}

struct shaper *shaper_open(void) {
#define NAME(name) #name,
    static const char *const NAMES[] = {PANGO_FUNCTIONS(NAME)};
#undef NAME
    struct shaper *shaper = mem_calloc(1, sizeof *shaper);
    struct pango *pango = shaper == NULL ? NULL : &shaper->pango;
    if (pango == NULL || library_pango_obstacle() != NULL ||
        !library_load(SONAME, NAMES, sizeof NAMES / sizeof *NAMES, pango) || !has_fonts(pango)) {
        mem_free(shaper);
        return NULL;
    }
    shaper->map = pango->pango_ft2_font_map_new_();
    PangoFT2FontMap *map = (PangoFT2FontMap *) shaper->map;
    pango->pango_ft2_font_map_set_resolution_(map, 72.0, 72.0);
    pango->pango_fc_font_map_set_default_substitute_((PangoFcFontMap *) map, prefer_outlines,
                                                     shaper, NULL);
    shaper->context = pango->pango_font_map_create_context_(shaper->map);
    /* Otherwise the locale would choose among the fonts of a script. */
    pango->pango_context_set_language_(shaper->context, pango->pango_language_from_string_("en"));
    shaper->layout = pango->pango_layout_new_(shaper->context);
    pango->pango_layout_set_wrap_(shaper->layout, PANGO_WRAP_WORD_CHAR);
    return shaper;
}

void shaper_close(struct shaper *shaper) {
    if (shaper != NULL) {
        shaper->pango.g_object_unref_(shaper->layout);
        shaper->pango.g_object_unref_(shaper->context);
        shaper->pango.g_object_unref_(shaper->map);
        mem_free(shaper);
    }
}

/* ---- Lines ---- */

static void line_free(struct line *line) {
    mem_free(line->text);
    mem_free(line->origin);
    mem_free(line->spelled);
}

static bool line_open(const char *source, size_t length, struct line *line) {
    *line = (struct line){0};
    while (line->source_length < length) {
        size_t at = line->source_length;
        size_t bytes = character_read(source + at, length - at).bytes;
        if (at + bytes > LINE_BYTES_MAX) {
            break;
        }
        line->source_length += bytes;
    }
    size_t most = line->source_length * SPELLED_BYTES + 1;
    line->text = mem_calloc(most, 1);
    line->origin = mem_calloc(most, sizeof *line->origin);
    line->spelled = mem_calloc(line->source_length + 1, sizeof *line->spelled);
    if (line->text == NULL || line->origin == NULL || line->spelled == NULL) {
        line_free(line);
        return false;
    }
    return true;
}

static void line_write(const char *source, struct line *line) {
    line->length = 0;
    for (size_t i = 0; i < line->source_length;) {
        struct character next = character_read(source + i, line->source_length - i);
        char *out = line->text + line->length;
        size_t size = next.bytes;
        if (next.code == '\t') {
            *out = ' ';
        } else if (!next.is_text || line->spelled[i]) {
            size = character_spell(&next, out);
        } else {
            memcpy(out, source + i, size);
        }
        for (size_t k = 0; k < size; k++) {
            line->origin[line->length + k] = (uint16_t) i;
        }
        line->length += size;
        i += next.bytes;
    }
    line->origin[line->length] = (uint16_t) line->source_length;
}

/* Fonts in colours have no outlines, or empty ones. */
static bool is_in_colors(const struct shaper *shaper, PangoFont *font) {
    FcBool in_colors = FcFalse;
    FcPattern *pattern = shaper->pango.pango_fc_font_get_pattern_((PangoFcFont *) font);
    return shaper->pango.FcPatternGetBool_(pattern, FC_COLOR, 0, &in_colors) == FcResultMatch &&
           in_colors;
}

/* The byte of the run behind a cluster that begins at `start`. */
static int cluster_end(const PangoGlyphItem *run, int start) {
    int end = run->item->length;
    for (int i = 0; i < run->glyphs->num_glyphs; i++) {
        int other = run->glyphs->log_clusters[i];
        end = other > start && other < end ? other : end;
    }
    return end;
}

/* Marks the characters of clusters that cannot be drawn, which ASCII is spared; true if there are
 * any clusters. */
static bool mark_missing(const struct shaper *shaper, const PangoGlyphItem *run,
                         struct line *line) {
    PangoFont *font = run->item->analysis.font;
    bool in_colors = font != NULL && is_in_colors(shaper, font);
    bool found = false;
    for (int i = 0; i < run->glyphs->num_glyphs; i++) {
        PangoGlyph glyph = run->glyphs->glyphs[i].glyph;
        if (font != NULL && !in_colors && (glyph & PANGO_GLYPH_UNKNOWN_FLAG) == 0) {
            continue;
        }
        int start = run->glyphs->log_clusters[i];
        int end = cluster_end(run, start);
        for (int at = run->item->offset + start; at < run->item->offset + end; at++) {
            line->spelled[line->origin[at]] |= (unsigned char) line->text[at] >= 0x80U;
        }
        found = true;
    }
    return found;
}

static void set_layout(struct shaper *shaper, enum font_face face, const struct line *line,
                       int32_t width) {
    const struct pango *pango = &shaper->pango;
    PangoFontDescription *font = pango->pango_font_description_from_string_(
        face == FONT_BOLD ? "DejaVu Sans,sans Bold" : "DejaVu Sans,sans");
    pango->pango_font_description_set_absolute_size_(font, EM_PIXELS * PANGO_SCALE);
    pango->pango_layout_set_font_description_(shaper->layout, font);
    pango->pango_font_description_free_(font);
    pango->pango_layout_set_width_(shaper->layout, width < 0 ? -1 : width * PANGO_SCALE);
    pango->pango_layout_set_text_(shaper->layout, line->text, (int) line->length);
}

static bool layout_misses(const struct shaper *shaper, struct line *line) {
    const struct pango *pango = &shaper->pango;
    int count = pango->pango_layout_get_line_count_(shaper->layout);
    bool missing = false;
    for (int i = 0; i < count; i++) {
        PangoLayoutLine *shaped = pango->pango_layout_get_line_readonly_(shaper->layout, i);
        for (GSList *run = shaped->runs; run != NULL; run = run->next) {
            missing |= mark_missing(shaper, run->data, line);
        }
    }
    return missing;
}

/* Lays the text out, and once more if it has clusters that no font has; width < 0: as one line.
 * False if the fonts do not even have what they are spelled with. */
static bool line_shape(struct shaper *shaper, enum font_face face, const char *source,
                       int32_t width, struct line *line) {
    line_write(source, line);
    set_layout(shaper, face, line, width);
    if (!layout_misses(shaper, line)) {
        return true;
    }
    line_write(source, line);
    set_layout(shaper, face, line, width);
    return !layout_misses(shaper, line);
}

static PangoLayoutLine *first_line(const struct shaper *shaper) {
    return shaper->pango.pango_layout_get_line_readonly_(shaper->layout, 0);
}

int32_t shaper_measure(struct shaper *shaper, enum font_face face, const char *text,
                       size_t length) {
    struct line line;
    PangoRectangle logical = {0};
    if (!line_open(text, length, &line)) {
        return -1;
    }
    bool shaped = line_shape(shaper, face, text, -1, &line);
    shaper->pango.pango_layout_line_get_pixel_extents_(first_line(shaper), NULL, &logical);
    line_free(&line);
    return shaped ? logical.width : -1;
}

size_t shaper_fit(struct shaper *shaper, enum font_face face, const char *text, size_t length,
                  int32_t width, size_t *next) {
    struct line line;
    *next = 0;
    if (!line_open(text, length, &line)) {
        return 0;
    }
    bool shaped = line_shape(shaper, face, text, width < 0 ? 0 : width, &line);
    size_t end = line.origin[first_line(shaper)->length];
    line_free(&line);
    if (!shaped) {
        return 0;
    }
    end = end > 0 ? end : character_read(text, length).bytes;
    *next = end;
    while (*next < length && text[*next] == ' ') {
        (*next)++;
    }
    while (*next < length && end > 1 && text[end - 1] == ' ') {
        end--;
    }
    return end;
}

static bool coverage_make(const struct shaper *shaper, const PangoRectangle *ink,
                          struct shaped_line *out) {
    out->left = ink->x;
    out->top = -ink->y;
    if (ink->width <= 0 || ink->height <= 0) {
        return true;
    }
    out->width = ink->width < COVERAGE_SIDE_MAX ? ink->width : COVERAGE_SIDE_MAX;
    out->height = ink->height < COVERAGE_SIDE_MAX ? ink->height : COVERAGE_SIDE_MAX;
    out->coverage = mem_calloc((size_t) out->width, (size_t) out->height);
    if (out->coverage == NULL) {
        return false;
    }
    FT_Bitmap bitmap = {.rows = (unsigned int) out->height,
                        .width = (unsigned int) out->width,
                        .pitch = out->width,
                        .buffer = out->coverage,
                        .num_grays = 256,
                        .pixel_mode = FT_PIXEL_MODE_GRAY};
    shaper->pango.pango_ft2_render_layout_line_(&bitmap, first_line(shaper), -ink->x, -ink->y);
    return true;
}

bool shaper_draw(struct shaper *shaper, enum font_face face, const char *text, size_t length,
                 struct shaped_line *out) {
    struct line line;
    PangoRectangle ink;
    *out = (struct shaped_line){0};
    if (!line_open(text, length, &line)) {
        return false;
    }
    bool shaped = line_shape(shaper, face, text, -1, &line);
    line_free(&line);
    shaper->pango.pango_layout_line_get_pixel_extents_(first_line(shaper), &ink, NULL);
    return shaped && coverage_make(shaper, &ink, out);
}
