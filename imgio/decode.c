#include "imgio/decode.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "base/npy.h"
#include "base/text.h"
#include "base/window.h"

#define SIGNATURE_BYTES 16 /* of what is shown of an unknown file */
#define READ_HERE "JPEG, PNG, WebP, BMP or PNM"

/* Commands that convert a file. */
#define STILLS "heif-convert IN OUT.png"
#define PICTURES_OF_A_FILM "ffmpeg -i IN -frames:v 1 OUT.png"
#define MAGICK "convert 'IN[0]' OUT.png"

struct signature {
    size_t offset;
    const char *bytes;
    size_t length;
    const char *name;
    const char *command; /* that converts it; NULL: none is known */
};

#define MAGIC(offset, text, name, command)                                                         \
    { offset, text, sizeof(text) - 1, name, command }

/* Images that are valid but not handled, so that the message can name them. */
static const struct signature unsupported[] = {
    MAGIC(0, "GIF87a", "GIF", PICTURES_OF_A_FILM),
    MAGIC(0, "GIF89a", "GIF", PICTURES_OF_A_FILM),
#ifndef VITLRP_TIFF
    MAGIC(0, "II*\0", "TIFF", MAGICK),
    MAGIC(0, "MM\0*", "TIFF", MAGICK),
#endif
    MAGIC(0, "II+\0", "BigTIFF", MAGICK),
    MAGIC(0, "MM\0+", "BigTIFF", MAGICK),
    MAGIC(128, "DICM", "DICOM", "dcmj2pnm +on IN OUT.png"),
    MAGIC(0, "\xff\x0a", "JPEG XL", "djxl IN OUT.png"),
    MAGIC(4, "JXL \r\n\x87\n", "JPEG XL", "djxl IN OUT.png"),
    MAGIC(4, "ftypcrx ", "CR3 (raw)", NULL),
    MAGIC(4, "ftypqt  ", "QuickTime film", PICTURES_OF_A_FILM),
    MAGIC(4, "ftypmp4", "MP4 film", PICTURES_OF_A_FILM),
    MAGIC(4, "ftypisom", "MP4 film", PICTURES_OF_A_FILM),
    MAGIC(4, "jP  \r\n\x87\n", "JPEG 2000", "opj_decompress -i IN -o OUT.png"),
    MAGIC(0, "\xff\x4f\xff\x51", "JPEG 2000", "opj_decompress -i IN -o OUT.png"),
    MAGIC(0, "8BPS", "Photoshop", MAGICK),
    MAGIC(0, "\0\0\1\0", "ICO", MAGICK),
    MAGIC(0, "%PDF-", "PDF", "pdftoppm -png IN OUT"),
    MAGIC(0, "qoif", "QOI", MAGICK),
    MAGIC(0, "v/1\1", "OpenEXR", MAGICK),
    MAGIC(0, "#?RADIANCE", "Radiance HDR", MAGICK),
    MAGIC(0, "DDS ", "DDS", MAGICK),
    MAGIC(0, "P7\n", "PAM", MAGICK),
    MAGIC(0, "PF\n", "PFM", MAGICK),
    MAGIC(0, "Pf\n", "PFM", MAGICK),
    MAGIC(0, "<svg", "SVG", "rsvg-convert IN -o OUT.png"),
    MAGIC(0, "\x8aMNG", "MNG", MAGICK),
    MAGIC(0, "\x8bJNG", "JNG", MAGICK),
};

/* Files that are often met under an image's name, with what probably happened to them. */
static const struct signature mistaken[] = {
    MAGIC(0, "\x89PNG", "a PNG damaged by a text-mode transfer", NULL),
    MAGIC(0, "<!DOCTYPE html", "an HTML page, perhaps an error page of a download", NULL),
    MAGIC(0, "<!doctype html", "an HTML page, perhaps an error page of a download", NULL),
    MAGIC(0, "<html", "an HTML page, perhaps an error page of a download", NULL),
    MAGIC(0, "version https://git-lfs", "a Git LFS pointer: fetch the file itself", NULL),
    MAGIC(0, "PK\3\4", "a zip archive", NULL),
    MAGIC(0, "\x1f\x8b", "gzip data", NULL),
};

static const struct signature *find_signature(const struct signature *list, size_t count,
                                              const uint8_t *data, size_t size) {
    for (size_t i = 0; i < count; i++) {
        const struct signature *entry = &list[i];
        if (size >= entry->offset && size - entry->offset >= entry->length &&
            memcmp(data + entry->offset, entry->bytes, entry->length) == 0) {
            return entry;
        }
    }
    return NULL;
}

/* ---- HEIF and AVIF: a box with brands, the major one and those that the file is compatible with
 */

struct brand {
    char code[5];
    const char *name;
    const char *command; /* that converts it */
};

#define AVIF_BRANDS 2 /* the first ones of `coded`, which libavif reads */

