/* Attribution methods behind one table and one function type: AttnLRP and what it is compared with.
 * A method turns the forward pass of one input into a map over its patches, and over its pixels
 * where it has one. */
#ifndef VIT_METHOD_H
#define VIT_METHOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "vit/program/batch.h"
#include "vit/program/session.h"
#include "vit/program/through.h"

#define VIT_MAX_SAMPLES 1000000

/* Copies of attnlrp-masked by halves. */
#define VIT_HALVES ((size_t) 2)

struct vit_attributor;
struct shapley_result;

struct vit_method_request {
    const float *input; /* [3, input_height, input_width]: that of the attributor's last forward */
    const struct vitlrp_target *targets;
    size_t target_count;
    const struct vitlrp_method_options *options;
    float *patches; /* [grid_height, grid_width] */
    float *pixels;  /* [3, input_height, input_width]; NULL, or the method must have a pixel map */
    struct vitlrp_ledger_entry *ledger; /* [vit_ledger_length], and */
    float *neurons;                  /* [tokens, mlp_dim] of neurons_block: NULL, or the method */
    int32_t neurons_block;           /* must have a ledger */
    const struct vit_inside *inside; /* NULL, or the method must have units; likewise */
    struct vit_through *through;     /* in place of the map */
    double *sum;                     /* of the map; NULL: nobody asks */
    struct vit_conductance *conductance; /* in place of the map, or the method must have it */
    struct shapley_result *shapley; /* of SHAPLEY_VALUES (vit/methods/shapley.h); NULL: likewise */

    /* Set by vit_attributor_run for the method: the targets whose sum of logits has the gradient of
     * what is explained, where relevance begins. For the logit the targets themselves. */
    const struct vitlrp_target *seed;
    size_t seed_count;
};

struct vit_method {
    const char *name;    /* of the command line */
    const char *summary; /* one line with its reference */
    bool has_pixels;
    bool has_ledger;      /* one attribution by rules: vit_relevance gives its ledger too */
    bool has_units;       /* one backward pass: vit_relevance shows hidden units too */
    bool has_conductance; /* goes along a path of inputs: vit_method_request.conductance */
    bool needs_attention; /* a session with attention_maps */
    bool needs_batch;     /* forward passes without a backward pass */
    bool needs_forward;   /* reads the session's forward pass */
    bool moves_forward;   /* leaves the session with another input's forward pass */
    bool each_patch;      /* a forward pass for each patch */
    bool is_yardstick;    /* its rules are what others are compared with: an evaluation's changes
                             of the rules would make it one of them */
    bool ignores_class; /* the same map for every target (rollout, raw-attention, random, centre) */
    bool in_logits;   /* values are shares of the explained sum of logits, if only to first order */
    bool is_unsigned; /* its maps of one class have no negative values */
    const char *relevance; /* the method whose relevance is a part of its maps; NULL: none */
    unsigned scratch;      /* enum method_scratch of vit/methods/method_private.h */
    unsigned reads;        /* enum vitlrp_method_reads */
    struct vitlrp_method_options defaults;
    enum vitlrp_status (*attribute)(struct vit_attributor *attributor,
                                    const struct vit_method_request *request,
                                    struct vitlrp_error *err);
};

/* The table: methods 0 to vit_method_count() - 1, in the order in which they are listed to users.
 */
size_t vit_method_count(void);
const struct vit_method *vit_method_at(size_t index);

/* The method of that name, or NULL. */
const struct vit_method *vit_method_find(const char *name);

void vit_method_defaults(const struct vit_method *method, struct vitlrp_method_options *options);

/* USAGE for a score that the model's outputs do not have. */
enum vitlrp_status vit_score_check(const struct vit_model *model, enum vitlrp_score score,
                                   struct vitlrp_error *err);

/* Everything that some methods need on one model: a session, a batch if one of them needs it, and
 * scratch, all allocated when it opens. One thread at a time. Maps have the same bits for any
 * number of threads and whatever other methods the attributor was opened for. */
struct vit_attributor_options {
    size_t threads;
    bool in_pool; /* of one thread, used by tasks of a pool by engine_pool_open */
    int32_t input_height, input_width; /* 0: as trained */
    const char *backend;
    const struct vit_method *const *methods; /* the methods that will be run; copied */
    size_t method_count;
    bool keep_all_tokens; /* of the session, for vit_block_output */
    size_t max_bytes;     /* LIMIT beyond; 0: none */
    bool keep_totals;     /* of the session, for several attributions of one forward pass */
    enum vitlrp_precision precision; /* of the session and the batch */
    bool many_passes;                /* of both */
    struct vitlrp_session_observer observer;
};

/* Bytes that an attributor holds: its session, its batch and its scratch. */
enum vitlrp_status vit_attributor_bytes(const struct vit_model *model,
                                        const struct vit_attributor_options *options, size_t *bytes,
                                        struct vitlrp_error *err);

enum vitlrp_status vit_attributor_open(const struct vit_model *model,
                                       const struct vit_attributor_options *options,
                                       struct vit_attributor **out, struct vitlrp_error *err);
void vit_attributor_close(struct vit_attributor *attributor);

/* The forward pass that the following attributions share; logits may be NULL. NUMERIC as
 * vit_forward. */
enum vitlrp_status vit_attributor_forward(struct vit_attributor *attributor, const float *input,
                                          float *logits, struct vitlrp_error *err);

/* Likewise, as vit_forward_units. */
enum vitlrp_status vit_attributor_forward_units(struct vit_attributor *attributor,
                                                const float *input, float *logits,
                                                struct vitlrp_unit_values *units, size_t sites,
                                                struct vitlrp_error *err);

/* Repeats the last forward pass, of this input, if a method has moved the session on: for those who
 * want to use the session themselves after a method. */
enum vitlrp_status vit_attributor_restore(struct vit_attributor *attributor, const float *input,
                                          struct vitlrp_error *err);

/* Runs a method on request->input, which must be the last vit_attributor_forward's; repeats that
 * forward pass first if another method has moved the session on. USAGE without a forward, for a
 * method that the attributor was not opened for, and for targets or options out of range; NUMERIC
 * if the map is not finite; CANCELLED if the observer says so. */
enum vitlrp_status vit_attributor_run(struct vit_attributor *attributor,
                                      const struct vit_method *method,
                                      const struct vit_method_request *request,
                                      struct vitlrp_error *err);

/* Operations of the method over one input: of its forward passes and, where it has them, as many
 * backward passes, each taken for three forward passes. What vit_attributor_run holds against the
 * model's limit. */
double vit_attributor_work(const struct vit_attributor *attributor, const struct vit_method *method,
                           const struct vitlrp_method_options *options);

/* The explained sum of logits, of the last vit_attributor_forward: what a ledger divides. Of
 * another score than the logit the sum that begins it, in which the other classes have the weights
 * of its gradient. */
double vit_attributor_explained(struct vit_attributor *attributor,
                                const struct vit_method_request *request);

/* The attention of the last vit_attributor_forward, in the rows that the head reads (CLS, or by
 * their shares in a mean): [depth, heads, tokens], where each head looks. USAGE unless the
 * attributor was opened for a method that reads attention. */
enum vitlrp_status vit_attributor_attention(struct vit_attributor *attributor, float *attention,
                                            struct vitlrp_error *err);

struct vit_session *vit_attributor_session(struct vit_attributor *attributor);
struct vit_batch *
vit_attributor_batch(struct vit_attributor *attributor); /* NULL if none is needed */

#endif
