#include "vit/math/attention.h"

#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "vit/math/bf16.h"

/* Rows of a block begin at multiples of a register: products with them are some per cent faster. */
#define ROW_GRAIN ((size_t) 16)

/* Floats of a block: 512 kB. The two blocks of the backward pass make 1 MB, a core's own cache;
 * with fewer rows at a time, the products would pack keys and values too often. */
#define BLOCK_FLOATS ((size_t) 128 * 1024)

static size_t row_stride(size_t tokens) {
    return (tokens + ROW_GRAIN - 1) / ROW_GRAIN * ROW_GRAIN;
}

/* Rows of a head's matrix are cut into as few blocks as the limit allows, of about equal length. It
 * depends on the shape alone, so results do not depend on the number of threads. */
static size_t block_count(size_t rows, size_t tokens) {
    size_t most = size_max(1, BLOCK_FLOATS / row_stride(tokens));
    return (rows + most - 1) / most;
}

static size_t block_length(size_t rows, size_t tokens) {
    size_t count = block_count(rows, tokens);
    return (rows + count - 1) / count;
}

/* Rows and arranged columns of the largest product's operands. */
static size_t rows_numbers(size_t length, size_t tokens, size_t size) {
    size_t across = length * size_max(bf16_depth(tokens), bf16_depth(size));
    return size_max(across, tokens * bf16_depth(length));
}

static size_t packed_numbers(size_t length, size_t tokens, size_t size) {
    size_t along = size_max(bf16_packed(size, tokens, 1), bf16_packed(size, length, 1));
    return size_max(along, bf16_packed(tokens, size, 1));
}

size_t attention_thread_scratch(size_t rows, size_t tokens, bool differential) {
    return (differential ? 3 : 2) * block_length(rows, tokens) * row_stride(tokens);
}

size_t attention_operand_scratch(size_t rows, size_t tokens, size_t size, size_t pieces) {
    size_t length = block_length(rows, tokens);
    size_t numbers = rows_numbers(length, tokens, size) + packed_numbers(length, tokens, size);
    return (pieces * numbers + 1) / 2;
}

/* Before *end, the last token that is there and behind `place`; `place` itself without one. */
static size_t last_present(const uint8_t *absent, size_t place, size_t end) {
    do {
        end--;
    } while (end > place && absent[end] != 0);
    return end;
}

/* The last scores take the empty places, so that the rest is a row as any other. */
void attention_softmax(const struct engine *engine, float *scores, size_t tokens,
                       const uint8_t *absent, float scale) {
    size_t end = tokens;
    for (size_t t = 0; absent != NULL && t < end; t++) {
        if (absent[t] != 0) {
            end = last_present(absent, t, end);
            scores[t] = scores[end];
        }
    }
    engine->kernels->softmax_forward(scores, end, scale);
    for (size_t t = end; t < tokens; t++) {
        scores[t] = 0.0F;
    }
    end = tokens;
    for (size_t t = 0; absent != NULL && t < end; t++) {
        if (absent[t] != 0) {
            end = last_present(absent, t, end);
            float weight = scores[t];
            scores[t] = 0.0F;
            scores[end] = end > t ? weight : 0.0F;
        }
    }
}

double attention_lambda0(size_t block) {
    return 0.8 - 0.6 * exp(-0.3 * (double) block);
}

struct attention_job {
    const struct engine *engine;
    const struct attention *attention;
    struct attention_rule rule;
    float *out;
    const float *g_out;
    struct attention_result result;
    const struct attention_changes *changes;
};

/* Rows [first, first + rows) of a head's matrix. */
struct block {
    size_t head;
    size_t at; /* the head's first column in q, k, v and out */
    size_t first, rows;
    uint16_t *operands; /* attention_operand_scratch */
};

static size_t head_size(const struct attention *attention) {
    return attention->dim / attention->heads;
}

/* Entries of q and k that a score is made of. */
static size_t score_size(const struct attention *attention) {
    return head_size(attention) / (attention->differential ? 2 : 1);
}

static float score_scale(const struct attention *attention) {
    return (float) (1.0 / sqrt((double) score_size(attention)));
}

/* Floats of a block. */
static size_t block_floats(const struct attention *attention) {
    return block_length(attention->rows, attention->tokens) * row_stride(attention->tokens);
}

