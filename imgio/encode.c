#include "imgio/encode.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
/* After jpeglib.h, which it needs. */
#include <jerror.h>
#include <png.h>
#include <zlib.h>

#include "base/checked.h"
#include "base/mem.h"
#include "base/text.h"

#define JPEG_QUALITY 92
#define THUMBNAIL_QUALITY 80
#define JPEG_COMMENT_BYTES ((size_t) 65533) /* a marker's 16-bit length counts itself too */
#define JPEG_SIDE_MAX 65500                 /* libjpeg's own limit */
#define JPEG_BLOCK_BYTES 4096
#define SINK_SPARE_BYTES ((size_t) 1 << 20) /* for headers, beside pixels and comment */

/* A failure inside a codec travels by longjmp to the call's setjmp, and its message through here.
 */
struct escape {
    jmp_buf target;
    bool out_of_memory;
    char message[JMSG_LENGTH_MAX];
};

/* Bytes written so far; text.h's growable buffer holds any bytes. The limit is more than an encoder
 * can need: twice the pixels. */
static bool sink_open(const struct row_maker *rows, const char *comment, struct text *sink) {
    size_t limit;
    size_t comment_size = comment == NULL ? 0 : strlen(comment);
    if (!checked_mul(&limit, (size_t) rows->width, (size_t) rows->height) ||
        !checked_mul(&limit, limit, 6) || !checked_add(&limit, limit, comment_size) ||
        !checked_add(&limit, limit, SINK_SPARE_BYTES)) {
        return false;
    }
    *sink = (struct text){.limit = limit};
    return true;
}

/* Hands the bytes over if the codec succeeded, else releases them and says why it did not. */
static enum vitlrp_status sink_close(struct text *sink, bool success, const struct escape *escape,
                                     struct bytes *out, struct vitlrp_error *err) {
    if (success) {
        *out = (struct bytes){.data = (unsigned char *) sink->data, .size = sink->length};
        return VITLRP_OK;
    }
    bool out_of_memory = sink->failed || escape->out_of_memory;
    text_free(sink);
    if (out_of_memory) {
        return fail(err, VITLRP_NOMEM, "out of memory for the encoded picture");
    }
    return fail(err, VITLRP_INTERNAL, "picture not encoded: %s", escape->message);
}

static const uint8_t *image_row(void *image, int32_t y) {
    const struct image *whole = image;
    return whole->rgb + (size_t) y * (size_t) whole->width * 3;
}

static struct row_maker rows_of(const struct image *image) {
    return (struct row_maker){image->width, image->height, image_row, (void *) image};
}

/* ---- PNG ---- */

static void png_failed(png_structp png, png_const_charp message) {
    struct escape *escape = png_get_error_ptr(png);
    snprintf(escape->message, sizeof escape->message, "%s", message);
    longjmp(escape->target, 1);
}

/* libpng's warnings are about what it wrote in another way than asked; nothing here depends on it.
 */
static void png_warned(png_structp png, png_const_charp message) {
    (void) png;
    (void) message;
}

static png_voidp png_allocate(png_structp png, png_alloc_size_t size) {
    void *pointer = mem_calloc(size, 1);
    if (pointer == NULL) {
        struct escape *escape = png_get_mem_ptr(png);
        escape->out_of_memory = true;
    }
    return pointer;
}

static void png_release(png_structp png, png_voidp pointer) {
    (void) png;
    mem_free(pointer);
}

static void png_append(png_structp png, png_bytep data, size_t size) {
    struct text *sink = png_get_io_ptr(png);
    text_append(sink, (const char *) data, size);
    if (sink->failed) {
        png_error(png, "out of memory");
    }
}

static void png_flush_nothing(png_structp png) {
    (void) png;
}

static bool is_ascii(const char *text) {
    for (size_t i = 0; text[i] != '\0'; i++) {
        if ((unsigned char) text[i] >= 0x80U) {
            return false;
        }
    }
    return true;
}

static void png_set_comment(png_structp png, png_infop info, const char *comment) {
    char key[] = "Comment";
    bool utf8 = !is_ascii(comment) && text_is_utf8(comment, strlen(comment));
    png_text text = {.compression = utf8 ? PNG_ITXT_COMPRESSION_NONE : PNG_TEXT_COMPRESSION_NONE,
                     .key = key,
                     .text = (png_charp) comment,
                     .lang = NULL,
                     .lang_key = NULL};
    png_set_text(png, info, &text, 1);
}

