/* The gamma rule of linear layers: G_x = direct s W + absolute sign(x) * ((s sign y) |W|), s = G_y
 * |y| / (direct |y| + absolute t), t = |x||W|^T + |b| (vit/RULES.md; struct gamma_weights). */
#include <string.h>

#include "base/checked.h"
#include "vit/math/linear_private.h"

struct gamma_job {
    const struct engine *engine;
    const struct linear_step *step;
    struct gamma_weights factors;
    float *signed_s; /* [rows, outputs]: s sign(y) */
    struct gemm_grid grid;
    struct gemm_weights direct, absolute;
    struct operand direct_operand, absolute_operand;
};

/* Makes a slice of |W| for one part of a product's columns, `depth` deep from `first` on: [columns,
 * depth] in the forward direction, else [depth, columns]. Returns its stride. */
static size_t make_slice(const struct gamma_job *job, const struct gemm_place *place, size_t first,
                         size_t depth, float *slice) {
    const struct gemm_weights *weights = &job->absolute;
    size_t rows = weights->transposed ? place->columns : depth;
    size_t width = weights->transposed ? depth : place->columns;
    size_t stride = width + LINEAR_SLICE_PADDING;
    for (size_t r = 0; r < rows; r++) {
        const float *from = weights->transposed
                                ? weights->values + (place->column + r) * weights->k + first
                                : weights->values + (first + r) * weights->n + place->column;
        job->engine->kernels->absolute(slice + r * stride, from, width);
    }
    return stride;
}

/* out = the tile's rows of the operand times |W|, made slice by slice and used at once. */
static void slices_tile(const struct gamma_job *job, const struct gemm_place *place, float *slice,
                        float *out) {
    const struct operand *operand = &job->absolute_operand;
    const float *rows = (const float *) (const void *) operand->values;
    for (size_t k = 0; k < job->absolute.k; k += LINEAR_SLICE_DEPTH) {
        size_t depth = size_min(LINEAR_SLICE_DEPTH, job->absolute.k - k);
        size_t stride = make_slice(job, place, k, depth, slice);
        job->engine->backend->multiply(
            &(struct gemm_product){.transpose_b = job->absolute.transposed,
                                   .m = place->rows,
                                   .n = place->columns,
                                   .k = depth,
                                   .alpha = 1.0F,
                                   .a = rows + place->row * operand->stride + k,
                                   .a_stride = operand->stride,
                                   .b = slice,
                                   .b_stride = stride,
                                   .beta = k == 0 ? 0.0F : 1.0F,
                                   .c = out,
                                   .c_stride = place->columns});
    }
}

static void absolute_tile(const struct gamma_job *job, size_t thread,
                          const struct gemm_place *place, float *slice, float *out) {
    if (job->absolute.pack != NULL) {
        operand_tile(job->engine, thread, &job->absolute_operand, &job->absolute, place, out);
    } else {
        slices_tile(job, place, slice, out);
    }
}

/* From G_y to s and s sign(y), over part of a row. */
static void scale(const struct gamma_job *job, size_t row, size_t column, size_t count,
                  const float *total) {
    const struct linear_step *step = job->step;
    size_t at = row * step->y_stride + column;
    job->engine->kernels->gamma_scale(step->g_y + at,
                                      job->signed_s + row * step->layer->outputs + column, total,
                                      step->y + at, count, job->factors);
}

/* A tile of t, kept if somebody wants it, and what it is for while it is in cache. */
static void total_tile(void *context, size_t index, size_t thread) {
    const struct gamma_job *job = context;
    const struct kernels *kernels = job->engine->kernels;
    const struct linear_step *step = job->step;
    struct gemm_place place = gemm_grid_place(&job->grid, index);
    struct linear_scratch scratch = linear_scratch_of(job->engine, thread);
    const float *bias = step->layer->bias == NULL ? NULL : step->layer->bias + place.column;
    absolute_tile(job, thread, &place, scratch.slice, scratch.tile);
    for (size_t r = 0; r < place.rows; r++) {
        const float *product = scratch.tile + r * place.columns;
        size_t row = place.row + r;
        float *total = step->total == NULL
                           ? scratch.other
                           : step->total + row * step->layer->outputs + place.column;
        if (job->absolute_operand.scales != NULL) {
            kernels->dequantize(total, (const int32_t *) (const void *) product,
                                job->absolute_operand.scales[row],
                                job->absolute.pack->scales + place.column, bias, place.columns);
        } else if (bias == NULL) {
            memcpy(total, product, place.columns * sizeof *total);
        } else {
            kernels->add_absolute(total, product, bias, place.columns);
        }
        scale(job, row, place.column, place.columns, total);
    }
}

