/* Encoded bytes to 8-bit RGB. The content shows the format, a name never does. JPEG, PNG, WebP,
 * BMP, PNM and NumPy's bytes are read; every other format is refused by name where it is known. */
#ifndef IMGIO_DECODE_H
#define IMGIO_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "base/sha256.h"
#include "base/status.h"
#include "base/text.h"
#include "imgio/image.h"

/* Who takes the rows of a picture one after the other, so that it is never whole in memory. */
struct row_sink {
    void *user;
    /* Before the first row: the size and the orientation as stored. *takes false: the picture is
     * decoded whole. A failure ends the decoding. */
    enum vitlrp_status (*begin)(void *user, int32_t width, int32_t height, int32_t orientation,
                                bool *takes, struct vitlrp_error *err);
    void (*row)(void *user, const uint8_t *rgb);
};

struct decode_input {
    struct source source; /* the file; in memory, but for the readers of JPEG and PNG */
    const struct vitlrp_image_limits *limits;
    const struct row_sink *sink; /* NULL: nobody */
    struct sha256 *hash;         /* gets all bytes of a file that is not in memory; NULL: nobody */
};

struct decoded {
    struct image
        image; /* as stored, not turned; owned: image_free. Empty if a sink took the rows */
    int32_t orientation; /* 1..8 of EXIF or XMP, 1 if there is none */
    const char *format;  /* "jpeg", "png", "webp", "tiff", "avif", "bmp", "pnm", "npy"; a
                            constant */
    const char *warning; /* what is wrong with a picture that is read nevertheless; NULL: nothing;
                            a constant */
};

/* Decodes a file that is in memory. Pixels equal those of Pillow's Image.open(...).convert("RGB"):
 * alpha is dropped, not blended, and colour profiles and gamma are ignored, because the models were
 * trained that way. The exception is 16-bit grey, which Pillow clips to white and is scaled here.
 *
 * FORMAT for damaged or truncated data and for what is no image, UNSUPPORTED for other image
 * formats, LIMIT beyond the limits. *out is written on success only. */
enum vitlrp_status decode_image(const void *data, size_t size,
                                const struct vitlrp_image_limits *limits, struct decoded *out,
                                struct vitlrp_error *err);

/* As decode_image; the rows of a JPEG of one scan, and of a PNG that is not interlaced, go to the
 * sink if it takes them. Pictures of all other kinds are decoded whole. A JPEG or PNG that is not
 * in memory is read block by block, what the hash gets being what was decoded, and IO if it was
 * written to meanwhile; files of all other kinds are read whole. */
enum vitlrp_status decode_rows(const struct decode_input *input, struct decoded *out,
                               struct vitlrp_error *err);

/* The readers behind decode_image. The data begins with the magic bytes of the format; *out is
 * zeroed, and a reader that fails leaves nothing in it to release. */
enum vitlrp_status decode_jpeg(const struct decode_input *input, struct decoded *out,
                               struct vitlrp_error *err);
enum vitlrp_status decode_png(const struct decode_input *input, struct decoded *out,
                              struct vitlrp_error *err);
enum vitlrp_status decode_webp(const struct decode_input *input, struct decoded *out,
                               struct vitlrp_error *err);
#ifdef VITLRP_TIFF
enum vitlrp_status decode_tiff(const struct decode_input *input, struct decoded *out,
                               struct vitlrp_error *err);
void decode_tiff_describe(struct text *out);
#endif
#ifdef VITLRP_AVIF
enum vitlrp_status decode_avif(const struct decode_input *input, struct decoded *out,
                               struct vitlrp_error *err);
void decode_avif_describe(struct text *out);
#endif
enum vitlrp_status decode_npy(const struct decode_input *input, struct decoded *out,
                              struct vitlrp_error *err);
enum vitlrp_status decode_bmp(const struct decode_input *input, struct decoded *out,
                              struct vitlrp_error *err);
enum vitlrp_status decode_pnm(const struct decode_input *input, struct decoded *out,
                              struct vitlrp_error *err);

/* Append the name and version of the library behind a reader. */
void decode_jpeg_describe(struct text *out);
void decode_png_describe(struct text *out);
void decode_webp_describe(struct text *out);

#endif
