#include "concepts_item.h"

#include <string.h>

#include "base/file.h"
#include "base/formats.h"
#include "base/mem.h"
#include "base/settings_json.h"
#include "base/unit_index_image.h"
#include "cli/batch/batch_line.h"
#include "cli/explanation.h"
#include "cli/names.h"

#define LINE_LIMIT ((size_t) 1 << 20)

void concepts_shape(const struct vitlrp_model *model, const struct concepts_choice *choice,
                    size_t images, struct unit_index_shape *out) {
    struct vitlrp_model_info info;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(model, &info);
    *out = (struct unit_index_shape){.blocks = (size_t) info.depth,
                                     .width = (size_t) vitlrp_model_site_width(model, choice->site),
                                     .parts = unit_index_parts(choice->site, info.dim, info.heads),
                                     .keep = (size_t) choice->keep,
                                     .images = images,
                                     .kinds = choice->kinds,
                                     .classes = choice->class_sums ? (size_t) info.classes : 0};
}

/* ---- Values ---- */

enum vitlrp_status concepts_values_open(const struct unit_index_shape *shape,
                                        const struct concepts_choice *choice,
                                        struct concepts_values *out, struct vitlrp_error *err) {
    size_t count = unit_index_units(shape);
    *out = (struct concepts_values){.shape = *shape, .statistic = choice->statistic};
    struct vitlrp_unit_values *units = &out->units;
    units->site = choice->site;
    units->relevance = mem_calloc(count, sizeof *units->relevance);
    units->relevance_max = mem_calloc(count, sizeof *units->relevance_max);
    units->relevance_token = mem_calloc(count, sizeof *units->relevance_token);
    units->activation_max = mem_calloc(count, sizeof *units->activation_max);
    units->activation_token = mem_calloc(count, sizeof *units->activation_token);
    units->activation_mean = mem_calloc(count, 2 * sizeof *units->activation_mean);
    units->column_mean = mem_calloc(unit_index_part_sums(shape), sizeof *units->column_mean);
    out->flow = mem_calloc(shape->blocks, sizeof *out->flow);
    bool complete = units->relevance != NULL && units->relevance_max != NULL &&
                    units->relevance_token != NULL && units->activation_max != NULL &&
                    units->activation_token != NULL && units->activation_mean != NULL &&
                    units->column_mean != NULL && out->flow != NULL;
    return complete ? VITLRP_OK
                    : fail(err, VITLRP_NOMEM, "out of memory for the values of %zu units", count);
}

void concepts_values_close(struct concepts_values *values) {
    struct vitlrp_unit_values *units = &values->units;
    mem_free(units->relevance);
    mem_free(units->relevance_max);
    mem_free(units->relevance_token);
    mem_free(units->activation_max);
    mem_free(units->activation_token);
    mem_free(units->activation_mean);
    mem_free(units->column_mean);
    mem_free(values->flow);
    *values = (struct concepts_values){0};
}

/* ---- The image ---- */

static enum vitlrp_status read_image(struct concepts_item *item, struct explain_session *state,
                                     struct vitlrp_error *err) {
    struct batch_item *of = &item->item;
    const struct settings *settings = state->settings;
    TRY(file_read(of->image.path, settings->image.limits.max_file_bytes, &of->bytes, err));
    TRY(sha256_bytes(of->bytes.data, of->bytes.size, of->sha256, err));
    TRY(photo_decode(of->bytes.data, of->bytes.size, &state->preprocess, &settings->image,
                     &item->photo, err));
    bytes_free(&of->bytes);
    return VITLRP_OK;
}

static bool has_relevance(const struct concepts_values *values) {
    return unit_index_keeps(&values->shape, UNIT_INDEX_RELEVANCE);
}

/* Without relevance the forward pass is all there is. */
static enum vitlrp_status see_image(struct concepts_item *item, struct explain_session *state,
                                    struct concepts_values *values, struct vitlrp_error *err) {
    const struct vitlrp_geometry *geometry = &item->photo.geometry;
    state->units = has_relevance(values) ? NULL : &values->units;
    TRY(explain_session_fit(state, geometry->input_height, geometry->input_width, err));
    TRY(explain_forward(state, item->photo.input, err));
    TRY(prediction_rank(&state->prediction, state->model, err));
    const struct class_image image = {state->model, &state->prediction, item->item.image.label};
    struct class_taken taken;
    TRY(class_choice_take(&state->choice, &image, 0, &taken, err));
    item->target = taken.target;
    return VITLRP_OK;
}

static enum vitlrp_status fill_values(const struct concepts_item *item,
                                      struct explain_session *state, struct concepts_values *values,
                                      struct vitlrp_error *err) {
    const struct vitlrp_target target = {.output = item->target.output, .weight = 1.0F};
    struct vitlrp_unit_values *units = &values->units;
    struct vitlrp_inside inside = {.units = units, .unit_sites = 1, .flow = values->flow};
    TRY(vitlrp_session_inside(state->session, &target, 1, &state->settings->method, &inside, err));
    unit_index_shares(&values->shape, units, values->statistic == CONCEPTS_MAX, units->relevance);
    return VITLRP_OK;
}

