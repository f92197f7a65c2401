/* BMP: Windows' headers of every version and OS/2's, uncompressed or in runs (RLE8, RLE4), with a
 * palette or with bit fields. Every field that is computed with is checked here. Passed over, as
 * other readers do: the file's own size, the size of the pixels, planes, resolution, profiles, and
 * gaps. Refuses other compressions by name, and palette indices beyond the palette. */
#include <stdbool.h>
#include <string.h>

#include "imgio/decode.h"

#define FILE_HEADER 14
#define CORE_HEADER 12 /* OS/2 1.x and Windows 2: 16-bit sizes, colours of 3 bytes */
#define INFO_HEADER 40
#define OS2_HEADER 64      /* OS/2 2.x: its numbers of compressions are its own */
#define MASKS_AT 54        /* of three masks: behind a header of 40 bytes, inside a longer one */
#define MASKS_BYTES 12     /* red, green, blue */
#define ALPHA_BYTES 4      /* what BITFIELDS_ALPHA has behind them */
#define MOST_COLOURS 65536 /* that a header may announce; Pillow's limit */

enum compression { PLAIN = 0, RLE8, RLE4, BITFIELDS, JPEG_INSIDE, PNG_INSIDE, BITFIELDS_ALPHA };

/* A colour among the bits of a pixel. */
struct bmp_field {
    uint32_t shift;
    uint32_t largest; /* value; 0: the pixels do not have this colour */
};

struct bmp {
    const uint8_t *data;
    size_t size;
    size_t offset;   /* of the pixels */
    uint32_t header; /* bytes of the second header */
    uint32_t width, height;
    bool from_top;  /* rows are stored from the top */
    uint32_t depth; /* bits a pixel */
    uint32_t compression;
    uint32_t announced;         /* colours of the palette, as the header says; 0: not stated */
    uint32_t colours;           /* that an index may name */
    struct bmp_field fields[3]; /* red, green, blue; without a palette */
};

static uint32_t u16_at(const uint8_t *at) {
    return (uint32_t) at[1] << 8 | at[0];
}

static uint32_t u32_at(const uint8_t *at) {
    return u16_at(at + 2) << 16 | u16_at(at);
}

static bool bmp_header_is_known(uint32_t bytes) {
    return bytes == CORE_HEADER || bytes == INFO_HEADER || bytes == 52 || bytes == 56 ||
           bytes == OS2_HEADER || bytes == 108 || bytes == 124;
}

/* A height below zero means that the rows are stored from the top. */
static enum vitlrp_status bmp_read_header(struct bmp *bmp, struct vitlrp_error *err) {
    bmp->offset = u32_at(bmp->data + 10);
    bmp->header = u32_at(bmp->data + 14);
    if (!bmp_header_is_known(bmp->header)) {
        return fail(err, VITLRP_UNSUPPORTED, "BMP with a header of %u bytes, which is not read",
                    bmp->header);
    }
    if (bmp->size < FILE_HEADER || bmp->header > bmp->size - FILE_HEADER) {
        return fail(err, VITLRP_FORMAT, "truncated BMP");
    }
    const uint8_t *fields = bmp->data + FILE_HEADER;
    if (bmp->header == CORE_HEADER) {
        bmp->width = u16_at(fields + 4);
        bmp->height = u16_at(fields + 6);
        bmp->depth = u16_at(fields + 10);
        return VITLRP_OK;
    }
    bmp->width = u32_at(fields + 4);
    bmp->height = u32_at(fields + 8);
    bmp->depth = u16_at(fields + 14);
    bmp->compression = u32_at(fields + 16);
    bmp->announced = u32_at(fields + 32);
    bmp->from_top = bmp->height > INT32_MAX;
    bmp->height = bmp->from_top ? 0 - bmp->height : bmp->height;
    return VITLRP_OK;
}

