/* How few patches a map says matter, whatever the model makes of them. */
#ifndef EVAL_CONCENTRATION_H
#define EVAL_CONCENTRATION_H

#include <stddef.h>

#include "base/status.h"

struct concentration {
    /* The Gini index of the absolute scores (Hurley and Rickard 2009; as sparseness of
     * explanations: Chalasani et al., ICML 2020): 0 where all are equal, towards 1 where one has
     * everything. */
    double sparseness;

    /* The entropy, in nats, of the absolute scores' shares (Bhatt et al., IJCAI 2020): 0 where one
     * has everything, the logarithm of their number where all are equal. */
    double complexity;
};

/* Of scores [count]. NaN where all are 0. NOMEM is the only failure. */
enum vitlrp_status concentration_of(const float *scores, size_t count, struct concentration *out,
                                    struct vitlrp_error *err);

#endif
