#include "neurons_report.h"

#include <math.h>
#include <string.h>

#include "base/formats.h"
#include "base/naming.h"
#include "base/settings_json.h"
#include "base/words.h"
#include "cli/contrast.h"
#include "cli/outputs.h"
#include "cli/unedited.h"
#include "neurons_references.h"

/* ---- For people ---- */

void neurons_ways_append(const struct neurons_result *result, const struct explanation *explanation,
                         const struct neurons_block *block, struct text *out) {
    enum vitlrp_site site = result->choice->site;
    const struct neurons_ways ways = neurons_ways_of(site, &block->flow);
    double branch = 100.0 * neurons_share(explanation, ways.branch);
    double absorbed = 100.0 * neurons_share(explanation, ways.absorbed);
    if (site == VITLRP_SITE_STREAM) {
        text_printf(out, "%.1f %% leaves it, %.1f %% absorbed in it", branch, absorbed);
        return;
    }
    if (isnan(branch)) { /* both branches are added at once */
        text_printf(out, "%.1f %% leaves it, %.1f %% enters it",
                    100.0 * neurons_share(explanation, block->flow.leaving),
                    100.0 * neurons_share(explanation, block->flow.entering));
        return;
    }
    text_printf(out, "%.1f %% through the %s, %.1f %% past it, %.1f %% absorbed", branch,
                site == VITLRP_SITE_HEAD ? "attention" : "MLP",
                100.0 * neurons_share(explanation, ways.shortcut), absorbed);
}

static bool knows_change(const struct neurons_item *item) {
    return !isnan(item->drop) || !isnan(item->first_order);
}

/* "  without it: logit -0.245 (first order -0.221)" */
static void append_change(const struct explanation *explanation, const struct neurons_item *item,
                          struct text *out) {
    text_printf(out, "  without it: %s ",
                explanation->has_versus ? "difference" : explanation_unit(explanation));
    if (isnan(item->drop)) {
        text_printf(out, "%+.3f to first order", 0.0 - item->first_order);
        return;
    }
    text_printf(out, "%+.3f", 0.0 - item->drop);
    if (!isnan(item->first_order)) {
        text_printf(out, " (first order %+.3f)", 0.0 - item->first_order);
    }
}

static void append_item(const struct neurons_result *result, const struct explanation *explanation,
                        const struct neurons_item *item, struct text *out) {
    char name[VITLRP_UNIT_NAME];
    char token[NEURONS_TOKEN_LIMIT];
    vitlrp_unit_name(&item->unit, name);
    neurons_token_name(result, item->activation_token, token);
    text_printf(out, "  %-14s %+6.1f %%  %8.3g at %-*s", name,
                100.0 * neurons_share(explanation, item->relevance), item->activation_max,
                knows_change(item) ? 12 : 0, token);
    if (knows_change(item)) {
        append_change(explanation, item, out);
    }
    text_append_string(out, "\n");
}

/* Images that are named. */
#define NAMED 3

/* "      most relevant in val/1.jpg (koala), val/7.jpg (koala)" */
static void append_row(const struct neurons_row *row, const char *what, struct text *out) {
    for (size_t i = 0; i < row->count && i < NAMED; i++) {
        const struct vitlrp_concept_reference *image = &row->images[i];
        char name[240];
        text_escape_name(name, sizeof name, image->id);
        text_printf(out, i == 0 ? "      %s " : ", ", what);
        text_printf(out, "%s (", name);
        class_name_append(out, image->label, image->target);
        text_append_string(out, ")");
    }
    text_append_string(out, row->count > 0 ? "\n" : "");
}

static void append_references(const struct neurons_result *result, size_t item, struct text *out) {
    if (result->references != NULL) {
        const struct neurons_row relevant =
            neurons_references_row(result->references, item, VITLRP_CONCEPT_RELEVANCE);
        const struct neurons_row active =
            neurons_references_row(result->references, item, VITLRP_CONCEPT_ACTIVATION);
        append_row(&relevant, "most relevant in", out);
        append_row(&active, "most active in", out);
    }
}

/* An index may keep images of one kind alone. */
static void append_missing(const struct neurons_result *result, struct text *out) {
    const struct neurons_references *references = result->references;
    for (int kind = 0; references != NULL && kind < NEURONS_KINDS; kind++) {
        if ((references->info.kinds & VITLRP_CONCEPT_KIND_BIT(kind)) == 0) {
            char shown[200];
            text_escape_name(shown, sizeof shown, references->info.folder);
            text_printf(out, "%s keeps no images by %s\n", shown,
                        word_of(WORDS_CONCEPT_KIND, kind));
        }
    }
}

