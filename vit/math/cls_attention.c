#include "vit/math/cls_attention.h"

#include <math.h>
#include <string.h>

struct cls_job {
    const struct network *net;
    size_t images, heads, size; /* of a head */
    const struct vit_block *weights;
    const float *normed;
    const struct cls_attention_scratch *scratch;
    float *out;
};

size_t cls_attention_thread_scratch(const struct network *net) {
    return (size_t) net->model->config.heads * net->tokens;
}

/* keys [images, this head, dim] = q W_k / sqrt(head size) */
static void absorb_keys(void *context, size_t head, size_t thread) {
    const struct cls_job *job = context;
    size_t dim = job->net->dim;
    (void) thread;
    job->net->engine.backend->multiply(
        &(struct gemm_product){.m = job->images,
                               .n = dim,
                               .k = job->size,
                               .alpha = (float) (1.0 / sqrt((double) job->size)),
                               .a = job->scratch->queries + head * job->size,
                               .a_stride = dim,
                               .b = job->weights->qkv_weight + (dim + head * job->size) * dim,
                               .b_stride = dim,
                               .beta = 0.0F,
                               .c = job->scratch->keys + head * dim,
                               .c_stride = job->heads * dim});
}

/* values [this image, heads, dim] = softmax(keys n^T) n */
static void attend(void *context, size_t image, size_t thread) {
    const struct cls_job *job = context;
    const struct engine *engine = &job->net->engine;
    size_t dim = job->net->dim;
    size_t tokens = job->net->tokens;
    float *a = engine_scratch(engine, thread);
    struct gemm_product scores = {.transpose_b = true,
                                  .m = job->heads,
                                  .n = tokens,
                                  .k = dim,
                                  .alpha = 1.0F,
                                  .a = job->scratch->keys + image * job->heads * dim,
                                  .a_stride = dim,
                                  .b = job->normed + image * tokens * dim,
                                  .b_stride = dim,
                                  .beta = 0.0F,
                                  .c = a,
                                  .c_stride = tokens};
    engine->backend->multiply(&scores);
    for (size_t head = 0; head < job->heads; head++) {
        engine->kernels->softmax_forward(a + head * tokens, tokens, 1.0F);
    }
    struct gemm_product mixed = scores;
    mixed.transpose_b = false;
    mixed.n = dim;
    mixed.k = tokens;
    mixed.a = a;
    mixed.a_stride = tokens;
    mixed.c = job->scratch->values + image * job->heads * dim;
    mixed.c_stride = dim;
    engine->backend->multiply(&mixed);
}

/* out [images, this head] = values W_v^T + b_v */
static void project_values(void *context, size_t head, size_t thread) {
    const struct cls_job *job = context;
    size_t dim = job->net->dim;
    size_t at = head * job->size;
    (void) thread;
    bool biased = job->weights->qkv_bias != NULL;
    for (size_t i = 0; biased && i < job->images; i++) {
        memcpy(job->out + i * dim + at, job->weights->qkv_bias + 2 * dim + at,
               job->size * sizeof *job->out);
    }
    job->net->engine.backend->multiply(
        &(struct gemm_product){.transpose_b = true,
                               .m = job->images,
                               .n = job->size,
                               .k = dim,
                               .alpha = 1.0F,
                               .a = job->scratch->values + head * dim,
                               .a_stride = job->heads * dim,
                               .b = job->weights->qkv_weight + (2 * dim + at) * dim,
                               .b_stride = dim,
                               .beta = biased ? 1.0F : 0.0F,
                               .c = job->out + at,
                               .c_stride = dim});
}

void cls_attention_forward(const struct network *net, size_t images,
                           const struct vit_block *weights, const float *normed,
                           const struct cls_attention_scratch *scratch, float *out) {
    struct linear query = network_qkv_part(net, weights, 0, 1);
    size_t heads = (size_t) net->model->config.heads;
    struct cls_job job = {.net = net,
                          .images = images,
                          .heads = heads,
                          .size = net->dim / heads,
                          .weights = weights,
                          .normed = normed,
                          .scratch = scratch,
                          .out = out};
    network_gather_cls(net, images, normed, scratch->cls);
    linear_forward(&net->engine, &query, images, scratch->cls, scratch->queries, net->dim, NULL);
    pool_run(net->engine.pool, heads, absorb_keys, &job);
    pool_run(net->engine.pool, images, attend, &job);
    pool_run(net->engine.pool, heads, project_values, &job);
}
