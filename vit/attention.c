#include "vit/attention.h"

#include <math.h>

size_t attention_thread_scratch(size_t rows, size_t tokens) {
    return 2 * rows * tokens;
}

struct attention_job {
    const struct engine *engine;
    const struct attention *attention;
    bool cp;
    float *out;
    const float *g_out;
    float *g_qkv;
};

static size_t head_size(const struct attention *attention) {
    return attention->dim / attention->heads;
}

static float score_scale(const struct attention *attention) {
    return (float) (1.0 / sqrt((double) head_size(attention)));
}

/* a [rows, tokens] = softmax(q k^T / sqrt(head size)) of one head. */
static void attention_matrix(const struct engine *engine, const struct attention *attention,
                             size_t head, float *a) {
    size_t size = head_size(attention);
    const float *q = attention->qkv + head * size;
    engine->backend->multiply(&(struct gemm_product){.transpose_b = true,
                                                     .m = attention->rows,
                                                     .n = attention->tokens,
                                                     .k = size,
                                                     .alpha = 1.0F,
                                                     .a = q,
                                                     .a_stride = 3 * attention->dim,
                                                     .b = q + attention->dim,
                                                     .b_stride = 3 * attention->dim,
                                                     .beta = 0.0F,
                                                     .c = a,
                                                     .c_stride = attention->tokens});
    for (size_t r = 0; r < attention->rows; r++) {
        engine->kernels->softmax_forward(a + r * attention->tokens, attention->tokens,
                                         score_scale(attention));
    }
}

static void forward_head(void *context, size_t head, size_t thread) {
    const struct attention_job *job = context;
    const struct attention *attention = job->attention;
    float *a = engine_scratch(job->engine, thread);
    attention_matrix(job->engine, attention, head, a);
    size_t at = head * head_size(attention);
    job->engine->backend->multiply(
        &(struct gemm_product){.m = attention->rows,
                               .n = head_size(attention),
                               .k = attention->tokens,
                               .alpha = 1.0F,
                               .a = a,
                               .a_stride = attention->tokens,
                               .b = attention->qkv + 2 * attention->dim + at,
                               .b_stride = 3 * attention->dim,
                               .beta = 0.0F,
                               .c = job->out + at,
                               .c_stride = attention->dim});
}

void attention_forward(const struct engine *engine, const struct attention *attention, float *out) {
    struct attention_job job = {.engine = engine, .attention = attention, .out = out};
    pool_run(engine->pool, attention->heads, forward_head, &job);
}

/* G_V = share * A^T G_O. */
static void value_relevance(const struct attention_job *job, size_t at, const float *a,
                            float share) {
    const struct attention *attention = job->attention;
    job->engine->backend->multiply(&(struct gemm_product){.transpose_a = true,
                                                          .m = attention->tokens,
                                                          .n = head_size(attention),
                                                          .k = attention->rows,
                                                          .alpha = share,
                                                          .a = a,
                                                          .a_stride = attention->tokens,
                                                          .b = job->g_out + at,
                                                          .b_stride = attention->dim,
                                                          .beta = 0.0F,
                                                          .c = job->g_qkv + 2 * attention->dim + at,
                                                          .c_stride = 3 * attention->dim});
}

/* g [rows, tokens] = G_S / (2 sqrt(head size)): from G_A = G_O V^T / 2 through the softmax rule. */
static void score_relevance(const struct attention_job *job, size_t at, const float *a, float *g) {
    const struct attention *attention = job->attention;
    job->engine->backend->multiply(
        &(struct gemm_product){.transpose_b = true,
                               .m = attention->rows,
                               .n = attention->tokens,
                               .k = head_size(attention),
                               .alpha = 0.5F,
                               .a = job->g_out + at,
                               .a_stride = attention->dim,
                               .b = attention->qkv + 2 * attention->dim + at,
                               .b_stride = 3 * attention->dim,
                               .beta = 0.0F,
                               .c = g,
                               .c_stride = attention->tokens});
    for (size_t r = 0; r < attention->rows; r++) {
        job->engine->kernels->softmax_relevance(g + r * attention->tokens,
                                                a + r * attention->tokens, attention->tokens,
                                                0.5F * score_scale(attention));
    }
}

/* G_Q = g K, G_K = g^T Q. */
static void query_key_relevance(const struct attention_job *job, size_t at, const float *g) {
    const struct attention *attention = job->attention;
    struct gemm_product query = {.m = attention->rows,
                                 .n = head_size(attention),
                                 .k = attention->tokens,
                                 .alpha = 1.0F,
                                 .a = g,
                                 .a_stride = attention->tokens,
                                 .b = attention->qkv + attention->dim + at,
                                 .b_stride = 3 * attention->dim,
                                 .beta = 0.0F,
                                 .c = job->g_qkv + at,
                                 .c_stride = 3 * attention->dim};
    struct gemm_product key = query;
    key.transpose_a = true;
    key.m = attention->tokens;
    key.k = attention->rows;
    key.b = attention->qkv + at;
    key.c = job->g_qkv + attention->dim + at;
    job->engine->backend->multiply(&query);
    job->engine->backend->multiply(&key);
}

static void relevance_head(void *context, size_t head, size_t thread) {
    const struct attention_job *job = context;
    const struct attention *attention = job->attention;
    size_t at = head * head_size(attention);
    float *a = engine_scratch(job->engine, thread);
    float *g = a + attention->rows * attention->tokens;
    attention_matrix(job->engine, attention, head, a);
    value_relevance(job, at, a, job->cp ? 1.0F : 0.5F);
    if (!job->cp) {
        score_relevance(job, at, a, g);
        query_key_relevance(job, at, g);
    }
}

void attention_relevance(const struct engine *engine, const struct attention *attention, bool cp,
                         const float *g_out, float *g_qkv) {
    struct attention_job job = {
        .engine = engine, .attention = attention, .cp = cp, .g_out = g_out, .g_qkv = g_qkv};
    pool_run(engine->pool, attention->heads, relevance_head, &job);
}
