/* PNG through libpng's row interface, which hands out one row at a time and so never holds a second
 * copy of the picture. Refuses truncated files, critical chunks with a wrong checksum and palette
 * indices beyond the palette; libpng skips text and profiles unread. The
 * orientation is found in the file itself (png_text.h), since libpng drops EXIF that begins as in a
 * JPEG. */
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <png.h>
#include <zlib.h>

#include "base/mem.h"
#include "base/window.h"
#include "imgio/decode.h"
#include "imgio/png_text.h"

#define HEADER_BYTES 29 /* signature, length, "IHDR" and its 13 bytes */

/* No chunk that is read needs more; IDAT is not held to it. */
#define MAX_CHUNK_BYTES ((size_t) 8 << 20)
#define MAX_CHUNKS 100

/* libpng's rows have at most 8 bytes a pixel, and some of them are held twice. */
#define MAX_PIXEL_BYTES ((size_t) 16)

/* Everything lives here and not in the locals of the function that calls setjmp, whose values would
 * be lost by the jump. */
struct png_reader {
    png_structp codec;
    png_infop info;
    const struct decode_input *input;
    struct feed feed;
    const uint8_t *next; /* bytes that the feed has handed out */
    size_t left;
    uint8_t *row; /* one row, for a sink; owned */
    struct decoded *out;
    struct vitlrp_error *err;
    enum vitlrp_status status;
};

/* Leads to read_picture, or out of png_create_read_struct_2. */
static _Noreturn void stop(struct png_reader *reader, png_structp codec,
                           enum vitlrp_status status) {
    reader->status = status;
    png_longjmp(codec, 1);
}

static void on_error(png_structp codec, png_const_charp message) {
    struct png_reader *reader = png_get_error_ptr(codec);
    if (reader->status == VITLRP_OK) {
        reader->status = fail(reader->err, VITLRP_FORMAT, "bad PNG: %s", message);
    }
    stop(reader, codec, reader->status);
}

static void on_warning(png_structp codec, png_const_charp message) {
    (void) codec; /* the library's own would print; a wrong ancillary chunk changes no pixel */
    (void) message;
}

static void on_read(png_structp codec, png_bytep out, size_t size) {
    struct png_reader *reader = png_get_io_ptr(codec);
    while (size > 0) {
        if (reader->left == 0) {
            enum vitlrp_status status =
                feed_next(&reader->feed, &reader->next, &reader->left, reader->err);
            if (status == VITLRP_OK && reader->left == 0) {
                status = fail(reader->err, VITLRP_FORMAT, "truncated PNG");
            }
            if (status != VITLRP_OK) {
                stop(reader, codec, status);
            }
        }
        size_t step = size < reader->left ? size : reader->left;
        memcpy(out, reader->next, step);
        out += step;
        reader->next += step;
        reader->left -= step;
        size -= step;
    }
}

/* libpng allocates what some chunks say that they hold (sCAL; up to 2 GiB) before it reads them,
 * and passes over a chunk for which there is no memory. */
static png_voidp on_malloc(png_structp codec, png_alloc_size_t size) {
    struct png_reader *reader = png_get_mem_ptr(codec);
    size_t row = (size_t) reader->input->limits->max_side * MAX_PIXEL_BYTES;
    if (size > MAX_CHUNK_BYTES + row) {
        return NULL;
    }
    void *block = mem_calloc(1, size);
    if (block == NULL && reader->status == VITLRP_OK) {
        reader->status = fail(reader->err, VITLRP_NOMEM, "out of memory for a PNG");
    }
    return block;
}

static void on_free(png_structp codec, png_voidp block) {
    (void) codec;
    mem_free(block);
}

