#include "neurons_result.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "cli/contrast.h"
#include "cli/limits.h"
#include "cli/machine.h"
#include "cli/model_facts.h"

#define MEGABYTE 1048576.0

void neurons_result_free(struct neurons_result *result) {
    mem_free(result->values.relevance);
    mem_free(result->values.relevance_max);
    mem_free(result->values.relevance_token);
    mem_free(result->values.activation);
    mem_free(result->values.activation_max);
    mem_free(result->values.activation_token);
    mem_free(result->first_order);
    mem_free(result->flow);
    mem_free(result->blocks);
    mem_free(result->items);
    mem_free(result->patches);
    mem_free(result->pixels);
    mem_free(result->whole);
    mem_free(result->tokens);
    mem_free(result->attention);
    *result = (struct neurons_result){0};
}

static size_t unit_count(const struct neurons_result *result) {
    return (size_t) result->depth * (size_t) result->width;
}

static size_t patch_count(const struct neurons_result *result) {
    return (size_t) result->grid_height * (size_t) result->grid_width;
}

size_t neurons_token_count(const struct neurons_result *result) {
    return (size_t) result->prefix + patch_count(result);
}

static size_t pixel_count(const struct neurons_result *result) {
    return (size_t) result->input_height * (size_t) result->input_width;
}

static enum vitlrp_status allocate(const struct explain_session *state, struct neurons_result *out,
                                   struct vitlrp_error *err) {
    struct vitlrp_model_info info;
    struct vitlrp_unit_values *values = &out->values;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(state->model, &info);
    out->depth = info.depth;
    out->width = vitlrp_model_site_width(state->model, out->choice->site);
    out->grid_height = state->info.grid_height;
    out->grid_width = state->info.grid_width;
    out->input_height = state->info.input_height;
    out->input_width = state->info.input_width;
    out->prefix = state->info.tokens - out->grid_height * out->grid_width;
    out->registers = model_facts_registers(state->model);
    size_t count = unit_count(out);
    *values = (struct vitlrp_unit_values){.site = out->choice->site};
    values->relevance = mem_calloc(count, sizeof *values->relevance);
    values->relevance_max = mem_calloc(count, sizeof *values->relevance_max);
    values->relevance_token = mem_calloc(count, sizeof *values->relevance_token);
    values->activation = mem_calloc(count, sizeof *values->activation);
    values->activation_max = mem_calloc(count, sizeof *values->activation_max);
    values->activation_token = mem_calloc(count, sizeof *values->activation_token);
    if (out->choice->wants_first_order) {
        out->first_order = mem_calloc(count, sizeof *out->first_order);
    }
    out->flow = mem_calloc((size_t) out->depth, sizeof *out->flow);
    out->blocks = mem_calloc((size_t) out->depth, sizeof *out->blocks);
    out->whole = mem_calloc(patch_count(out), sizeof *out->whole);
    out->tokens =
        mem_calloc((size_t) out->depth + 1, neurons_token_count(out) * sizeof *out->tokens);
    bool complete = values->relevance != NULL && values->relevance_max != NULL &&
                    values->relevance_token != NULL && values->activation != NULL &&
                    values->activation_max != NULL && values->activation_token != NULL &&
                    (out->first_order != NULL || !out->choice->wants_first_order) &&
                    out->flow != NULL && out->blocks != NULL && out->whole != NULL &&
                    out->tokens != NULL;
    return complete ? VITLRP_OK
                    : fail(err, VITLRP_NOMEM, "out of memory for the values of %zu units", count);
}

/* ---- Values of all units ---- */

static enum vitlrp_status take_values(struct explain_session *state,
                                      struct explanation *explanation,
                                      const struct contrast *contrast, struct neurons_result *out,
                                      struct vitlrp_error *err) {
    struct vitlrp_relevance relevance;
    struct vitlrp_inside inside = {.relevance = &relevance,
                                   .units = &out->values,
                                   .unit_sites = 1,
                                   .flow = out->flow,
                                   .tokens = out->tokens};
    vitlrp_relevance_init(&relevance);
    relevance.patches = out->whole;
    TRY(vitlrp_session_inside(state->session, contrast->targets, contrast->count,
                              &state->settings->method, &inside, err));
    explanation->explained = relevance.explained;
    explanation->sum = relevance.sum;
    explanation->precision = state->info.precision;
    explanation->session = &state->info;
    return VITLRP_OK;
}

