/* What a library's code does to its weights whenever it runs, done once. */
#include "vit/load/settle.h"

#include <math.h>
#include <string.h>

#include "vit/math/attention.h"
#include "vit/model/weights.h"

/* Entries of the position embedding for the first tokens were read to right before those of the
 * patches: moves them to the front, zeros for the tokens between. */
static void settle_positions(const struct vit_model *model, size_t positioned) {
    float *position = slot_data(model, SLOT_POSITION, 0);
    size_t width = (size_t) model->config.dim;
    size_t bare = (size_t) model->config.prefix - positioned;
    if (position != NULL && bare > 0) {
        memmove(position, position + bare * width, positioned * width * sizeof *position);
        memset(position + positioned * width, 0, bare * width * sizeof *position);
    }
}

/* The mask of DINOv3's key biases is NaN where training has not filled it in: then it counts as 1,
 * 0, 1 for q, k and v. */
static enum vitlrp_status check_mask(const float *mask, size_t count, bool *is_filled,
                                     struct vitlrp_error *err) {
    *is_filled = true;
    for (size_t i = 0; i < count; i++) {
        *is_filled = *is_filled && !isnan(mask[i]);
        if (!isnan(mask[i]) && mask[i] != 0.0F && mask[i] != 1.0F) {
            return fail(err, VITLRP_MISMATCH, "a bias_mask holds %g, not 0, 1 or NaN",
                        (double) mask[i]);
        }
    }
    return VITLRP_OK;
}

/* The bias that the model has is what the mask leaves of the stored one. */
static enum vitlrp_status settle_masks(const struct vit_model *model, struct vitlrp_error *err) {
    size_t count = slot_size(&model->config, SLOT_QKV_BIAS_MASK).columns;
    bool masked = slot_repeats(&model->config, SLOT_QKV_BIAS_MASK) > 0 &&
                  slot_repeats(&model->config, SLOT_QKV_BIAS) > 0;
    for (size_t block = 0; masked && block < (size_t) model->config.depth; block++) {
        float *bias = slot_data(model, SLOT_QKV_BIAS, block);
        const float *mask = slot_data(model, SLOT_QKV_BIAS_MASK, block);
        bool is_filled = true;
        TRY(check_mask(mask, count, &is_filled, err));
        for (size_t i = 0; i < count; i++) {
            bool is_key = i >= count / 3 && i < 2 * (count / 3);
            bias[i] *= is_filled ? mask[i] : is_key ? 0.0F : 1.0F;
        }
    }
    return VITLRP_OK;
}

/* Behind the norm of a differential attention stands a factor: a norm's own take it in. */
static void settle_sub_norms(const struct vit_model *model) {
    size_t count = slot_size(&model->config, SLOT_SUB_NORM_WEIGHT).columns;
    for (size_t block = 0; block < slot_repeats(&model->config, SLOT_SUB_NORM_WEIGHT); block++) {
        float *weight = slot_data(model, SLOT_SUB_NORM_WEIGHT, block);
        for (size_t i = 0; i < count; i++) {
            weight[i] *= (float) (1.0 - attention_lambda0(block));
        }
    }
}

/* Halves a slot that the model has. */
static void halve(const struct vit_model *model, enum slot slot) {
    struct slot_size size = slot_size(&model->config, slot);
    float *values = slot_data(model, slot, 0);
    for (size_t i = 0; values != NULL && i < size.rows * size.columns; i++) {
        values[i] *= 0.5F;
    }
}

/* DeiT's output is the mean of two heads, whose halves are added. Halving is exact. */
static void settle_heads(const struct vit_model *model) {
    if (slot_repeats(&model->config, SLOT_DIST_HEAD_WEIGHT) > 0) {
        halve(model, SLOT_HEAD_WEIGHT);
        halve(model, SLOT_HEAD_BIAS);
        halve(model, SLOT_DIST_HEAD_WEIGHT);
        halve(model, SLOT_DIST_HEAD_BIAS);
    }
}

enum vitlrp_status weights_settle(const struct vit_model *model, size_t positioned,
                                  struct vitlrp_error *err) {
    settle_positions(model, positioned);
    TRY(settle_masks(model, err));
    settle_sub_norms(model);
    settle_heads(model);
    return VITLRP_OK;
}
