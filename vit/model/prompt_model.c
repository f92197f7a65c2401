/* Models whose classes are texts, given by their embeddings: the outputs are an image's scaled
 * cosines with them. Such a model is a classifier whose head was made from texts, plus one
 * division. */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "vit/model/derived_model.h"
#include "vit/model/weights.h"

/* Where its own numbers lie, one behind the other. */
struct prompt_parts {
    size_t count, width, inputs; /* texts, of an embedding, of a head */
    double length;               /* that all rows are divided by; 0: each by its own */
    size_t weight, bias, logit_bias, rows, floats;
};

static bool lay_out(struct prompt_parts *parts) {
    size_t weights = 0;
    size_t rows = 0;
    bool fit = checked_mul(&weights, parts->count, parts->inputs) &&
               checked_mul(&rows, parts->count, parts->width);
    parts->weight = 0;
    parts->bias = weights;
    return fit && checked_add(&parts->logit_bias, parts->bias, parts->count) &&
           checked_add(&parts->rows, parts->logit_bias, 1) &&
           checked_add(&parts->floats, parts->rows, rows);
}

/* The row that a text's unit vector v makes of the projection P: s v P, and s <v, b> of its bias.
 * Without a projection it is s v. `sum` has room for a row. */
static void make_row(const struct vit_model *model, const struct prompt_parts *parts, size_t row,
                     double *sum) {
    const float *text = model->storage + parts->rows + row * parts->width;
    const float *projection = model->weights.head_weight;
    double length = parts->length > 0.0 ? parts->length : row_norm(text, parts->width);
    double factor = model->logit_scale / length;
    double bias = 0.0;
    memset(sum, 0, parts->inputs * sizeof *sum);
    for (size_t j = 0; j < parts->width; j++) {
        double share = factor * (double) text[j];
        for (size_t i = 0; projection != NULL && i < parts->inputs; i++) {
            sum[i] += share * (double) projection[j * parts->inputs + i];
        }
        if (projection == NULL) {
            sum[j] = share;
        } else if (model->weights.head_bias != NULL) {
            bias += share * (double) model->weights.head_bias[j];
        }
    }
    for (size_t i = 0; i < parts->inputs; i++) {
        model->storage[parts->weight + row * parts->inputs + i] = (float) sum[i];
    }
    model->storage[parts->bias + row] = (float) bias;
}

static enum vitlrp_status make_rows(const struct vit_model *model, const struct prompt_parts *parts,
                                    struct vitlrp_error *err) {
    double *sum = mem_calloc(parts->inputs, sizeof *sum);
    if (sum == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a row of %zu numbers", parts->inputs);
    }
    for (size_t row = 0; row < parts->count; row++) {
        make_row(model, parts, row, sum);
    }
    mem_free(sum);
    return VITLRP_OK;
}

/* True scale and bias take the place of what the file has stored. */
static void set_end(struct vit_model *model, const struct prompt_parts *parts) {
    struct vit_config *config = &model->config;
    bool projects = model->weights.head_weight != NULL;
    bool shifts = model->weights.head_bias != NULL;
    config->compared = projects ? (int32_t) parts->width : 0;
    config->classes = (int32_t) parts->count;
    config->unusual &=
        ~(slot_unusual(SLOT_LOGIT_SCALE, true) | slot_unusual(SLOT_LOGIT_BIAS, true));
    config->unusual |= slot_unusual(SLOT_PROMPT_WEIGHT, true);
    config->unusual |= shifts ? slot_unusual(SLOT_PROMPT_BIAS, true) : 0;
    config->unusual |= model->logit_bias != 0.0 ? slot_unusual(SLOT_LOGIT_BIAS, true) : 0;
    model->weights.prompt_weight = model->storage + parts->weight;
    model->weights.prompt_bias = shifts ? model->storage + parts->bias : NULL;
    model->weights.logit_scale = NULL;
    model->weights.logit_bias =
        model->logit_bias != 0.0 ? model->storage + parts->logit_bias : NULL;
    model->storage[parts->logit_bias] = (float) model->logit_bias;
    model->outputs = VITLRP_OUTPUTS_CLASSES;
    model->kind = VITLRP_MODEL_PROMPTS;
    model->head_given = true;
    bool constant = parts->count == 1 && model->prompt_probability == VITLRP_PROBABILITY_SOFTMAX;
    model->probability = constant ? VITLRP_PROBABILITY_NONE : model->prompt_probability;
    unsigned char *rows = (unsigned char *) (model->storage + parts->rows);
    model->origin.sidecars[model->origin.sidecar_count++] = (struct vit_sidecar){
        VIT_TEXT_EMBEDDINGS, {rows, parts->count * parts->width * sizeof(float)}};
}