/* Level 1 with the average filter: of the combinations tried on photographs with an overlay it was
 * within 5 % of the smallest that libpng makes, in a third of the time. */
static void png_write(png_structp png, png_infop info, const struct row_maker *rows,
                      const char *comment, struct text *sink) {
    png_set_write_fn(png, sink, png_append, png_flush_nothing);
    png_set_IHDR(png, info, (png_uint_32) rows->width, (png_uint_32) rows->height, 8,
                 PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_set_filter(png, PNG_FILTER_TYPE_BASE, PNG_FILTER_AVG);
    png_set_compression_level(png, Z_BEST_SPEED);
    if (comment != NULL) {
        png_set_comment(png, info, comment);
    }
    png_write_info(png, info);
    for (int32_t y = 0; y < rows->height; y++) {
        png_write_row(png, rows->row(rows->user, y));
    }
    png_write_end(png, info);
}

/* Apart from encode_png, so that no variable changes between setjmp and longjmp. */
static bool png_run(const struct row_maker *rows, const char *comment, struct text *sink,
                    struct escape *escape) {
    png_structp png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, escape, png_failed,
                                                png_warned, escape, png_allocate, png_release);
    png_infop info = png == NULL ? NULL : png_create_info_struct(png);
    if (info == NULL) {
        png_destroy_write_struct(&png, NULL);
        escape->out_of_memory = true;
        return false;
    }
    if (setjmp(escape->target) != 0) {
        png_destroy_write_struct(&png, &info);
        return false;
    }
    png_write(png, info, rows, comment, sink);
    png_destroy_write_struct(&png, &info);
    return true;
}

enum vitlrp_status encode_png(const struct image *image, const char *comment, struct bytes *out,
                              struct vitlrp_error *err) {
    const struct row_maker rows = rows_of(image);
    return encode_png_rows(&rows, comment, out, err);
}

enum vitlrp_status encode_png_rows(const struct row_maker *rows, const char *comment,
                                   struct bytes *out, struct vitlrp_error *err) {
    struct text sink;
    struct escape escape = {.out_of_memory = false};
    if (!sink_open(rows, comment, &sink)) {
        return fail(err, VITLRP_NOMEM, "out of memory for the encoded picture");
    }
    bool success = png_run(rows, comment, &sink, &escape);
    return sink_close(&sink, success, &escape, out, err);
}

/* ---- JPEG ---- */

/* All that libjpeg's callbacks reach; each finds it from the member that it is given. */
struct jpeg_job {
    struct jpeg_compress_struct codec;
    struct jpeg_error_mgr errors;
    struct jpeg_destination_mgr destination;
    struct escape escape;
    struct text sink;
    int quality;
    bool subsampled;
    JOCTET block[JPEG_BLOCK_BYTES];
};

static void jpeg_failed(j_common_ptr codec) {
    struct jpeg_job *job = codec->client_data;
    job->escape.out_of_memory = codec->err->msg_code == JERR_OUT_OF_MEMORY;
    codec->err->format_message(codec, job->escape.message);
    longjmp(job->escape.target, 1);
}

/* The default would print to standard error. */
static void jpeg_ignore_message(j_common_ptr codec) {
    (void) codec;
}

static void jpeg_start_block(j_compress_ptr codec) {
    struct jpeg_job *job = codec->client_data;
    job->destination.next_output_byte = job->block;
    job->destination.free_in_buffer = JPEG_BLOCK_BYTES;
}

static void jpeg_append(j_compress_ptr codec, size_t size) {
    struct jpeg_job *job = codec->client_data;
    text_append(&job->sink, (const char *) job->block, size);
    if (job->sink.failed) {
        ERREXIT1(codec, JERR_OUT_OF_MEMORY, 0);
    }
}

/* libjpeg asks for the whole block to be written, whatever free_in_buffer says. */
static boolean jpeg_empty_block(j_compress_ptr codec) {
    jpeg_append(codec, JPEG_BLOCK_BYTES);
    jpeg_start_block(codec);
    return TRUE;
}

