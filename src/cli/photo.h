/* From a file to a model input, and what the model says of it. */
#ifndef CLI_PHOTO_H
#define CLI_PHOTO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "base/text.h"
#include "vitlrp.h"

struct prediction {
    int32_t classes;
    float *logits;       /* [classes], and of the hidden one behind them */
    double *probability; /* [classes]; NAN where outputs are no probabilities */
    int32_t *order;      /* [classes] outputs, the largest logit first */
    bool hides;          /* the last output is none of the classes: a contrast's */
    double empty_cosine; /* of the image and the text without words; NAN: not known */
};

/* The model's last output is none of the classes: it is never predicted, and has no probability. */
void prediction_hide(struct prediction *prediction);

/* Outputs of the model, the hidden one among them. */
size_t prediction_outputs(const struct prediction *prediction);

/* Room for the given number of classes. *prediction is owned: prediction_close. */
enum vitlrp_status prediction_open(int32_t classes, struct prediction *prediction,
                                   struct vitlrp_error *err);

void prediction_close(struct prediction *prediction);

/* Fills probability and order from the logits; ties in order of the outputs. */
enum vitlrp_status prediction_rank(struct prediction *prediction, const struct vitlrp_model *model,
                                   struct vitlrp_error *err);

/* "goldfish (1)" or "class 1", escaped for a terminal. */
void class_append(struct text *out, const struct vitlrp_class *found);

struct photo {
    struct vitlrp_image *image; /* owned */
    float *input;               /* owned: [3, geometry.input_height, geometry.input_width] */
    struct vitlrp_geometry geometry;
    bool is_input; /* came as .npy: there was no preprocessing */
    double decode_ms, preprocess_ms;
};

/* Channels of model inputs. */
size_t photo_channels(const struct vitlrp_preprocess *preprocess);

/* A pixel map summed over its channels, out [count]: what is drawn and written at --level pixel. */
void photo_sum_channels(const struct vitlrp_preprocess *preprocess, const float *pixels,
                        size_t count, float *out);

/* Reads "path" ("-": standard input) and makes the model input of it. sha256, unless it is NULL,
 * gets the hash of the file's bytes. *photo is owned: photo_close. Every message names the path. */
enum vitlrp_status photo_open(const char *path, const struct vitlrp_preprocess *preprocess,
                              const struct vitlrp_image_options *options, char *sha256,
                              struct photo *photo, struct vitlrp_error *err);

/* As photo_open, of a file's bytes; messages name no file. */
enum vitlrp_status photo_decode(const void *data, size_t size,
                                const struct vitlrp_preprocess *preprocess,
                                const struct vitlrp_image_options *options, struct photo *photo,
                                struct vitlrp_error *err);

/* What is wrong with a picture that was read nevertheless; NULL: nothing. */
const char *photo_warning(const struct photo *photo);

void photo_close(struct photo *photo);

#endif
