/* A photograph's way into a model, one for all who go it: a file's bytes -> an upright picture -> a
 * plan (imgio/preprocess.h) -> the model input. photograph_load goes all of it at once: of a large
 * JPEG or PNG it never has the whole picture in memory. */
#ifndef IMGIO_PHOTOGRAPH_H
#define IMGIO_PHOTOGRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "base/sha256.h"
#include "base/status.h"
#include "imgio/image.h"
#include "imgio/preprocess.h"

struct photograph {
    struct image pixels;   /* upright; owned: image_free. Fewer than the photograph has if it was
                              loaded to be drawn smaller */
    int32_t width, height; /* of the photograph, upright */
    int32_t orientation;   /* 1..8 of EXIF or XMP as found, 1 if there is none */
    const char *format;    /* as of struct decoded */
    const char *warning;   /* likewise */
};

/* Decodes a file's bytes and turns the picture upright, unless EXIF is to be ignored. LIMIT for a
 * file beyond the limits; else as decode_image. *out is written on success only. */
enum vitlrp_status photograph_decode(const void *data, size_t size,
                                     const struct vitlrp_image_limits *limits, bool ignore_exif,
                                     struct photograph *out, struct vitlrp_error *err);

/* As photograph_decode, of an open file. */
enum vitlrp_status photograph_decode_file(const struct source *file,
                                          const struct vitlrp_image_limits *limits,
                                          bool ignore_exif, struct photograph *out,
                                          struct vitlrp_error *err);

/* input [3, window_height, window_width] of the plan's resize, normalised. The picture must be of
 * the plan's size. */
enum vitlrp_status photograph_input(const struct image *upright,
                                    const struct vitlrp_preprocess *preprocess,
                                    const struct preprocess_plan *plan, float *input,
                                    struct vitlrp_error *err);

/* Pictures up to so many are decoded whole, 50 MB as RGB; larger ones row by row where they can be.
 */
#define PHOTOGRAPH_WHOLE_PIXELS ((int64_t) 1 << 24)

/* What is wanted of a file. */
struct photograph_wishes {
    const struct vitlrp_image_limits *limits;
    const struct vitlrp_preprocess *preprocess;
    int64_t whole_pixels; /* PHOTOGRAPH_WHOLE_PIXELS, but for tests */
    bool ignore_exif;
    bool draws;       /* false: no pixels of the photograph are kept */
    int32_t max_side; /* of those that are kept; 0: all of them are */
};

struct photograph_loaded {
    struct photograph photograph; /* without pixels unless they were wanted */
    struct preprocess_plan plan;
    struct image seen; /* what the model sees, before it is normalised */
    double prepare_ms; /* of the time, what followed the decoding */
};

/* The picture to draw on and what the model sees, which is the same bit for bit whether or not the
 * whole picture was in memory. Fails as photograph_decode and preprocess_plan_make do. *out is
 * owned: photograph_loaded_free. */
enum vitlrp_status photograph_load(const void *data, size_t size,
                                   const struct photograph_wishes *wishes,
                                   struct photograph_loaded *out, struct vitlrp_error *err);

/* As photograph_load, of an open file. Of a JPEG or a PNG no more than a block is in memory at a
 * time. hash NULL: nobody wants it; else it gets the bytes that were decoded. */
enum vitlrp_status photograph_load_file(const struct source *file, struct sha256 *hash,
                                        const struct photograph_wishes *wishes,
                                        struct photograph_loaded *out, struct vitlrp_error *err);

/* A zeroed one is fine. */
void photograph_loaded_free(struct photograph_loaded *loaded);

#endif