static void jpeg_finish_block(j_compress_ptr codec) {
    jpeg_append(codec, JPEG_BLOCK_BYTES - codec->dest->free_in_buffer);
}

static void jpeg_configure(struct jpeg_job *job, const struct row_maker *rows) {
    j_compress_ptr codec = &job->codec;
    job->destination.init_destination = jpeg_start_block;
    job->destination.empty_output_buffer = jpeg_empty_block;
    job->destination.term_destination = jpeg_finish_block;
    codec->dest = &job->destination;
    codec->image_width = (JDIMENSION) rows->width;
    codec->image_height = (JDIMENSION) rows->height;
    codec->input_components = 3;
    codec->in_color_space = JCS_RGB;
    jpeg_set_defaults(codec);
    jpeg_set_quality(codec, job->quality, TRUE);
    for (int c = 0; c < codec->num_components && !job->subsampled; c++) {
        codec->comp_info[c].h_samp_factor = 1;
        codec->comp_info[c].v_samp_factor = 1;
    }
}

static void jpeg_write_comment(j_compress_ptr codec, const char *comment) {
    size_t left = strlen(comment);
    while (left > 0) {
        size_t size = left < JPEG_COMMENT_BYTES ? left : JPEG_COMMENT_BYTES;
        jpeg_write_marker(codec, JPEG_COM, (const JOCTET *) comment, (unsigned int) size);
        comment += size;
        left -= size;
    }
}

static void jpeg_write(struct jpeg_job *job, const struct row_maker *rows, const char *comment) {
    j_compress_ptr codec = &job->codec;
    jpeg_create_compress(codec);
    jpeg_configure(job, rows);
    jpeg_start_compress(codec, TRUE);
    if (comment != NULL) {
        jpeg_write_comment(codec, comment);
    }
    for (int32_t y = 0; y < rows->height; y++) {
        JSAMPROW row = (JSAMPROW) rows->row(rows->user, y);
        jpeg_write_scanlines(codec, &row, 1);
    }
    jpeg_finish_compress(codec);
}

/* Apart from jpeg_encode, so that no variable changes between setjmp and longjmp. */
static bool jpeg_run(struct jpeg_job *job, const struct row_maker *rows, const char *comment) {
    job->codec.err = jpeg_std_error(&job->errors);
    job->errors.error_exit = jpeg_failed;
    job->errors.output_message = jpeg_ignore_message;
    job->codec.client_data = job;
    bool success = false;
    if (setjmp(job->escape.target) == 0) {
        jpeg_write(job, rows, comment);
        success = true;
    }
    jpeg_destroy_compress(&job->codec);
    return success;
}

static enum vitlrp_status jpeg_encode(struct jpeg_job *job, const struct row_maker *rows,
                                      const char *comment, struct bytes *out,
                                      struct vitlrp_error *err) {
    if (rows->width > JPEG_SIDE_MAX || rows->height > JPEG_SIDE_MAX) {
        return fail(err, VITLRP_UNSUPPORTED,
                    "a JPEG file has at most %d pixels a side, not %d x %d: use PNG", JPEG_SIDE_MAX,
                    rows->width, rows->height);
    }
    if (!sink_open(rows, comment, &job->sink)) {
        return fail(err, VITLRP_NOMEM, "out of memory for the encoded picture");
    }
    bool success = jpeg_run(job, rows, comment);
    return sink_close(&job->sink, success, &job->escape, out, err);
}

enum vitlrp_status encode_jpeg(const struct image *image, const char *comment, struct bytes *out,
                               struct vitlrp_error *err) {
    const struct row_maker rows = rows_of(image);
    return encode_jpeg_rows(&rows, comment, out, err);
}

enum vitlrp_status encode_jpeg_rows(const struct row_maker *rows, const char *comment,
                                    struct bytes *out, struct vitlrp_error *err) {
    struct jpeg_job job = {.quality = JPEG_QUALITY};
    return jpeg_encode(&job, rows, comment, out, err);
}

enum vitlrp_status encode_thumbnail(const struct image *image, struct bytes *out,
                                    struct vitlrp_error *err) {
    struct jpeg_job job = {.quality = THUMBNAIL_QUALITY, .subsampled = true};
    const struct row_maker rows = rows_of(image);
    return jpeg_encode(&job, &rows, NULL, out, err);
}
