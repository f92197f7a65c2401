/* A program with its memory and the engine that computes it: what sessions and batches run. */
#ifndef VIT_RUNNER_H
#define VIT_RUNNER_H

#include "vit/math/packs.h"
#include "vit/program/memory.h"
#include "vit/program/observe.h"

struct runner {
    struct program *program; /* owned */
    struct memory memory;
    struct engine engine;
    enum vitlrp_precision precision; /* in use */
    struct op_call *calls; /* owned, [2, op_count]: forward and, if memory.keeps, backward */
    void *block;           /* owned: all memory, of `bytes` */
    size_t bytes;
};

struct runner_request {
    struct program_request program;
    size_t images; /* computed at once; 1 for a backward pass */
    size_t threads;
    bool in_pool; /* of one thread, used by tasks of a pool by engine_pool_open */
    const char *backend;
    struct engine_watch *watch; /* NULL: nobody is asked */
    enum vitlrp_precision precision;
    bool many_passes;
    size_t max_bytes; /* LIMIT beyond; 0: none */
    const char *what; /* needs the memory: "a session" */

    /* Takes more from the arena, twice: once to measure. NULL: nothing more. */
    void (*lay_out_more)(void *user, const struct runner *runner, struct arena *arena);
    void *user;
};

/* Program and plan: what is needed to measure. runner_close releases them. */
enum vitlrp_status runner_plan(struct runner *runner, const struct vit_model *model,
                               const struct runner_request *request, struct vitlrp_error *err);

/* Memory, engine and arranged weights of what was planned. runner_close releases all, also after a
 * failure. */
enum vitlrp_status runner_open(struct runner *runner, const struct runner_request *request,
                               struct vitlrp_error *err);
void runner_close(struct runner *runner);

/* Makes the calls of a program whose memory is laid out: it never moves afterwards, so a pass only
 * fills in what it brings. runner_open has done it. */
enum vitlrp_status runner_make_calls(struct runner *runner, struct vitlrp_error *err);

/* The operation's call in one of the passes, over one image. */
static inline const struct op_call *runner_call(const struct runner *runner, size_t index,
                                                bool backward) {
    return &runner->calls[(backward ? runner->program->op_count : 0) + index];
}

/* Makes the call of an operation one over these texts. */
void runner_take_texts(const struct runner *runner, size_t index, const struct text_rows *texts,
                       struct op_call *call);

/* Part of a forward pass: operations from `first` to before `end`. The input value is there, or
 * what the operations before have made. */
struct forward_pass {
    struct runner *runner;
    size_t images, first, end;
    float *output;         /* where the program's output goes; NULL: to its place in memory */
    const uint8_t *absent; /* op_call.absent */
    const struct text_rows *texts; /* of a text tower, whose `images` is then not read */
    const struct observer *observers;
    size_t observer_count;
};

/* A pass ends early where the engine does not go on; engine_check tells. */
void runner_forward(const struct forward_pass *pass);

/* A backward pass, begun with G of the program's output in its place. */
struct backward_pass {
    struct runner *runner;
    const struct vitlrp_rules *rules;
    struct op_ledger *ledger;   /* NULL: none */
    struct attention_maps maps; /* NULL: nobody looks */
    const struct observer *observers;
    size_t observer_count;
    const struct text_rows *texts; /* of a text tower: one */
    size_t rows;                   /* only so many leading rows carry relevance; 0: all */
};

/* Forgets what an earlier backward pass made again. */
void runner_backward_begin(const struct backward_pass *pass);

/* Makes a value again that was not kept, all rows of it, unless this pass has. */
void runner_make(const struct backward_pass *pass, size_t value);

/* Operations from before `end` down to `first`. */
void runner_backward(const struct backward_pass *pass, size_t first, size_t end);

/* The place of the first operation that mixes tokens: operations before it treat every token alone.
 */
size_t runner_first_mixing(const struct runner *runner);

#endif
