/* Weights arranged for a backend: converted part by part into the elements of a format, then
 * handed over. */
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "vit/gemm_weights.h"
#include "vit/kernels.h"

#define LARGEST_INT8 127.0F

static size_t element_bytes(enum gemm_format format) {
    return format == GEMM_FP32 ? sizeof(float) : format == GEMM_BF16 ? sizeof(uint16_t) : 1;
}

/* One pack in the making. */
struct packing_job {
    const struct gemm_weights *weights;
    struct gemm_context *context;
    const struct kernels *kernels;
    bool absolute;
    struct gemm_parts parts;
    struct gemm_pack *pack;
    float *row;  /* [max(n, k)]: a row of the part as it goes into the format */
    void *dense; /* the part in the format's elements */
};

/* One stored row of a part; `scale` is where INT8 puts the row's. */
static void convert_row(const struct packing_job *job, const float *from, size_t count,
                        float *scale, void *to) {
    const float *values = from;
    if (job->pack->format == GEMM_INT8) {
        float largest = job->kernels->largest(from, count);
        *scale = largest / LARGEST_INT8;
        job->kernels->quantize(to, from, largest > 0.0F ? LARGEST_INT8 / largest : 0.0F, count);
        return;
    }
    if (job->absolute) {
        job->kernels->absolute(job->row, from, count);
        values = job->row;
    }
    if (job->pack->format == GEMM_FP32) {
        memcpy(to, values, count * sizeof *values);
    } else {
        job->kernels->narrow(to, values, count);
    }
}

/* Fills job->dense with a part, [columns, k] or [k, columns] as the weights are stored. */
static void convert_part(const struct packing_job *job, size_t first, size_t columns) {
    const struct gemm_weights *weights = job->weights;
    size_t rows = weights->transposed ? columns : weights->k;
    size_t width = weights->transposed ? weights->k : columns;
    size_t bytes = element_bytes(job->pack->format) * width;
    for (size_t r = 0; r < rows; r++) {
        void *to = (unsigned char *) job->dense + r * bytes;
        const float *from =
            weights->values + (weights->transposed ? (first + r) * width : r * weights->n + first);
        float *scale = job->pack->scales == NULL ? NULL : job->pack->scales + first + r;
        convert_row(job, from, width, scale, to);
    }
}

/* Adds up the parts' bytes; 0 if one of them is not supported. */
static size_t block_bytes(const struct packing_job *job) {
    size_t total = 0;
    for (size_t p = 0; p < job->parts.count; p++) {
        size_t columns = gemm_part_begin(&job->parts, p + 1) - gemm_part_begin(&job->parts, p);
        size_t bytes = job->pack->packing->part_bytes(job->context, job->pack->format, columns,
                                                      job->weights->k);
        if (bytes == 0 || !checked_align(&bytes, bytes, MEM_ALIGNMENT) ||
            !checked_add(&total, total, bytes)) {
            return 0;
        }
    }
    return total;
}

static enum status arrange_parts(struct packing_job *job, struct error *err) {
    struct gemm_pack *pack = job->pack;
    size_t used = 0;
    for (size_t p = 0; p < job->parts.count; p++) {
        size_t first = gemm_part_begin(&job->parts, p);
        size_t columns = gemm_part_begin(&job->parts, p + 1) - first;
        size_t bytes =
            pack->packing->part_bytes(job->context, pack->format, columns, job->weights->k);
        convert_part(job, first, columns);
        TRY(pack->packing->part_open(job->context, pack->format, columns, job->weights->k,
                                     job->dense, job->weights->transposed,
                                     (unsigned char *) pack->block + used, &pack->parts[p], err));
        used += (bytes + MEM_ALIGNMENT - 1) / MEM_ALIGNMENT * MEM_ALIGNMENT;
    }
    return STATUS_OK;
}

static enum status fill_pack(struct packing_job *job, struct error *err) {
    struct gemm_pack *pack = job->pack;
    size_t elements = 0;
    size_t widest = size_min(GEMM_TILE_COLUMNS, job->weights->n);
    pack->bytes = block_bytes(job);
    if (pack->bytes == 0 || !checked_mul(&elements, widest, job->weights->k)) {
        return fail(err, STATUS_UNSUPPORTED, "weights [%zu, %zu] cannot be arranged for products",
                    job->weights->n, job->weights->k);
    }
    pack->block = mem_alloc_aligned(pack->bytes, 1);
    pack->parts = mem_calloc(job->parts.count, sizeof *pack->parts);
    pack->scales =
        pack->format == GEMM_INT8 ? mem_calloc(job->weights->n, sizeof *pack->scales) : NULL;
    job->row = mem_calloc(size_max(job->weights->n, job->weights->k), sizeof *job->row);
    job->dense = mem_alloc_aligned(elements, element_bytes(pack->format));
    if (pack->block == NULL || pack->parts == NULL || job->row == NULL || job->dense == NULL ||
        (pack->format == GEMM_INT8 && pack->scales == NULL)) {
        return fail(err, STATUS_NOMEM, "out of memory: %zu bytes for arranged weights",
                    pack->bytes);
    }
    pack->part_count = job->parts.count;
    return arrange_parts(job, err);
}

enum status gemm_pack_open(const struct gemm_backend *backend, struct gemm_context *context,
                           const struct gemm_weights *weights, enum gemm_format format,
                           bool absolute, struct gemm_pack **out, struct error *err) {
    bool whole_bytes = absolute && weights->transposed; /* what INT8 is for: scales go by column */
    if (backend->packing == NULL || !backend->packing->supports(format) ||
        (format == GEMM_INT8 && !whole_bytes)) {
        return fail(err, STATUS_UNSUPPORTED, "the backend %s does not arrange weights like this",
                    backend->name);
    }
    struct gemm_pack *pack = mem_calloc(1, sizeof *pack);
    if (pack == NULL) {
        return fail(err, STATUS_NOMEM, "out of memory for arranged weights");
    }
    *pack = (struct gemm_pack){
        .packing = backend->packing, .format = format, .n = weights->n, .k = weights->k};
    struct packing_job job = {.weights = weights,
                              .context = context,
                              .kernels = kernels_select(),
                              .absolute = absolute,
                              .parts = gemm_parts_of(weights->n),
                              .pack = pack};
    enum status status = fill_pack(&job, err);
    mem_free(job.row);
    mem_free(job.dense);
    if (status != STATUS_OK) {
        gemm_pack_close(pack);
        return status;
    }
    *out = pack;
    return STATUS_OK;
}

void gemm_pack_close(struct gemm_pack *pack) {
    if (pack == NULL) {
        return;
    }
    for (size_t p = 0; p < pack->part_count; p++) {
        pack->packing->part_close(pack->parts[p]);
    }
    mem_free(pack->parts);
    mem_free(pack->block);
    mem_free(pack->scales);
    mem_free(pack);
}
