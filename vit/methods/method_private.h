/* The inside of an attributor, for the files that implement methods: method_*.c and attributor.c.
 */
#ifndef VIT_METHOD_PRIVATE_H
#define VIT_METHOD_PRIVATE_H

#include "base/arena.h"
#include "vit/methods/method.h"
#include "vit/tokens/tokens.h"

/* What a method asks the attributor to hold ready. */
enum method_scratch {
    SCRATCH_CHAIN = 1 << 0,     /* row, next, line */
    SCRATCH_FUSED = 1 << 1,     /* fused */
    SCRATCH_GRADIENTS = 1 << 2, /* gradients of all blocks */
    SCRATCH_NORM1 = 1 << 3,     /* norm1, norm1_g */
    SCRATCH_PIXELS = 1 << 4,    /* sample, map, unfolded, sum */
    SCRATCH_PATCHES = 1 << 5,   /* keep, kept, patch_sum, patch_map */
    SCRATCH_MIXED = 1 << 6,     /* zeros, masks, outputs: a batch of versions of one input */
    SCRATCH_BATCH = 1 << 7,     /* samples, coverage, outputs: a batch of any inputs */
    SCRATCH_DROPS = 1 << 8,     /* masks, drops, outputs: a batch of one input less some tokens */
    SCRATCH_SHAPLEY = 1 << 9
};

struct shapley_scratch {
    size_t *order;   /* [patches]: a permutation */
    double *singles; /* [patches]: values of the sets of one patch */
    double *values;  /* [2, patches + 1]: of the beginnings of an order, and of its reverse */
    double *found;   /* [capacity]: values of a batch */
    double *gains, *mean, *squares; /* [patches]: of a pair of orders; over the pairs so far */
    double *halves;                 /* [2, patches]: sums over the even and the odd pairs */
};

struct attributor_scratch {
    float *logits;              /* [classes] of the last vit_attributor_forward */
    float *sample_logits;       /* [classes] of another input's pass */
    struct vitlrp_target *seed; /* [classes]: request.seed of other scores than the logit */

    double *row, *next, *line; /* [tokens]: of a chain of attention matrices */
    float *fused;              /* [tokens, tokens] */
    float *gradients;       /* [depth, gradient_floats]: a block's [heads, tokens, tokens] each */
    size_t gradient_floats; /* of a block, the most */
    float *norm1, *norm1_g; /* [tokens, norm1_width] */

    float *sample;   /* [3, height, width]: a changed input */
    float *map;      /* [3, height, width] */
    float *unfolded; /* [patches, 3 ph pw] */
    double *sum;     /* [3, height, width] */

    uint8_t *keep;     /* [patches]: 1 in the patches that a sample shows */
    size_t *kept;      /* [patches]: samples that show the patch */
    double *patch_sum; /* [patches] */
    float *patch_map;  /* [patches] */

    float *zeros;    /* [3, height, width] */
    uint8_t *masks;  /* [capacity, patches] */
    float *samples;  /* [capacity, 3, height, width] */
    float *coverage; /* [capacity, height, width]: the masks of the samples, 0 to 1 */
    float *outputs;  /* [capacity, classes] */
    float *drops;    /* [patches] */

    struct shapley_scratch shapley;
};

struct vit_attributor {
    const struct vit_model *model;
    struct vit_session *session;
    struct vit_batch *batch; /* NULL if no method needs one */
    struct token_layout layout;
    size_t tokens, patches, classes;
    size_t norm1_width;           /* of the last block */
    size_t height, width, pixels; /* pixels: 3 height width */
    size_t capacity;              /* of the batch */
    struct attributor_scratch scratch;
    void *block;
    const struct vit_method **methods; /* owned: those it was opened for */
    size_t method_count;
    bool has_forward;
    bool moved; /* the session's forward pass is another input's */
    struct vitlrp_session_observer observer;
    struct engine_watch watch; /* the observer's, of session and batch */
};

/* Tells the observer that `done` of `total` passes of a method are over. */
void attributor_progress(const struct vit_attributor *attributor, size_t done, size_t total);

/* What is explained, of the logits [classes] of any input. */
double attributor_score(const struct vit_attributor *attributor, const float *logits,
                        const struct vit_method_request *request);

/* Makes request->seed that of the logits of another input: scores other than the logit depend on
 * them. */
void attributor_seed(struct vit_attributor *attributor, const float *logits,
                     const struct vit_method_request *request);

/* The explained sum over the logits [classes] of another input, of probabilities in their place;
 * of the logits themselves where outputs are no probabilities. */
double attributor_probability(const struct vit_attributor *attributor, const float *logits,
                              const struct vitlrp_target *targets, size_t target_count);

/* out [tokens]: what of each token the head reads. */
void attributor_read_shares(const struct vit_attributor *attributor, double *out);

/* patches [grid] = the sums of a pixel map [3, height, width] over each patch; uses unfolded. */
void attributor_patch_sums(struct vit_attributor *attributor, const float *map, float *patches);

/* A forward pass of another input, with the seed that belongs to it. */
enum vitlrp_status attributor_sample(struct vit_attributor *attributor, const float *input,
                                     const struct vit_method_request *request,
                                     struct vitlrp_error *err);

/* The plain gradient [3, height, width] of the explained sum at an input: one forward and one
 * backward pass. */
enum vitlrp_status attributor_gradient(struct vit_attributor *attributor, const float *input,
                                       const struct vit_method_request *request, float *gradient,
                                       struct vitlrp_error *err);

/* request->through under those rules. */
enum vitlrp_status method_through(struct vit_attributor *attributor,
                                  const struct vit_method_request *request,
                                  const struct vitlrp_rules *rules, struct vitlrp_error *err);

/* The methods' functions; vit/METHODS.md has the formulas. */
#define METHOD_FUNCTION(name)                                                                      \
    enum vitlrp_status name(struct vit_attributor *attributor,                                     \
                            const struct vit_method_request *request, struct vitlrp_error *err)

METHOD_FUNCTION(method_lrp);
METHOD_FUNCTION(method_masked);
METHOD_FUNCTION(method_lrp_rollout);
METHOD_FUNCTION(method_rollout);
METHOD_FUNCTION(method_raw_attention);
METHOD_FUNCTION(method_grad_rollout);
METHOD_FUNCTION(method_chefer);
METHOD_FUNCTION(method_libra_chefer);
METHOD_FUNCTION(method_attention_gradcam);
METHOD_FUNCTION(method_legrad);
METHOD_FUNCTION(method_gradcam);
METHOD_FUNCTION(method_input_x_gradient);
METHOD_FUNCTION(method_integrated_gradients);
METHOD_FUNCTION(method_smoothgrad);
METHOD_FUNCTION(method_occlusion);
METHOD_FUNCTION(method_token_drop);
METHOD_FUNCTION(method_lrp_drop);
METHOD_FUNCTION(method_daam);
METHOD_FUNCTION(method_rise);
METHOD_FUNCTION(method_random);
METHOD_FUNCTION(method_centre);

#endif
