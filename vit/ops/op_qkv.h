/* What the attention and its observers share about values [q, k, v]. */
#ifndef VIT_OP_QKV_H
#define VIT_OP_QKV_H

#include "vit/ops/op.h"

/* R of the stacked parts that carry relevance, 0 unless a ledger asks for it. */
double op_qkv_relevance_of(const struct op_call *call, const struct op_array *qkv);

/* Makes the queries that the forward pass left out, after it. Those of the first rows stay as they
 * are: made again among others, their last bits could differ. */
void op_qkv_complete(const struct op_call *call);

#endif
