#include "base/probability.h"

#include <assert.h>
#include <math.h>

/* The largest logit, which is subtracted so that no exp overflows, and the sum of all exp. */
struct softmax {
    double largest, sum;
};

static struct softmax softmax_over(const float *logits, size_t count) {
    struct softmax over = {.largest = -INFINITY};
    for (size_t i = 0; i < count; i++) {
        over.largest = fmax(over.largest, (double) logits[i]);
    }
    for (size_t i = 0; i < count; i++) {
        over.sum += exp((double) logits[i] - over.largest);
    }
    return over;
}

static double one_of(enum vitlrp_probability kind, const struct softmax *over, float logit) {
    switch (kind) {
    case VITLRP_PROBABILITY_SOFTMAX:
        return exp((double) logit - over->largest) / over->sum;
    case VITLRP_PROBABILITY_SIGMOID:
        return 1.0 / (1.0 + exp(-(double) logit));
    case VITLRP_PROBABILITY_STATED:
    case VITLRP_PROBABILITY_NONE:
        break;
    }
    return NAN;
}

static struct softmax open_kind(enum vitlrp_probability kind, const float *logits, size_t count) {
    assert(kind != VITLRP_PROBABILITY_STATED);
    return kind == VITLRP_PROBABILITY_SOFTMAX ? softmax_over(logits, count) : (struct softmax){0};
}

double probability_of(enum vitlrp_probability kind, const float *logits, size_t count,
                      size_t output) {
    struct softmax over = open_kind(kind, logits, count);
    return one_of(kind, &over, logits[output]);
}

void probability_fill(enum vitlrp_probability kind, const float *logits, size_t count,
                      double *probability) {
    struct softmax over = open_kind(kind, logits, count);
    for (size_t i = 0; i < count; i++) {
        probability[i] = one_of(kind, &over, logits[i]);
    }
}
