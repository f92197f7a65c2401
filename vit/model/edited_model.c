#include "vit/model/edited_model.h"

#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/words.h"
#include "vit/model/derived_model.h"
#include "vit/model/weights.h"

/* Numbers of a hidden value: a factor, and the constants of both kinds of token. */
enum { FACTOR, LEADING, OTHERS, NUMBERS };

static size_t site_values(const struct vit_config *config, enum vitlrp_site site) {
    return (size_t) (site == VITLRP_SITE_FC1 ? config->mlp_dim : config->dim);
}

/* Values of one unit: a head has several. */
static size_t unit_values(const struct vit_config *config, enum vitlrp_site site) {
    return site == VITLRP_SITE_FC1 ? 1 : (size_t) (config->dim / config->heads);
}

/* Where the numbers of a layer lie, [NUMBERS, values]: block by block, neurons before heads. What
 * weights_allocate lets through is far from overflowing. */
static size_t layer_offset(const struct vit_config *config, enum vitlrp_site site, size_t block) {
    size_t neurons = site_values(config, VITLRP_SITE_FC1);
    size_t heads = site_values(config, VITLRP_SITE_HEAD);
    return NUMBERS * (block * (neurons + heads) + (site == VITLRP_SITE_HEAD ? neurons : 0));
}

bool layer_edit_find(const struct vit_model *model, enum vitlrp_site site, size_t block,
                     struct layer_edit *out) {
    bool changes = false;
    bool adds = false;
    if (model->edits == NULL) {
        return false;
    }
    const float *numbers = model->edits + layer_offset(&model->config, site, block);
    size_t values = site_values(&model->config, site);
    for (size_t i = 0; i < values; i++) {
        changes = changes || numbers[FACTOR * values + i] != 1.0F;
        adds =
            adds || numbers[LEADING * values + i] != 0.0F || numbers[OTHERS * values + i] != 0.0F;
    }
    bool has_cls = vit_has_cls(&model->config);
    const float *others = adds ? numbers + OTHERS * values : NULL;
    *out = (struct layer_edit){.factor = numbers + FACTOR * values,
                               .leading = adds && has_cls ? numbers + LEADING * values : others,
                               .others = others};
    return changes || adds;
}

/* ---- Checks ---- */

enum { UNIT_TEXT = 64 };

static void name_unit(const struct vitlrp_unit *unit, char out[UNIT_TEXT]) {
    char index[16] = "*";
    if (unit->index != -1) {
        snprintf(index, sizeof index, "%d", unit->index);
    }
    snprintf(out, UNIT_TEXT, "%d:%s:%s", unit->block, word_of(WORDS_SITE, unit->site), index);
}

static enum vitlrp_status check_unit(const struct vit_config *config,
                                     const struct vitlrp_unit *unit, struct vitlrp_error *err) {
    char name[UNIT_TEXT];
    if (word_of(WORDS_SITE, unit->site) == NULL) {
        return fail(err, VITLRP_USAGE, "there is no site %d of hidden units", (int) unit->site);
    }
    name_unit(unit, name);
    if (unit->site != VITLRP_SITE_FC1 && unit->site != VITLRP_SITE_HEAD) {
        return fail(err, VITLRP_USAGE,
                    "%s: neurons (fc1) and heads can be edited, dimensions of the stream cannot: "
                    "the norm behind them would change all others",
                    name);
    }
    int32_t units = unit->site == VITLRP_SITE_FC1 ? config->mlp_dim : config->heads;
    if (unit->block < 0 || unit->block >= config->depth) {
        return fail(err, VITLRP_USAGE, "%s: the model has blocks 0 to %d", name, config->depth - 1);
    }
    if (unit->index < -1 || unit->index >= units) {
        return fail(err, VITLRP_USAGE, "%s: a block has units 0 to %d there", name, units - 1);
    }
    return VITLRP_OK;
}

static enum vitlrp_status check_numbers(const struct vit_config *config,
                                        const struct vitlrp_edit *edit, struct vitlrp_error *err) {
    size_t constants = edit->constant == NULL ? 0 : 2 * unit_values(config, edit->unit.site);
    bool finite = isfinite(edit->factor);
    for (size_t i = 0; i < constants; i++) {
        finite = finite && isfinite(edit->constant[i]);
    }
    if (!finite) {
        char name[UNIT_TEXT];
        name_unit(&edit->unit, name);
        return fail(err, VITLRP_USAGE, "%s: factor and constants must be finite", name);
    }
    return VITLRP_OK;
}

