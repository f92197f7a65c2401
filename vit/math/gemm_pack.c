/* Weights arranged for a backend: converted part by part into the elements of a format, then
 * handed over. */
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "vit/math/gemm_weights.h"
#include "vit/math/kernels.h"

#define LARGEST_INT8 127.0F

/* One pack in the making. */
struct packing_job {
    const struct gemm_pack_request *request;
    struct gemm_context *context;
    const struct kernels *kernels;
    struct gemm_parts parts;
    struct gemm_pack *pack;
    bool floats; /* the backend takes a part as floats: asked once, as it looks at the processor */
    float *row;  /* [max(n, k)]: a row of the part as it goes into the format */
    void *dense; /* the part in the format's elements */
};

/* Of a part as the backend takes it. */
static size_t element_bytes(const struct packing_job *job) {
    return job->floats ? sizeof(float) : job->pack->format == GEMM_BF16 ? sizeof(uint16_t) : 1;
}

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
    if (job->request->absolute) {
        job->kernels->absolute(job->row, from, count);
        values = job->row;
    }
    if (job->floats) {
        memcpy(to, values, count * sizeof *values);
    } else {
        job->kernels->narrow(to, values, count);
    }
}

/* Fills job->dense with a part, [columns, k] or [k, columns] as the weights are stored. */
static void convert_part(const struct packing_job *job, size_t first, size_t columns) {
    const struct gemm_weights *weights = job->request->weights;
    size_t rows = weights->transposed ? columns : weights->k;
    size_t width = weights->transposed ? weights->k : columns;
    size_t bytes = element_bytes(job) * width;
    for (size_t r = 0; r < rows; r++) {
        void *to = (unsigned char *) job->dense + r * bytes;
        const float *from =
            weights->values + (weights->transposed ? (first + r) * width : r * weights->n + first);
        float *scale = job->pack->scales == NULL ? NULL : job->pack->scales + first + r;
        convert_row(job, from, width, scale, to);
    }
}

static size_t part_columns(const struct gemm_parts *parts, size_t part) {
    return gemm_part_begin(parts, part + 1) - gemm_part_begin(parts, part);
}

/* Bytes of a part, the next one beginning where its own end is aligned; 0 if not supported. Most
 * parts are as wide as the one before, and asking takes a while. */
static size_t part_bytes(const struct gemm_pack_request *request, struct gemm_context *context,
                         const struct gemm_parts *parts, size_t part, size_t previous) {
    size_t columns = part_columns(parts, part);
    if (part > 0 && columns == part_columns(parts, part - 1)) {
        return previous;
    }
    size_t bytes = request->backend->packing->part_bytes(context, request->format, columns,
                                                         request->weights->k);
    return checked_align(&bytes, bytes, MEM_ALIGNMENT) ? bytes : 0;
}

enum vitlrp_status gemm_pack_bytes(const struct gemm_pack_request *request,
                                   struct gemm_context *context, size_t *bytes,
                                   struct vitlrp_error *err) {
    const struct gemm_packing *packing = request->backend->packing;
    const struct gemm_weights *weights = request->weights;
    struct gemm_parts parts = gemm_parts_of(weights->n);
    size_t part = 0;
    /* Scales go by column, and only sizes are kept. */
    bool bytes_apply = request->absolute && weights->transposed;
    if (packing == NULL || !packing->supports(request->format) ||
        (request->format == GEMM_INT8 && !bytes_apply)) {
        return fail(err, VITLRP_UNSUPPORTED, "the backend %s does not arrange weights like this",
                    request->backend->name);
    }
    *bytes = 0;
    for (size_t p = 0; p < parts.count; p++) {
        part = part_bytes(request, context, &parts, p, part);
        if (part == 0 || !checked_add(bytes, *bytes, part)) {
            return fail(err, VITLRP_UNSUPPORTED,
                        "weights [%zu, %zu] cannot be arranged for products", weights->n,
                        weights->k);
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status arrange_parts(struct packing_job *job, unsigned char *block,
                                        struct vitlrp_error *err) {
    const struct gemm_pack_request *request = job->request;
    size_t bytes = 0;
    for (size_t p = 0; p < job->parts.count; p++) {
        size_t columns = part_columns(&job->parts, p);
        convert_part(job, gemm_part_begin(&job->parts, p), columns);
        const struct gemm_part part = {request->format, columns, request->weights->k, job->dense,
                                       request->weights->transposed};
        TRY(job->pack->packing->part_open(job->context, &part, block, &job->pack->parts[p], err));
        bytes = part_bytes(request, job->context, &job->parts, p, bytes);
        block += bytes;
    }
    return VITLRP_OK;
}

static enum vitlrp_status fill_pack(struct packing_job *job, void *block,
                                    struct vitlrp_error *err) {
    const struct gemm_weights *weights = job->request->weights;
    struct gemm_pack *pack = job->pack;
    bool scaled = pack->format == GEMM_INT8;
    size_t elements = 0;
    if (!checked_mul(&elements, size_min(GEMM_TILE_COLUMNS, weights->n), weights->k)) {
        return fail(err, VITLRP_LIMIT, "weights [%zu, %zu] are too large", weights->n, weights->k);
    }
    pack->parts = mem_calloc(job->parts.count, sizeof *pack->parts);
    pack->scales = scaled ? mem_calloc(weights->n, sizeof *pack->scales) : NULL;
    job->row = mem_calloc(size_max(weights->n, weights->k), sizeof *job->row);
    job->dense = mem_alloc_aligned(elements, element_bytes(job));
    if (pack->parts == NULL || (scaled && pack->scales == NULL) || job->row == NULL ||
        job->dense == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for arranging weights");
    }
    pack->part_count = job->parts.count;
    return arrange_parts(job, block, err);
}

enum vitlrp_status gemm_pack_open(const struct gemm_pack_request *request,
                                  struct gemm_context *context, void *block, struct gemm_pack **out,
                                  struct vitlrp_error *err) {
    struct gemm_pack *pack = mem_calloc(1, sizeof *pack);
    if (pack == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for arranged weights");
    }
    *pack = (struct gemm_pack){
        .packing = request->backend->packing,
        .format = request->format,
        .n = request->weights->n,
        .k = request->weights->k,
        .depth = request->backend->packing->depth(request->format, request->weights->k)};
    struct packing_job job = {.request = request,
                              .context = context,
                              .kernels = kernels_select(),
                              .parts = gemm_parts_of(request->weights->n),
                              .pack = pack,
                              .floats = pack->packing->takes_floats(pack->format)};
    enum vitlrp_status status = fill_pack(&job, block, err);
    mem_free(job.row);
    mem_free(job.dense);
    if (status != VITLRP_OK) {
        gemm_pack_close(pack);
        return status;
    }
    *out = pack;
    return VITLRP_OK;
}

void gemm_pack_close(struct gemm_pack *pack) {
    if (pack == NULL) {
        return;
    }
    for (size_t p = 0; p < pack->part_count; p++) {
        pack->packing->part_close(pack->parts[p]);
    }
    mem_free(pack->parts);
    mem_free(pack->scales);
    mem_free(pack);
}