static const struct brand coded[] = {
    {"avif", "AVIF", "avifdec IN OUT.png"},
    {"avis", "AVIF sequence", PICTURES_OF_A_FILM},
    {"MA1A", "AVIF", "avifdec IN OUT.png"},
    {"MA1B", "AVIF", "avifdec IN OUT.png"},
    {"heic", "HEIC", STILLS},
    {"heix", "HEIC", STILLS},
    {"heim", "HEIC", STILLS},
    {"heis", "HEIC", STILLS},
    {"hevc", "HEIC sequence", PICTURES_OF_A_FILM},
    {"hevx", "HEIC sequence", PICTURES_OF_A_FILM},
    {"hevm", "HEIC sequence", PICTURES_OF_A_FILM},
    {"hevs", "HEIC sequence", PICTURES_OF_A_FILM},
    {"avci", "HEIF (AVC)", STILLS},
    {"avcs", "HEIF (AVC) sequence", PICTURES_OF_A_FILM},
    {"vvic", "HEIF (VVC)", STILLS},
    {"vvis", "HEIF (VVC) sequence", PICTURES_OF_A_FILM},
    {"evbi", "HEIF (EVC)", STILLS},
    {"evmi", "HEIF (EVC)", STILLS},
    {"evbs", "HEIF (EVC) sequence", PICTURES_OF_A_FILM},
    {"evms", "HEIF (EVC) sequence", PICTURES_OF_A_FILM},
    {"jpeg", "HEIF (JPEG)", STILLS},
    {"jpgs", "HEIF (JPEG) sequence", PICTURES_OF_A_FILM},
    {"j2ki", "HEIF (JPEG 2000)", STILLS},
    {"j2is", "HEIF (JPEG 2000) sequence", PICTURES_OF_A_FILM},
};

/* Brands that do not say how the pictures are coded. */
static const struct brand general[] = {
    {"mif1", "HEIF", STILLS}, {"mif2", "HEIF", STILLS},
    {"miaf", "HEIF", STILLS}, {"unif", "HEIF", STILLS},
    {"1pic", "HEIF", STILLS}, {"msf1", "HEIF sequence", PICTURES_OF_A_FILM},
};

static const struct brand *find_brand(const struct brand *list, size_t count, const uint8_t *code) {
    for (size_t i = 0; i < count; i++) {
        if (memcmp(code, list[i].code, 4) == 0) {
            return &list[i];
        }
    }
    return NULL;
}

/* The first brand of the list among the major one and those that follow it. */
static const struct brand *find_brand_of_file(const struct brand *list, size_t count,
                                              const uint8_t *data, size_t size) {
    size_t box = (size_t) data[0] << 24 | (size_t) data[1] << 16 | (size_t) data[2] << 8 | data[3];
    const struct brand *found = find_brand(list, count, data + 8);
    for (size_t at = 16; found == NULL && at + 4 <= size && at + 4 <= box; at += 4) {
        found = find_brand(list, count, data + at);
    }
    return found;
}

/* NULL: neither HEIF nor AVIF. */
static const struct brand *find_heif(const uint8_t *data, size_t size) {
    if (size < 16 || memcmp(data + 4, "ftyp", 4) != 0) {
        return NULL;
    }
    const struct brand *found = find_brand_of_file(coded, sizeof coded / sizeof *coded, data, size);
    return found != NULL
               ? found
               : find_brand_of_file(general, sizeof general / sizeof *general, data, size);
}

/* ---- What is said of a file that is not read */

static enum vitlrp_status refuse(const uint8_t *data, size_t size, struct vitlrp_error *err) {
    if (size == 0) {
        return fail(err, VITLRP_FORMAT, "the file is empty");
    }
    const struct brand *brand = find_heif(data, size);
    if (brand != NULL) {
        return fail(err, VITLRP_UNSUPPORTED,
                    "%s files are not read; convert it to PNG or JPEG, for example by: %s",
                    brand->name, brand->command);
    }
    const struct signature *known =
        find_signature(unsupported, sizeof unsupported / sizeof *unsupported, data, size);
    if (known != NULL) {
        return fail(err, VITLRP_UNSUPPORTED, "%s files are not read; convert it to PNG or JPEG%s%s",
                    known->name, known->command == NULL ? "" : ", for example by: ",
                    known->command == NULL ? "" : known->command);
    }
    known = find_signature(mistaken, sizeof mistaken / sizeof *mistaken, data, size);
    if (known != NULL) {
        return fail(err, VITLRP_FORMAT, "not a " READ_HERE " image but %s", known->name);
    }
    char head[SIGNATURE_BYTES + 1] = {0};
    char shown[4 * SIGNATURE_BYTES + 8];
    /* A NUL would end the text early: it is shown as what it is, a control byte, by another one. */
    for (size_t i = 0; i < SIGNATURE_BYTES && i < size; i++) {
        head[i] = data[i] == 0 ? '.' : (char) data[i];
    }
    text_escape_name(shown, sizeof shown, head);
    return fail(err, VITLRP_FORMAT, "not a " READ_HERE " image (it begins with \"%s\")", shown);
}

static bool is_jpeg(const uint8_t *data, size_t size) {
    return size >= 3 && data[0] == 0xff && data[1] == 0xd8 && data[2] == 0xff;
}

