/* JPEG through libjpeg-turbo. Refuses what it cannot show exactly: truncated data and whatever
 * damage the library notices (where it would paint grey and go on), and files that ask for far more
 * work or memory than their size warrants. A picture that ends well but whose scans are not all
 * there is read with a warning. JPEG has no checksum: other damage shows as a picture. */
#include <limits.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h> /* needs stdio.h, and is needed by jerror.h */

#include <jerror.h>

#include "base/jpeg_frame.h"
#include "base/mem.h"
#include "base/window.h"
#include "imgio/decode.h"
#include "imgio/exif.h"

#define APP1 (JPEG_APP0 + 1)

#define SCANS_MISSING                                                                              \
    "scans of this JPEG are missing, so parts of the picture are coarse or grey; get the whole "   \
    "file"

/* Everything lives here and not in the locals of the function that calls setjmp, whose values would
 * be lost by the jump. */
struct jpeg_reader {
    struct jpeg_decompress_struct codec;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    struct jpeg_source_mgr source;
    struct feed feed;
    jpeg_saved_marker_ptr last_marker; /* of codec.marker_list */
    jmp_buf jump;
    const struct decode_input *input;
    struct decoded *out;
    bool is_whole;     /* in memory before its first row is there: of several scans */
    uint8_t *cmyk_row; /* one row, for pictures of four components; owned */
    uint8_t *rgb_row;  /* one row, for a sink; owned */
    uint8_t *exif;     /* of several segments, joined; owned */
    struct vitlrp_error *err;
    enum vitlrp_status status;
};

static _Noreturn void stop(struct jpeg_reader *reader, enum vitlrp_status status) {
    reader->status = status;
    longjmp(reader->jump, 1);
}

static enum vitlrp_status status_of_message(int code) {
    switch (code) {
    case JERR_OUT_OF_MEMORY:
        return VITLRP_NOMEM;
    case JERR_IMAGE_TOO_BIG:
    case JERR_WIDTH_OVERFLOW:
    case JERR_NO_BACKING_STORE: /* how the library says that max_memory_to_use does not do */
        return VITLRP_LIMIT;
    case JERR_ARITH_NOTIMPL:
    case JERR_BAD_PRECISION:
    case JERR_CCIR601_NOTIMPL:
    case JERR_COMPONENT_COUNT:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_EMPTY_IMAGE:
    case JERR_FRACT_SAMPLE_NOTIMPL:
    case JERR_NOTIMPL:
    case JERR_NOT_COMPILED:
    case JERR_SOF_UNSUPPORTED:
        return VITLRP_UNSUPPORTED;
    default:
        return VITLRP_FORMAT;
    }
}

/* The library's last message, turned into ours. */
static _Noreturn void stop_with_message(struct jpeg_reader *reader) {
    int code = reader->errors.msg_code;
    enum vitlrp_status status = status_of_message(code);
    char text[JMSG_LENGTH_MAX];
    reader->errors.format_message((j_common_ptr) &reader->codec, text);
    if (code == JWRN_JPEG_EOF || code == JERR_INPUT_EOF || code == JERR_INPUT_EMPTY) {
        fail(reader->err, VITLRP_FORMAT, "truncated JPEG");
    } else if (code == JERR_NO_BACKING_STORE) {
        fail_limit(reader->err, "this JPEG needs more than %zu MiB to decode",
                   reader->input->limits->max_codec_bytes >> 20);
    } else if (status == VITLRP_UNSUPPORTED) {
        fail(reader->err, status, "JPEG of a kind that is not read: %s", text);
    } else {
        fail(reader->err, status, "bad JPEG: %s", text);
    }
    stop(reader, status);
}

static void on_error(j_common_ptr codec) {
    stop_with_message(codec->client_data);
}

/* Warnings that mean wrong pixels end the decoding. The others (bytes between markers, an unknown
 * JFIF revision, a scan header of zeros) are met in good photographs; data/FORMATS.md lists them.
 */
static void on_message(j_common_ptr codec, int level) {
    struct jpeg_reader *reader = codec->client_data;
    if (level >= 0) {
        return;
    }
    switch (reader->errors.msg_code) {
    case JWRN_ARITH_BAD_CODE:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_JPEG_EOF:
    case JWRN_MUST_RESYNC:
        stop_with_message(reader);
    case JWRN_BOGUS_PROGRESSION:
        reader->out->warning = SCANS_MISSING;
        break;
    default:
        break;
    }
    if (++reader->errors.num_warnings > reader->input->limits->max_jpeg_warnings) {
        stop_with_message(reader);
    }
}

