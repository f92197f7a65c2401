/* TIFF of 8 bits a sample through libtiff: grey, palettes and RGB, in strips or tiles, in one plane
 * or in several, whatever their compression; JPEG inside as YCbCr too. The first page is read.
 * Alpha is dropped; colours that were multiplied by it are divided again, as by Pillow. All else is
 * refused by name. */
#include <stdbool.h>
#include <string.h>

#include <tiffio.h>

#include "base/mem.h"
#include "base/print_plain.h"
#include "imgio/decode.h"

#define SAMPLES_MAX 8
#define SEVERAL_PAGES "this TIFF has several pages: only the first one is read"

struct tiff_reader {
    const struct decode_input *input;
    struct decoded *out;
    struct vitlrp_error *err;
    TIFF *codec;
    uint64_t at; /* of the next byte */
    char message[160];
    uint32_t width, height;
    uint16_t samples, photometric, planar, alpha;
    const uint16_t *palette[3]; /* [256], libtiff's */
    uint8_t *pixels;            /* [height, width, samples], or a strip's row; owned */
};

/* ---- The file, for libtiff ---- */

static tmsize_t on_read(thandle_t handle, void *out, tmsize_t size) {
    struct tiff_reader *reader = handle;
    uint64_t left =
        reader->at < reader->input->source.size ? reader->input->source.size - reader->at : 0;
    uint64_t count = (uint64_t) size < left ? (uint64_t) size : left;
    memcpy(out, reader->input->source.memory + reader->at, count);
    reader->at += count;
    return (tmsize_t) count;
}

static tmsize_t on_write(thandle_t handle, void *data, tmsize_t size) {
    (void) handle;
    (void) data;
    (void) size;
    return -1;
}

static toff_t on_seek(thandle_t handle, toff_t offset, int from) {
    struct tiff_reader *reader = handle;
    uint64_t start = from == SEEK_SET   ? 0
                     : from == SEEK_CUR ? reader->at
                                        : reader->input->source.size;
    reader->at = start + offset;
    reader->at = reader->at < reader->input->source.size ? reader->at : reader->input->source.size;
    return reader->at;
}

static int on_close(thandle_t handle) {
    (void) handle;
    return 0;
}

static toff_t on_size(thandle_t handle) {
    const struct tiff_reader *reader = handle;
    return reader->input->source.size;
}

/* Keeps the first message; 1: nobody else needs it. */
static int on_error(TIFF *codec, void *user, const char *module, const char *format,
                    va_list arguments) {
    struct tiff_reader *reader = user;
    (void) codec;
    (void) module;
    if (reader->message[0] == '\0') {
        print_plain_list(reader->message, sizeof reader->message, format, arguments);
    }
    return 1;
}

static int on_warning(TIFF *codec, void *user, const char *module, const char *format,
                      va_list arguments) {
    (void) codec;
    (void) user;
    (void) module;
    (void) format;
    (void) arguments;
    return 1;
}

static enum vitlrp_status fail_damaged(const struct tiff_reader *reader) {
    bool knows = reader->message[0] != '\0';
    return fail(reader->err, VITLRP_FORMAT, "bad TIFF%s%s", knows ? ": " : "", reader->message);
}

/* Messages of libtiff go to this file's reader, not to the process's handlers. */
static enum vitlrp_status reader_open(struct tiff_reader *reader) {
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    size_t most = reader->input->limits->max_codec_bytes;
    if (options == NULL) {
        return fail(reader->err, VITLRP_NOMEM, "out of memory for a TIFF");
    }
    TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, reader);
    TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, reader);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t) (most < INT32_MAX ? most : INT32_MAX));
    reader->codec = TIFFClientOpenExt("", "rm", reader, on_read, on_write, on_seek, on_close,
                                      on_size, NULL, NULL, options);
    TIFFOpenOptionsFree(options);
    return reader->codec != NULL ? VITLRP_OK : fail_damaged(reader);
}

static uint16_t field_of(const struct tiff_reader *reader, uint32_t tag) {
    uint16_t value = 0;
    TIFFGetFieldDefaulted(reader->codec, tag, &value);
    return value;
}