/* What the output loses without each unit, to first order: a times its derivative by a, over the
 * tokens. */
static enum vitlrp_status take_first_order(const struct explain_session *state,
                                           const struct contrast *contrast,
                                           struct neurons_result *out, struct vitlrp_error *err) {
    struct vitlrp_unit_values values = {.site = out->choice->site, .relevance = out->first_order};
    struct vitlrp_inside inside = {.units = &values, .unit_sites = 1};
    struct vitlrp_method_options method;
    TRY(vitlrp_method_options_init(&method, NEURONS_FIRST_ORDER, err));
    return vitlrp_session_inside(state->session, contrast->targets, contrast->count, &method,
                                 &inside, err);
}

/* ---- Those that are shown ---- */

static const float *scores_of(const struct neurons_result *result) {
    return result->choice->by == NEURONS_BY_DROP         ? result->first_order
           : result->choice->by == NEURONS_BY_ACTIVATION ? result->values.activation
                                                         : result->values.relevance;
}

static struct neurons_item item_of(const struct neurons_result *result, int32_t block,
                                   int32_t unit) {
    const struct vitlrp_unit_values *values = &result->values;
    size_t place = (size_t) block * (size_t) result->width + (size_t) unit;
    return (struct neurons_item){.unit = {result->choice->site, block, unit},
                                 .relevance = (double) values->relevance[place],
                                 .first_order = result->first_order == NULL
                                                    ? (double) NAN
                                                    : (double) result->first_order[place],
                                 .drop = NAN,
                                 .activation = (double) values->activation[place],
                                 .relevance_max = (double) values->relevance_max[place],
                                 .activation_max = (double) values->activation_max[place],
                                 .relevance_token = values->relevance_token[place],
                                 .activation_token = values->activation_token[place],
                                 .map_sum = NAN};
}

/* The units of a block that are shown; of a block without any, nothing is. */
static void add_items(struct neurons_result *out, int32_t block, int32_t *units) {
    const struct neurons_choice *choice = out->choice;
    size_t start = (size_t) block * (size_t) out->width;
    size_t count = choice->units != NULL
                       ? neurons_shown_of(choice, block, units)
                       : neurons_select(scores_of(out) + start, (size_t) out->width,
                                        choice->smallest, (size_t) choice->top, units);
    if (count == 0) {
        return;
    }
    out->blocks[out->block_count++] =
        (struct neurons_block){block, out->flow[block], out->item_count, count};
    for (size_t i = 0; i < count; i++) {
        out->items[out->item_count++] = item_of(out, block, units[i]);
    }
}

static enum vitlrp_status choose_items(struct neurons_result *out, struct vitlrp_error *err) {
    const struct neurons_choice *choice = out->choice;
    bool named = choice->units != NULL;
    size_t most =
        named ? choice->unit_count : (size_t) (choice->top < out->width ? choice->top : out->width);
    size_t blocks = named ? 1 : (size_t) out->depth;
    bool *wanted = mem_calloc((size_t) out->depth, sizeof *wanted);
    int32_t *units = mem_calloc(most, sizeof *units);
    enum vitlrp_status status = VITLRP_OK;
    out->items = mem_calloc(blocks, most * sizeof *out->items);
    if (wanted == NULL || units == NULL || out->items == NULL) {
        status = fail(err, VITLRP_NOMEM, "out of memory for the units of %d blocks", out->depth);
    } else {
        status = neurons_blocks_read(choice->blocks, out->depth, wanted, err);
    }
    for (int32_t block = out->depth - 1; status == VITLRP_OK && block >= 0; block--) {
        if (wanted[block]) {
            add_items(out, block, units);
        }
    }
    mem_free(units);
    mem_free(wanted);
    return status;
}

/* ---- Their drops ---- */

static double explained_of(const struct contrast *contrast, const float *logits) {
    double sum = 0.0;
    for (size_t i = 0; i < contrast->count; i++) {
        sum += (double) contrast->targets[i].weight * (double) logits[contrast->targets[i].output];
    }
    return sum;
}

