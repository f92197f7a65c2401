#include "eval/randomize.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "vit/math/packs.h"
#include "vit/model/weights.h"

size_t randomize_stage_count(const struct vit_config *config) {
    return (size_t) config->depth + 2;
}

static size_t slot_count(const struct vit_config *config, enum slot slot) {
    struct slot_size size = slot_size(config, slot);
    return size.rows * size.columns;
}

enum vitlrp_status randomize_copy(const struct vit_model *model, struct vit_model **out,
                                  struct vitlrp_error *err) {
    struct vit_model *copy = NULL;
    TRY(weights_allocate(&model->config, model->name, &model->limits, &copy, err));
    copy->layout = model->layout;
    copy->container = model->container;
    copy->stored_as = model->stored_as;
    copy->parameters = model->parameters;
    copy->outputs = model->outputs;
    copy->probability = model->probability;
    copy->kind = model->kind;
    copy->logit_scale = model->logit_scale;
    copy->logit_bias = model->logit_bias;
    copy->edits = model->edits;
    for (enum slot slot = 0; slot < SLOT_COUNT; slot++) {
        for (size_t block = 0; block < slot_repeats(&model->config, slot); block++) {
            const float *from = slot_data(model, slot, block);
            memcpy(slot_data(copy, slot, block), from,
                   slot_count(&model->config, slot) * sizeof *from);
        }
    }
    *out = copy;
    return VITLRP_OK;
}

static void redraw(float *values, size_t count, uint64_t seed) {
    struct random_stream stream = random_open(seed);
    double mean = 0.0;
    double variance = 0.0;
    for (size_t i = 0; i < count; i++) {
        mean += (double) values[i] / (double) count;
    }
    for (size_t i = 0; i < count; i++) {
        double deviation = (double) values[i] - mean;
        variance += deviation * deviation / (double) count;
    }
    double deviation = sqrt(variance);
    for (size_t i = 0; i < count; i++) {
        values[i] = (float) (mean + deviation * random_normal(&stream));
    }
}

static size_t stage_of(const struct vit_config *config, enum slot slot, size_t block) {
    switch (slot_scope(slot)) {
    case SCOPE_END:
        return 0;
    case SCOPE_BLOCK:
        return (size_t) config->depth - block;
    default:
        return (size_t) config->depth + 1;
    }
}

void randomize_stage(struct vit_model *model, size_t stage, uint64_t seed) {
    char place[48];
    packs_forget(model->packs);
    for (enum slot slot = 0; slot < SLOT_COUNT; slot++) {
        for (size_t block = 0; block < slot_repeats(&model->config, slot); block++) {
            if (stage_of(&model->config, slot, block) == stage) {
                snprintf(place, sizeof place, "%llu of %zu",
                         (unsigned long long) slot_stream(slot, 0), block);
                redraw(slot_data(model, slot, block), slot_count(&model->config, slot),
                       random_derive(seed, place));
            }
        }
    }
}