static void make_total(struct gamma_job *job) {
    const struct linear_step *step = job->step;
    const struct linear *layer = step->layer;
    job->absolute = linear_forward_weights(layer);
    job->absolute.pack = layer->packs.absolute_forward;
    job->grid = gemm_grid_of(step->rows, layer->outputs);
    job->absolute_operand = operand_prepare(
        job->engine, &job->absolute,
        &(struct operand_rows){step->rows, step->x, layer->inputs, true}, job->engine->operand);
    pool_run(job->engine->pool, gemm_grid_tiles(&job->grid), total_tile, job);
}

/* With t at hand. */
static void scale_rows(void *context, size_t first, size_t count) {
    const struct gamma_job *job = context;
    size_t outputs = job->step->layer->outputs;
    for (size_t r = first; r < first + count; r++) {
        scale(job, r, 0, outputs, job->step->total + r * outputs);
    }
}

/* A tile of G_x: both products and their combination. */
static void combine_tile(void *context, size_t index, size_t thread) {
    const struct gamma_job *job = context;
    const struct linear_step *step = job->step;
    size_t inputs = step->layer->inputs;
    struct gemm_place place = gemm_grid_place(&job->grid, index);
    struct linear_scratch scratch = linear_scratch_of(job->engine, thread);
    operand_tile(job->engine, thread, &job->direct_operand, &job->direct, &place, scratch.tile);
    absolute_tile(job, thread, &place, scratch.slice, scratch.other);
    for (size_t r = 0; r < place.rows; r++) {
        size_t at = (place.row + r) * inputs + place.column;
        job->engine->kernels->gamma_combine(step->g_x + at, scratch.tile + r * place.columns,
                                            scratch.other + r * place.columns, step->x + at,
                                            place.columns, job->factors);
    }
}

/* Both operands may be converted, the first to so many bytes an element. */
static void combine(struct gamma_job *job) {
    const struct linear_step *step = job->step;
    const struct linear *layer = step->layer;
    unsigned char *buffer = job->engine->operand;
    const struct gemm_pack *pack = layer->packs.backward;
    size_t pieces = pack != NULL && pack->format == GEMM_BF16X3 ? 2 : 1;
    job->direct = linear_backward_weights(layer);
    job->absolute = job->direct;
    job->absolute.pack = layer->packs.absolute_backward;
    job->grid = gemm_grid_of(step->rows, layer->inputs);
    job->direct_operand = operand_prepare(
        job->engine, &job->direct,
        &(struct operand_rows){step->rows, step->g_y, step->y_stride, false}, buffer);
    job->absolute_operand = operand_prepare(
        job->engine, &job->absolute,
        &(struct operand_rows){step->rows, job->signed_s, layer->outputs, false},
        buffer + operand_bytes(step->rows, layer->outputs, pieces * sizeof(uint16_t)));
    pool_run(job->engine->pool, gemm_grid_tiles(&job->grid), combine_tile, job);
}

void linear_relevance_gamma(const struct engine *engine, const struct linear_step *step) {
    struct gamma_job job = {.engine = engine,
                            .step = step,
                            .factors = gamma_weights_of(step->rule.gamma),
                            .signed_s = step->scratch};
    if (step->total != NULL && step->total_is_made) {
        engine_rows(engine, step->rows, scale_rows, &job);
    } else {
        make_total(&job);
    }
    combine(&job);
}