static enum vitlrp_status take_drops(struct explain_session *state, const float *input,
                                     const struct contrast *contrast, struct neurons_result *out,
                                     struct vitlrp_error *err) {
    size_t outputs = prediction_outputs(&state->prediction);
    struct vitlrp_session_options options;
    struct vitlrp_unit *units = mem_calloc(out->item_count, sizeof *units);
    float *logits = mem_calloc(out->item_count, outputs * sizeof *logits);
    enum vitlrp_status status =
        units != NULL && logits != NULL
            ? session_choose(state->settings, state->model, out->input_height, out->input_width,
                             &options, err)
            : fail(err, VITLRP_NOMEM, "out of memory for the logits of %zu passes",
                   out->item_count);
    for (size_t i = 0; status == VITLRP_OK && i < out->item_count; i++) {
        units[i] = out->items[i].unit;
    }
    if (status == VITLRP_OK) {
        const struct vitlrp_unit_list list = {units, out->item_count};
        status = vitlrp_unit_effects(state->model, &options, input, &list, logits, err);
    }
    for (size_t i = 0; status == VITLRP_OK && i < out->item_count; i++) {
        out->items[i].drop = explained_of(contrast, state->prediction.logits) -
                             explained_of(contrast, logits + i * outputs);
    }
    mem_free(logits);
    mem_free(units);
    return status;
}

/* ---- Their maps ---- */

static enum vitlrp_status take_attention(struct explain_session *state, struct neurons_result *out,
                                         struct vitlrp_error *err) {
    out->attention = mem_calloc(unit_count(out), neurons_token_count(out) * sizeof *out->attention);
    return out->attention == NULL
               ? fail(err, VITLRP_NOMEM, "out of memory for the attention of %zu heads",
                      unit_count(out))
               : vitlrp_session_attention(state->session, out->attention, err);
}

/* Through each item alone, by the class. channels: [item_count, channels, pixels], or NULL. */
static enum vitlrp_status pass_through(struct explain_session *state,
                                       const struct contrast *contrast, float *channels,
                                       struct neurons_result *out, struct vitlrp_error *err) {
    size_t image = photo_channels(&state->preprocess) * pixel_count(out);
    struct vitlrp_unit_group *groups = mem_calloc(out->item_count, sizeof *groups);
    if (groups == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu units", out->item_count);
    }
    for (size_t i = 0; i < out->item_count; i++) {
        const struct vitlrp_unit *unit = &out->items[i].unit;
        groups[i] = (struct vitlrp_unit_group){
            .site = unit->site,
            .block = unit->block,
            .indices = &unit->index,
            .count = 1,
            .pixels = channels == NULL ? NULL : channels + i * image,
            .patches = out->patches == NULL ? NULL : out->patches + i * patch_count(out)};
    }
    const struct vitlrp_conditional conditional = {
        .seed = VITLRP_SEED_CLASS, .groups = groups, .group_count = out->item_count};
    enum vitlrp_status status =
        vitlrp_session_conditional(state->session, contrast->targets, contrast->count,
                                   &state->settings->method, &conditional, err);
    for (size_t i = 0; status == VITLRP_OK && i < out->item_count; i++) {
        out->items[i].map_sum = groups[i].sum;
    }
    mem_free(groups);
    return status;
}

/* Of many units at the pixels: refused before it is taken. */
static enum vitlrp_status check_room(const struct explain_session *state,
                                     const struct neurons_result *result,
                                     struct vitlrp_error *err) {
    size_t room = limits_memory(&state->settings->limits, machine_room().with_swap);
    size_t floats = (photo_channels(&state->preprocess) + 1) * pixel_count(result);
    size_t bytes = 0;
    if (checked_mul(&bytes, result->item_count, floats * sizeof(float)) && bytes <= room) {
        return VITLRP_OK;
    }
    enum vitlrp_status status =
        fail(err, VITLRP_LIMIT,
             "%zu maps of %d x %d pixels need %.1f MB of memory, the limit is %.1f MB: show fewer "
             "units, or their maps of patches",
             result->item_count, result->input_width, result->input_height,
             (double) result->item_count * (double) floats * sizeof(float) / MEGABYTE,
             (double) room / MEGABYTE);
    return error_topic(err, status, VITLRP_TOPIC_LIMITS);
}

