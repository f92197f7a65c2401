#include "imgio/png_text.h"

#include <stdbool.h>
#include <string.h>

#include <zlib.h>

#include "base/ascii.h"
#include "base/mem.h"
#include "base/window.h"
#include "imgio/exif.h"

#define SIGNATURE_BYTES 8
#define CHUNK_BYTES 12 /* of a chunk beside its data: length, name, checksum */
#define RAW_PROFILE "Raw profile type exif"
#define XMP "XML:com.adobe.xmp"
#define PROFILE_LINES 3 /* before the digits: an empty one, "exif", the length */

/* Of a packed text, unpacked; Pillow's limit. */
#define TEXT_BYTES_MAX ((size_t) 1 << 20)

/* Of a chunk, to know it: length, name and the longest keyword. */
#define HEAD_BYTES ((size_t) 40)

/* Of a chunk that is looked into; larger ones are passed over. */
#define CHUNK_BYTES_MAX ((size_t) 8 << 20)

struct png_chunk {
    uint8_t *name; /* owned: four letters, then the data and the checksum; NULL: no chunk */
    size_t size;   /* of the data */
};

/* The last chunk of each kind. */
struct png_sources {
    struct png_chunk exif, profile, xmp;
};

static bool has_name(const uint8_t *chunk, const char *name) {
    return memcmp(chunk, name, 4) == 0;
}

/* True of a chunk of text with that keyword; of its `size` bytes as many are there as matter. */
static bool has_keyword(const uint8_t *chunk, size_t size, const char *keyword) {
    size_t length = strlen(keyword) + 1;
    bool is_text = has_name(chunk, "tEXt") || has_name(chunk, "zTXt") || has_name(chunk, "iTXt");
    return is_text && size >= length && memcmp(chunk + 4, keyword, length) == 0;
}

/* Where a chunk is to be kept; NULL: nowhere. */
static struct png_chunk *place_of(const uint8_t *chunk, size_t size, struct png_sources *sources) {
    return size > CHUNK_BYTES_MAX                  ? NULL
           : has_name(chunk, "eXIf")               ? &sources->exif
           : has_keyword(chunk, size, RAW_PROFILE) ? &sources->profile
           : has_keyword(chunk, size, XMP)         ? &sources->xmp
                                                   : NULL;
}

/* The chunk whose name is at that place, if its checksum is right. */
static enum vitlrp_status chunk_read(const struct source *source, uint64_t at, size_t size,
                                     struct png_chunk *out, struct vitlrp_error *err) {
    uint8_t *name = mem_calloc(size + 8, 1);
    if (name == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a PNG");
    }
    enum vitlrp_status status = source_read(source, at, name, size + 8, err);
    if (status != VITLRP_OK || crc32(0, name, (uInt) size + 4) != png_number(name + 4 + size)) {
        mem_free(name);
        return status;
    }
    mem_free(out->name);
    *out = (struct png_chunk){name, size};
    return VITLRP_OK;
}

static enum vitlrp_status walk_chunks(const struct source *source, struct window *window,
                                      struct png_sources *out, struct vitlrp_error *err) {
    uint64_t at = SIGNATURE_BYTES;
    while (source->size - at >= CHUNK_BYTES) {
        const uint8_t *head = NULL;
        size_t held = 0;
        TRY(window_look(window, at, HEAD_BYTES, &head, &held, err));
        size_t size = png_number(head);
        if (size > source->size - at - CHUNK_BYTES || has_name(head + 4, "IEND")) {
            return VITLRP_OK;
        }
        struct png_chunk *to = place_of(head + 4, size, out);
        if (to != NULL) {
            TRY(chunk_read(source, at + 4, size, to, err));
        }
        at += CHUNK_BYTES + size;
    }
    return VITLRP_OK;
}

static enum vitlrp_status sources_find(const struct source *source, struct png_sources *out,
                                       struct vitlrp_error *err) {
    struct window window;
    TRY(window_open(source, &window, err));
    enum vitlrp_status status = walk_chunks(source, &window, out, err);
    window_close(&window);
    return status;
}

static void sources_free(struct png_sources *sources) {
    mem_free(sources->exif.name);
    mem_free(sources->profile.name);
    mem_free(sources->xmp.name);
}

/* A text of a chunk: its own bytes, or what was unpacked. */
struct png_text {
    const uint8_t *data;
    size_t size;
    uint8_t *unpacked; /* owned */
};

