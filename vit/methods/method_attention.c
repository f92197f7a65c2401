/* The methods that read attention matrices: rollouts of every kind, and weights of single blocks.
 *
 * A rollout is a row of a product of matrices, one per block: that of CLS, or the mean of those
 * that the head reads. Blocks are shown last first, so the row is carried through them as a vector
 * and no product of whole matrices is ever made. */
#include <math.h>
#include <string.h>

#include "vit/methods/method_private.h"

/* A row vector on its way through the blocks: row <- row (M + I), M made line by line. */
struct chain {
    const struct attributor_scratch *scratch;
    const struct vitlrp_method_options *options;
    size_t tokens;
    size_t first;   /* token of the patches */
    bool normalise; /* divides every line of M + I by its own sum */
    void (*line)(const struct chain *chain, const struct vit_attention_view *view, size_t row,
                 double *out); /* out [tokens] = one row of M */
};

static struct chain chain_begin(const struct vit_attributor *attributor,
                                const struct vit_method_request *request) {
    attributor_read_shares(attributor, attributor->scratch.row);
    return (struct chain){.scratch = &attributor->scratch,
                          .options = request->options,
                          .tokens = attributor->tokens,
                          .first = attributor->layout.prefix};
}

static void chain_add_line(const struct chain *chain, const struct vit_attention_view *view,
                           size_t row) {
    double *next = chain->scratch->next;
    double *line = chain->scratch->line;
    double share = chain->scratch->row[row];
    double sum = 0.0;
    if (row >= view->rows) {
        next[row] += share; /* M has nothing there */
        return;
    }
    chain->line(chain, view, row, line);
    line[row] += 1.0;
    for (size_t t = 0; chain->normalise && t < chain->tokens; t++) {
        sum += line[t];
    }
    share /= chain->normalise ? sum : 1.0;
    for (size_t t = 0; t < chain->tokens; t++) {
        next[t] += share * line[t];
    }
}

static void chain_pass(const struct chain *chain, const struct vit_attention_view *view) {
    struct attributor_scratch const *scratch = chain->scratch;
    memset(scratch->next, 0, chain->tokens * sizeof *scratch->next);
    for (size_t row = 0; row < chain->tokens; row++) {
        if (scratch->row[row] != 0.0) {
            chain_add_line(chain, view, row);
        }
    }
    memcpy(scratch->row, scratch->next, chain->tokens * sizeof *scratch->row);
}

static void chain_give(const struct chain *chain, float *patches) {
    for (size_t p = 0; chain->first + p < chain->tokens; p++) {
        patches[p] = (float) chain->scratch->row[chain->first + p];
    }
}

static double positive(double value) {
    return value > 0.0 ? value : 0.0;
}

/* ---- Rollout ---- */

/* fused [tokens, tokens]: all heads in one, in head order. */
static void fuse_heads(const struct vit_attention_view *view, enum vitlrp_head_fusion fusion,
                       float *fused) {
    size_t count = view->rows * view->tokens;
    for (size_t i = 0; i < count; i++) {
        double value = view->a[i];
        for (size_t h = 1; h < view->heads; h++) {
            double next = view->a[h * count + i];
            value = fusion == VITLRP_FUSE_MEAN  ? value + next
                    : fusion == VITLRP_FUSE_MAX ? fmax(value, next)
                                                : fmin(value, next);
        }
        fused[i] = (float) (fusion == VITLRP_FUSE_MEAN ? value / (double) view->heads : value);
    }
}

static uint32_t float_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* The largest bits such that at most `wanted` values have smaller ones: the wanted-th smallest
 * value (from 0). Not negative floats are ordered as their bits are. */
static uint32_t smallest_bits(const float *values, size_t count, size_t wanted) {
    uint32_t found = 0;
    for (uint32_t step = UINT32_C(1) << 30; step > 0; step >>= 1) {
        size_t below = 0;
        for (size_t i = 0; i < count; i++) {
            below += float_bits(values[i]) < (found | step) ? 1 : 0;
        }
        found = below <= wanted ? found | step : found;
    }
    return found;
}

/* Sets the `discarded` smallest values to 0, of equal ones the first; the very first value, CLS to
 * CLS, is spared though it counts. */