static enum vitlrp_status explain_item(struct concepts_item *item, struct explain_session *state,
                                       struct concepts_values *values, struct vitlrp_error *err) {
    TRY(read_image(item, state, err));
    TRY(see_image(item, state, values, err));
    return has_relevance(values) ? fill_values(item, state, values, err) : VITLRP_OK;
}

/* A failure of the kind that every image would meet, with the image's name in front. */
static enum vitlrp_status forward_failure(const struct batch_item *item, struct vitlrp_error *err) {
    const char *message = batch_item_message(item);
    enum vitlrp_status status = error_forward(err, &item->err);
    memcpy(err->message, message, strlen(message) + 1);
    return error_prefix(err, status, item->image.id);
}

enum vitlrp_status concepts_item_explain(struct concepts_item *item, const struct batch_plan *plan,
                                         struct explain_session *state,
                                         struct concepts_values *values, struct vitlrp_error *err) {
    struct batch_item *of = &item->item;
    of->status = explain_item(item, state, values, &of->err);
    bytes_free(&of->bytes);
    if (of->status == VITLRP_IO && batch_plan_is_gone(plan)) {
        return error_prefix(err, fail(err, VITLRP_IO, "the dataset is no longer there"),
                            plan->choice->dataset);
    }
    return of->status == VITLRP_CANCELLED || error_is_systemic(of->status, &of->err)
               ? forward_failure(of, err)
               : VITLRP_OK;
}

struct unit_index_image concepts_item_image(const struct concepts_item *item,
                                            const struct concepts_values *values) {
    struct unit_index_image image =
        unit_index_image_of(&values->shape, &values->units, values->units.relevance);
    image.image = (uint32_t) item->item.image.index;
    image.target = (uint32_t) item->target.index;
    image.output = (size_t) item->target.output;
    return image;
}

/* ---- Its line ---- */

static void set_results(json_t *line, const struct concepts_item *item,
                        const struct explain_session *state, const struct concepts_values *values,
                        bool *complete) {
    int32_t output = item->target.output;
    const struct unit_index_results results = {
        .warning = photo_warning(&item->photo),
        .target = {.index = item->target.index,
                   .wnid = item->target.wnid,
                   .label = item->target.label,
                   .probability = state->prediction.probability[output]},
        .logit = state->prediction.logits[output],
        .site = values->units.site,
        .flow = has_relevance(values) ? values->flow : NULL,
        .blocks = values->shape.blocks};
    batch_set_prediction(line, state, complete);
    unit_index_set_results(line, &results, complete);
}

static json_t *line_begin(const struct batch_line_head *head, bool *complete) {
    json_t *line = batch_line_begin(head, complete);
    json_set(line, "format", json_string(FORMAT_CONCEPTS_IMAGE), complete);
    return line;
}

/* Takes the line; *out is owned. */
static enum vitlrp_status line_end(json_t *line, bool complete, struct text *out,
                                   struct vitlrp_error *err) {
    *out = (struct text){.limit = LINE_LIMIT};
    json_append(out, line, 0);
    text_append_string(out, "\n");
    json_decref(line);
    return complete ? text_check(out, "the results of an image", err)
                    : fail(err, VITLRP_NOMEM, "out of memory for the results of an image");
}

enum vitlrp_status concepts_line_open(const struct vitlrp_dataset_image *image, const char *method,
                                      struct text *out, struct vitlrp_error *err) {
    bool complete = true;
    json_t *line = line_begin(
        &(struct batch_line_head){
            .image = image, .status = "open", .sha256 = "", .label = -1, .method = method},
        &complete);
    return line_end(line, complete, out, err);
}

enum vitlrp_status concepts_item_end(struct concepts_item *item,
                                     const struct explain_session *state,
                                     const struct concepts_values *values,
                                     struct vitlrp_error *err) {
    struct batch_item *of = &item->item;
    bool done = of->status == VITLRP_OK;
    struct vitlrp_class label = {0};
    bool labelled = of->image.label >= 0 &&
                    vitlrp_model_class(state->model, of->image.label, &label, NULL) == VITLRP_OK;
    bool complete = true;
    const struct batch_line_head head = {.image = &of->image,
                                         .status = done ? "ok" : vitlrp_status_name(of->status),
                                         .sha256 = of->sha256,
                                         .label = labelled ? label.index : -1,
                                         .method = state->settings->method_info.name};
    json_t *line = line_begin(&head, &complete);
    if (done) {
        set_results(line, item, state, values, &complete);
    } else {
        json_set(line, "message", json_text(batch_item_message(of)), &complete);
    }
    of->state = done ? JOURNAL_DONE : JOURNAL_FAILED;
    return line_end(line, complete, &of->line, err);
}

void concepts_item_free(struct concepts_item *item) {
    photo_close(&item->photo);
    batch_item_free(&item->item);
}
