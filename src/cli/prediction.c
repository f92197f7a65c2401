#define _GNU_SOURCE
#include "prediction.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

enum vitlrp_status prediction_open(int32_t classes, struct prediction *prediction,
                                   struct vitlrp_error *err) {
    size_t count = (size_t) classes;
    *prediction = (struct prediction){
        .classes = classes,
        .logits = mem_calloc(count, sizeof *prediction->logits),
        .probability = mem_calloc(count, sizeof *prediction->probability),
        .order = mem_calloc(count, sizeof *prediction->order),
    };
    if (prediction->logits == NULL || prediction->probability == NULL ||
        prediction->order == NULL) {
        prediction_close(prediction);
        return fail(err, VITLRP_NOMEM, "out of memory for %d logits", classes);
    }
    return VITLRP_OK;
}

void prediction_close(struct prediction *prediction) {
    mem_free(prediction->logits);
    mem_free(prediction->probability);
    mem_free(prediction->order);
    *prediction = (struct prediction){0};
}

static int compare_outputs(const void *left, const void *right, void *logits) {
    int32_t a = *(const int32_t *) left;
    int32_t b = *(const int32_t *) right;
    float logit_a = ((const float *) logits)[a];
    float logit_b = ((const float *) logits)[b];
    if (logit_a > logit_b) {
        return -1;
    }
    if (logit_a < logit_b) {
        return 1;
    }
    return (a > b) - (a < b);
}

void prediction_rank(struct prediction *prediction) {
    double largest = -INFINITY;
    double sum = 0.0;
    for (int32_t i = 0; i < prediction->classes; i++) {
        largest = fmax(largest, prediction->logits[i]);
        prediction->order[i] = i;
    }
    for (int32_t i = 0; i < prediction->classes; i++) {
        prediction->probability[i] = exp(prediction->logits[i] - largest);
        sum += prediction->probability[i];
    }
    for (int32_t i = 0; i < prediction->classes; i++) {
        prediction->probability[i] /= sum;
    }
    qsort_r(prediction->order, (size_t) prediction->classes, sizeof *prediction->order,
            compare_outputs, prediction->logits);
}

void class_append(struct text *out, const struct vitlrp_class *found) {
    char label[120];
    text_escape_name(label, sizeof label, found->label);
    if (label[0] == '\0') {
        text_printf(out, "class %d", found->index);
    } else {
        text_printf(out, "%s (%d)", label, found->index);
    }
}
