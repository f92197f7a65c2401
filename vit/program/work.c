#include "vit/program/work.h"

/* What the exponential of an attention weight, its sum and its scaling take, in operations of
 * products: 1.5 ns where products run at 90 GFLOP/s. With narrow heads it is most of the work. */
#define WEIGHT_OPERATIONS 128.0

double work_forward(const struct program *program) {
    double operations = 0.0;
    for (size_t i = 0; i < program->op_count; i++) {
        const struct op_call call = program_call(program, i);
        const struct op_kind *kind = call.op->kind;
        operations += kind->flops == NULL ? 0.0 : kind->flops(&call);
        if (kind->mixes_tokens) {
            operations += WEIGHT_OPERATIONS * (double) call.op->heads * (double) call.out.rows *
                          (double) call.in[0].rows;
        }
    }
    return operations;
}

enum vitlrp_status work_check(const struct program *program, struct vitlrp_error *err) {
    const struct vitlrp_model_limits *limits = &program->model->limits;
    const struct token_layout *tokens = &program->tokens;
    if (tokens->count > (uint64_t) limits->max_tokens) {
        return fail_limit(
            err,
            "an input of %d x %d pixels (width x height) has %zu tokens, more than the "
            "limit of %lld tokens",
            tokens->input_width, tokens->input_height, tokens->count,
            (long long) limits->max_tokens);
    }
    double operations = work_forward(program);
    if (operations > (double) limits->max_operations) {
        return fail_limit(
            err, "a forward pass takes %.3g operations, more than the limit of %.3g operations",
            operations, (double) limits->max_operations);
    }
    return VITLRP_OK;
}