static bool is_png(const uint8_t *data, size_t size) {
    return size >= 8 && memcmp(data, "\x89PNG\r\n\x1a\n", 8) == 0;
}

static bool is_webp(const uint8_t *data, size_t size) {
    return size >= 12 && memcmp(data, "RIFF", 4) == 0 && memcmp(data + 8, "WEBP", 4) == 0;
}

#ifdef VITLRP_TIFF
static bool is_tiff(const uint8_t *data, size_t size) {
    return size >= 8 && (memcmp(data, "II*\0", 4) == 0 || memcmp(data, "MM\0*", 4) == 0);
}
#endif

#ifdef VITLRP_AVIF
static bool is_avif(const uint8_t *data, size_t size) {
    return find_heif(data, size) != NULL &&
           find_brand_of_file(coded, AVIF_BRANDS, data, size) != NULL;
}
#endif

static bool is_npy(const uint8_t *data, size_t size) {
    return npy_recognise(data, size);
}

/* "BM" alone begins too many texts: the size of the second header must be one that exists. */
static bool is_bmp(const uint8_t *data, size_t size) {
    return size >= 18 && data[0] == 'B' && data[1] == 'M' && data[14] >= 12 && data[14] <= 124 &&
           data[15] == 0 && data[16] == 0 && data[17] == 0;
}

static bool is_pnm(const uint8_t *data, size_t size) {
    return size >= 3 && data[0] == 'P' && data[1] >= '1' && data[1] <= '6' &&
           (memchr(" \t\n\v\f\r#", data[2], 7) != NULL);
}

static const struct reader {
    const char *name;
    bool (*recognise)(const uint8_t *data, size_t size); /* of the beginning of a file */
    enum vitlrp_status (*decode)(const struct decode_input *input, struct decoded *out,
                                 struct vitlrp_error *err);
    bool reads_blocks; /* false: the file must be in memory */
} readers[] = {
    {"jpeg", is_jpeg, decode_jpeg, true},  {"png", is_png, decode_png, true},
    {"webp", is_webp, decode_webp, false}, {"bmp", is_bmp, decode_bmp, false},
    {"pnm", is_pnm, decode_pnm, false},    {"npy", is_npy, decode_npy, false},
#ifdef VITLRP_TIFF
    {"tiff", is_tiff, decode_tiff, false},
#endif
#ifdef VITLRP_AVIF
    {"avif", is_avif, decode_avif, false},
#endif
};

enum vitlrp_status decode_image(const void *data, size_t size,
                                const struct vitlrp_image_limits *limits, struct decoded *out,
                                struct vitlrp_error *err) {
    struct decode_input input = {.source = source_over(data, size), .limits = limits};
    return decode_rows(&input, out, err);
}

/* By a reader that wants the file in memory. */
static enum vitlrp_status decode_whole(const struct reader *reader,
                                       const struct decode_input *input, struct decoded *out,
                                       struct vitlrp_error *err) {
    struct decode_input whole = *input;
    size_t size = (size_t) input->source.size;
    uint8_t *data = mem_calloc(size, 1);
    if (data == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu bytes of input", size);
    }
    enum vitlrp_status status = source_read(&input->source, 0, data, size, err);
    if (status == VITLRP_OK) {
        whole.source = source_over(data, size);
        if (input->hash != NULL) {
            sha256_add(input->hash, data, size);
        }
        status = reader->decode(&whole, out, err);
    }
    mem_free(data);
    return status;
}

static enum vitlrp_status decode_by(const struct reader *reader, const struct decode_input *input,
                                    struct decoded *out, struct vitlrp_error *err) {
    struct decoded decoded = {.orientation = 1, .format = reader->name};
    struct file_state state;
    bool is_whole = input->source.memory == NULL && !reader->reads_blocks;
    TRY(file_state_take(&input->source, &state, err));
    TRY(is_whole ? decode_whole(reader, input, &decoded, err)
                 : reader->decode(input, &decoded, err));
    enum vitlrp_status status = file_state_check(&input->source, &state, err);
    if (status != VITLRP_OK) {
        image_free(&decoded.image);
        return status;
    }
    *out = decoded;
    return VITLRP_OK;
}

/* The reader of a file that begins so; NULL: none. */
static const struct reader *find_reader(const uint8_t *head, size_t size) {
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++) {
        if (readers[i].recognise(head, size)) {
            return &readers[i];
        }
    }
    return NULL;
}

enum vitlrp_status decode_rows(const struct decode_input *input, struct decoded *out,
                               struct vitlrp_error *err) {
    const uint8_t *head = NULL;
    const struct reader *reader = NULL;
    struct window window;
    size_t size = 0;
    TRY(window_open(&input->source, &window, err));
    enum vitlrp_status status = window_look(&window, 0, 1, &head, &size, err);
    if (status == VITLRP_OK) {
        reader = find_reader(head, size);
        status = reader == NULL ? refuse(head, size, err) : VITLRP_OK;
    }
    window_close(&window);
    return status == VITLRP_OK ? decode_by(reader, input, out, err) : status;
}
