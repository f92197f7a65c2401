/* Where the values of a program lie, in one layout for sessions and batches: operations are asked
 * what they keep and need, and what is never alive at the same time lies in the same place. */
#ifndef VIT_MEMORY_H
#define VIT_MEMORY_H

#include "base/arena.h"
#include "vit/math/bf16.h"
#include "vit/program/program.h"

/* Offsets are in floats of memory.scratch, OP_NONE: nowhere. */
struct value_place {
    size_t lies_in;   /* the value in whose place it is, or OP_NONE */
    bool is_kept;     /* from the forward pass to the backward pass */
    float *kept;      /* then; else: */
    size_t forward;   /* in the forward pass */
    size_t backward;  /* made again in the backward pass */
    size_t g, g_root; /* its G, and the value of whose G it is a part */
    size_t producer;  /* the operation that makes it, OP_NONE: the input */
};

struct op_place {
    bool is_view; /* op_kind.is_view: neither pass has anything to do */
    size_t forward[OP_SCRATCH], backward[OP_SCRATCH];
    bool begins[OP_INPUTS]; /* G of that input begins here, going backwards; else it is added to */
    size_t addend[OP_INPUTS]; /* G before it is added */
    bool begins_residual;     /* G of the residual begins here, as a part of the result's */
    float *total;             /* op_call.total */
    bool total_is_made;       /* since the last forward pass */
};

struct memory {
    struct value_place *values; /* owned */
    struct op_place *ops;       /* owned */
    bool *made;                 /* owned, [values]: made again in the pass under way */
    float *position;            /* [tokens, dim] at this input size, for OP_TOKENS */
    float *rotary;              /* tables of angles at this input size, for OP_ROPE */
    float *scratch;
    size_t scratch_floats, thread_floats, operand;
    size_t images;
    struct bf16_form form; /* op_call.form; set before it is planned */
    bool keeps;
};

/* Plans a program over `images` images at once, for a backward pass too if keeps (of one image).
 * LIMIT if that needs more than there can be. memory_close releases it. */
enum vitlrp_status memory_plan(const struct program *program, size_t images, bool keeps,
                               struct memory *memory, struct vitlrp_error *err);

/* Takes what was planned, and the engine's scratch for so many threads, from the arena. */
void memory_lay_out(struct memory *memory, const struct program *program, struct engine *engine,
                    size_t threads, struct arena *arena);

void memory_close(struct memory *memory);

/* A value in one of the passes, and its G; NULL where it has no place. */
float *memory_value(const struct memory *memory, size_t value, bool backward);
float *memory_g(const struct memory *memory, size_t value);

#endif