static enum vitlrp_status check_rows(const float *rows, size_t count, size_t width,
                                     struct vitlrp_error *err) {
    for (size_t row = 0; row < count; row++) {
        double norm = row_norm(rows + row * width, width);
        if (!(norm > 0.0) || isinf(norm)) {
            return fail(err, VITLRP_NUMERIC,
                        "text embedding %zu has no direction: it is 0 or not finite", row);
        }
    }
    return VITLRP_OK;
}

/* A part of an embedding may be 0. */
static enum vitlrp_status check_parts(const float *rows, size_t count, size_t width, double length,
                                      struct vitlrp_error *err) {
    bool sound = length > 0.0 && !isinf(length);
    for (size_t i = 0; i < count * width && sound; i++) {
        sound = isfinite(rows[i]);
    }
    return sound ? VITLRP_OK
                 : fail(err, VITLRP_NUMERIC, "the parts of a text's embedding are not finite");
}

static enum vitlrp_status check_base(const struct vit_model *base, size_t count,
                                     struct vitlrp_error *err) {
    if (base->outputs != VITLRP_OUTPUTS_FEATURE && base->outputs != VITLRP_OUTPUTS_EMBEDDING) {
        return fail(err, VITLRP_USAGE,
                    "an image's embedding is compared with those of texts, and the model's outputs "
                    "are no embedding: it has a head of its own");
    }
    if (count < 1 || count > VIT_MAX_CLASSES) {
        return fail(err, count < 1 ? VITLRP_USAGE : VITLRP_LIMIT,
                    "%zu text embeddings: there may be 1 to %d", count, VIT_MAX_CLASSES);
    }
    return VITLRP_OK;
}

/* With rows that are sound. */
static enum vitlrp_status make_model(struct vit_model *base, const float *rows,
                                     struct prompt_parts *parts, struct vit_model **out,
                                     struct vitlrp_error *err) {
    struct vit_model *model = NULL;
    if (!lay_out(parts)) {
        return fail(err, VITLRP_LIMIT, "%zu text embeddings of %zu numbers are too many",
                    parts->count, parts->width);
    }
    TRY(model_derive(base, parts->floats, &model, err));
    model->logit_scale = base->logit_scale > 0.0 ? base->logit_scale : VIT_USUAL_LOGIT_SCALE;
    memcpy(model->storage + parts->rows, rows, parts->count * parts->width * sizeof *rows);
    enum vitlrp_status status = make_rows(model, parts, err);
    if (status != VITLRP_OK) {
        vit_model_free(model);
        return status;
    }
    *out = model;
    return VITLRP_OK;
}

enum vitlrp_status vit_model_prompts(struct vit_model *base, const float *rows, size_t count,
                                     struct vit_model **out, struct vitlrp_error *err) {
    struct prompt_parts parts = {.count = count,
                                 .width = (size_t) base->config.classes,
                                 .inputs = slot_size(&base->config, SLOT_HEAD_WEIGHT).columns};
    TRY(check_base(base, count, err));
    TRY(check_rows(rows, count, parts.width, err));
    TRY(make_model(base, rows, &parts, out, err));
    set_end(*out, &parts);
    return VITLRP_OK;
}

enum vitlrp_status vit_model_words(struct vit_model *base, const float *rows, size_t count,
                                   double length, struct vit_model **out,
                                   struct vitlrp_error *err) {
    struct prompt_parts parts = {.count = count,
                                 .width = (size_t) base->config.classes,
                                 .inputs = slot_size(&base->config, SLOT_HEAD_WEIGHT).columns,
                                 .length = length};
    TRY(check_base(base, count, err));
    TRY(check_parts(rows, count, parts.width, length, err));
    TRY(make_model(base, rows, &parts, out, err));
    (*out)->logit_bias = 0.0;
    set_end(*out, &parts);
    (*out)->probability = VITLRP_PROBABILITY_NONE;
    return VITLRP_OK;
}