/* Block `index` of all heads, those of a head following each other, in a thread's scratch. */
static struct block block_of(const struct attention *attention, size_t index, float *scratch) {
    size_t count = block_count(attention->rows, attention->tokens);
    size_t length = block_length(attention->rows, attention->tokens);
    size_t first = index % count * length;
    size_t matrices =
        attention_thread_scratch(attention->rows, attention->tokens, attention->differential);
    return (struct block){.head = index / count,
                          .at = index / count * head_size(attention),
                          .first = first,
                          .rows = size_min(length, attention->rows - first),
                          .operands = (uint16_t *) (void *) (scratch + matrices)};
}

/* Below this, arranging an operand takes longer than the product. */
#define FEW_ROWS ((size_t) 8)

/* A product of a block's: of floats, or of their pieces by the processor's own unit. */
static void multiply(const struct engine *engine, const struct attention *attention,
                     const struct block *block, const struct gemm_product *of) {
    if (attention->form.unit == BF16_NONE || of->m < FEW_ROWS) {
        engine->backend->multiply(of);
        return;
    }
    const struct bf16_source a = {of->a, of->a_stride, of->transpose_a, false};
    const struct bf16_source b = {of->b, of->b_stride, of->transpose_b, false};
    uint16_t *packed = block->operands;
    uint16_t *rows = packed + bf16_packed(of->n, of->k, attention->form.pieces);
    bf16_pack(packed, &b, of->n, of->k, attention->form.pieces);
    bf16_rows(rows, &a, of->m, of->k, attention->form.pieces);
    bf16_multiply(&(struct bf16_product){.form = attention->form,
                                         .m = of->m,
                                         .n = of->n,
                                         .k = of->k,
                                         .a = rows,
                                         .b = packed,
                                         .alpha = of->alpha,
                                         .beta = of->beta,
                                         .c = of->c,
                                         .c_stride = of->c_stride});
}

/* a [block rows, tokens], rows strided = softmax(q k^T / sqrt(score size)) of q and k from the
 * head's column `column` on. */
static void make_softmax(const struct engine *engine, const struct attention *attention,
                         const struct block *block, size_t column, float *a) {
    size_t stride = row_stride(attention->tokens);
    size_t at = block->at + column;
    multiply(engine, attention, block,
             &(struct gemm_product){.transpose_b = true,
                                    .m = block->rows,
                                    .n = attention->tokens,
                                    .k = score_size(attention),
                                    .alpha = 1.0F,
                                    .a = attention->qkv + block->first * 3 * attention->dim + at,
                                    .a_stride = 3 * attention->dim,
                                    .b = attention->qkv + attention->dim + at,
                                    .b_stride = 3 * attention->dim,
                                    .beta = 0.0F,
                                    .c = a,
                                    .c_stride = stride});
    float scale = score_scale(attention);
    for (size_t r = 0; r < block->rows && attention->bias.table != NULL; r++) {
        attention_bias_add(&attention->bias, block->head, block->first + r, scale, a + r * stride);
    }
    scale = attention->bias.table != NULL ? 1.0F : scale;
    for (size_t r = 0; r < block->rows; r++) {
        size_t seen = attention->causal ? block->first + r + 1 : attention->tokens;
        float *row = a + r * stride;
        attention_softmax(engine, row, seen, attention->absent, scale);
        memset(row + seen, 0, (attention->tokens - seen) * sizeof *row);
    }
}

/* out = a - lambda * b, rows strided. */
static void subtract_matrix(const struct attention *attention, const struct block *block,
                            const float *a, const float *b, float *out) {
    size_t stride = row_stride(attention->tokens);
    for (size_t r = 0; r < block->rows; r++) {
        for (size_t t = 0; t < attention->tokens; t++) {
            out[r * stride + t] = a[r * stride + t] - attention->lambda * b[r * stride + t];
        }
    }
}

/* a: the matrix that V is multiplied by; behind it, room for another. */
static void make_matrix(const struct engine *engine, const struct attention *attention,
                        const struct block *block, float *a) {
    make_softmax(engine, attention, block, 0, a);
    if (attention->differential) {
        float *other = a + block_floats(attention);
        make_softmax(engine, attention, block, score_size(attention), other);
        subtract_matrix(attention, block, a, other, a);
    }
}

