#include "vit/math/operand.h"

#include <stdint.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "vit/math/bf16.h"

#define LARGEST_BYTE 255.0F

/* Scales come first, then the rows. */
static size_t scales_bytes(size_t rows) {
    return (rows * sizeof(float) + MEM_ALIGNMENT - 1) / MEM_ALIGNMENT * MEM_ALIGNMENT;
}

size_t operand_bytes(size_t rows, size_t k, size_t element_bytes) {
    size_t entries = rows * bf16_depth(k);
    size_t values = (entries * element_bytes + MEM_ALIGNMENT - 1) / MEM_ALIGNMENT * MEM_ALIGNMENT;
    return scales_bytes(rows) + values;
}

struct prepare_job {
    const struct kernels *kernels;
    const float *x;
    size_t x_stride, k;
    size_t depth; /* of a piece of a row: k and zeros */
    bool absolute;
    void *values;
    float *scales;
};

static void absolute_rows(void *context, size_t first, size_t count) {
    const struct prepare_job *job = context;
    float *values = job->values;
    for (size_t r = first; r < first + count; r++) {
        job->kernels->absolute(values + r * job->k, job->x + r * job->x_stride, job->k);
    }
}

static void narrow_rows(void *context, size_t first, size_t count) {
    const struct prepare_job *job = context;
    uint16_t *values = job->values;
    for (size_t r = first; r < first + count; r++) {
        uint16_t *to = values + r * job->depth;
        job->kernels->narrow(to, job->x + r * job->x_stride, job->k);
        memset(to + job->k, 0, (job->depth - job->k) * sizeof *to);
    }
}

/* Floats as the sums of two pieces. */
static void split_rows(void *context, size_t first, size_t count) {
    const struct prepare_job *job = context;
    uint16_t *values = job->values;
    size_t padding = (job->depth - job->k) * sizeof *values;
    for (size_t r = first; r < first + count; r++) {
        uint16_t *to = values + 2 * r * job->depth;
        job->kernels->split(to, to + job->depth, job->x + r * job->x_stride, job->k, job->absolute);
        memset(to + job->k, 0, padding);
        memset(to + job->depth + job->k, 0, padding);
    }
}

/* The largest |x| of a row becomes 255. */
static void quantize_rows(void *context, size_t first, size_t count) {
    const struct prepare_job *job = context;
    uint8_t *values = job->values;
    for (size_t r = first; r < first + count; r++) {
        const float *x = job->x + r * job->x_stride;
        float largest = job->kernels->largest(x, job->k);
        job->scales[r] = largest / LARGEST_BYTE;
        job->kernels->quantize(values + r * job->k, x,
                               largest > 0.0F ? LARGEST_BYTE / largest : 0.0F, job->k);
    }
}

struct operand operand_prepare(const struct engine *engine, const struct gemm_weights *weights,
                               const struct operand_rows *of, void *buffer) {
    enum gemm_format format = weights->pack == NULL ? GEMM_FP32 : weights->pack->format;
    struct prepare_job job = {.kernels = engine->kernels,
                              .x = of->x,
                              .x_stride = of->x_stride,
                              .k = weights->k,
                              .depth = weights->pack == NULL ? weights->k : weights->pack->depth,
                              .absolute = of->absolute,
                              .values = (unsigned char *) buffer + scales_bytes(of->rows),
                              .scales = buffer};
    struct operand operand = {.values = job.values, .stride = job.depth};
    if (format == GEMM_BF16) {
        operand.element_bytes = sizeof(uint16_t);
        engine_rows(engine, of->rows, narrow_rows, &job);
    } else if (format == GEMM_BF16X3) {
        operand.stride = 2 * job.depth;
        operand.element_bytes = sizeof(uint16_t);
        engine_rows(engine, of->rows, split_rows, &job);
    } else if (format == GEMM_INT8) {
        operand.element_bytes = sizeof(uint8_t);
        operand.scales = job.scales;
        engine_rows(engine, of->rows, quantize_rows, &job);
    } else {
        operand.element_bytes = sizeof(float);
        if (of->absolute) {
            engine_rows(engine, of->rows, absolute_rows, &job);
        } else {
            operand.values = (const unsigned char *) of->x;
            operand.stride = of->x_stride;
        }
    }
    return operand;
}

/* False if there was no memory: the pass has failed then. */
static bool multiply_tile(const struct engine *engine, size_t thread, const struct operand *operand,
                          const struct gemm_place *place, struct gemm_tile *tile) {
    struct engine_thread *own = &engine->threads[thread];
    tile->rows = place->rows;
    tile->a = operand->values + place->row * operand->stride * operand->element_bytes;
    tile->a_stride = operand->stride;
    tile->part = place->part;
    bool made = gemm_tile_multiply(engine->backend, own->context, tile);
    own->failed = own->failed || !made;
    return made;
}

void operand_tile(const struct engine *engine, size_t thread, const struct operand *operand,
                  const struct gemm_weights *weights, const struct gemm_place *place, void *out) {
    struct gemm_tile tile = {.weights = weights, .c = out};
    if (!multiply_tile(engine, thread, operand, place, &tile)) {
        memset(out, 0, place->rows * place->columns * sizeof(float));
    }
}

/* Of a tile there, whose first entry is of->out[0]: what is added to its rows while they are in
 * cache. */
static void finish_rows(const struct kernels *kernels, const struct gemm_finish *of,
                        const struct gemm_place *place, const float *made) {
    size_t columns = place->columns;
    for (size_t r = 0; r < place->rows; r++, made += columns) {
        float *out = of->out + r * of->out_stride;
        const float *product = made;
        if (of->bias != NULL) {
            kernels->add(out, product, of->bias, columns);
            product = out;
        }
        if (of->residual != NULL) {
            kernels->add(out, product, of->residual + r * of->residual_stride, columns);
        } else if (of->bias == NULL) {
            memcpy(out, product, columns * sizeof *out);
        }
    }
}

void operand_finished_tile(const struct engine *engine, size_t thread,
                           const struct operand *operand, const struct gemm_weights *weights,
                           const struct gemm_place *place, const struct operand_result *result) {
    struct gemm_finish of = result->finish;
    of.out += place->row * of.out_stride + place->column;
    of.bias = of.bias == NULL ? NULL : of.bias + place->column;
    of.residual =
        of.residual == NULL ? NULL : of.residual + place->row * of.residual_stride + place->column;
    if (gemm_tile_finishes(engine->backend, weights)) {
        struct gemm_tile tile = {.weights = weights, .finish = &of};
        multiply_tile(engine, thread, operand, place, &tile);
    } else {
        operand_tile(engine, thread, operand, weights, place, result->scratch);
        finish_rows(engine->kernels, &of, place, result->scratch);
    }
}
