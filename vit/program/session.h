/* One line of work on a model: forward passes and the relevance of the last one. Owns all scratch
 * memory, allocated once when it opens; one thread at a time. */
#ifndef VIT_SESSION_H
#define VIT_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "vit/math/linear.h"
#include "vit/math/packs.h"
#include "vit/math/profile.h"
#include "vit/model/model.h"

struct vit_session;

struct vit_session_options {
    size_t threads;       /* 1 to POOL_MAX_THREADS */
    bool in_pool;         /* of one thread, used by tasks of a pool by engine_pool_open */
    int32_t input_height; /* 0: as trained */
    int32_t input_width;
    bool keep_all_tokens; /* the last block computes every token, not only CLS */
    bool keep_totals; /* several attributions will follow a forward pass: what the gamma rule of the
                         MLP needs of it is kept, 5 floats per token, channel and block */
    bool attention_maps; /* room for the attention matrices of a block: vit_relevance.visitor */
    const char *backend; /* gemm_backend_find */
    struct engine_watch *watch; /* outlives the session; NULL: nobody is asked */
    size_t max_bytes;           /* LIMIT beyond; 0: none */
    enum vitlrp_precision precision;
    bool many_passes; /* the model may hold its weights a second time for faster forward passes */
};

/* What a session comes to, from the operations of its program. */
struct vit_session_size {
    size_t bytes;            /* of its one block */
    size_t attention_floats; /* of all heads' attention matrices of a block, the most */
    size_t norm1_width;      /* of vit_relevance.norm1 */
};

/* MISMATCH if the input is not a multiple of the patch. */
enum vitlrp_status vit_session_measure(const struct vit_model *model,
                                       const struct vit_session_options *options,
                                       struct vit_session_size *size, struct vitlrp_error *err);

/* *out is owned: vit_session_close. The model must outlive it. */
enum vitlrp_status vit_session_open(const struct vit_model *model,
                                    const struct vit_session_options *options,
                                    struct vit_session **out, struct vitlrp_error *err);

/* NULL is ignored. */
void vit_session_close(struct vit_session *session);

struct vit_session_info {
    size_t threads;
    int32_t input_height, input_width;
    int32_t grid_height, grid_width;
    int32_t tokens;
    const char *backend;
    enum vitlrp_precision precision; /* in use */
    const char *instruction_set;
    size_t bytes;
    size_t arranged_bytes; /* packs_bytes of the model's store */
};

struct vit_session_info vit_session_describe(const struct vit_session *session);

/* Operations of a forward pass: two for each multiply-add of its products. */
double vit_session_forward_flops(const struct vit_session *session);

/* As work_forward counts them, with what the softmax takes. */
double vit_session_work(const struct vit_session *session);

/* input [channels, input_height, input_width] -> logits [classes] (NULL: not wanted). NUMERIC if
 * either is not finite. */
enum vitlrp_status vit_forward(struct vit_session *session, const float *input, float *logits,
                               struct vitlrp_error *err);

/* Likewise, and fills what the units of so many sites have in it: their activations. USAGE for a
 * site that there is not. */
enum vitlrp_status vit_forward_units(struct vit_session *session, const float *input, float *logits,
                                     struct vitlrp_unit_values *units, size_t sites,
                                     struct vitlrp_error *err);

/* output [tokens, dim] of a block of the last forward, or of the embedding with block -1. */
enum vitlrp_status vit_block_output(const struct vit_session *session, int32_t block, float *output,
                                    struct vitlrp_error *err);

/* embedding: the image's, of the last forward, as it leaves the model (not of unit length): the
 * outputs of a model without classes, and what the outputs of others compare. USAGE for a model of
 * classes, and without a forward. */
enum vitlrp_status vit_session_embedding(struct vit_session *session, float *embedding,
                                         struct vitlrp_error *err);

/* The attention of one block: matrices of the last forward and, in a backward pass, their G. */
struct vit_attention_view {
    int32_t block;
    size_t heads;
    size_t rows; /* tokens, or 1 (CLS) where G of the others is 0: in the backward pass of the last
                    block without keep_all_tokens, and in vit_block_gradient */
    size_t tokens;
    const float *a;   /* [heads, rows, tokens] */
    const float *g_a; /* the same shape: G_O V^T by the rules' share; under CP-LRP, which passes
                         nothing on from it, all of it. NULL outside a backward pass */
    const float *v;   /* the values: [tokens, dim] with a stride, heads side by side */
    size_t v_stride, dim;
    const float *g_out; /* [rows, dim]: G of what the heads make; NULL outside a backward pass */
};

