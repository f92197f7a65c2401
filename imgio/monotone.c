#include "imgio/monotone.h"

#include <stddef.h>

#include "base/mem.h"

static struct monotone_weights weights_at(double t) {
    double square = t * t;
    double cube = square * t;
    return (struct monotone_weights){.left = 2.0 * cube - 3.0 * square + 1.0,
                                     .right = 3.0 * square - 2.0 * cube,
                                     .left_slope = cube - 2.0 * square + t,
                                     .right_slope = cube - square};
}

enum vitlrp_status monotone_make(int32_t in, const struct resample_window *window,
                                 struct monotone *line, struct vitlrp_error *err) {
    size_t outputs = (size_t) window->count;
    struct monotone made = {.outputs = window->count,
                            .first = mem_calloc(outputs, sizeof *made.first),
                            .second = mem_calloc(outputs, sizeof *made.second),
                            .weights = mem_calloc(outputs, sizeof *made.weights)};
    if (made.first == NULL || made.second == NULL || made.weights == NULL) {
        monotone_free(&made);
        return fail(err, VITLRP_NOMEM, "out of memory for scaling %d to %d samples", in,
                    window->count);
    }
    for (int32_t i = 0; i < window->count; i++) {
        double position = window->start + (window->begin + i + 0.5) * window->step - 0.5;
        position = position < 0.0 ? 0.0 : position > in - 1 ? in - 1 : position;
        int32_t first = (int32_t) position;
        made.first[i] = first;
        made.second[i] = first + 1 < in ? first + 1 : first;
        made.weights[i] = weights_at(position - first);
    }
    *line = made;
    return VITLRP_OK;
}

void monotone_free(struct monotone *line) {
    mem_free(line->first);
    mem_free(line->second);
    mem_free(line->weights);
    *line = (struct monotone){0};
}
