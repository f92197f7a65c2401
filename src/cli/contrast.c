#include "contrast.h"

#include <math.h>

#include "base/mem.h"
#include "class_choice.h"

/* The largest logit of the other classes. */
static double most_of_others(const struct prediction *prediction, int32_t class) {
    double most = -INFINITY;
    for (int32_t i = 0; i < prediction->classes; i++) {
        double logit = (double) prediction->logits[i];
        most = i != class && logit > most ? logit : most;
    }
    return most;
}

/* exp of a logit less the largest of the others; their sum. */
static double share_of(const struct prediction *prediction, int32_t output, double most) {
    return exp((double) prediction->logits[output] - most);
}

static double sum_of_others(const struct prediction *prediction, int32_t class, double most) {
    double sum = 0.0;
    for (int32_t i = 0; i < prediction->classes; i++) {
        sum += i != class ? share_of(prediction, i, most) : 0.0;
    }
    return sum;
}

static void take_others(const struct explanation *explanation, struct contrast *out) {
    const struct prediction *prediction = explanation->prediction;
    int32_t class = explanation->target.output;
    double most = most_of_others(prediction, class);
    double sum = sum_of_others(prediction, class, most);
    for (int32_t i = 0; i < prediction->classes; i++) {
        float weight = (float) (-share_of(prediction, i, most) / sum);
        if (i != class && weight != 0.0F) {
            out->targets[out->count++] = (struct vitlrp_target){i, weight};
        }
    }
}

enum vitlrp_status contrast_open(const struct explanation *explanation, struct contrast *out,
                                 struct vitlrp_error *err) {
    bool is_others = explanation->has_versus && explanation->versus.output == OTHERS_OUTPUT;
    size_t most = is_others ? (size_t) explanation->prediction->classes : 2;
    *out = (struct contrast){.targets = mem_calloc(most, sizeof *out->targets)};
    if (out->targets == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu classes", most);
    }
    out->targets[out->count++] = (struct vitlrp_target){explanation->target.output, 1.0F};
    if (is_others) {
        take_others(explanation, out);
    } else if (explanation->has_versus) {
        out->targets[out->count++] = (struct vitlrp_target){explanation->versus.output, -1.0F};
    }
    return VITLRP_OK;
}

void contrast_close(struct contrast *contrast) {
    mem_free(contrast->targets);
    *contrast = (struct contrast){0};
}

double contrast_logit(const struct explanation *explanation) {
    const struct prediction *prediction = explanation->prediction;
    int32_t class = explanation->target.output;
    if (explanation->versus.output != OTHERS_OUTPUT) {
        return (double) prediction->logits[explanation->versus.output];
    }
    double most = most_of_others(prediction, class);
    double mean = 0.0;
    for (int32_t i = 0; i < prediction->classes; i++) {
        mean += i != class ? share_of(prediction, i, most) * (double) prediction->logits[i] : 0.0;
    }
    return mean / sum_of_others(prediction, class, most);
}