/* NULL: not compressed. */
static const char *bmp_compression_name(const struct bmp *bmp) {
    if (bmp->header == OS2_HEADER && bmp->compression == 3) {
        return "Huffman";
    }
    if (bmp->header == OS2_HEADER && bmp->compression == 4) {
        return "RLE24";
    }
    switch (bmp->compression) {
    case PLAIN:
    case RLE8:
    case RLE4:
    case BITFIELDS:
    case BITFIELDS_ALPHA:
        return NULL;
    case JPEG_INSIDE:
        return "JPEG";
    case PNG_INSIDE:
        return "PNG";
    default:
        return "unknown";
    }
}

static bool bmp_has_runs(const struct bmp *bmp) {
    return bmp->compression == RLE8 || bmp->compression == RLE4;
}

static enum vitlrp_status bmp_check_kind(const struct bmp *bmp, struct vitlrp_error *err) {
    uint32_t depth = bmp->depth;
    const char *compression = bmp_compression_name(bmp);
    if (compression != NULL) {
        return fail(
            err, VITLRP_UNSUPPORTED,
            "compressed BMP (%s, number %u), which is not read; save it uncompressed, or as "
            "PNG",
            compression, bmp->compression);
    }
    if (depth != 1 && depth != 4 && depth != 8 && depth != 16 && depth != 24 && depth != 32) {
        return fail(err, VITLRP_UNSUPPORTED, "BMP of %u bits a pixel, which is not read", depth);
    }
    if (bmp_has_runs(bmp)) {
        return depth == (bmp->compression == RLE8 ? 8 : 4) && !bmp->from_top
                   ? VITLRP_OK
                   : fail(err, VITLRP_FORMAT,
                          "bad BMP: runs (RLE) of %u bits a pixel, or from the top", depth);
    }
    if (bmp->compression != PLAIN && depth <= 8) {
        return fail(err, VITLRP_UNSUPPORTED, "BMP of %u bits a pixel with bit fields", depth);
    }
    return VITLRP_OK;
}

/* Where a header of 40 bytes ends, with the masks that may stand behind it. */
static size_t bmp_headers_end(const struct bmp *bmp) {
    size_t end = FILE_HEADER + (size_t) bmp->header;
    if (bmp->header != INFO_HEADER || bmp->compression == PLAIN) {
        return end;
    }
    return end + MASKS_BYTES + (bmp->compression == BITFIELDS_ALPHA ? ALPHA_BYTES : 0);
}

/* The bits of a mask must lie side by side, within a pixel. */
static bool bmp_field_of(uint32_t mask, uint32_t depth, struct bmp_field *out) {
    *out = (struct bmp_field){0, mask};
    if (mask == 0) {
        return true;
    }
    while ((out->largest & 1) == 0) {
        out->largest >>= 1;
        out->shift++;
    }
    bool side_by_side = (out->largest & (out->largest + 1)) == 0;
    return side_by_side && (depth == 32 || mask >> depth == 0);
}

/* Masks that are all empty stand for the usual ones, in 32 bits, as for Pillow. */
static enum vitlrp_status bmp_read_fields(struct bmp *bmp, struct vitlrp_error *err) {
    static const uint32_t usual_16[3] = {0x7c00, 0x03e0, 0x001f};
    static const uint32_t usual_bytes[3] = {0xff0000, 0x00ff00, 0x0000ff};
    const uint32_t *usual = bmp->depth == 16 ? usual_16 : usual_bytes;
    uint32_t masks[3] = {usual[0], usual[1], usual[2]};
    if (bmp_headers_end(bmp) > bmp->size) {
        return fail(err, VITLRP_FORMAT, "truncated BMP");
    }
    if (bmp->compression != PLAIN && bmp->header >= INFO_HEADER) {
        const uint8_t *at = bmp->data + MASKS_AT;
        bool empty = u32_at(at) == 0 && u32_at(at + 4) == 0 && u32_at(at + 8) == 0;
        for (size_t c = 0; c < 3 && !(empty && bmp->depth == 32); c++) {
            masks[c] = u32_at(at + 4 * c);
        }
    }
    bool sound = (masks[0] | masks[1] | masks[2]) != 0 && (masks[0] & masks[1]) == 0 &&
                 (masks[1] & masks[2]) == 0 && (masks[2] & masks[0]) == 0;
    for (size_t c = 0; c < 3; c++) {
        sound = sound && bmp_field_of(masks[c], bmp->depth, &bmp->fields[c]);
    }
    return sound ? VITLRP_OK
                 : fail(err, VITLRP_FORMAT, "bad BMP: bit fields %x, %x, %x of %u bits", masks[0],
                        masks[1], masks[2], bmp->depth);
}

