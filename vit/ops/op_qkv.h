/* What the attention and its observers share about values [q, k, v]. */
#ifndef VIT_OP_QKV_H
#define VIT_OP_QKV_H

#include "vit/ops/op.h"

/* The stacked parts that carry relevance, and for how many tokens each. */
struct qkv_parts {
    size_t count;
    struct {
        size_t first, parts, rows;
    } part[2];
};

struct qkv_parts op_qkv_parts(const struct op_call *call, const struct op_array *qkv);

/* R of those parts, 0 unless a ledger asks for it. */
double op_qkv_relevance_of(const struct op_call *call, const struct op_array *qkv);

/* Makes the queries that the forward pass left out, after it. Those of the first rows stay as they
 * are: made again among others, their last bits could differ. */
void op_qkv_complete(const struct op_call *call);

#endif
