/* What the model thinks of an image: logits, probabilities and their order. */
#ifndef CLI_PREDICTION_H
#define CLI_PREDICTION_H

#include <stdint.h>

#include "base/status.h"
#include "base/text.h"
#include "vitlrp.h"

struct prediction {
    int32_t classes;
    float *logits;       /* [classes] */
    double *probability; /* [classes] softmax of the logits */
    int32_t *order;      /* [classes] outputs, the most likely first */
};

/* Room for the given number of classes. *prediction is owned: prediction_close. */
enum vitlrp_status prediction_open(int32_t classes, struct prediction *prediction,
                                   struct vitlrp_error *err);

void prediction_close(struct prediction *prediction);

/* Fills probability and order from the logits; ties in order of the outputs. */
void prediction_rank(struct prediction *prediction);

/* "goldfish (1)" or "class 1", escaped for a terminal. */
void class_append(struct text *out, const struct vitlrp_class *found);

#endif
