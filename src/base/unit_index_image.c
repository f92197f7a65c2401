#include "base/unit_index_image.h"

#include "base/settings_json.h"
#include "base/words.h"

size_t unit_index_parts(enum vitlrp_site site, int32_t dim, int32_t heads) {
    return site == VITLRP_SITE_HEAD ? (size_t) (dim / heads) : 1;
}

void unit_index_shares(const struct unit_index_shape *shape, const struct vitlrp_unit_values *units,
                       bool of_largest, float *shares) {
    unit_index_share(of_largest ? units->relevance_max : units->relevance, shape->blocks,
                     shape->width, shares);
}

struct unit_index_image unit_index_image_of(const struct unit_index_shape *shape,
                                            const struct vitlrp_unit_values *units,
                                            const float *shares) {
    return (struct unit_index_image){.relevance = shares,
                                     .activation = units->activation_max,
                                     .relevance_token = units->relevance_token,
                                     .activation_token = units->activation_token,
                                     .means = units->activation_mean,
                                     .parts = shape->parts > 1 ? units->column_mean : NULL};
}

/* What went through the branch of the site in each block, in logits. */
static json_t *json_branches(const struct unit_index_results *results, bool *complete) {
    json_t *list = json_array();
    for (size_t i = 0; i < results->blocks; i++) {
        const struct vitlrp_block_flow *flow = &results->flow[i];
        double branch = results->site == VITLRP_SITE_FC1    ? flow->mlp_branch
                        : results->site == VITLRP_SITE_HEAD ? flow->attention_branch
                                                            : flow->leaving;
        json_add(list, json_number(branch), complete);
    }
    return list;
}

void unit_index_set_results(json_t *line, const struct unit_index_results *results,
                            bool *complete) {
    const struct unit_index_class *target = &results->target;
    if (results->warning != NULL) {
        json_set(line, "warning", json_string(results->warning), complete);
    }
    json_set(line, "class", json_integer(target->index), complete);
    json_set(line, "wnid", json_text(target->wnid), complete);
    json_set(line, "name", json_text(target->label), complete);
    json_set(line, "probability", json_number(target->probability), complete);
    json_set(line, "logit", json_float32(results->logit), complete);
    if (results->flow != NULL) {
        json_set(line, "branches", json_branches(results, complete), complete);
    }
}

static json_t *json_kinds(unsigned kinds, bool *complete) {
    json_t *list = json_array();
    for (size_t kind = 0; kind < UNIT_INDEX_KINDS; kind++) {
        if ((kinds >> kind & 1U) != 0) {
            json_t *word = json_string(word_of(WORDS_CONCEPT_KIND, (int64_t) kind));
            json_add(list, word, complete);
        }
    }
    return list;
}

json_t *unit_index_json_units(const struct unit_index_settings *settings, bool *complete) {
    json_t *units = json_object();
    json_set(units, "site", json_string(word_of(WORDS_SITE, settings->site)), complete);
    json_set(units, "statistic", json_string(settings->statistic), complete);
    json_set(units, "keep", json_integer(settings->keep), complete);
    if (settings->kinds != UNIT_INDEX_ALL_KINDS) {
        json_set(units, "kinds", json_kinds(settings->kinds, complete), complete);
    }
    if (settings->class_sums) {
        json_set(units, "class_sums", json_true(), complete);
    }
    return units;
}
