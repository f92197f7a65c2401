#include "eval/concentration.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/order.h"

enum vitlrp_status concentration_of(const float *scores, size_t count, struct concentration *out,
                                    struct vitlrp_error *err) {
    double *sizes = mem_calloc(count, sizeof *sizes);
    double sum = 0.0;
    double weighted = 0.0;
    double entropy = 0.0;
    if (sizes == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the scores of a map");
    }
    for (size_t i = 0; i < count; i++) {
        sizes[i] = fabs((double) scores[i]);
        sum += sizes[i];
    }
    qsort(sizes, count, sizeof *sizes, order_doubles);
    for (size_t i = 0; i < count; i++) {
        double share = sizes[i] / sum;
        weighted += (2.0 * (double) (i + 1) - (double) count - 1.0) * share;
        entropy -= share > 0.0 ? share * log(share) : 0.0;
    }
    *out = sum > 0.0 ? (struct concentration){weighted / (double) count, entropy}
                     : (struct concentration){NAN, NAN};
    mem_free(sizes);
    return VITLRP_OK;
}