/* Called once per block, last block first. */
struct vit_attention_visitor {
    void (*visit)(void *user, const struct vit_attention_view *view); /* NULL: nobody looks */
    void *user;
};

/* Shows the attention of every block of the last forward, all rows of it, last block first. USAGE
 * without a forward or a session with attention_maps. */
enum vitlrp_status vit_visit_attention(struct vit_session *session,
                                       const struct vit_attention_visitor *visitor,
                                       struct vitlrp_error *err);

/* Conductance of the units of a site along a path of inputs, one backward pass an input: the sum of
 * (G + G before) / 2 times (a - a before) over passes, tokens and, of a head, its outputs. The
 * caller's. */
struct vit_conductance {
    enum vitlrp_site site;
    float *values, *gradients; /* [depth, tokens, vit_site_width]: a and G of the pass before */
    double *sums;              /* [depth, units] */
    size_t passes;             /* so far; of the first, sums begin anew */
};

/* What a backward pass shows of the inside of the model; NULL ones are skipped. */
struct vit_inside {
    struct vitlrp_unit_values *units; /* of so many sites */
    size_t unit_sites;
    struct vitlrp_block_flow *flow; /* [depth] */
    float *tokens;                  /* [depth + 1, tokens]: R of the tokens of each stream */
    bool units_only; /* of at least one site: the pass ends where block 0's units have theirs, and
                        patches and the sum are 0 */
    struct vit_conductance *conductance;
};

/* Output arrays are the caller's; NULL ones are skipped. */
struct vit_relevance {
    float *pixels;                      /* [channels, input_height, input_width] */
    float *patches;                     /* [grid_height, grid_width] */
    float *input_g;                     /* as pixels: G, so that pixels = input * G */
    float *neurons;                     /* [tokens, mlp_dim] of neurons_block */
    int32_t neurons_block;              /* 0 to depth - 1 */
    struct vitlrp_ledger_entry *ledger; /* [vit_ledger_length] */
    float *norm1;   /* [tokens, norm1_width]: what the last block makes q, k and v of */
    float *norm1_g; /* [tokens, norm1_width]: its G */
    const struct vit_inside *inside;      /* NULL: nobody asks */
    struct vit_attention_visitor visitor; /* needs a session with attention_maps */
    double explained;                     /* out: sum of weight * logit */
    double sum;                           /* out: sum of the pixel map */
};

/* Lines of the ledger, counted from the operations of the model's program. */
size_t vit_ledger_length(const struct vit_model *model);

/* Relevance of the last forward's input; rules NULL: the plain gradient of the explained sum is
 * carried back, so that pixels = input * gradient. USAGE without a forward or for a target or block
 * out of range; NUMERIC if the result is not finite. */
enum vitlrp_status vit_relevance(struct vit_session *session, const struct vitlrp_target *targets,
                                 size_t target_count, const struct vitlrp_rules *rules,
                                 struct vit_relevance *relevance, struct vitlrp_error *err);

/* Shows the attention of one block and its gradient as if the model ended there: the explained sum
 * is made of the CLS token that leaves the block, by the final LayerNorm and the head. Only the CLS
 * row has a gradient, so only it is shown. USAGE as above, and for a block out of range. */
enum vitlrp_status vit_block_gradient(struct vit_session *session, int32_t block,
                                      const struct vitlrp_target *targets, size_t target_count,
                                      const struct vit_attention_visitor *visitor,
                                      struct vitlrp_error *err);

/* Measures the passes that follow, from zero, until vit_session_profile_stop. */
void vit_session_profile_start(struct vit_session *session);
void vit_session_profile_stop(struct vit_session *session);

/* What was measured since the last start. */
const struct profile *vit_session_profile(const struct vit_session *session);

/* Median GFLOP/s of products [tokens, dim] x [dim, mlp_dim] with the session's threads and backend.
 */
double vit_session_gemm_rate(struct vit_session *session);

#endif
