/* One input of a run: a photograph, or a ready model input as .npy, told by content. */
#ifndef CLI_PHOTO_H
#define CLI_PHOTO_H

#include <stdbool.h>

#include "base/status.h"
#include "vitlrp.h"

struct photo {
    struct vitlrp_image *image; /* owned */
    float *input;               /* owned: [3, geometry.input_height, geometry.input_width] */
    struct vitlrp_geometry geometry;
    bool is_input; /* came as .npy: there was no preprocessing */
    double decode_ms, preprocess_ms;
};

/* Reads "path" ("-": standard input) and makes the model input of it. *photo is owned: photo_close.
 * Every message names the path. */
enum vitlrp_status photo_open(const char *path, const struct vitlrp_preprocess *preprocess,
                              const struct vitlrp_image_options *options, struct photo *photo,
                              struct vitlrp_error *err);

/* As photo_open, of a file's bytes; messages name no file. */
enum vitlrp_status photo_decode(const void *data, size_t size,
                                const struct vitlrp_preprocess *preprocess,
                                const struct vitlrp_image_options *options, struct photo *photo,
                                struct vitlrp_error *err);

void photo_close(struct photo *photo);

#endif
