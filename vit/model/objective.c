#include "vit/model/objective.h"

#include <string.h>

enum vitlrp_status objective_check(const struct objective *objective, size_t outputs,
                                   struct vitlrp_error *err) {
    if (objective->target_count == 0) {
        return fail(err, VITLRP_USAGE, "no target to explain");
    }
    for (size_t i = 0; i < objective->target_count; i++) {
        int32_t output = objective->targets[i].output;
        if (output < 0 || (size_t) output >= outputs) {
            return fail(err, VITLRP_USAGE, "output %d is out of range: 0 to %zu", output,
                        outputs - 1);
        }
    }
    return VITLRP_OK;
}

double objective_value(const struct objective *objective, const float *outputs) {
    double sum = 0.0;
    for (size_t i = 0; i < objective->target_count; i++) {
        sum += (double) objective->targets[i].weight * outputs[objective->targets[i].output];
    }
    return sum;
}

void objective_seed(const struct objective *objective, float *g, size_t count) {
    memset(g, 0, count * sizeof *g);
    for (size_t i = 0; i < objective->target_count; i++) {
        g[objective->targets[i].output] += objective->targets[i].weight;
    }
}
