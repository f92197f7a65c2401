/* A model at one input size as a list of operations over values. Made from the configuration by
 * block.c, which is the only reader of architecture switches; whatever runs it knows operations. */
#ifndef VIT_PROGRAM_H
#define VIT_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "vit/model/model.h"
#include "vit/ops/op.h"
#include "vit/tokens/tokens.h"

enum { PROGRAM_SITES = VITLRP_SITE_STREAM + 1 };

struct program {
    const struct vit_model *model;
    struct token_layout tokens;
    struct op *ops; /* owned, in the order of the forward pass */
    size_t op_count;
    struct value *values; /* owned */
    size_t value_count;
    size_t *streams; /* owned, [depth + 1]: the value that leaves the embedding, and each block */
    size_t *units[PROGRAM_SITES]; /* owned, [depth]: the value whose columns are a block's units of
                                     a site, as its readers see it */
    size_t depth;
    size_t input;       /* the value [patches, patch_pixels] that the pass begins with */
    size_t output;      /* logits */
    size_t embedding;   /* whose likeness to others the outputs are, or OP_NONE */
    size_t tail;        /* the first operation behind the blocks */
    size_t rows_needed; /* leading tokens that the end reads */
};

struct program_request {
    int32_t input_height, input_width; /* 0: as trained */
    bool keeps;                        /* for a backward pass */
    bool all_tokens;                   /* every token leaves the last block, needed or not */
    bool keeps_totals;                 /* of the gamma rules in the MLPs */
};

/* *out is owned: program_close. The model must outlive it. MISMATCH if the input is no multiple of
 * the patch. */
enum vitlrp_status program_open(const struct vit_model *model,
                                const struct program_request *request, struct program **out,
                                struct vitlrp_error *err);
void program_close(struct program *program); /* NULL is ignored */

/* The only operation of that kind in a block, or OP_NONE. */
size_t program_find(const struct program *program, const struct op_kind *kind, int32_t block);

/* True if an operation from `cut` on reads the value. */
bool program_reads_behind(const struct program *program, size_t cut, size_t value);

/* The value as its operation's neighbours see it, without memory. */
struct op_array program_array(const struct program *program, size_t value);

/* An operation's call over one image, forward, without memory. */
struct op_call program_call(const struct program *program, size_t index);

#endif