/* Before libpng sees it, so that a size beyond the limits is a LIMIT and costs nothing. */
static enum vitlrp_status check_header(const struct decode_input *input, struct vitlrp_error *err) {
    uint8_t head[HEADER_BYTES];
    if (input->source.size < HEADER_BYTES) {
        return fail(err, VITLRP_FORMAT, "truncated PNG");
    }
    TRY(source_read(&input->source, 0, head, sizeof head, err));
    if (memcmp(head + 12, "IHDR", 4) != 0) {
        return fail(err, VITLRP_FORMAT, "bad PNG: it does not begin with its header");
    }
    uint32_t width = png_number(head + 16);
    uint32_t height = png_number(head + 20);
    return image_check_size(input->limits, width, height, err);
}

static void set_limits(struct png_reader *reader) {
    /* Read by nobody here, and able to hide a bomb: passed over without inflating them. */
    static const png_byte skipped[] = "bKGD\0cHRM\0eXIf\0gAMA\0hIST\0iCCP\0iTXt\0oFFs\0pCAL\0"
                                      "pHYs\0sBIT\0sCAL\0sPLT\0sRGB\0tEXt\0tIME\0zTXt\0";
    png_set_keep_unknown_chunks(reader->codec, PNG_HANDLE_CHUNK_NEVER, skipped,
                                (int) (sizeof skipped / 5));
    png_uint_32 max_side = (png_uint_32) reader->input->limits->max_side;
    png_set_user_limits(reader->codec, max_side, max_side);
    png_set_chunk_malloc_max(reader->codec, MAX_CHUNK_BYTES);
    png_set_chunk_cache_max(reader->codec, MAX_CHUNKS);
}

/* Every kind of PNG to 8-bit RGB, but palette indices to a byte each, since libpng does not notice
 * those beyond the palette where it looks up the colours. Of 16 bits the upper 8 are kept
 * and alpha is dropped, as Pillow does both; grey alone is scaled, as that of PNM is. */
static void set_transforms(png_structp codec, png_infop info) {
    png_byte kind = png_get_color_type(codec, info);
    if (kind == PNG_COLOR_TYPE_PALETTE) {
        png_set_packing(codec);
    } else if ((kind & PNG_COLOR_MASK_COLOR) == 0) {
        png_set_expand_gray_1_2_4_to_8(codec);
        png_set_gray_to_rgb(codec);
    }
    if (kind == PNG_COLOR_TYPE_GRAY) {
        png_set_scale_16(codec);
    } else {
        png_set_strip_16(codec);
    }
    png_set_strip_alpha(codec);
}

/* Turns the indices in the first third of a row into colours, from the end so that none is
 * overwritten before it was read. */
static void look_up_row(struct png_reader *reader, uint8_t *row) {
    png_colorp palette = NULL;
    int colours = 0;
    if (png_get_PLTE(reader->codec, reader->info, &palette, &colours) == 0) {
        png_error(reader->codec, "no palette");
    }
    for (size_t x = png_get_image_width(reader->codec, reader->info); x-- > 0;) {
        uint8_t index = row[x];
        if (index >= colours) {
            png_error(reader->codec, "a palette index beyond the palette");
        }
        row[3 * x] = palette[index].red;
        row[3 * x + 1] = palette[index].green;
        row[3 * x + 2] = palette[index].blue;
    }
}

static bool has_palette(const struct png_reader *reader) {
    return png_get_color_type(reader->codec, reader->info) == PNG_COLOR_TYPE_PALETTE;
}

/* All rows, in as many passes as there are. */
static void read_whole(struct png_reader *reader, int passes) {
    png_structp codec = reader->codec;
    struct image *image = &reader->out->image;
    int32_t width = (int32_t) png_get_image_width(codec, reader->info);
    int32_t height = (int32_t) png_get_image_height(codec, reader->info);
    size_t stride = (size_t) width * 3;
    enum vitlrp_status status = image_alloc(width, height, image, reader->err);
    if (status != VITLRP_OK) {
        stop(reader, codec, status);
    }
    for (int pass = 0; pass < passes; pass++) {
        for (size_t y = 0; y < (size_t) height; y++) {
            png_read_row(codec, image->rgb + y * stride, NULL);
        }
    }
    for (size_t y = 0; y < (size_t) height && has_palette(reader); y++) {
        look_up_row(reader, image->rgb + y * stride);
    }
}