/* Narrows the attention to one of several images. Returns where its rows of the result begin. */
static size_t choose_image(struct attention *attention, size_t image) {
    size_t first = image * attention->tokens;
    size_t leaving = image * attention->rows;
    if (attention->starts != NULL) {
        first = attention->starts[image];
        leaving = first;
        attention->tokens = attention->starts[image + 1] - first;
        attention->rows = attention->tokens;
    }
    attention->qkv += first * 3 * attention->dim;
    if (attention->absent != NULL) {
        attention->absent += first;
    }
    return leaving;
}

/* Rows of out, of one image of several. A shorter image than the longest may have fewer blocks. */
static void forward_block(void *context, size_t index, size_t thread) {
    const struct attention_job *job = context;
    struct attention attention = *job->attention;
    size_t most = block_count(attention.rows, attention.tokens);
    size_t image = index / (attention.heads * most);
    size_t leaving = choose_image(&attention, image);
    size_t blocks = block_count(attention.rows, attention.tokens);
    if (index % most >= blocks) {
        return;
    }
    size_t head = index / most % attention.heads;
    float *a = engine_scratch(job->engine, thread);
    struct block block = block_of(&attention, head * blocks + index % most, a);
    make_matrix(job->engine, &attention, &block, a);
    multiply(
        job->engine, &attention, &block,
        &(struct gemm_product){.m = block.rows,
                               .n = head_size(&attention),
                               .k = attention.tokens,
                               .alpha = 1.0F,
                               .a = a,
                               .a_stride = row_stride(attention.tokens),
                               .b = attention.qkv + 2 * attention.dim + block.at,
                               .b_stride = 3 * attention.dim,
                               .beta = 0.0F,
                               .c = job->out + (leaving + block.first) * attention.dim + block.at,
                               .c_stride = attention.dim});
}

void attention_forward(const struct engine *engine, const struct attention *attention,
                       size_t images, float *out) {
    struct attention_job job = {.engine = engine, .attention = attention, .out = out};
    size_t blocks = attention->heads * block_count(attention->rows, attention->tokens);
    pool_run(engine->pool, images * blocks, forward_block, &job);
}

/* Copies a block to its place among all heads, if anybody wants it. */
static void keep_matrix(const struct attention *attention, const struct block *block,
                        const float *matrix, float *all) {
    size_t first = block->head * attention->rows + block->first;
    for (size_t r = 0; all != NULL && r < block->rows; r++) {
        memcpy(all + (first + r) * attention->tokens, matrix + r * row_stride(attention->tokens),
               attention->tokens * sizeof *all);
    }
}

static void matrix_block(void *context, size_t index, size_t thread) {
    const struct attention_job *job = context;
    float *a = engine_scratch(job->engine, thread);
    struct block block = block_of(job->attention, index, a);
    make_matrix(job->engine, job->attention, &block, a);
    keep_matrix(job->attention, &block, a, job->result.maps.a);
}

void attention_matrices(const struct engine *engine, const struct attention *attention, float *a) {
    struct attention_job job = {.engine = engine, .attention = attention, .result.maps.a = a};
    pool_run(engine->pool, attention->heads * block_count(attention->rows, attention->tokens),
             matrix_block, &job);
}

/* G_V = rule.value * A^T G_O, the sum of what every block gives. */
static void value_relevance(const struct attention_job *job, const struct block *block,
                            const float *a) {
    const struct attention *attention = job->attention;
    multiply(job->engine, attention, block,
             &(struct gemm_product){.transpose_a = true,
                                    .m = attention->tokens,
                                    .n = head_size(attention),
                                    .k = block->rows,
                                    .alpha = job->rule.value,
                                    .a = a,
                                    .a_stride = row_stride(attention->tokens),
                                    .b = job->g_out + block->first * attention->dim + block->at,
                                    .b_stride = attention->dim,
                                    .beta = block->first == 0 ? 0.0F : 1.0F,
                                    .c = job->result.g_qkv + 2 * attention->dim + block->at,
                                    .c_stride = 3 * attention->dim});
}

/* g [block rows, tokens], rows strided = rule.matrix * factor * G_O V^T, which is G_A. */
static void matrix_relevance(const struct attention_job *job, const struct block *block,
                             float factor, float *g) {
    const struct attention *attention = job->attention;
    multiply(job->engine, attention, block,
             &(struct gemm_product){.transpose_b = true,
                                    .m = block->rows,
                                    .n = attention->tokens,
                                    .k = head_size(attention),
                                    .alpha = job->rule.matrix * factor,
                                    .a = job->g_out + block->first * attention->dim + block->at,
                                    .a_stride = attention->dim,
                                    .b = attention->qkv + 2 * attention->dim + block->at,
                                    .b_stride = 3 * attention->dim,
                                    .beta = 0.0F,
                                    .c = g,
                                    .c_stride = row_stride(attention->tokens)});
}

