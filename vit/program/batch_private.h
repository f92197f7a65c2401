/* What the pages of batches share: batch.c, and batch_units.c for hidden units that are off. */
#ifndef VIT_BATCH_PRIVATE_H
#define VIT_BATCH_PRIVATE_H

#include "vit/program/batch.h"
#include "vit/program/runner.h"

/* Values that operations before a cut make and others behind it read: the stream, what the next
 * operation reads, and what a head reads of earlier blocks. */
#define BATCH_MAX_SHARED 8

struct vit_batch {
    struct runner runner;
    size_t capacity;
    size_t inputs;
    size_t first_mixing; /* the first operation whose rows depend on each other */
    size_t shared_count;
    struct {
        size_t value;
        float *variants[2]; /* [tokens, width]: of the original and of the replacement */
    } shared[BATCH_MAX_SHARED];
    uint8_t *absent; /* [capacity, tokens] */

    bool units;       /* vit_batch_options.units; without it the next two are NULL */
    float *beginning; /* the values of one input that are read behind a cut: room for the largest */
    size_t begun;     /* that cut; 0: none is kept */
    uint32_t *off;    /* [width]: units that are off in a version */
};

/* The values that cross a cut between the operations before `cut` and those from it on; returns
 * their count. */
size_t vit_batch_crossing(const struct program *program, size_t cut,
                          size_t values[BATCH_MAX_SHARED]);

size_t vit_batch_classes(const struct vit_batch *batch);

/* Puts `count` inputs [channels, height, width] where the program begins. */
void vit_batch_unfold(struct vit_batch *batch, size_t count, const float *inputs);

/* The operations from part->first on, over part->images <= capacity inputs, to their logits; the
 * runner and the end of the pass are filled in here. NUMERIC if logits are not finite. */
enum vitlrp_status vit_batch_finish(struct vit_batch *batch, const struct forward_pass *part,
                                    float *logits, struct vitlrp_error *err);

/* Takes what options.units need; twice, as runner_request.lay_out_more. */
void vit_batch_units_lay_out(struct vit_batch *batch, const struct runner *runner,
                             struct arena *arena);

#endif