static uint32_t bmp_entry_bytes(const struct bmp *bmp) {
    return bmp->header == CORE_HEADER ? 3 : 4;
}

/* The palette follows the header and ends at the pixels at the latest. Pixels that are said to
 * begin where the palette does begin behind it. */
static enum vitlrp_status bmp_place_palette(struct bmp *bmp, struct vitlrp_error *err) {
    size_t palette = FILE_HEADER + (size_t) bmp->header;
    uint32_t colours = bmp->announced > 0 ? bmp->announced : 1u << bmp->depth;
    if (colours > MOST_COLOURS) {
        return fail(err, VITLRP_FORMAT, "bad BMP: a palette of %u colours", colours);
    }
    if (bmp->offset == 0 || bmp->offset == palette) {
        bmp->offset = palette + (size_t) colours * bmp_entry_bytes(bmp);
    }
    size_t end = bmp->offset < bmp->size ? bmp->offset : bmp->size;
    size_t room = end > palette ? (end - palette) / bmp_entry_bytes(bmp) : 0;
    colours = colours < 1u << bmp->depth ? colours : 1u << bmp->depth;
    bmp->colours = colours < room ? colours : (uint32_t) room;
    return VITLRP_OK;
}

static size_t bmp_row_bytes(const struct bmp *bmp) {
    return ((size_t) bmp->width * bmp->depth + 31) / 32 * 4;
}

/* The padding behind the last row may be missing, as it is in files of some old programs. */
static enum vitlrp_status bmp_check_extent(struct bmp *bmp, struct vitlrp_error *err) {
    size_t last = ((size_t) bmp->width * bmp->depth + 7) / 8;
    size_t needed = bmp_row_bytes(bmp) * (bmp->height - 1) + last;
    if (bmp->offset == 0) {
        bmp->offset = bmp_headers_end(bmp);
    }
    if (bmp->offset < bmp_headers_end(bmp)) {
        return fail(err, VITLRP_FORMAT, "bad BMP: its pixels begin inside its header");
    }
    if (bmp->offset > bmp->size || (!bmp_has_runs(bmp) && needed > bmp->size - bmp->offset)) {
        return fail(err, VITLRP_FORMAT, "truncated BMP");
    }
    return VITLRP_OK;
}

static uint32_t bmp_pixel_index(const uint8_t *row, size_t x, uint32_t depth) {
    size_t bit = x * depth;
    uint32_t shift = 8 - depth - (uint32_t) (bit % 8);
    return (uint32_t) row[bit / 8] >> shift & ((1u << depth) - 1);
}

/* The colour of an index. */
static enum vitlrp_status bmp_look_up(const struct bmp *bmp, uint32_t index, uint8_t *out,
                                      struct vitlrp_error *err) {
    if (index >= bmp->colours) {
        return fail(err, VITLRP_FORMAT, "bad BMP: the palette index %u in a palette of %u colours",
                    index, bmp->colours);
    }
    const uint8_t *palette = bmp->data + FILE_HEADER + bmp->header;
    const uint8_t *colour = palette + (size_t) index * bmp_entry_bytes(bmp);
    out[0] = colour[2];
    out[1] = colour[1];
    out[2] = colour[0];
    return VITLRP_OK;
}

static enum vitlrp_status bmp_read_indices(const struct bmp *bmp, const uint8_t *row, uint8_t *out,
                                           struct vitlrp_error *err) {
    for (size_t x = 0; x < bmp->width; x++, out += 3) {
        TRY(bmp_look_up(bmp, bmp_pixel_index(row, x, bmp->depth), out, err));
    }
    return VITLRP_OK;
}