static void on_output(j_common_ptr codec) {
    (void) codec; /* the library's own would print */
}

static void on_progress(j_common_ptr codec) {
    struct jpeg_reader *reader = codec->client_data;
    int32_t max_scans = reader->input->limits->max_jpeg_scans;
    if (reader->codec.input_scan_number > max_scans) {
        stop(reader, fail_limit(reader->err, "JPEG of more than %d scans", max_scans));
    }
}

/* ---- The file, for the library ---- */

static void on_source_begin(j_decompress_ptr codec) {
    (void) codec; /* the first block is read when it is asked for */
}

static boolean on_fill(j_decompress_ptr codec) {
    struct jpeg_reader *reader = codec->client_data;
    struct jpeg_source_mgr *source = &reader->source;
    enum vitlrp_status status =
        feed_next(&reader->feed, &source->next_input_byte, &source->bytes_in_buffer, reader->err);
    if (status == VITLRP_OK && source->bytes_in_buffer == 0) {
        status = fail(reader->err, VITLRP_FORMAT, "truncated JPEG");
    }
    if (status != VITLRP_OK) {
        stop(reader, status);
    }
    return TRUE;
}

static void on_skip(j_decompress_ptr codec, long count) {
    struct jpeg_source_mgr *source = codec->src;
    size_t left = count > 0 ? (size_t) count : 0;
    while (left > source->bytes_in_buffer) {
        left -= source->bytes_in_buffer;
        on_fill(codec);
    }
    source->next_input_byte += left;
    source->bytes_in_buffer -= left;
}

/* Copies the next bytes, or stops. */
static void take_bytes(j_decompress_ptr codec, uint8_t *out, size_t count) {
    struct jpeg_source_mgr *source = codec->src;
    while (count > 0) {
        if (source->bytes_in_buffer == 0) {
            on_fill(codec);
        }
        size_t step = count < source->bytes_in_buffer ? count : source->bytes_in_buffer;
        memcpy(out, source->next_input_byte, step);
        on_skip(codec, (long) step);
        out += step;
        count -= step;
    }
}

static void source_begin(struct jpeg_reader *reader) {
    reader->source = (struct jpeg_source_mgr){.init_source = on_source_begin,
                                              .fill_input_buffer = on_fill,
                                              .skip_input_data = on_skip,
                                              .resync_to_restart = jpeg_resync_to_restart,
                                              .term_source = on_source_begin};
    reader->codec.src = &reader->source;
}

/* Puts an APP1 segment into codec.marker_list, as jpeg_save_markers would, which walks the whole
 * list for each one: a megabyte of empty ones took 285 s. */
static boolean keep_segment(j_decompress_ptr codec) {
    struct jpeg_reader *reader = codec->client_data;
    uint8_t head[2];
    take_bytes(codec, head, sizeof head);
    unsigned size = head[0] * 256U + head[1];
    size_t length = size < 2 ? 0 : size - 2;
    jpeg_saved_marker_ptr kept =
        codec->mem->alloc_large((j_common_ptr) codec, JPOOL_IMAGE, sizeof *kept + length);
    *kept = (struct jpeg_marker_struct){.marker = APP1,
                                        .original_length = (unsigned) length,
                                        .data_length = (unsigned) length,
                                        .data = (JOCTET *) (kept + 1)};
    take_bytes(codec, kept->data, length);
    *(reader->last_marker == NULL ? &codec->marker_list : &reader->last_marker->next) = kept;
    reader->last_marker = kept;
    return TRUE;
}

/* The EXIF of all segments that have any, joined in their order; *size 0 if none has. */
static const uint8_t *join_exif(struct jpeg_reader *reader, size_t *size) {
    const uint8_t *only = NULL;
    size_t joined = 0;
    *size = 0;
    for (jpeg_saved_marker_ptr at = reader->codec.marker_list; at != NULL; at = at->next) {
        size_t prefix = exif_prefix(at->data, at->data_length);
        joined += prefix > 0 ? 1 : 0;
        only = prefix > 0 ? at->data + prefix : only;
        *size += prefix > 0 ? at->data_length - prefix : 0;
    }
    if (joined < 2) {
        return only;
    }
    reader->exif = mem_calloc(*size + 1, 1);
    if (reader->exif == NULL) {
        stop(reader, fail(reader->err, VITLRP_NOMEM, "out of memory for a JPEG"));
    }
    uint8_t *end = reader->exif;
    for (jpeg_saved_marker_ptr at = reader->codec.marker_list; at != NULL; at = at->next) {
        size_t prefix = exif_prefix(at->data, at->data_length);
        if (prefix > 0) {
            memcpy(end, at->data + prefix, at->data_length - prefix);
            end += at->data_length - prefix;
        }
    }
    return reader->exif;
}

