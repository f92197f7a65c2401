/* The attention of a call, for those who look at its matrices. */
#ifndef VIT_OP_ATTENTION_H
#define VIT_OP_ATTENTION_H

#include "vit/ops/op.h"

/* Of the first image. */
struct attention op_attention_of(const struct op_call *call);

/* True if OP_ATTENTION_ROW may stand for OP_QKV and OP_ATTENTION where `rows` rows leave the
 * attention of `tokens` and nothing is kept for a backward pass. */
bool op_attention_row_suits(size_t rows, size_t tokens, size_t heads);

#endif
