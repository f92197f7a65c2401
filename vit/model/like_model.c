/* Models whose output is how alike a feature is to references. */
#include <math.h>

#include "base/mem.h"
#include "vit/model/derived_model.h"
#include "vit/model/weights.h"

/* out [width] += row / |row|; false for a row without a direction. */
static bool add_unit(const float *row, size_t width, double *out) {
    double norm = row_norm(row, width);
    if (!(norm > 0.0) || isinf(norm)) {
        return false;
    }
    for (size_t d = 0; d < width; d++) {
        out[d] += row[d] / norm;
    }
    return true;
}

/* out [width]: the mean of the features' unit vectors, normalised. */
static enum vitlrp_status make_direction(const float *features, size_t count, size_t width,
                                         float *out, struct vitlrp_error *err) {
    double *sum = mem_calloc(2 * width, sizeof *sum);
    enum vitlrp_status status = VITLRP_OK;
    if (sum == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a direction of %zu numbers", width);
    }
    for (size_t i = 0; i < count && status == VITLRP_OK; i++) {
        if (!add_unit(features + i * width, width, sum)) {
            status = fail(err, VITLRP_NUMERIC, "feature %zu has no direction", i);
        }
    }
    if (status == VITLRP_OK) {
        for (size_t d = 0; d < width; d++) {
            out[d] = (float) (sum[d] / (double) count);
        }
        if (!add_unit(out, width, sum + width)) {
            status = fail(err, VITLRP_NUMERIC, "the references point in opposite directions");
        }
        for (size_t d = 0; d < width; d++) {
            out[d] = (float) sum[width + d];
        }
    }
    mem_free(sum);
    return status;
}

/* Of the derived model: its vector, and that among what records name. */
static void set_direction(struct vit_model *model, size_t width) {
    model->weights.like = model->storage;
    model->config.compared = (int32_t) width;
    model->config.classes = 1;
    model->config.unusual |= slot_unusual(SLOT_LIKE, true);
    model->outputs = VITLRP_OUTPUTS_LIKENESS;
    model->kind = VITLRP_MODEL_IMAGE;
    model->probability = VITLRP_PROBABILITY_NONE;
    model->origin.sidecars[model->origin.sidecar_count++] =
        (struct vit_sidecar){"like", {(unsigned char *) model->storage, model->storage_bytes}};
}

enum vitlrp_status vit_model_like(struct vit_model *base, const float *features, size_t count,
                                  struct vit_model **out, struct vitlrp_error *err) {
    size_t width = (size_t) base->config.classes;
    struct vit_model *model = NULL;
    if (base->outputs != VITLRP_OUTPUTS_FEATURE && base->outputs != VITLRP_OUTPUTS_EMBEDDING) {
        return fail(err, VITLRP_USAGE,
                    "features are compared, and the model has a head: its outputs are no feature");
    }
    if (count < 1) {
        return fail(err, VITLRP_USAGE, "there is no reference to compare with");
    }
    TRY(model_derive(base, width, &model, err));
    enum vitlrp_status status = make_direction(features, count, width, model->storage, err);
    if (status != VITLRP_OK) {
        vit_model_free(model);
        return status;
    }
    set_direction(model, width);
    *out = model;
    return VITLRP_OK;
}