static enum vitlrp_status take_maps(struct explain_session *state, const struct contrast *contrast,
                                    const struct neurons_maps *maps, struct neurons_result *out,
                                    struct vitlrp_error *err) {
    size_t channel_count = photo_channels(&state->preprocess);
    size_t pixels = pixel_count(out);
    float *channels = NULL;
    if (maps->patches) {
        out->patches = mem_calloc(out->item_count, patch_count(out) * sizeof *out->patches);
    }
    if (maps->pixels) {
        TRY(check_room(state, out, err));
        out->pixels = mem_calloc(out->item_count, pixels * sizeof *out->pixels);
        channels = mem_calloc(out->item_count, channel_count * pixels * sizeof *channels);
    }
    enum vitlrp_status status =
        (maps->patches && out->patches == NULL) ||
                (maps->pixels && (out->pixels == NULL || channels == NULL))
            ? fail(err, VITLRP_NOMEM, "out of memory for %zu maps", out->item_count)
            : pass_through(state, contrast, channels, out, err);
    for (size_t i = 0; status == VITLRP_OK && maps->pixels && i < out->item_count; i++) {
        photo_sum_channels(&state->preprocess, channels + i * channel_count * pixels, pixels,
                           out->pixels + i * pixels);
    }
    mem_free(channels);
    return status;
}

static enum vitlrp_status compute(struct explain_session *state, struct explanation *explanation,
                                  const struct contrast *contrast, const struct neurons_maps *maps,
                                  struct neurons_result *out, struct vitlrp_error *err) {
    TRY(allocate(state, out, err));
    pass_watch_begin(&state->watch, explanation->settings->method_info.name, 0.0);
    enum vitlrp_status status = take_values(state, explanation, contrast, out, err);
    if (status == VITLRP_OK && out->choice->wants_first_order) {
        status = take_first_order(state, contrast, out, err);
    }
    if (status == VITLRP_OK) {
        status = choose_items(out, err);
    }
    if (status == VITLRP_OK && (maps->patches || maps->pixels)) {
        status = take_maps(state, contrast, maps, out, err);
    }
    if (status == VITLRP_OK && maps->attention) {
        status = take_attention(state, out, err);
    }
    pass_watch_end(&state->watch);
    if (status == VITLRP_OK && out->choice->wants_drops) {
        status = take_drops(state, explanation->photo->input, contrast, out, err);
    }
    return status;
}

enum vitlrp_status neurons_compute(struct explain_session *state, struct explanation *explanation,
                                   const struct neurons_choice *choice,
                                   const struct neurons_maps *maps, struct neurons_result *out,
                                   struct vitlrp_error *err) {
    struct contrast contrast;
    *out = (struct neurons_result){.choice = choice};
    TRY(contrast_open(explanation, &contrast, err));
    enum vitlrp_status status = compute(state, explanation, &contrast, maps, out, err);
    contrast_close(&contrast);
    return status;
}

/* ---- What they mean ---- */

double neurons_share(const struct explanation *explanation, double relevance) {
    return relevance / explanation->explained;
}

struct neurons_ways neurons_ways_of(enum vitlrp_site site, const struct vitlrp_block_flow *flow) {
    double between = flow->attention_branch + flow->attention_shortcut;
    switch (site) {
    case VITLRP_SITE_HEAD:
        return (struct neurons_ways){flow->attention_branch, flow->attention_shortcut,
                                     between - flow->entering};
    case VITLRP_SITE_STREAM:
        return (struct neurons_ways){flow->leaving, 0.0, flow->leaving - flow->entering};
    case VITLRP_SITE_FC1:
    default:
        return (struct neurons_ways){flow->mlp_branch, flow->mlp_shortcut,
                                     flow->mlp_branch + flow->mlp_shortcut - between};
    }
}

void neurons_token_name(const struct neurons_result *result, int32_t token,
                        char out[NEURONS_TOKEN_LIMIT]) {
    int32_t patch = token - result->prefix;
    int32_t first_register = result->prefix - result->registers;
    if (patch >= 0) {
        snprintf(out, NEURONS_TOKEN_LIMIT, "patch %d,%d", patch / result->grid_width,
                 patch % result->grid_width);
    } else if (token >= first_register) {
        snprintf(out, NEURONS_TOKEN_LIMIT, "register %d", token - first_register);
    } else {
        snprintf(out, NEURONS_TOKEN_LIMIT, "%s", token == 0 ? "CLS" : "distillation");
    }
}

void neurons_prefix_name(const struct neurons_result *result, char out[NEURONS_TOKEN_LIMIT]) {
    int32_t first_register = result->prefix - result->registers;
    snprintf(out, NEURONS_TOKEN_LIMIT, "%s%s%s%s", first_register > 0 ? "CLS" : "",
             first_register > 1 ? ", distillation" : "",
             first_register > 0 && result->registers > 0 ? ", " : "",
             result->registers > 0 ? "registers" : "");
}