/* Of EXIF, else of the last segment of XMP, as for Pillow. */
static void read_orientation(struct jpeg_reader *reader) {
    size_t size = 0;
    const uint8_t *exif = join_exif(reader, &size);
    int32_t orientation = size > 0 ? exif_orientation(exif, size) : 0;
    if (orientation == 0) {
        for (jpeg_saved_marker_ptr at = reader->codec.marker_list; at != NULL; at = at->next) {
            size_t prefix = xmp_prefix(at->data, at->data_length);
            if (prefix > 0) {
                orientation = xmp_orientation(at->data + prefix, at->data_length - prefix);
            }
        }
    }
    reader->out->orientation = orientation != 0 ? orientation : 1;
}

/* A progressive picture shows how much of each coefficient was read. A component that no scan held
 * has no table yet. */
static void check_scans(struct jpeg_reader *reader) {
    const struct jpeg_decompress_struct *codec = &reader->codec;
    for (int c = 0; c < codec->num_components; c++) {
        bool whole = codec->comp_info[c].quant_table != NULL;
        for (int i = 0; codec->coef_bits != NULL && i < DCTSIZE2; i++) {
            whole = whole && codec->coef_bits[c][i] == 0;
        }
        if (!whole) {
            reader->out->warning = SCANS_MISSING;
        }
    }
}

static void open_picture(struct jpeg_reader *reader) {
    struct jpeg_decompress_struct *codec = &reader->codec;
    const struct vitlrp_image_limits *limits = reader->input->limits;
    jpeg_create_decompress(codec);
    codec->progress = &reader->progress;
    codec->mem->max_memory_to_use =
        limits->max_codec_bytes < LONG_MAX ? (long) limits->max_codec_bytes : LONG_MAX;
    source_begin(reader);
    jpeg_set_marker_processor(codec, APP1, keep_segment);
    jpeg_read_header(codec, TRUE);
    enum vitlrp_status status =
        image_check_size(limits, codec->image_width, codec->image_height, reader->err);
    if (status != VITLRP_OK) {
        stop(reader, status);
    }
    read_orientation(reader);
    if (codec->num_components != 1 && codec->num_components != 3 && codec->num_components != 4) {
        stop(reader,
             fail(reader->err, VITLRP_UNSUPPORTED, "JPEG of %d components", codec->num_components));
    }
    reader->is_whole = jpeg_has_multiple_scans(codec);
    if (reader->is_whole) {
        status = image_check_whole(limits, codec->image_width, codec->image_height, reader->err);
        if (status != VITLRP_OK) {
            stop(reader, status);
        }
    }
    codec->out_color_space = codec->num_components == 4 ? JCS_CMYK : JCS_RGB;
    /* Reads every scan, if there are several. */
    jpeg_start_decompress(codec);
    check_scans(reader);
}

/* a * b / 255, rounded; exact for bytes. */
static uint32_t scale_byte(uint32_t a, uint32_t b) {
    uint32_t product = a * b + 128;
    return (product + (product >> 8)) >> 8;
}

/* The samples count as inverted, as Adobe writes them, whether or not the file says so: that is
 * Pillow's convention. What is stored for black is then the light that it lets through. */
static void convert_cmyk(uint8_t *rgb, const uint8_t *cmyk, size_t pixels) {
    for (size_t i = 0; i < pixels; i++) {
        uint32_t light = cmyk[4 * i + 3];
        for (size_t c = 0; c < 3; c++) {
            uint32_t ink = 255u - cmyk[4 * i + c];
            rgb[3 * i + c] = (uint8_t) (light - scale_byte(ink, light));
        }
    }
}

/* True if a sink takes the rows. */
static bool offer_rows(struct jpeg_reader *reader) {
    const struct jpeg_decompress_struct *codec = &reader->codec;
    const struct row_sink *sink = reader->input->sink;
    enum vitlrp_status status = VITLRP_OK;
    bool takes = false;
    if (reader->is_whole) {
        return false;
    }
    if (sink != NULL) {
        status =
            sink->begin(sink->user, (int32_t) codec->image_width, (int32_t) codec->image_height,
                        reader->out->orientation, &takes, reader->err);
    }
    if (status != VITLRP_OK) {
        stop(reader, status);
    }
    return takes;
}