static enum vitlrp_status check_base(const struct vit_model *base, size_t count,
                                     struct vitlrp_error *err) {
    if (count == 0) {
        return fail(err, VITLRP_USAGE, "there is no edit");
    }
    if (base->edits != NULL) {
        return fail(err, VITLRP_USAGE,
                    "the model is edited already: edit the one that it was made of, by all edits "
                    "at once");
    }
    return base->config.vocabulary == 0
               ? VITLRP_OK
               : fail(err, VITLRP_USAGE, "units of a text tower cannot be edited");
}

/* ---- The numbers ---- */

/* One unit; false if another edit was there before. */
static bool edit_unit(const struct vit_config *config, const struct vitlrp_edit *edit, size_t index,
                      float *numbers, bool *edited) {
    size_t width = unit_values(config, edit->unit.site);
    size_t values = site_values(config, edit->unit.site);
    for (size_t i = 0; i < width; i++) {
        size_t at = index * width + i;
        if (edited[at]) {
            return false;
        }
        edited[at] = true;
        numbers[FACTOR * values + at] = edit->factor;
        numbers[LEADING * values + at] = edit->constant == NULL ? 0.0F : edit->constant[2 * i];
        numbers[OTHERS * values + at] = edit->constant == NULL ? 0.0F : edit->constant[2 * i + 1];
    }
    return true;
}

/* `edited` has a flag for each hidden value, where its number would be. */
static enum vitlrp_status apply(const struct vit_config *config, const struct vitlrp_edit *edit,
                                float *storage, bool *edited, struct vitlrp_error *err) {
    TRY(check_unit(config, &edit->unit, err));
    TRY(check_numbers(config, edit, err));
    size_t offset = layer_offset(config, edit->unit.site, (size_t) edit->unit.block);
    size_t units = site_values(config, edit->unit.site) / unit_values(config, edit->unit.site);
    bool all = edit->unit.index < 0;
    size_t first = all ? 0 : (size_t) edit->unit.index;
    size_t end = all ? units : first + 1;
    for (size_t i = first; i < end; i++) {
        if (!edit_unit(config, edit, i, storage + offset, edited + offset)) {
            const struct vitlrp_unit twice = {edit->unit.site, edit->unit.block, (int32_t) i};
            char name[UNIT_TEXT];
            name_unit(&twice, name);
            return fail(err, VITLRP_USAGE, "%s is edited twice", name);
        }
    }
    return VITLRP_OK;
}

/* Over storage of zeros. */
static void make_identity(struct vit_model *model) {
    const struct vit_config *config = &model->config;
    for (size_t block = 0; block < (size_t) config->depth; block++) {
        for (enum vitlrp_site site = VITLRP_SITE_FC1; site <= VITLRP_SITE_HEAD; site++) {
            float *factors = model->storage + layer_offset(config, site, block);
            for (size_t i = 0; i < site_values(config, site); i++) {
                factors[i] = 1.0F;
            }
        }
    }
}

static enum vitlrp_status apply_all(struct vit_model *model, const struct vitlrp_edit *edits,
                                    size_t count, struct vitlrp_error *err) {
    bool *edited = mem_calloc(model->storage_bytes / sizeof(float), sizeof *edited);
    enum vitlrp_status status = VITLRP_OK;
    if (edited == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for edits");
    }
    make_identity(model);
    for (size_t i = 0; i < count && status == VITLRP_OK; i++) {
        status = apply(&model->config, &edits[i], model->storage, edited, err);
    }
    mem_free(edited);
    return status;
}

enum vitlrp_status vit_model_edited(struct vit_model *base, const struct vitlrp_edit *edits,
                                    size_t count, struct vit_model **out,
                                    struct vitlrp_error *err) {
    struct vit_model *model = NULL;
    TRY(check_base(base, count, err));
    size_t floats = layer_offset(&base->config, VITLRP_SITE_FC1, (size_t) base->config.depth);
    TRY(model_derive(base, floats, &model, err));
    enum vitlrp_status status = apply_all(model, edits, count, err);
    if (status != VITLRP_OK) {
        vit_model_free(model);
        return status;
    }
    model->edits = model->storage;
    *out = model;
    return VITLRP_OK;
}