static void discard_smallest(float *values, size_t count, size_t discarded) {
    if (discarded == 0) {
        return;
    }
    uint32_t limit = smallest_bits(values, count, discarded - 1);
    size_t below = 0;
    for (size_t i = 0; i < count; i++) {
        below += float_bits(values[i]) < limit ? 1 : 0;
    }
    size_t equal = discarded - below;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = float_bits(values[i]);
        bool drop = bits < limit || (bits == limit && equal > 0);
        equal -= bits == limit && equal > 0 ? 1 : 0;
        values[i] = drop && i > 0 ? 0.0F : values[i];
    }
}

static void fused_line(const struct chain *chain, const struct vit_attention_view *view, size_t row,
                       double *out) {
    for (size_t t = 0; t < view->tokens; t++) {
        out[t] = chain->scratch->fused[row * view->tokens + t];
    }
}

static void rollout_block(void *user, const struct vit_attention_view *view) {
    const struct chain *chain = user;
    size_t count = view->rows * view->tokens;
    fuse_heads(view, chain->options->head_fusion, chain->scratch->fused);
    discard_smallest(chain->scratch->fused, count,
                     (size_t) (chain->options->discard_ratio * (double) count));
    chain_pass(chain, view);
}

enum vitlrp_status method_rollout(struct vit_attributor *attributor,
                                  const struct vit_method_request *request,
                                  struct vitlrp_error *err) {
    struct chain chain = chain_begin(attributor, request);
    chain.normalise = true;
    chain.line = fused_line;
    struct vit_attention_visitor visitor = {rollout_block, &chain};
    TRY(vit_visit_attention(attributor->session, &visitor, err));
    chain_give(&chain, request->patches);
    return VITLRP_OK;
}

/* ---- Rollouts of attention weighed by its gradient ---- */

/* relu(mean over heads of A * dA) */
static void relu_of_mean_line(const struct chain *chain, const struct vit_attention_view *view,
                              size_t row, double *out) {
    (void) chain;
    for (size_t t = 0; t < view->tokens; t++) {
        double sum = 0.0;
        for (size_t h = 0; h < view->heads; h++) {
            size_t at = (h * view->rows + row) * view->tokens + t;
            sum += (double) view->a[at] * view->g_a[at];
        }
        out[t] = positive(sum / (double) view->heads);
    }
}

/* mean over heads of relu(A * dA) */
static void mean_of_relu_line(const struct chain *chain, const struct vit_attention_view *view,
                              size_t row, double *out) {
    (void) chain;
    for (size_t t = 0; t < view->tokens; t++) {
        double sum = 0.0;
        for (size_t h = 0; h < view->heads; h++) {
            size_t at = (h * view->rows + row) * view->tokens + t;
            sum += positive((double) view->a[at] * view->g_a[at]);
        }
        out[t] = sum / (double) view->heads;
    }
}

static void chain_block(void *user, const struct vit_attention_view *view) {
    chain_pass(user, view);
}

/* A backward pass that shows every block to `visit`. */
static enum vitlrp_status
watch_backward(struct vit_attributor *attributor, const struct vit_method_request *request,
               const struct vitlrp_rules *rules,
               void (*visit)(void *user, const struct vit_attention_view *view), void *user,
               struct vitlrp_error *err) {
    struct vit_relevance relevance = {.visitor = {visit, user}};
    return vit_relevance(attributor->session, request->seed, request->seed_count, rules, &relevance,
                         err);
}

enum vitlrp_status method_grad_rollout(struct vit_attributor *attributor,
                                       const struct vit_method_request *request,
                                       struct vitlrp_error *err) {
    struct chain chain = chain_begin(attributor, request);
    chain.normalise = true;
    chain.line = relu_of_mean_line;
    TRY(watch_backward(attributor, request, NULL, chain_block, &chain, err));
    chain_give(&chain, request->patches);
    return VITLRP_OK;
}

enum vitlrp_status method_chefer(struct vit_attributor *attributor,
                                 const struct vit_method_request *request,
                                 struct vitlrp_error *err) {
    struct chain chain = chain_begin(attributor, request);
    chain.line = mean_of_relu_line;
    TRY(watch_backward(attributor, request, NULL, chain_block, &chain, err));
    chain_give(&chain, request->patches);
    return VITLRP_OK;
}

