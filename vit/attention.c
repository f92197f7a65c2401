#include "vit/attention.h"

#include <math.h>
#include <string.h>

size_t attention_thread_scratch(size_t rows, size_t tokens) {
    return 2 * rows * tokens;
}

struct attention_job {
    const struct engine *engine;
    const struct attention *attention;
    struct attention_rule rule;
    float *out;
    const float *g_out;
    float *g_qkv;
    struct attention_maps maps;
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

static void forward_head(void *context, size_t index, size_t thread) {
    const struct attention_job *job = context;
    struct attention attention = *job->attention;
    size_t image = index / attention.heads;
    size_t head = index % attention.heads;
    size_t at = head * head_size(&attention);
    float *a = engine_scratch(job->engine, thread);
    attention.qkv += image * attention.tokens * 3 * attention.dim;
    attention_matrix(job->engine, &attention, head, a);
    job->engine->backend->multiply(
        &(struct gemm_product){.m = attention.rows,
                               .n = head_size(&attention),
                               .k = attention.tokens,
                               .alpha = 1.0F,
                               .a = a,
                               .a_stride = attention.tokens,
                               .b = attention.qkv + 2 * attention.dim + at,
                               .b_stride = 3 * attention.dim,
                               .beta = 0.0F,
                               .c = job->out + image * attention.rows * attention.dim + at,
                               .c_stride = attention.dim});
}

void attention_forward(const struct engine *engine, const struct attention *attention,
                       size_t images, float *out) {
    struct attention_job job = {.engine = engine, .attention = attention, .out = out};
    pool_run(engine->pool, images * attention->heads, forward_head, &job);
}

static void matrix_of_head(void *context, size_t head, size_t thread) {
    const struct attention_job *job = context;
    (void) thread;
    attention_matrix(job->engine, job->attention, head,
                     job->maps.a + head * job->attention->rows * job->attention->tokens);
}

void attention_matrices(const struct engine *engine, const struct attention *attention, float *a) {
    struct attention_job job = {.engine = engine, .attention = attention, .maps = {.a = a}};
    pool_run(engine->pool, attention->heads, matrix_of_head, &job);
}

/* G_V = share * A^T G_O. */
static void value_relevance(const struct attention_job *job, size_t at, const float *a) {
    const struct attention *attention = job->attention;
    job->engine->backend->multiply(&(struct gemm_product){.transpose_a = true,
                                                          .m = attention->tokens,
                                                          .n = head_size(attention),
                                                          .k = attention->rows,
                                                          .alpha = job->rule.share,
                                                          .a = a,
                                                          .a_stride = attention->tokens,
                                                          .b = job->g_out + at,
                                                          .b_stride = attention->dim,
                                                          .beta = 0.0F,
                                                          .c = job->g_qkv + 2 * attention->dim + at,
                                                          .c_stride = 3 * attention->dim});
}

/* g [rows, tokens] = share * G_O V^T, which is G_A. */
static void matrix_relevance(const struct attention_job *job, size_t at, float *g) {
    const struct attention *attention = job->attention;
    job->engine->backend->multiply(
        &(struct gemm_product){.transpose_b = true,
                               .m = attention->rows,
                               .n = attention->tokens,
                               .k = head_size(attention),
                               .alpha = job->rule.share,
                               .a = job->g_out + at,
                               .a_stride = attention->dim,
                               .b = attention->qkv + 2 * attention->dim + at,
                               .b_stride = 3 * attention->dim,
                               .beta = 0.0F,
                               .c = g,
                               .c_stride = attention->tokens});
}

/* g: from G_A to share * G_S / sqrt(head size), through the softmax rule. */
static void score_relevance(const struct attention_job *job, const float *a, float *g) {
    const struct attention *attention = job->attention;
    for (size_t r = 0; r < attention->rows; r++) {
        job->engine->kernels->softmax_relevance(g + r * attention->tokens,
                                                a + r * attention->tokens, attention->tokens,
                                                job->rule.share * score_scale(attention));
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

/* Copies a head's matrix to its place among all heads, if anybody wants it. */
static void keep_matrix(const struct attention *attention, size_t head, const float *matrix,
                        float *all) {
    size_t count = attention->rows * attention->tokens;
    if (all != NULL) {
        memcpy(all + head * count, matrix, count * sizeof *matrix);
    }
}

static void relevance_head(void *context, size_t head, size_t thread) {
    const struct attention_job *job = context;
    const struct attention *attention = job->attention;
    size_t at = head * head_size(attention);
    float *a = engine_scratch(job->engine, thread);
    float *g = a + attention->rows * attention->tokens;
    attention_matrix(job->engine, attention, head, a);
    keep_matrix(attention, head, a, job->maps.a);
    value_relevance(job, at, a);
    if (!job->rule.constant) {
        matrix_relevance(job, at, g);
        keep_matrix(attention, head, g, job->maps.g_a);
        score_relevance(job, a, g);
        query_key_relevance(job, at, g);
    }
}

void attention_relevance(const struct engine *engine, const struct attention *attention,
                         struct attention_rule rule, const float *g_out, float *g_qkv,
                         struct attention_maps maps) {
    struct attention_job job = {.engine = engine,
                                .attention = attention,
                                .rule = rule,
                                .g_out = g_out,
                                .g_qkv = g_qkv,
                                .maps = maps};
    pool_run(engine->pool, attention->heads, relevance_head, &job);
}