void neurons_report_append(const struct neurons_result *result,
                           const struct explanation *explanation, struct text *out) {
    for (size_t b = 0; b < result->block_count; b++) {
        const struct neurons_block *block = &result->blocks[b];
        text_printf(out, "block %d: ", block->block);
        neurons_ways_append(result, explanation, block, out);
        text_append_string(out, "\n");
        for (size_t i = 0; i < block->count; i++) {
            append_item(result, explanation, &result->items[block->first + i], out);
            append_references(result, block->first + i, out);
        }
    }
    append_missing(result, out);
    if (result->block_count > 1) {
        text_append_string(out, "blocks are in series: what leaves one enters the next, so shares "
                                "of different blocks do not add up\n");
    }
}

/* ---- For programs ---- */

static json_t *json_token(const struct neurons_result *result, int32_t token) {
    char name[NEURONS_TOKEN_LIMIT];
    neurons_token_name(result, token, name);
    return json_string(name);
}

static json_t *json_row(const struct neurons_row *row, bool *complete) {
    json_t *list = json_array();
    for (size_t i = 0; i < row->count; i++) {
        const struct vitlrp_concept_reference *image = &row->images[i];
        json_t *object = json_object();
        json_set(object, "image", json_integer((json_int_t) image->image), complete);
        json_set(object, "path", json_text(image->path), complete);
        json_set(object, "image_sha256", json_string(image->sha256), complete);
        json_set(object, "score", json_number((double) image->score), complete);
        json_set(object, "token", json_integer(image->token), complete);
        json_set(object, "class", json_integer(image->target), complete);
        json_set(object, "name", json_text(image->label), complete);
        json_add(list, object, complete);
    }
    return list;
}

static void set_references(json_t *object, const struct neurons_result *result, size_t item,
                           bool *complete) {
    static const char *const KEYS[NEURONS_KINDS] = {"most_relevant", "most_active"};
    for (int kind = 0; result->references != NULL && kind < NEURONS_KINDS; kind++) {
        const struct neurons_row row =
            neurons_references_row(result->references, item, (enum vitlrp_concept_kind) kind);
        json_set(object, KEYS[kind], json_row(&row, complete), complete);
    }
}

static json_t *json_kinds(uint32_t kinds, bool *complete) {
    json_t *list = json_array();
    for (int kind = 0; kind < NEURONS_KINDS; kind++) {
        if ((kinds & VITLRP_CONCEPT_KIND_BIT(kind)) != 0) {
            json_add(list, json_string(word_of(WORDS_CONCEPT_KIND, kind)), complete);
        }
    }
    return list;
}

/* What the references are of. */
static json_t *json_index(const struct vitlrp_concepts_info *info, bool *complete) {
    json_t *object = json_object();
    json_set(object, "folder", json_text(info->folder), complete);
    json_set(object, "dataset", json_text(info->dataset), complete);
    json_set(object, "images", json_integer((json_int_t) info->images), complete);
    json_set(object, "method", json_string(info->method), complete);
    json_set(object, "statistic", json_string(info->statistic), complete);
    json_set(object, "kinds", json_kinds(info->kinds, complete), complete);
    return object;
}

static json_t *json_item(const struct neurons_result *result, const struct explanation *explanation,
                         size_t place, bool *complete) {
    const struct neurons_item *item = &result->items[place];
    char name[VITLRP_UNIT_NAME];
    json_t *object = json_object();
    vitlrp_unit_name(&item->unit, name);
    json_set(object, "unit", json_string(name), complete);
    json_set(object, "index", json_integer(item->unit.index), complete);
    json_set(object, "relevance", json_number(item->relevance), complete);
    json_set(object, "share", json_number(neurons_share(explanation, item->relevance)), complete);
    json_set(object, "relevance_max", json_number(item->relevance_max), complete);
    json_set(object, "relevance_token", json_integer(item->relevance_token), complete);
    json_set(object, "relevance_at", json_token(result, item->relevance_token), complete);
    json_set(object, "activation", json_number(item->activation), complete);
    json_set(object, "activation_max", json_number(item->activation_max), complete);
    json_set(object, "activation_token", json_integer(item->activation_token), complete);
    json_set(object, "activation_at", json_token(result, item->activation_token), complete);
    json_set(object, "drop", json_number(item->drop), complete);
    json_set(object, "first_order_drop", json_number(item->first_order), complete);
    json_set(object, "map_sum", json_number(item->map_sum), complete);
    set_references(object, result, place, complete);
    return object;
}