/* ---- Runs: pairs of bytes, a count and what is repeated, or 0 and a command ---- */

enum bmp_command { END_OF_ROW = 0, END_OF_PICTURE, MOVE };

/* Where the next pixel goes, rows from the bottom, and where the next byte is. */
struct bmp_pen {
    const struct bmp *bmp;
    struct image *image;
    size_t at;
    uint64_t x, y;
};

/* What a repeated pixel has beyond the row's end is left out, as by other readers. */
static enum vitlrp_status bmp_pen_draw(struct bmp_pen *pen, uint32_t index,
                                       struct vitlrp_error *err) {
    const struct bmp *bmp = pen->bmp;
    uint64_t x = pen->x++;
    if (x >= bmp->width || pen->y >= bmp->height) {
        return VITLRP_OK;
    }
    uint8_t *row = pen->image->rgb + (size_t) (bmp->height - 1 - pen->y) * bmp->width * 3;
    return bmp_look_up(bmp, index, row + 3 * (size_t) x, err);
}

/* Index i of bytes that hold one each, or two. */
static uint32_t bmp_run_index(const struct bmp *bmp, const uint8_t *data, uint32_t i) {
    return bmp->compression == RLE8 ? data[i] : bmp_pixel_index(data, i, 4);
}

/* Where a run of other pixels, or a move, goes beyond its row, readers disagree about all that
 * follows. What only fills up the row's last word is left out: some programs write it. */
static enum vitlrp_status bmp_pen_check(const struct bmp_pen *pen, uint32_t count,
                                        struct vitlrp_error *err) {
    uint64_t filled = (uint64_t) bmp_row_bytes(pen->bmp) * 8 / pen->bmp->depth;
    return pen->x + count <= filled
               ? VITLRP_OK
               : fail(err, VITLRP_FORMAT, "bad BMP: a run beyond the end of its row");
}

/* So many pixels that are not repeated; they fill whole words. */
static enum vitlrp_status bmp_read_plain_run(struct bmp_pen *pen, uint32_t count,
                                             struct vitlrp_error *err) {
    const struct bmp *bmp = pen->bmp;
    size_t bytes = bmp->compression == RLE8 ? count : (count + 1) / 2;
    TRY(bmp_pen_check(pen, count, err));
    if (bytes > bmp->size - pen->at) {
        return fail(err, VITLRP_FORMAT, "truncated BMP");
    }
    for (uint32_t i = 0; i < count; i++) {
        TRY(bmp_pen_draw(pen, bmp_run_index(bmp, bmp->data + pen->at, i), err));
    }
    size_t left = bmp->size - pen->at;
    pen->at += bytes + (bytes & 1) < left ? bytes + (bytes & 1) : left;
    return VITLRP_OK;
}

static enum vitlrp_status bmp_read_repeated_run(struct bmp_pen *pen, uint32_t count, uint8_t byte,
                                                struct vitlrp_error *err) {
    const uint8_t pair[2] = {byte, byte};
    for (uint32_t i = 0; i < count; i++) {
        TRY(bmp_pen_draw(pen, bmp_run_index(pen->bmp, pair, i % 2), err));
    }
    return VITLRP_OK;
}

/* The next pair; *ended after the last one. */
static enum vitlrp_status bmp_read_run(struct bmp_pen *pen, bool *ended, struct vitlrp_error *err) {
    const uint8_t *pair = pen->bmp->data + pen->at;
    if (pen->bmp->size - pen->at < 2) {
        return fail(err, VITLRP_FORMAT, "truncated BMP");
    }
    pen->at += 2;
    if (pair[0] > 0) {
        return bmp_read_repeated_run(pen, pair[0], pair[1], err);
    }
    switch (pair[1]) {
    case END_OF_ROW:
        pen->x = 0;
        pen->y++;
        return VITLRP_OK;
    case END_OF_PICTURE:
        *ended = true;
        return VITLRP_OK;
    case MOVE:
        if (pen->bmp->size - pen->at < 2) {
            return fail(err, VITLRP_FORMAT, "truncated BMP");
        }
        TRY(bmp_pen_check(pen, pair[2], err));
        pen->x += pair[2];
        pen->y += pair[3];
        pen->at += 2;
        return VITLRP_OK;
    default:
        return bmp_read_plain_run(pen, pair[1], err);
    }
}

