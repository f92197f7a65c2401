#include "vit/model/derived_model.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/mem.h"

enum vitlrp_status model_derive(struct vit_model *base, size_t floats, struct vit_model **out,
                                struct vitlrp_error *err) {
    if (floats > base->limits.max_bytes / sizeof(float)) {
        return fail_limit(err, "%zu numbers of its own are more than the limit of %llu bytes",
                          floats, (unsigned long long) base->limits.max_bytes);
    }
    struct vit_model *model = mem_calloc(1, sizeof *model);
    float *storage = mem_calloc(floats, sizeof *storage);
    if (model == NULL || storage == NULL) {
        mem_free(model);
        mem_free(storage);
        return fail(err, VITLRP_NOMEM, "out of memory for a model");
    }
    atomic_fetch_add(&base->holders, 1);
    atomic_init(&model->holders, 1);
    const size_t own = offsetof(struct vit_model, base);
    memcpy((char *) model + own, (const char *) base + own, sizeof *model - own);
    model->base = base;
    model->storage = storage;
    model->storage_bytes = floats * sizeof *storage;
    *out = model;
    return VITLRP_OK;
}

double row_norm(const float *row, size_t width) {
    double square = 0.0;
    for (size_t d = 0; d < width; d++) {
        square += (double) row[d] * row[d];
    }
    return sqrt(square);
}