/* g: from G_A to rule.score * G_S / sqrt(score size), through the softmax rule. */
static void score_relevance(const struct attention_job *job, const struct block *block,
                            const float *a, float *g) {
    const struct attention *attention = job->attention;
    size_t stride = row_stride(attention->tokens);
    for (size_t r = 0; r < block->rows; r++) {
        job->engine->kernels->softmax_relevance(g + r * stride, a + r * stride, attention->tokens,
                                                job->rule.score * score_scale(attention));
    }
}

/* What the bias keeps in a block, of which g is rule.score * G_S / sqrt(score size). */
static float bias_relevance(const struct attention_job *job, const struct block *block,
                            const float *g) {
    const struct attention *attention = job->attention;
    size_t stride = row_stride(attention->tokens);
    double sum = 0.0;
    for (size_t r = 0; r < block->rows; r++) {
        sum += attention_bias_dot(&attention->bias, block->head, block->first + r, g + r * stride);
    }
    return (float) (sum / ((double) job->rule.score * (double) score_scale(attention)));
}

/* G_Q = g K; G_K = g^T Q, the sum of what every block gives, from the head's column `column` on. */
static void query_key_relevance(const struct attention_job *job, const struct block *block,
                                size_t column, const float *g) {
    const struct attention *attention = job->attention;
    size_t at = block->at + column;
    size_t rows_at = block->first * 3 * attention->dim + at;
    struct gemm_product query = {.m = block->rows,
                                 .n = score_size(attention),
                                 .k = attention->tokens,
                                 .alpha = 1.0F,
                                 .a = g,
                                 .a_stride = row_stride(attention->tokens),
                                 .b = attention->qkv + attention->dim + at,
                                 .b_stride = 3 * attention->dim,
                                 .beta = 0.0F,
                                 .c = job->result.g_qkv + rows_at,
                                 .c_stride = 3 * attention->dim};
    struct gemm_product key = query;
    key.transpose_a = true;
    key.m = attention->tokens;
    key.k = block->rows;
    key.b = attention->qkv + rows_at;
    key.beta = block->first == 0 ? 0.0F : 1.0F;
    key.c = job->result.g_qkv + attention->dim + at;
    multiply(job->engine, attention, block, &query);
    multiply(job->engine, attention, block, &key);
}

/* One softmax of a head, whose block is a, and G of it g: to q and k from `column` on. */
static void softmax_relevance(const struct attention_job *job, const struct block *block,
                              size_t column, const float *a, float *g) {
    const struct attention *attention = job->attention;
    score_relevance(job, block, a, g);
    if (attention->bias.table != NULL && job->result.bias != NULL) {
        job->result.bias[block->head] += bias_relevance(job, block, g);
    }
    query_key_relevance(job, block, column, g);
}

/* A block of softmax(q k^T / sqrt d) V. */
static void relevance_block(const struct attention_job *job, const struct block *block, float *a) {
    float *g = a + block_floats(job->attention);
    make_softmax(job->engine, job->attention, block, 0, a);
    keep_matrix(job->attention, block, a, job->result.maps.a);
    value_relevance(job, block, a);
    if (!job->rule.constant || job->result.maps.g_a != NULL) {
        matrix_relevance(job, block, 1.0F, g);
        keep_matrix(job->attention, block, g, job->result.maps.g_a);
    }
    if (!job->rule.constant) {
        softmax_relevance(job, block, 0, a, g);
    }
}

/* A block of (A1 - lambda A2) V: G_A1 = G_A, G_A2 = -lambda G_A. */
static void differential_block(const struct attention_job *job, const struct block *block,
                               float *a) {
    const struct attention *attention = job->attention;
    size_t half = score_size(attention);
    float *other = a + block_floats(attention);
    float *g = other + block_floats(attention);
    make_softmax(job->engine, attention, block, 0, a);
    make_softmax(job->engine, attention, block, half, other);
    subtract_matrix(attention, block, a, other, g);
    keep_matrix(attention, block, g, job->result.maps.a);
    value_relevance(job, block, g);
    if (!job->rule.constant || job->result.maps.g_a != NULL) {
        matrix_relevance(job, block, 1.0F, g);
        keep_matrix(attention, block, g, job->result.maps.g_a);
    }
    if (!job->rule.constant) {
        softmax_relevance(job, block, 0, a, g);
        matrix_relevance(job, block, -attention->lambda, g);
        softmax_relevance(job, block, half, other, g);
    }
}