static void make_room(struct jpeg_reader *reader, bool streams, bool cmyk) {
    const struct jpeg_decompress_struct *codec = &reader->codec;
    enum vitlrp_status status =
        streams ? VITLRP_OK
                : image_alloc_unset((int32_t) codec->output_width, (int32_t) codec->output_height,
                                    &reader->out->image, reader->err);
    if (status == VITLRP_OK && cmyk) {
        reader->cmyk_row = mem_calloc(codec->output_width, 4);
    }
    if (status == VITLRP_OK && streams) {
        reader->rgb_row = mem_calloc(codec->output_width, 3);
    }
    if (status == VITLRP_OK &&
        ((cmyk && reader->cmyk_row == NULL) || (streams && reader->rgb_row == NULL))) {
        status = fail(reader->err, VITLRP_NOMEM, "out of memory for a JPEG");
    }
    if (status != VITLRP_OK) {
        stop(reader, status);
    }
}

static void read_rows(struct jpeg_reader *reader) {
    struct jpeg_decompress_struct *codec = &reader->codec;
    const struct row_sink *sink = reader->input->sink;
    size_t width = codec->output_width;
    bool cmyk = codec->out_color_space == JCS_CMYK;
    bool streams = offer_rows(reader);
    make_room(reader, streams, cmyk);
    while (codec->output_scanline < codec->output_height) {
        uint8_t *rgb = streams
                           ? reader->rgb_row
                           : reader->out->image.rgb + (size_t) codec->output_scanline * width * 3;
        JSAMPROW row = cmyk ? reader->cmyk_row : rgb;
        jpeg_read_scanlines(codec, &row, 1);
        if (cmyk) {
            convert_cmyk(rgb, row, width);
        }
        if (streams) {
            sink->row(sink->user, rgb);
        }
    }
    /* Reads on to the end marker, and so finds a cut behind the last row. */
    jpeg_finish_decompress(codec);
}

/* Errors of the library arrive here. */
static enum vitlrp_status read_picture(struct jpeg_reader *reader) {
    if (setjmp(reader->jump) != 0) {
        return reader->status;
    }
    open_picture(reader);
    read_rows(reader);
    return VITLRP_OK;
}

/* What newer libraries read and older ones refuse, and what none reads: refused by name before the
 * library sees the file, so that its version makes no difference. */
static enum vitlrp_status check_frame(const struct decode_input *input, struct vitlrp_error *err) {
    struct jpeg_frame frame;
    TRY(jpeg_frame_find(&input->source, &frame, err));
    if (frame.marker == 0) {
        return VITLRP_OK;
    }
    if (frame.bits != 8) {
        return fail(err, VITLRP_UNSUPPORTED, "JPEG of %d bits a sample; only those of 8 are read",
                    frame.bits);
    }
    if ((frame.marker & 3) == 3) {
        return fail(err, VITLRP_UNSUPPORTED, "lossless JPEG, which is not read; save it as PNG");
    }
    return (frame.marker & 7) > 4
               ? fail(err, VITLRP_UNSUPPORTED, "hierarchical JPEG, which is not read")
               : VITLRP_OK;
}

enum vitlrp_status decode_jpeg(const struct decode_input *input, struct decoded *out,
                               struct vitlrp_error *err) {
    struct jpeg_reader reader = {.input = input, .out = out, .err = err};
    TRY(check_frame(input, err));
    TRY(feed_open(&input->source, input->hash, &reader.feed, err));
    reader.codec.err = jpeg_std_error(&reader.errors);
    reader.codec.client_data = &reader;
    reader.errors.error_exit = on_error;
    reader.errors.emit_message = on_message;
    reader.errors.output_message = on_output;
    reader.progress.progress_monitor = on_progress;
    enum vitlrp_status status = read_picture(&reader);
    jpeg_destroy_decompress(&reader.codec);
    mem_free(reader.cmyk_row);
    mem_free(reader.rgb_row);
    mem_free(reader.exif);
    if (status == VITLRP_OK) {
        status = feed_finish(&reader.feed, err);
    }
    feed_close(&reader.feed);
    if (status != VITLRP_OK) {
        image_free(&out->image);
    }
    return status;
}

#define QUOTED(token) #token
#define TEXT_OF(macro) QUOTED(macro)

/* The library does not state its version when it runs: this is the one of the build. */
void decode_jpeg_describe(struct text *out) {
#ifdef LIBJPEG_TURBO_VERSION
    text_append_string(out, "libjpeg-turbo " TEXT_OF(LIBJPEG_TURBO_VERSION));
#else
    text_append_string(out, "libjpeg " TEXT_OF(JPEG_LIB_VERSION));
#endif
}