/* As chefer with the gradient of LibraGrad (Mehri et al., CVPR 2025): attention weights, standard
 * deviations and the gates of activations are constants, which is CP-LRP without gamma. dA is what
 * would pass to the weights, G_O V^T. */
enum vitlrp_status method_libra_chefer(struct vit_attributor *attributor,
                                       const struct vit_method_request *request,
                                       struct vitlrp_error *err) {
    const struct vitlrp_rules libra = {.attention = VITLRP_ATTENTION_CP};
    struct chain chain = chain_begin(attributor, request);
    chain.line = mean_of_relu_line;
    TRY(watch_backward(attributor, request, &libra, chain_block, &chain, err));
    chain_give(&chain, request->patches);
    return VITLRP_OK;
}

/* ---- The hybrid of relevance and gradient ---- */

static float *gradients_of(const struct attributor_scratch *scratch,
                           const struct vit_attention_view *view) {
    return scratch->gradients + (size_t) view->block * scratch->gradient_floats;
}

static void keep_gradient(void *user, const struct vit_attention_view *view) {
    const struct vit_attributor *attributor = user;
    memcpy(gradients_of(&attributor->scratch, view), view->g_a,
           view->heads * view->rows * view->tokens * sizeof(float));
}

/* mean over heads of relu(dA * R_A), R_A = A * G_A; dA is the plain gradient that was kept. */
static void relevance_line(const struct chain *chain, const struct vit_attention_view *view,
                           size_t row, double *out) {
    const float *gradients = gradients_of(chain->scratch, view);
    for (size_t t = 0; t < view->tokens; t++) {
        double sum = 0.0;
        for (size_t h = 0; h < view->heads; h++) {
            size_t at = (h * view->rows + row) * view->tokens + t;
            sum += positive((double) gradients[at] * view->a[at] * view->g_a[at]);
        }
        out[t] = sum / (double) view->heads;
    }
}

enum vitlrp_status method_lrp_rollout(struct vit_attributor *attributor,
                                      const struct vit_method_request *request,
                                      struct vitlrp_error *err) {
    struct chain chain = chain_begin(attributor, request);
    chain.line = relevance_line;
    TRY(watch_backward(attributor, request, NULL, keep_gradient, attributor, err));
    TRY(watch_backward(attributor, request, &request->options->rules, chain_block, &chain, err));
    chain_give(&chain, request->patches);
    return VITLRP_OK;
}

/* ---- Single blocks ---- */

/* A map made from the rows of some blocks that the head reads. */
struct block_map {
    int32_t block;        /* the one that counts, where it is only one */
    double *line;         /* [tokens] */
    const double *shares; /* [tokens]: of what the head reads */
    size_t terms;         /* of a token, in the line */
    float *patches;
    size_t first; /* token of the patches */
};

static void raw_attention_block(void *user, const struct vit_attention_view *view) {
    const struct block_map *map = user;
    for (size_t p = 0; view->block == map->block && map->first + p < view->tokens; p++) {
        double mean = 0.0;
        for (size_t r = 0; r < view->rows; r++) {
            double sum = 0.0;
            for (size_t h = 0; map->shares[r] != 0.0 && h < view->heads; h++) {
                sum += view->a[(h * view->rows + r) * view->tokens + map->first + p];
            }
            mean += map->shares[r] * (sum / (double) view->heads);
        }
        map->patches[p] = (float) mean;
    }
}

enum vitlrp_status method_raw_attention(struct vit_attributor *attributor,
                                        const struct vit_method_request *request,
                                        struct vitlrp_error *err) {
    attributor_read_shares(attributor, attributor->scratch.row);
    struct block_map map = {.block = attributor->model->config.depth - 1,
                            .shares = attributor->scratch.row,
                            .patches = request->patches,
                            .first = attributor->layout.prefix};
    struct vit_attention_visitor visitor = {raw_attention_block, &map};
    return vit_visit_attention(attributor->session, &visitor, err);
}

/* [depth, heads, tokens] of the rows that the head reads. */
struct attention_rows {
    const double *shares;
    float *out;
};

static void keep_rows(void *user, const struct vit_attention_view *view) {
    const struct attention_rows *rows = user;
    for (size_t h = 0; h < view->heads; h++) {
        const float *a = view->a + h * view->rows * view->tokens;
        float *out = rows->out + ((size_t) view->block * view->heads + h) * view->tokens;
        for (size_t t = 0; t < view->tokens; t++) {
            double sum = 0.0;
            for (size_t r = 0; r < view->rows; r++) {
                sum += rows->shares[r] * (double) a[r * view->tokens + t];
            }
            out[t] = (float) sum;
        }
    }
}

