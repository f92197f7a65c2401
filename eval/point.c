#include "eval/point.h"

#include "base/probability.h"

size_t points_at_once(size_t capacity) {
    return capacity < POINTS_AT_ONCE ? POINTS_AT_ONCE / capacity * capacity : capacity;
}

static struct point read_output(const struct vit_model *model, const float *logits,
                                int32_t output) {
    size_t classes = (size_t) model->config.classes;
    return (struct point){.logit = logits[output],
                          .probability = (float) probability_of(model->probability, logits, classes,
                                                                (size_t) output)};
}

static bool is_top1(const struct vit_model *model, const float *logits, int32_t output) {
    int32_t largest = 0;
    for (int32_t i = 1; i < model->config.classes; i++) {
        largest = logits[i] > logits[largest] ? i : largest;
    }
    return largest == output;
}

struct point point_read(const struct vit_model *model, const float *logits,
                        const struct point_question *question) {
    struct point point = read_output(model, logits, question->output);
    point.is_first = is_top1(model, logits, question->output);
    point.top1 = is_top1(model, logits, question->expected) ? 1.0F : 0.0F;
    if (question->has_versus) {
        struct point versus = read_output(model, logits, question->versus);
        point.logit -= versus.logit;
        point.probability -= versus.probability;
    }
    return point;
}

float point_value(const struct point *point, enum eval_curve curve) {
    switch (curve) {
    case EVAL_CURVE_MORF_LOGIT:
    case EVAL_CURVE_LERF_LOGIT:
        return point->logit;
    case EVAL_CURVE_MORF_PROB:
    case EVAL_CURVE_LERF_PROB:
        return point->probability;
    default:
        return point->top1;
    }
}