/* What does not unpack is no text, and none is longer than the limit. */
static enum vitlrp_status text_unpack(struct png_text *text, struct vitlrp_error *err) {
    uLongf size = TEXT_BYTES_MAX;
    text->unpacked = mem_calloc(TEXT_BYTES_MAX, 1);
    if (text->unpacked == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a PNG");
    }
    int code = uncompress(text->unpacked, &size, text->data, (uLong) text->size);
    text->data = text->unpacked;
    text->size = code == Z_OK ? (size_t) size : 0;
    return code == Z_MEM_ERROR ? fail(err, VITLRP_NOMEM, "out of memory for a PNG") : VITLRP_OK;
}

/* Moves behind the next zero byte; to the end without one. */
static void text_skip(struct png_text *text) {
    const uint8_t *zero = memchr(text->data, 0, text->size);
    size_t skipped = zero == NULL ? text->size : (size_t) (zero - text->data) + 1;
    text->data += skipped;
    text->size -= skipped;
}

/* The text of a chunk, empty where it has none. */
static enum vitlrp_status text_open(const struct png_chunk *chunk, struct png_text *out,
                                    struct vitlrp_error *err) {
    *out = (struct png_text){.data = chunk->name + 4, .size = chunk->size};
    text_skip(out);
    bool is_wide = has_name(chunk->name, "iTXt");
    size_t flags = is_wide ? 2 : has_name(chunk->name, "zTXt") ? 1 : 0;
    if (flags > out->size) {
        out->size = 0;
        return VITLRP_OK;
    }
    bool is_packed = flags == 1 || (is_wide && out->data[0] != 0);
    out->data += flags;
    out->size -= flags;
    if (is_wide) { /* the language, and the keyword in it */
        text_skip(out);
        text_skip(out);
    }
    return is_packed ? text_unpack(out, err) : VITLRP_OK;
}

/* The bytes that the digits behind the third line say, into `out`, which is as long as the text; 0
 * where there is anything else. */
static size_t profile_read(const struct png_text *text, uint8_t *out) {
    size_t digits = 0;
    size_t lines = 0;
    for (size_t i = 0; i < text->size; i++) {
        uint8_t letter = text->data[i];
        if (lines < PROFILE_LINES || letter == '\n') {
            lines += letter == '\n' ? 1 : 0;
        } else if (ascii_hexadecimal(letter) >= 0) {
            unsigned high = digits % 2 == 0 ? 0U : (unsigned) out[digits / 2] << 4;
            out[digits / 2] = (uint8_t) (high | (unsigned) ascii_hexadecimal(letter));
            digits++;
        } else if (!ascii_is_space(letter)) {
            return 0;
        }
    }
    return digits % 2 == 0 ? digits / 2 : 0;
}

/* 0 without one; 1 also of what is no profile, as for Pillow. */
static enum vitlrp_status profile_orientation(const struct png_chunk *chunk, int32_t *out,
                                              struct vitlrp_error *err) {
    struct png_text text;
    enum vitlrp_status status = text_open(chunk, &text, err);
    uint8_t *bytes = status == VITLRP_OK ? mem_calloc(text.size + 1, 1) : NULL;
    if (status == VITLRP_OK && bytes == NULL) {
        status = fail(err, VITLRP_NOMEM, "out of memory for a PNG");
    }
    if (status == VITLRP_OK) {
        size_t size = profile_read(&text, bytes);
        *out = size > 0 ? exif_orientation(bytes, size) : 1;
    }
    mem_free(bytes);
    mem_free(text.unpacked);
    return status;
}

static enum vitlrp_status sources_orientation(const struct png_sources *sources, int32_t *out,
                                              struct vitlrp_error *err) {
    int32_t orientation = 0;
    if (sources->exif.name != NULL) {
        orientation = exif_orientation(sources->exif.name + 4, sources->exif.size);
    } else if (sources->profile.name != NULL) {
        TRY(profile_orientation(&sources->profile, &orientation, err));
    }
    if (orientation == 0 && sources->xmp.name != NULL) {
        struct png_text text;
        enum vitlrp_status status = text_open(&sources->xmp, &text, err);
        orientation = status == VITLRP_OK ? xmp_orientation(text.data, text.size) : 0;
        mem_free(text.unpacked);
        TRY(status);
    }
    *out = orientation != 0 ? orientation : 1;
    return VITLRP_OK;
}

enum vitlrp_status png_orientation(const struct source *source, int32_t *out,
                                   struct vitlrp_error *err) {
    struct png_sources sources = {0};
    enum vitlrp_status status = sources_find(source, &sources, err);
    if (status == VITLRP_OK) {
        status = sources_orientation(&sources, out, err);
    }
    sources_free(&sources);
    return status;
}