static void set_flow(json_t *object, const struct vitlrp_block_flow *flow, bool *complete) {
    json_set(object, "leaving", json_number(flow->leaving), complete);
    json_set(object, "mlp_branch", json_number(flow->mlp_branch), complete);
    json_set(object, "mlp_shortcut", json_number(flow->mlp_shortcut), complete);
    json_set(object, "mlp_hidden", json_number(flow->mlp_hidden), complete);
    json_set(object, "attention_branch", json_number(flow->attention_branch), complete);
    json_set(object, "attention_shortcut", json_number(flow->attention_shortcut), complete);
    json_set(object, "heads", json_number(flow->heads), complete);
    json_set(object, "entering", json_number(flow->entering), complete);
}

static json_t *json_blocks(const struct neurons_result *result,
                           const struct explanation *explanation, bool *complete) {
    json_t *list = json_array();
    for (size_t b = 0; b < result->block_count; b++) {
        const struct neurons_block *block = &result->blocks[b];
        json_t *object = json_object();
        json_t *units = json_array();
        json_set(object, "block", json_integer(block->block), complete);
        set_flow(object, &block->flow, complete);
        for (size_t i = 0; i < block->count; i++) {
            json_add(units, json_item(result, explanation, block->first + i, complete), complete);
        }
        json_set(object, "units", units, complete);
        json_add(list, object, complete);
    }
    return list;
}

static void set_target(json_t *object, const struct explanation *explanation, bool *complete) {
    const struct prediction *prediction = explanation->prediction;
    const struct vitlrp_class *target = &explanation->target;
    json_set(object, "class", json_integer(target->index), complete);
    json_set(object, "wnid", json_text(target->wnid), complete);
    json_set(object, "name", json_text(target->label), complete);
    if (explanation->has_versus) {
        json_set(object, "versus", json_versus(&explanation->versus), complete);
        json_set(object, "versus_logit", json_number(contrast_logit(explanation)), complete);
    }
    if (explanation->before != NULL) {
        json_set(object, "before", unedited_json(explanation, complete), complete);
    }
    json_set(object, "logit", json_number(prediction->logits[target->output]), complete);
    json_set(object, "probability", json_number(prediction->probability[target->output]), complete);
    json_set(object, "explained", json_number(explanation->explained), complete);
    json_set(object, "relevance_sum", json_number(explanation->sum), complete);
    json_set_method(object, explanation, complete);
}

static void set_units(json_t *object, const struct neurons_result *result,
                      const struct explanation *explanation, bool *complete) {
    static const char *const BY[] = {"relevance", "drop", "activation"};
    json_set(object, "site", json_string(word_of(WORDS_SITE, result->choice->site)), complete);
    json_set(object, "width", json_integer(result->width), complete);
    json_set(object, "by",
             json_string(result->choice->units != NULL ? "name" : BY[result->choice->by]),
             complete);
    json_set(object, "smallest", json_boolean(result->choice->smallest), complete);
    json_set(object, "prefix_tokens", json_integer(result->prefix), complete);
    json_set(object, "grid", json_pack("[ii]", result->grid_height, result->grid_width), complete);
    if (result->references != NULL) {
        json_set(object, "concepts", json_index(&result->references->info, complete), complete);
    }
    json_set(object, "blocks", json_blocks(result, explanation, complete), complete);
}

enum vitlrp_status neurons_record(const struct neurons_result *result,
                                  const struct explanation *explanation, json_t **out,
                                  struct vitlrp_error *err) {
    bool complete = true;
    json_t *object = json_object();
    json_record_begin(object, explanation, FORMAT_NEURONS, &complete);
    set_target(object, explanation, &complete);
    set_units(object, result, explanation, &complete);
    json_record_end(object, explanation, &complete);
    if (!complete) {
        json_decref(object);
        return fail(err, VITLRP_NOMEM, "out of memory for the record of hidden units");
    }
    *out = object;
    return VITLRP_OK;
}