/* Pixels that no run draws have the first colour. The mark of the end may be missing behind the
 * last row. */
static enum vitlrp_status bmp_read_runs(const struct bmp *bmp, struct image *image,
                                        struct vitlrp_error *err) {
    struct bmp_pen pen = {.bmp = bmp, .image = image, .at = bmp->offset};
    uint8_t first[3];
    bool ended = false;
    TRY(bmp_look_up(bmp, 0, first, err));
    for (size_t i = 0; i < (size_t) bmp->width * bmp->height; i++) {
        memcpy(image->rgb + 3 * i, first, 3);
    }
    while (!ended && pen.y < bmp->height && !(pen.y + 1 == bmp->height && pen.x >= bmp->width)) {
        TRY(bmp_read_run(&pen, &ended, err));
    }
    return VITLRP_OK;
}

/* The part of the full brightness, rounded down, as Pillow does. */
static uint8_t bmp_colour_of(uint32_t pixel, const struct bmp_field *field) {
    uint32_t value = pixel >> field->shift & field->largest;
    if (field->largest == 255 || field->largest == 0) {
        return (uint8_t) value;
    }
    return (uint8_t) ((uint64_t) value * 255 / field->largest);
}

static void bmp_read_pixels(const struct bmp *bmp, const uint8_t *row, uint8_t *out) {
    size_t bytes = bmp->depth / 8;
    for (size_t x = 0; x < bmp->width; x++, row += bytes, out += 3) {
        uint32_t pixel = u16_at(row);
        pixel |= bytes > 2 ? (uint32_t) row[2] << 16 : 0;
        pixel |= bytes > 3 ? (uint32_t) row[3] << 24 : 0;
        for (size_t c = 0; c < 3; c++) {
            out[c] = bmp_colour_of(pixel, &bmp->fields[c]);
        }
    }
}

static enum vitlrp_status bmp_read_rows(const struct bmp *bmp, struct image *image,
                                        struct vitlrp_error *err) {
    for (size_t y = 0; y < bmp->height; y++) {
        size_t stored = bmp->from_top ? y : bmp->height - 1 - y;
        const uint8_t *row = bmp->data + bmp->offset + stored * bmp_row_bytes(bmp);
        uint8_t *out = image->rgb + y * bmp->width * 3;
        if (bmp->depth <= 8) {
            TRY(bmp_read_indices(bmp, row, out, err));
        } else {
            bmp_read_pixels(bmp, row, out);
        }
    }
    return VITLRP_OK;
}

enum vitlrp_status decode_bmp(const struct decode_input *input, struct decoded *out,
                              struct vitlrp_error *err) {
    struct bmp bmp = {.data = input->source.memory, .size = input->source.size};
    TRY(bmp_read_header(&bmp, err));
    TRY(image_check_whole(input->limits, bmp.width, bmp.height, err));
    TRY(bmp_check_kind(&bmp, err));
    TRY(bmp.depth <= 8 ? bmp_place_palette(&bmp, err) : bmp_read_fields(&bmp, err));
    TRY(bmp_check_extent(&bmp, err));
    TRY(image_alloc((int32_t) bmp.width, (int32_t) bmp.height, &out->image, err));
    enum vitlrp_status status = bmp_has_runs(&bmp) ? bmp_read_runs(&bmp, &out->image, err)
                                                   : bmp_read_rows(&bmp, &out->image, err);
    if (status != VITLRP_OK) {
        image_free(&out->image);
    }
    return status;
}
