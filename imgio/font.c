#include "imgio/font.h"

#include <stdbool.h>

#include "base/text.h"

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
                         .line_height = header[8]};
}

/* The record of a code point, or of the box, which is the last. */
static const unsigned char *find_record(const struct font *font, uint32_t code_point) {
    int32_t low = 0;
    int32_t high = font->count - 1;
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
    const unsigned char *record = font->glyphs + (ptrdiff_t) low * GLYPH_BYTES;
    return read_u16(record) == code_point
               ? record
               : font->glyphs + (ptrdiff_t) (font->count - 1) * GLYPH_BYTES;
}

static struct glyph find_glyph(const struct font *font, uint32_t code_point) {
    const unsigned char *record = find_record(font, code_point);
    return (struct glyph){.advance = record[2],
                          .left = read_i8(record + 3),
                          .top = read_i8(record + 4),
                          .width = record[5],
                          .height = record[6],
                          .coverage = font->glyphs - FACE_HEADER_BYTES + read_u32(record + 8)};
}

/* Reads the character at `text` and returns its length in bytes; U+FFFD for a byte that does not
 * belong to UTF-8. Tabs become spaces. */
static size_t read_character(const char *text, size_t length, uint32_t *code_point) {
    static const unsigned char lead_mask[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    size_t size = text_utf8_length(text, length);
    if (size == 0) {
        *code_point = 0xFFFD;
        return 1;
    }
    uint32_t value = (unsigned char) text[0] & lead_mask[size];
    for (size_t i = 1; i < size; i++) {
        value = value << 6 | ((unsigned char) text[i] & 0x3FU);
    }
    *code_point = value == '\t' ? ' ' : value;
    return size;
}

int32_t font_measure(const struct font *font, const char *text, size_t length) {
    int32_t width = 0;
    for (size_t i = 0; i < length;) {
        uint32_t code_point;
        i += read_character(text + i, length - i, &code_point);
        width += find_glyph(font, code_point).advance;
    }
    return width;
}

size_t font_fit(const struct font *font, const char *text, size_t length, int32_t width,
                size_t *next) {
    size_t last_space = 0;
    int32_t used = 0;
    size_t i = 0;
    while (i < length && text[i] != '\n') {
        uint32_t code_point;
        size_t size = read_character(text + i, length - i, &code_point);
        used += find_glyph(font, code_point).advance;
        if (code_point == ' ') {
            last_space = i;
        } else if (used > width && i > 0) {
            break;
        }
        i += size;
    }
    bool whole = i == length || text[i] == '\n';
    size_t end = whole || last_space == 0 ? i : last_space;
    *next = end;
    if (whole) {
        *next += i < length ? 1 : 0;
        return end;
    }
    while (*next < length && text[*next] == ' ') {
        (*next)++;
    }
    return end;
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

static void draw_glyph(const struct glyph *glyph, struct image *image, int32_t left, int32_t top,
                       const uint8_t color[3]) {
    int32_t skipped = left < 0 ? -left : 0;
    int32_t space = image->width - left;
    int32_t end = glyph->width < space ? glyph->width : space;
    for (int32_t row = 0; row < glyph->height; row++) {
        int32_t y = top + row;
        if (y < 0 || y >= image->height || skipped >= end) {
            continue;
        }
        uint8_t *pixel =
            image->rgb + ((size_t) y * (size_t) image->width + (size_t) (left + skipped)) * 3;
        blend_row(pixel, glyph->coverage + (ptrdiff_t) row * glyph->width + skipped, end - skipped,
                  color);
    }
}

void font_draw(const struct font *font, struct image *image, const struct font_pen *pen,
               const char *text, size_t length) {
    int32_t x = pen->x;
    for (size_t i = 0; i < length && x < image->width;) {
        uint32_t code_point;
        i += read_character(text + i, length - i, &code_point);
        struct glyph glyph = find_glyph(font, code_point);
        draw_glyph(&glyph, image, x + glyph.left, pen->baseline - glyph.top, pen->color);
        x += glyph.advance;
    }
}
