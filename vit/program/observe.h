/* Observers of passes: whoever wants to see, or change, values and their G while they are there. */
#ifndef VIT_OBSERVE_H
#define VIT_OBSERVE_H

#include "vit/ops/op.h"
#include "vit/program/session.h"

/* Called after every operation: in a forward pass with its result in call->out, in a backward pass
 * (call->backward) with its first input and G of it in call->in[0]. */
struct observer {
    void (*on_op)(void *user, const struct op_call *call);
    void *user;
};

void observers_see(const struct observer *observers, size_t count, const struct op_call *call);

/* The conservation ledger: where relevance is absorbed on its way from the logit to the pixels.
 * Entries are in the order in which the backward pass meets the operations. */
struct ledger_lines {
    struct vitlrp_ledger_entry *entries;
    size_t count;
};

struct op_ledger ledger_of(struct ledger_lines *lines);

/* The relevance of hidden neurons: neurons [tokens, width], 0 where rows carry none. */
struct neurons_view {
    float *neurons;
    size_t value; /* theirs */
    size_t tokens;
};

void observe_neurons(void *user, const struct op_call *call);

/* A value that several operations may read, and what of G it has when the last of them is through;
 * NULL is skipped. */
struct norm1_view {
    float *value, *g;
    size_t read; /* what q, k and v of a block are made of */
};

void observe_norm1(void *user, const struct op_call *call);

/* Shows attention matrices, in a backward pass with their G. */
void observe_attention(void *user, const struct op_call *call); /* user: the visitor */

#endif