/* A head is one task: its blocks add to the same keys and values. */
static void relevance_head(void *context, size_t head, size_t thread) {
    const struct attention_job *job = context;
    const struct attention *attention = job->attention;
    size_t blocks = block_count(attention->rows, attention->tokens);
    float *scratch = engine_scratch(job->engine, thread);
    if (attention->bias.table != NULL && job->result.bias != NULL) {
        job->result.bias[head] = 0.0F;
    }
    for (size_t i = 0; i < blocks; i++) {
        struct block block = block_of(attention, head * blocks + i, scratch);
        (attention->differential ? differential_block : relevance_block)(job, &block, scratch);
    }
}

void attention_relevance(const struct engine *engine, const struct attention *attention,
                         struct attention_rule rule, const float *g_out,
                         const struct attention_result *result) {
    struct attention_job job = {
        .engine = engine, .attention = attention, .rule = rule, .g_out = g_out, .result = *result};
    pool_run(engine->pool, attention->heads, relevance_head, &job);
}

/* ---- Changes ---- */

/* c [block rows, tokens], rows strided, = q k^T, and what is there if it `adds`. */
static void multiply_scores(const struct attention_job *job, const struct block *block,
                            const float *q, const float *k, bool adds, float *c) {
    const struct attention *attention = job->attention;
    multiply(job->engine, attention, block,
             &(struct gemm_product){.transpose_b = true,
                                    .m = block->rows,
                                    .n = attention->tokens,
                                    .k = score_size(attention),
                                    .alpha = 1.0F,
                                    .a = q + block->first * 3 * attention->dim + block->at,
                                    .a_stride = 3 * attention->dim,
                                    .b = k + attention->dim + block->at,
                                    .b_stride = 3 * attention->dim,
                                    .beta = adds ? 1.0F : 0.0F,
                                    .c = c,
                                    .c_stride = row_stride(attention->tokens)});
}

/* A product of a matrix with values, what is there added if it `adds`. */
struct value_product {
    float share;
    const float *a, *v;
    bool adds;
};

static void multiply_values(const struct attention_job *job, const struct block *block,
                            const struct value_product *of, float *out) {
    const struct attention *attention = job->attention;
    multiply(job->engine, attention, block,
             &(struct gemm_product){.m = block->rows,
                                    .n = head_size(attention),
                                    .k = attention->tokens,
                                    .alpha = of->share,
                                    .a = of->a,
                                    .a_stride = row_stride(attention->tokens),
                                    .b = of->v + 2 * attention->dim + block->at,
                                    .b_stride = 3 * attention->dim,
                                    .beta = of->adds ? 1.0F : 0.0F,
                                    .c = out,
                                    .c_stride = attention->dim});
}

/* A block of rows, of one of the changes after the other. */
static void change_block(void *context, size_t index, size_t thread) {
    const struct attention_job *job = context;
    const struct attention *attention = job->attention;
    float *a = engine_scratch(job->engine, thread);
    float *g = a + block_floats(attention);
    struct block block = block_of(attention, index, a);
    make_softmax(job->engine, attention, &block, 0, a);
    for (size_t i = 0; i < job->changes->count; i++) {
        const float *qkv = job->changes->qkv + i * attention->tokens * 3 * attention->dim;
        float *out =
            job->changes->out + (i * attention->rows + block.first) * attention->dim + block.at;
        if (!job->rule.constant) {
            multiply_scores(job, &block, qkv, attention->qkv, false, g);
            multiply_scores(job, &block, attention->qkv, qkv, true, g);
            score_relevance(job, &block, a, g);
            multiply_values(job, &block,
                            &(struct value_product){job->rule.matrix, g, attention->qkv, false},
                            out);
        }
        multiply_values(job, &block,
                        &(struct value_product){job->rule.value, a, qkv, !job->rule.constant}, out);
    }
}

void attention_change(const struct engine *engine, const struct attention *attention,
                      struct attention_rule rule, const struct attention_changes *changes) {
    struct attention_job job = {
        .engine = engine, .attention = attention, .rule = rule, .changes = changes};
    pool_run(engine->pool, attention->heads * block_count(attention->rows, attention->tokens),
             change_block, &job);
}