enum vitlrp_status vit_attributor_attention(struct vit_attributor *attributor, float *attention,
                                            struct vitlrp_error *err) {
    if (attributor->scratch.row == NULL) {
        return fail(err, VITLRP_USAGE,
                    "the session was opened for no method that reads attention, as raw-attention");
    }
    attributor_read_shares(attributor, attributor->scratch.row);
    struct attention_rows rows = {attributor->scratch.row, attention};
    struct vit_attention_visitor visitor = {keep_rows, &rows};
    return vit_visit_attention(attributor->session, &visitor, err);
}

/* The mean gradient of a head's attention from the rows that the head reads to the patches. */
static double head_weight(const struct block_map *map, const struct vit_attention_view *view,
                          size_t head) {
    double sum = 0.0;
    for (size_t r = 0; r < view->rows; r++) {
        const float *g_a = view->g_a + (head * view->rows + r) * view->tokens;
        for (size_t t = map->first; map->shares[r] != 0.0 && t < view->tokens; t++) {
            sum += g_a[t];
        }
    }
    return sum / (double) (view->tokens - map->first);
}

static void add_head(const struct block_map *map, const struct vit_attention_view *view,
                     size_t head, double weight) {
    for (size_t r = 0; r < view->rows; r++) {
        const float *a = view->a + (head * view->rows + r) * view->tokens + map->first;
        double share = weight * map->shares[r];
        for (size_t p = 0; map->shares[r] != 0.0 && map->first + p < view->tokens; p++) {
            map->patches[p] += (float) (share * a[p]);
        }
    }
}

static void attention_gradcam_block(void *user, const struct vit_attention_view *view) {
    const struct block_map *map = user;
    size_t patches = view->tokens - map->first;
    for (size_t p = 0; p < patches; p++) {
        map->patches[p] = 0.0F;
    }
    for (size_t h = 0; h < view->heads; h++) {
        add_head(map, view, h, head_weight(map, view, h) / (double) view->heads);
    }
    for (size_t p = 0; p < patches; p++) {
        map->patches[p] = (float) positive(map->patches[p]);
    }
}

/* The gradient of the last block's attention needs no backward pass through the others. */
enum vitlrp_status method_attention_gradcam(struct vit_attributor *attributor,
                                            const struct vit_method_request *request,
                                            struct vitlrp_error *err) {
    attributor_read_shares(attributor, attributor->scratch.row);
    struct block_map map = {.shares = attributor->scratch.row,
                            .patches = request->patches,
                            .first = attributor->layout.prefix};
    struct vit_attention_visitor visitor = {attention_gradcam_block, &map};
    return vit_block_gradient(attributor->session, attributor->model->config.depth - 1,
                              request->seed, request->seed_count, &visitor, err);
}

static void legrad_block(void *user, const struct vit_attention_view *view) {
    struct block_map *map = user;
    map->terms += view->heads * view->rows * view->tokens;
    for (size_t row = 0; row < view->heads * view->rows; row++) {
        for (size_t t = 0; t < view->tokens; t++) {
            map->line[t] += positive(view->g_a[row * view->tokens + t]);
        }
    }
}

enum vitlrp_status method_legrad(struct vit_attributor *attributor,
                                 const struct vit_method_request *request,
                                 struct vitlrp_error *err) {
    int32_t depth = attributor->model->config.depth;
    struct block_map map = {.line = attributor->scratch.line};
    struct vit_attention_visitor visitor = {legrad_block, &map};
    memset(map.line, 0, attributor->tokens * sizeof *map.line);
    for (int32_t block = 0; block < depth; block++) {
        TRY(vit_block_gradient(attributor->session, block, request->seed, request->seed_count,
                               &visitor, err));
        attributor_progress(attributor, (size_t) block + 1, (size_t) depth);
    }
    for (size_t p = 0; p < attributor->patches; p++) {
        request->patches[p] =
            (float) (map.line[attributor->layout.prefix + p] / (double) map.terms);
    }
    return VITLRP_OK;
}
