/* What a class is contrasted with, as weights of outputs. */
#ifndef CLI_CONTRAST_H
#define CLI_CONTRAST_H

#include <stddef.h>

#include "base/status.h"
#include "explanation.h"
#include "vitlrp.h"

struct contrast {
    struct vitlrp_target *targets; /* [count]; owned */
    size_t count;
};

/* The class of an explanation with weight 1; with -1 another one, where it is contrasted with that;
 * where it is with all others, each with less its share in the softmax over them: what is explained
 * is then the class's logit less the mean of the others', and does not vanish where the class is
 * certain. contrast_close, after a failure too. */
enum vitlrp_status contrast_open(const struct explanation *explanation, struct contrast *out,
                                 struct vitlrp_error *err);

void contrast_close(struct contrast *contrast);

/* The logit of what an explanation's class is contrasted with. */
double contrast_logit(const struct explanation *explanation);

#endif
