/* The rules run forwards: what changes of a program's input make of its output, to first order. */
#ifndef VIT_CHANGE_H
#define VIT_CHANGE_H

#include "vit/program/runner.h"

struct change_pass {
    struct runner *runner;
    const struct text_rows *texts; /* one */
    const struct vitlrp_rules *rules;
    size_t count;
    const float *input; /* [count, rows of the text, width of the program's input] */
    float *output;      /* [count, outputs] */
};

/* Repeats the forward pass over the input that is there. Takes memory for the time of the call:
 * NOMEM. UNSUPPORTED for an operation that no change passes. */
enum vitlrp_status change_run(const struct change_pass *pass, struct vitlrp_error *err);

#endif
