#include "vit/math/attention_row.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "vit/math/attention.h"

struct row_job {
    const struct engine *engine;
    const struct attention_row *attention;
    size_t size; /* of a head */
};

size_t attention_row_thread_scratch(size_t heads, size_t tokens) {
    return heads * tokens;
}

/* keys [images, this head, dim] = q W_k / sqrt(head size) */
static void absorb_keys(void *context, size_t head, size_t thread) {
    const struct row_job *job = context;
    const struct attention_row *attention = job->attention;
    size_t dim = attention->dim;
    (void) thread;
    job->engine->backend->multiply(
        &(struct gemm_product){.m = attention->images,
                               .n = dim,
                               .k = job->size,
                               .alpha = (float) (1.0 / sqrt((double) job->size)),
                               .a = attention->queries + head * job->size,
                               .a_stride = dim,
                               .b = attention->qkv->weight + (dim + head * job->size) * dim,
                               .b_stride = dim,
                               .beta = 0.0F,
                               .c = attention->keys + head * dim,
                               .c_stride = attention->heads * dim});
}

/* values [this image, heads, dim] = softmax(keys x^T) x */
static void attend(void *context, size_t image, size_t thread) {
    const struct row_job *job = context;
    const struct attention_row *attention = job->attention;
    const struct engine *engine = job->engine;
    size_t dim = attention->dim;
    size_t tokens = attention->tokens;
    float *a = engine_scratch(engine, thread);
    struct gemm_product scores = {.transpose_b = true,
                                  .m = attention->heads,
                                  .n = tokens,
                                  .k = dim,
                                  .alpha = 1.0F,
                                  .a = attention->keys + image * attention->heads * dim,
                                  .a_stride = dim,
                                  .b = attention->x + image * tokens * dim,
                                  .b_stride = dim,
                                  .beta = 0.0F,
                                  .c = a,
                                  .c_stride = tokens};
    engine->backend->multiply(&scores);
    for (size_t head = 0; head < attention->heads; head++) {
        attention_softmax(engine, a + head * tokens, tokens,
                          attention->absent == NULL ? NULL : attention->absent + image * tokens,
                          1.0F);
    }
    struct gemm_product mixed = scores;
    mixed.transpose_b = false;
    mixed.n = dim;
    mixed.k = tokens;
    mixed.a = a;
    mixed.a_stride = tokens;
    mixed.c = attention->values + image * attention->heads * dim;
    mixed.c_stride = dim;
    engine->backend->multiply(&mixed);
}

/* out [images, this head] = values W_v^T + b_v */
static void project_values(void *context, size_t head, size_t thread) {
    const struct row_job *job = context;
    const struct attention_row *attention = job->attention;
    const float *bias = attention->qkv->bias;
    size_t dim = attention->dim;
    size_t at = head * job->size;
    (void) thread;
    for (size_t i = 0; bias != NULL && i < attention->images; i++) {
        memcpy(attention->out + i * dim + at, bias + 2 * dim + at,
               job->size * sizeof *attention->out);
    }
    job->engine->backend->multiply(
        &(struct gemm_product){.transpose_b = true,
                               .m = attention->images,
                               .n = job->size,
                               .k = dim,
                               .alpha = 1.0F,
                               .a = attention->values + head * dim,
                               .a_stride = attention->heads * dim,
                               .b = attention->qkv->weight + (2 * dim + at) * dim,
                               .b_stride = dim,
                               .beta = bias == NULL ? 0.0F : 1.0F,
                               .c = attention->out + at,
                               .c_stride = dim});
}

void attention_row_forward(const struct engine *engine, const struct attention_row *attention) {
    struct linear query = linear_rows(attention->qkv, 0, attention->dim);
    struct row_job job = {
        .engine = engine, .attention = attention, .size = attention->dim / attention->heads};
    linear_forward(engine, &query,
                   &(struct linear_pass){attention->images, attention->first, attention->queries,
                                         attention->dim, NULL});
    pool_run(engine->pool, attention->heads, absorb_keys, &job);
    pool_run(engine->pool, attention->images, attend, &job);
    pool_run(engine->pool, attention->heads, project_values, &job);
}