/* What kind of colours the samples are, and whether that is read. */
static enum vitlrp_status check_colours(struct tiff_reader *reader) {
    uint16_t samples = reader->samples;
    uint16_t *extra = NULL;
    uint16_t extras = 0;
    TIFFGetFieldDefaulted(reader->codec, TIFFTAG_EXTRASAMPLES, &extras, &extra);
    uint16_t colours = (uint16_t) (samples - extras);
    reader->alpha = extras > 0 && extra != NULL ? extra[0] : EXTRASAMPLE_UNSPECIFIED;
    bool is_jpeg = field_of(reader, TIFFTAG_COMPRESSION) == COMPRESSION_JPEG;
    switch (reader->photometric) {
    case PHOTOMETRIC_MINISWHITE:
    case PHOTOMETRIC_MINISBLACK:
        return colours == 1
                   ? VITLRP_OK
                   : fail(reader->err, VITLRP_UNSUPPORTED, "grey TIFF of %u samples", samples);
    case PHOTOMETRIC_PALETTE:
        return colours == 1 && TIFFGetField(reader->codec, TIFFTAG_COLORMAP, &reader->palette[0],
                                            &reader->palette[1], &reader->palette[2]) == 1
                   ? VITLRP_OK
                   : fail(reader->err, VITLRP_FORMAT, "bad TIFF: no palette");
    case PHOTOMETRIC_YCBCR:
        if (is_jpeg && colours == 3 && reader->planar == PLANARCONFIG_CONTIG) {
            TIFFSetField(reader->codec, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
            return VITLRP_OK;
        }
        break;
    case PHOTOMETRIC_RGB:
        if (colours == 3) {
            return VITLRP_OK;
        }
        break;
    default:
        break;
    }
    return fail(reader->err, VITLRP_UNSUPPORTED,
                "TIFF of colours that are not read (photometric %u, %u samples); convert it to PNG "
                "or JPEG, for example by: convert 'IN[0]' OUT.png",
                reader->photometric, samples);
}

static enum vitlrp_status read_header(struct tiff_reader *reader) {
    uint16_t bits = field_of(reader, TIFFTAG_BITSPERSAMPLE);
    uint16_t format = field_of(reader, TIFFTAG_SAMPLEFORMAT);
    uint16_t orientation = field_of(reader, TIFFTAG_ORIENTATION);
    if (TIFFGetField(reader->codec, TIFFTAG_IMAGEWIDTH, &reader->width) != 1 ||
        TIFFGetField(reader->codec, TIFFTAG_IMAGELENGTH, &reader->height) != 1 ||
        TIFFGetField(reader->codec, TIFFTAG_PHOTOMETRIC, &reader->photometric) != 1) {
        return fail_damaged(reader);
    }
    TRY(image_check_whole(reader->input->limits, reader->width, reader->height, reader->err));
    reader->samples = field_of(reader, TIFFTAG_SAMPLESPERPIXEL);
    reader->planar = field_of(reader, TIFFTAG_PLANARCONFIG);
    if (bits != 8 || format != SAMPLEFORMAT_UINT || reader->samples > SAMPLES_MAX ||
        reader->samples == 0) {
        return fail(reader->err, VITLRP_UNSUPPORTED,
                    "TIFF of %u bits a sample and %u samples; whole numbers of 8 bits are read",
                    bits, reader->samples);
    }
    reader->out->orientation = orientation >= 1 && orientation <= 8 ? orientation : 1;
    return check_colours(reader);
}

/* One sample less its alpha, as Pillow divides. */
static uint8_t undo_alpha(uint8_t value, uint8_t alpha) {
    uint32_t divided = alpha == 0 || alpha == 255 ? value : 255u * value / alpha;
    return (uint8_t) (divided > 255 ? 255 : divided);
}

/* A pixel's samples as RGB. */
static void convert_pixel(const struct tiff_reader *reader, const uint8_t *in, uint8_t *out) {
    bool is_grey = reader->photometric == PHOTOMETRIC_MINISWHITE ||
                   reader->photometric == PHOTOMETRIC_MINISBLACK;
    if (reader->photometric == PHOTOMETRIC_PALETTE) {
        for (size_t c = 0; c < 3; c++) {
            out[c] = (uint8_t) (reader->palette[c][in[0]] >> 8);
        }
        return;
    }
    for (size_t c = 0; c < 3; c++) {
        out[c] = in[is_grey ? 0 : c];
        if (reader->photometric == PHOTOMETRIC_MINISWHITE) {
            out[c] = (uint8_t) (255 - out[c]);
        }
        if (reader->alpha == EXTRASAMPLE_ASSOCALPHA && !is_grey) {
            out[c] = undo_alpha(out[c], in[3]);
        }
    }
}

/* A rectangle of decoded samples: its place, its size within the picture, and its row's pixels. */
struct tiff_area {
    uint32_t x, y, columns, rows, stride;
};

/* Copies samples of one plane, or of all, of an area into the interleaved pixels. */
static void place_samples(const struct tiff_reader *reader, const struct tiff_area *area,
                          const uint8_t *in, uint16_t plane, uint16_t planes) {
    size_t samples = reader->samples;
    size_t count = planes > 1 ? 1 : samples;
    for (size_t y = 0; y < area->rows; y++) {
        uint8_t *row = reader->pixels + ((area->y + y) * reader->width + area->x) * samples + plane;
        const uint8_t *from = in + y * area->stride * count;
        for (size_t x = 0; x < area->columns; x++) {
            memcpy(row + x * samples, from + x * count, count);
        }
    }
}

static uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

static enum vitlrp_status read_tiles(struct tiff_reader *reader, uint16_t planes, uint8_t *unit) {
    uint32_t width = 0;
    uint32_t height = 0;
    TIFFGetField(reader->codec, TIFFTAG_TILEWIDTH, &width);
    TIFFGetField(reader->codec, TIFFTAG_TILELENGTH, &height);
    for (uint16_t plane = 0; plane < planes; plane++) {
        for (uint32_t y = 0; y < reader->height; y += height) {
            for (uint32_t x = 0; x < reader->width; x += width) {
                struct tiff_area area = {x, y, smaller(width, reader->width - x),
                                         smaller(height, reader->height - y), width};
                if (TIFFReadTile(reader->codec, unit, x, y, 0, plane) < 0) {
                    return fail_damaged(reader);
                }
                place_samples(reader, &area, unit, plane, planes);
            }
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status read_lines(struct tiff_reader *reader, uint16_t planes, uint8_t *unit) {
    for (uint16_t plane = 0; plane < planes; plane++) {
        for (uint32_t y = 0; y < reader->height; y++) {
            struct tiff_area area = {0, y, reader->width, 1, reader->width};
            if (TIFFReadScanline(reader->codec, unit, y, plane) < 0) {
                return fail_damaged(reader);
            }
            place_samples(reader, &area, unit, plane, planes);
        }
    }
    return VITLRP_OK;
}

/* All samples, interleaved. What libtiff says that a strip's row or a tile holds must be what this
 * file computes with. */
static enum vitlrp_status read_samples(struct tiff_reader *reader) {
    uint16_t planes = reader->planar == PLANARCONFIG_SEPARATE ? reader->samples : 1;
    bool has_tiles = TIFFIsTiled(reader->codec) != 0;
    uint32_t width = reader->width;
    uint32_t height = 1;
    if (has_tiles && (TIFFGetField(reader->codec, TIFFTAG_TILEWIDTH, &width) != 1 ||
                      TIFFGetField(reader->codec, TIFFTAG_TILELENGTH, &height) != 1)) {
        return fail_damaged(reader);
    }
    uint64_t wanted = (uint64_t) width * height * (planes > 1 ? 1 : reader->samples);
    tmsize_t size = has_tiles ? TIFFTileSize(reader->codec) : TIFFScanlineSize(reader->codec);
    if (width == 0 || height == 0 || size < 1 || (uint64_t) size != wanted ||
        wanted > reader->input->limits->max_codec_bytes) {
        return fail(reader->err, VITLRP_UNSUPPORTED, "TIFF with strips or tiles that are not read");
    }
    reader->pixels = mem_calloc((size_t) reader->width * reader->height, reader->samples);
    uint8_t *unit = mem_calloc((size_t) size, 1);
    enum vitlrp_status status = reader->pixels == NULL || unit == NULL
                                    ? fail(reader->err, VITLRP_NOMEM, "out of memory for a TIFF")
                                : has_tiles ? read_tiles(reader, planes, unit)
                                            : read_lines(reader, planes, unit);
    mem_free(unit);
    return status;
}

static enum vitlrp_status read_picture(struct tiff_reader *reader) {
    struct image *image = &reader->out->image;
    TRY(reader_open(reader));
    TRY(read_header(reader));
    TRY(read_samples(reader));
    TRY(image_alloc((int32_t) reader->width, (int32_t) reader->height, image, reader->err));
    for (size_t i = 0; i < (size_t) reader->width * reader->height; i++) {
        convert_pixel(reader, reader->pixels + i * reader->samples, image->rgb + 3 * i);
    }
    if (TIFFLastDirectory(reader->codec) == 0) {
        reader->out->warning = SEVERAL_PAGES;
    }
    return VITLRP_OK;
}

enum vitlrp_status decode_tiff(const struct decode_input *input, struct decoded *out,
                               struct vitlrp_error *err) {
    struct tiff_reader reader = {.input = input, .out = out, .err = err};
    enum vitlrp_status status = read_picture(&reader);
    if (reader.codec != NULL) {
        TIFFClose(reader.codec);
    }
    mem_free(reader.pixels);
    if (status != VITLRP_OK) {
        image_free(&out->image);
    }
    return status;
}

void decode_tiff_describe(struct text *out) {
    const char *version = TIFFGetVersion();
    text_printf(out, "%.*s", (int) strcspn(version, "\n"), version);
}
