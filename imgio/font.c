#include "imgio/font.h"

#include <string.h>

#include "base/mem.h"
#include "base/spell.h"
#include "imgio/canvas.h"
#include "imgio/shaper.h"

/* data/make_font.py describes the layout. */
#define FACE_HEADER_BYTES 12
#define GLYPH_BYTES 12

extern const unsigned char font_data[];

struct glyph {
    int32_t advance, left, top, width, height;
    const unsigned char *coverage;
};

static uint32_t read_u16(const unsigned char *bytes) {
    return (uint32_t) bytes[0] | (uint32_t) bytes[1] << 8;
}

static uint32_t read_u32(const unsigned char *bytes) {
    return read_u16(bytes) | read_u16(bytes + 2) << 16;
}

static int32_t read_i8(const unsigned char *bytes) {
    return bytes[0] < 128 ? (int32_t) bytes[0] : (int32_t) bytes[0] - 256;
}

struct font font_open(enum font_face face) {
    const unsigned char *header = font_data;
    if (face == FONT_BOLD) {
        header += read_u32(header);
    }
    return (struct font){.glyphs = header + FACE_HEADER_BYTES,
                         .count = (int32_t) read_u16(header + 4),
                         .ascent = header[6],
                         .descent = header[7],
                         .line_height = header[8],
                         .face = face};
}

/* The record of a code point; NULL: there is none. */
static const unsigned char *find_record(const struct font *font, uint32_t code_point) {
    int32_t low = 0;
    int32_t high = font->count;
    while (low < high) {
        int32_t middle = (low + high) / 2;
        const unsigned char *record = font->glyphs + (ptrdiff_t) middle * GLYPH_BYTES;
        if (read_u16(record) == code_point) {
            return record;
        }
        if (read_u16(record) < code_point) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

static struct glyph read_glyph(const struct font *font, const unsigned char *record) {
    return (struct glyph){.advance = record[2],
                          .left = read_i8(record + 3),
                          .top = read_i8(record + 4),
                          .width = record[5],
                          .height = record[6],
                          .coverage = font->glyphs - FACE_HEADER_BYTES + read_u32(record + 8)};
}

/* The glyphs of a character: its own, or those of its spelling. */
struct glyphs {
    struct glyph glyph[SPELLED_BYTES];
    size_t count;
    size_t bytes; /* of the character */
    bool is_space, is_spelled;
};

static struct glyphs read_glyphs(const struct font *font, const char *text, size_t length) {
    struct character character = character_read(text, length);
    uint32_t code = character.code == '\t' ? ' ' : character.code;
    bool is_text = character.is_text || code == ' ';
    const unsigned char *record = is_text ? find_record(font, code) : NULL;
    struct glyphs out = {.bytes = character.bytes, .is_space = code == ' '};
    char spelled[SPELLED_BYTES];
    if (record != NULL) {
        out.glyph[0] = read_glyph(font, record);
        out.count = 1;
        return out;
    }
    out.is_spelled = true;
    out.count = character_spell(&character, spelled);
    for (size_t i = 0; i < out.count; i++) { /* of ASCII, which every face has */
        out.glyph[i] = read_glyph(font, find_record(font, (unsigned char) spelled[i]));
    }
    return out;
}

static int32_t glyphs_advance(const struct glyphs *glyphs) {
    int32_t advance = 0;
    for (size_t i = 0; i < glyphs->count; i++) {
        advance += glyphs->glyph[i].advance;
    }
    return advance;
}

bool font_covers(const struct font *font, const char *text, size_t length) {
    for (size_t i = 0; i < length;) {
        struct glyphs glyphs = read_glyphs(font, text + i, length - i);
        if (glyphs.is_spelled && text[i] != '\n') {
            return false;
        }
        i += glyphs.bytes;
    }
    return true;
}

struct shaper *font_shaper(const char *text, const char *other) {
    struct font font = font_open(FONT_REGULAR); /* both faces have the same characters */
    bool covers = (text == NULL || font_covers(&font, text, strlen(text))) &&
                  (other == NULL || font_covers(&font, other, strlen(other)));
    return covers ? NULL : shaper_open();
}

static bool needs_shaper(const struct font *font, const char *text, size_t length) {
    return font->shaper != NULL && length > 0 && !font_covers(font, text, length);
}

int32_t font_measure(const struct font *font, const char *text, size_t length) {
    if (needs_shaper(font, text, length)) {
        int32_t width = shaper_measure(font->shaper, font->face, text, length);
        if (width >= 0) {
            return width;
        }
    }
    int32_t width = 0;
    for (size_t i = 0; i < length;) {
        struct glyphs glyphs = read_glyphs(font, text + i, length - i);
        i += glyphs.bytes;
        width += glyphs_advance(&glyphs);
    }
    return width;
}

/* Of a text without newlines; *next is behind the spaces. */
static size_t fit_glyphs(const struct font *font, const char *text, size_t length, int32_t width,
                         size_t *next) {
    size_t last_space = 0;
    int32_t used = 0;
    size_t i = 0;
    while (i < length) {
        struct glyphs glyphs = read_glyphs(font, text + i, length - i);
        used += glyphs_advance(&glyphs);
        bool is_before_percent = i + glyphs.bytes < length && text[i + glyphs.bytes] == '%';
        if (glyphs.is_space && !is_before_percent) {
            last_space = i;
        } else if (used > width && i > 0) {
            break;
        }
        i += glyphs.bytes;
    }
    size_t end = i == length || last_space == 0 ? i : last_space;
    *next = end;
    while (i < length && *next < length && text[*next] == ' ') {
        (*next)++;
    }
    return end;
}

size_t font_fit(const struct font *font, const char *text, size_t length, int32_t width,
                size_t *next) {
    const char *newline = length > 0 ? memchr(text, '\n', length) : NULL;
    size_t paragraph = newline == NULL ? length : (size_t) (newline - text);
    *next = 0;
    if (needs_shaper(font, text, paragraph)) {
        size_t end = shaper_fit(font->shaper, font->face, text, paragraph, width, next);
        if (*next > 0) {
            *next += *next == paragraph && newline != NULL ? 1 : 0;
            return end;
        }
    }
    size_t end = fit_glyphs(font, text, paragraph, width, next);
    *next += end == paragraph && newline != NULL ? 1 : 0;
    return end;
}

/* False if it has to be drawn without a shaper. */
static bool draw_shaped(const struct font *font, struct image *image, const struct font_pen *pen,
                        const char *text, size_t length) {
    struct shaped_line line;
    if (!shaper_draw(font->shaper, font->face, text, length, &line)) {
        return false;
    }
    struct rectangle area = {pen->x + line.left, pen->baseline - line.top, line.width, line.height};
    canvas_cover(image, &area, line.coverage, pen->color);
    mem_free(line.coverage);
    return true;
}

void font_draw(const struct font *font, struct image *image, const struct font_pen *pen,
               const char *text, size_t length) {
    if (needs_shaper(font, text, length) && draw_shaped(font, image, pen, text, length)) {
        return;
    }
    int32_t x = pen->x;
    for (size_t i = 0; i < length && x < image->width;) {
        struct glyphs glyphs = read_glyphs(font, text + i, length - i);
        i += glyphs.bytes;
        for (size_t k = 0; k < glyphs.count; k++) {
            const struct glyph *glyph = &glyphs.glyph[k];
            struct rectangle area = {x + glyph->left, pen->baseline - glyph->top, glyph->width,
                                     glyph->height};
            canvas_cover(image, &area, glyph->coverage, pen->color);
            x += glyph->advance;
        }
    }
}
