/* An operation of a program, and its kind. A model is a list of operations over numbered values: a
 * value has so many rows of every image, and an operation makes one value of others. One kind is
 * one page (op_*.c): the paper's equation, forward, relevance, plain gradient, what it needs, the
 * operations it counts and its line in the ledger.
 *
 * Relevance is carried in G form (vit/RULES.md): every value has a G of its own shape, R = value *
 * G. */
#ifndef VIT_OP_H
#define VIT_OP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vit/math/attention.h"
#include "vit/math/bf16.h"
#include "vit/math/engine.h"
#include "vit/math/linear.h"
#include "vit/math/profile.h"
#include "vit/tokens/pooling.h"

enum { OP_INPUTS = 2, OP_WEIGHTS = 3, OP_SCRATCH = 4, OP_LINES = 2 };

#define OP_NONE SIZE_MAX

/* Numbers of one row, and rows of each image. */
struct value {
    size_t rows, width;
    size_t query_rows; /* of a value [q, k, v]: leading rows that have a q; else 0 */
};

struct op_kind;

struct op {
    const struct op_kind *kind;
    int32_t block;               /* -1: outside of blocks */
    const char *lines[OP_LINES]; /* names of its lines in the ledger; NULL: not there */
    enum vitlrp_role role;       /* whose gamma */
    enum profile_kind lap;       /* where its time is counted */

    size_t in[OP_INPUTS]; /* values; OP_NONE: no such input */
    size_t residual; /* a value of which the leading rows are added to the result, or OP_NONE */
    size_t out;

    const float
        *weights[OP_WEIGHTS];  /* as the kind takes them; NULL where the model has none, and
                                  for what depends on the input's size until a session opens */
    size_t pack;               /* of the first of them in the model's store, or OP_NONE */
    struct linear_packs packs; /* set when a session opens */
    size_t heads;
    size_t skips; /* leading rows of the input that it does not read */
    float eps;
    enum vit_activation activation;
    const struct pool *pool;
    const struct vit_rope *rope;
    const struct token_layout *tokens;
    bool causal;      /* of an attention: a row attends to itself and to rows before it */
    bool keeps_total; /* what its gamma rule makes of the forward pass alone is kept */
};

/* A value in a pass. */
struct op_array {
    size_t rows, width; /* rows may be fewer than the value's: only the leading ones count */
    size_t query_rows;
    float *x;
    float *g; /* backward only */
};

/* What a kind's functions are handed. Without memory, for `need`, pointers are NULL. */
struct op_call {
    const struct engine *engine;
    const struct op *op;
    size_t images;         /* 1 in the backward pass */
    struct bf16_form form; /* of products, those of attention too */
    const uint8_t *absent; /* [images, tokens]: 1 where a token is not there; NULL: all are, as
                              always in the backward pass. What mixes rows leaves it out, and its
                              own row is of no meaning */
    const struct text_rows *texts; /* of a text tower: whose rows are whose. Up to the pool the rows
                                      of all texts are one image's; behind it a text is an image */
    bool backward;
    struct op_array in[OP_INPUTS], residual, out;
    float *scratch[OP_SCRATCH];

    /* Backward. */
    const struct vitlrp_rules *rules; /* NULL: the plain gradient */
    struct attention_maps maps;       /* where somebody wants to see attention matrices */
    float *total;                     /* of op.keeps_total, or NULL */
    bool *total_is_made;
    struct op_ledger *ledger; /* NULL: nobody asks what is absorbed */
};

/* What changes of the program's input make of values, to first order, where the rules that hold
 * backwards are run forwards: [count, rows, width] each. G of the input is linear in G of the
 * output, so a change of the input tells at once what relevance it gets for every coordinate of the
 * output. Without gamma and epsilon, and of one text or image. */
struct op_changes {
    size_t count;
    const float *in, *residual; /* of the first input; NULL: no residual */
    float *out;
};

/* What an operation needs beside its values. */
struct op_need {
    size_t scratch[OP_SCRATCH]; /* floats */
    size_t thread_floats;       /* engine->thread_floats */
    size_t operand;             /* bytes of engine->operand */
};

struct op_kind {
    const char *name;
    size_t ledger_lines; /* at most OP_LINES */

