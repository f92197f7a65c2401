#include "neurons_map.h"

#include <math.h>

static size_t patch_count(const struct neurons_result *result) {
    return (size_t) result->grid_height * (size_t) result->grid_width;
}

static struct figure_map plain_map(const struct neurons_result *result,
                                   const struct explanation *explanation, const float *values) {
    struct figure_map map = {.values = values,
                             .height = result->grid_height,
                             .width = result->grid_width,
                             .options = explanation->settings->render,
                             .unit = explanation_unit(explanation)};
    map.options.style = VITLRP_STYLE_OVERLAY;
    map.options.kind = VITLRP_MAP_SIGNED;
    return map;
}

static void set_range(struct figure_map *map) {
    struct figure_range range = figure_range_none();
    figure_range_add(&range, map->values, (size_t) map->height * (size_t) map->width);
    figure_range_set(&range, &map->options);
}

struct figure_map neurons_map(const struct neurons_result *result,
                              const struct explanation *explanation, const float *values) {
    struct figure_map map = plain_map(result, explanation, values);
    set_range(&map);
    return map;
}

/* How many percent of the patches have more than a part of the map's largest value; 0: none. */
static float shown_percent(const float *map, size_t count) {
    float peak = 0.0F;
    size_t shown = 0;
    for (size_t i = 0; i < count; i++) {
        peak = fmaxf(peak, map[i]);
    }
    for (size_t i = 0; i < count; i++) {
        shown += map[i] > NEURONS_SHOWN * peak ? 1 : 0;
    }
    return 100.0F * (float) shown / (float) count;
}

bool neurons_map_mask(const struct neurons_result *result, const struct explanation *explanation,
                      const float *values, struct figure_map *map) {
    *map = plain_map(result, explanation, values);
    map->options.top_percent = shown_percent(values, patch_count(result));
    map->options.top_as = VITLRP_TOP_MASK;
    return map->options.top_percent > 0.0F;
}

struct figure_map neurons_map_attention(const struct neurons_result *result,
                                        const struct explanation *explanation,
                                        const struct vitlrp_unit *head) {
    size_t prefix = (size_t) result->prefix;
    size_t row = (size_t) head->block * (size_t) result->width + (size_t) head->index;
    const float *tokens = result->attention + row * (prefix + patch_count(result));
    struct figure_map map = plain_map(result, explanation, tokens + prefix);
    map.options.kind = VITLRP_MAP_UNSIGNED;
    set_range(&map);
    return map;
}

const float *neurons_entering(const struct neurons_result *result, int32_t block, double *prefix) {
    size_t before = (size_t) result->prefix;
    const float *tokens = result->tokens + (size_t) block * (before + patch_count(result));
    *prefix = 0.0;
    for (size_t i = 0; i < before; i++) {
        *prefix += (double) tokens[i];
    }
    return tokens + before;
}