/* Row by row, to the sink. */
static void read_to_sink(struct png_reader *reader) {
    png_structp codec = reader->codec;
    const struct row_sink *sink = reader->input->sink;
    png_uint_32 height = png_get_image_height(codec, reader->info);
    reader->row = mem_calloc(png_get_image_width(codec, reader->info), 3);
    if (reader->row == NULL) {
        stop(reader, codec, fail(reader->err, VITLRP_NOMEM, "out of memory for a PNG"));
    }
    for (png_uint_32 y = 0; y < height; y++) {
        png_read_row(codec, reader->row, NULL);
        if (has_palette(reader)) {
            look_up_row(reader, reader->row);
        }
        sink->row(sink->user, reader->row);
    }
}

/* True if a sink takes the rows. An interlaced picture is whole in memory, and held to the limit of
 * that. */
static bool offer_rows(struct png_reader *reader, int passes) {
    const struct row_sink *sink = reader->input->sink;
    png_uint_32 width = png_get_image_width(reader->codec, reader->info);
    png_uint_32 height = png_get_image_height(reader->codec, reader->info);
    enum vitlrp_status status = VITLRP_OK;
    bool takes = false;
    if (passes > 1) {
        status = image_check_whole(reader->input->limits, width, height, reader->err);
    } else if (sink != NULL) {
        status = sink->begin(sink->user, (int32_t) width, (int32_t) height,
                             reader->out->orientation, &takes, reader->err);
    }
    if (status != VITLRP_OK) {
        stop(reader, reader->codec, status);
    }
    return takes;
}

static void read_rows(struct png_reader *reader) {
    png_structp codec = reader->codec;
    size_t width = png_get_image_width(codec, reader->info);
    int passes = png_set_interlace_handling(codec);
    png_read_update_info(codec, reader->info);
    if (png_get_rowbytes(codec, reader->info) != (has_palette(reader) ? width : width * 3)) {
        stop(reader, codec,
             fail(reader->err, VITLRP_INTERNAL, "libpng hands out rows that are not RGB"));
    }
    if (offer_rows(reader, passes)) {
        read_to_sink(reader);
    } else {
        read_whole(reader, passes);
    }
}

/* Errors of the library arrive here. */
static enum vitlrp_status read_picture(struct png_reader *reader) {
    if (setjmp(png_jmpbuf(reader->codec)) != 0) {
        return reader->status;
    }
    set_limits(reader);
    png_set_read_fn(reader->codec, reader, on_read);
    png_read_info(reader->codec, reader->info);
    set_transforms(reader->codec, reader->info);
    read_rows(reader);
    png_read_end(reader->codec, reader->info);
    return VITLRP_OK;
}

enum vitlrp_status decode_png(const struct decode_input *input, struct decoded *out,
                              struct vitlrp_error *err) {
    TRY(check_header(input, err));
    TRY(png_orientation(&input->source, &out->orientation, err));
    struct png_reader reader = {.input = input, .out = out, .err = err};
    TRY(feed_open(&input->source, input->hash, &reader.feed, err));
    reader.codec = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &reader, on_error, on_warning,
                                            &reader, on_malloc, on_free);
    if (reader.codec != NULL) {
        reader.info = png_create_info_struct(reader.codec);
    }
    enum vitlrp_status status;
    if (reader.info != NULL) {
        status = read_picture(&reader);
    } else {
        status = fail(err, VITLRP_NOMEM, "out of memory for a PNG");
    }
    png_destroy_read_struct(&reader.codec, &reader.info, NULL);
    if (status == VITLRP_OK) {
        status = feed_finish(&reader.feed, err);
    }
    feed_close(&reader.feed);
    mem_free(reader.row);
    if (status != VITLRP_OK) {
        image_free(&out->image);
    }
    return status;
}

void decode_png_describe(struct text *out) {
    text_printf(out, "libpng %s, zlib %s", png_get_libpng_ver(NULL), zlibVersion());
}