    bool mixes_tokens;   /* a row of the result depends on other rows than its own */
    bool remade;         /* its result is not kept but made again in the backward pass */
    bool in_place;       /* result and first input may be the same array, and so may their Gs */
    bool adds_relevance; /* adds to G of the input instead of writing it */
    bool reads_output;   /* relevance reads the result even where no rule does */
    enum norm_kind norm; /* of norms: which */
    size_t (*g_row)(const struct op *op); /* the row of out's G where G of the first input lies, if
                                             it is a part of it; NULL: it has a place of its own */

    /* True if the result is its first input as it is: then neither pass has anything to do. Shapes
     * only; NULL: never. */
    bool (*is_view)(const struct op_call *call);

    /* Shapes only; call->backward says for which pass. May be NULL. */
    void (*need)(const struct op_call *call, struct op_need *need);
    void (*forward)(const struct op_call *call);

    /* G of the inputs from G of the result, which may be overwritten; NULL: nothing is to do. */
    void (*relevance)(const struct op_call *call);
    void (*gradient)(const struct op_call *call);

    /* The transpose of `relevance`, after `forward`; NULL: nobody needs it of that kind. */
    void (*change)(const struct op_call *call, const struct op_changes *changes);

    /* Operations that the equations ask for, two per multiply-add; NULL: none. */
    double (*flops)(const struct op_call *call);
    double (*flops_relevance)(const struct op_call *call);
};

/* Takes the lines of a backward pass. */
struct op_ledger {
    void (*record)(void *user, const struct op *op, const char *name, double received,
                   double passed);
    void *user;
};

/* Of a call with a ledger: sum of a * g over rows with a stride, and a line. */
double op_ledger_sum(const struct op_call *call, const float *a, const float *g, size_t rows,
                     size_t width, size_t stride);
void op_ledger_record(const struct op_call *call, size_t line, double received, double passed);

/* Sum of a * g over rows with a stride, 0 unless a ledger asks for it. */
static inline double op_sum(const struct op_call *call, const float *a, const float *g, size_t rows,
                            size_t width, size_t stride) {
    return call->ledger == NULL ? 0.0 : op_ledger_sum(call, a, g, rows, width, stride);
}

/* R of a dense array, as above. */
static inline double op_relevance_of(const struct op_call *call, const struct op_array *array) {
    return op_sum(call, array->x, array->g, array->rows, array->width, array->width);
}

/* Writes one of the operation's lines, if there is a ledger. */
static inline void op_record(const struct op_call *call, size_t line, double received,
                             double passed) {
    if (call->ledger != NULL && call->op->lines[line] != NULL) {
        op_ledger_record(call, line, received, passed);
    }
}

static inline bool op_is_gradient(const struct op_call *call) {
    return call->rules == NULL;
}

/* Attention weights are constants, as CP-LRP has it. */
static inline bool op_is_constant(const struct op_call *call) {
    return call->rules != NULL && call->rules->attention == VITLRP_ATTENTION_CP;
}

/* The layer of an operation whose weights are a matrix and its bias. */
struct linear op_linear_layer(const struct op_call *call);

/* The layer without its bias: op_kind.change of kinds that are linear layers. */
void op_linear_change(const struct op_call *call, const struct op_changes *changes);

/* The shares of the relevance of a product that its factor (attention weights, a gate) gets, and
 * the values: halves, or by the rules' share. Both get all of a plain gradient. */
float op_factor_share(const struct op_call *call);
float op_value_share(const struct op_call *call);

/* The linear rule of the operation's role. */
struct linear_rule op_linear_rule(const struct op_call *call);

/* out [images, rows of `to`, width]: the leading rows of every image of `from`, which has more; x
 * itself where they follow each other already. */
const float *op_leading_rows(const struct op_call *call, const struct op_array *from, size_t rows,
                             float *out);

/* Kinds that passes and their observers name. Every other kind is declared where it is put into
 * programs, in vit/program/block.c. */
extern const struct op_kind OP_TOKENS;    /* op_tokens.c */
extern const struct op_kind OP_LINEAR;    /* op_linear.c */
extern const struct op_kind OP_QKV;       /* op_qkv.c */
extern const struct op_kind OP_ROPE;      /* op_rope.c */
extern const struct op_kind OP_ATTENTION; /* op_attention.c */

#endif
