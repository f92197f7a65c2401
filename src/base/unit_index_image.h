/* An image on its way into an index of hidden units: from what a pass has shown of its units to
 * what the index takes, and what its line says of it (data/FORMATS.md). */
#ifndef BASE_UNIT_INDEX_IMAGE_H
#define BASE_UNIT_INDEX_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/unit_index.h"
#include "vitlrp_types.h"

/* Numbers that a unit of the site is, in a model of so many channels and heads. */
size_t unit_index_parts(enum vitlrp_site site, int32_t dim, int32_t heads);

/* T of each unit into shares [blocks, width], which may be `units->relevance`: of the sum over the
 * tokens, or of the largest token. */
void unit_index_shares(const struct unit_index_shape *shape, const struct vitlrp_unit_values *units,
                       bool of_largest, float *shares);

/* What the index takes of these values: relevance_token, activation_max, activation_token,
 * activation_mean and, where a unit is several numbers, column_mean; nothing of a kind that it does
 * not keep, for which the arrays may be NULL. Its image and its target are the caller's. */
struct unit_index_image unit_index_image_of(const struct unit_index_shape *shape,
                                            const struct vitlrp_unit_values *units,
                                            const float *shares);

/* A class, by the number that users know. */
struct unit_index_class {
    int32_t index;
    const char *wnid, *label;
    double probability; /* NAN: null */
};

/* What a line says of an image that was explained. */
struct unit_index_results {
    const char *warning; /* NULL: none */
    struct unit_index_class target;
    float logit;
    enum vitlrp_site site;
    const struct vitlrp_block_flow *flow; /* [blocks]; NULL of a forward pass: no "branches" */
    size_t blocks;
};

/* Sets them, from "warning" to "branches". */
void unit_index_set_results(json_t *line, const struct unit_index_results *results, bool *complete);

/* What an index is, as run.json states it. */
struct unit_index_settings {
    enum vitlrp_site site;
    const char *statistic;
    int64_t keep;
    unsigned kinds;  /* as of unit_index_shape */
    bool class_sums; /* relevance is added up by class */
};

/* settings.units of run.json, without "kinds" where they are all, "class_sums" where there are. */
json_t *unit_index_json_units(const struct unit_index_settings *settings, bool *complete);

#endif
