#include "batch_item.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/npy.h"
#include "batch_line.h"
#include "batch_plan.h"
#include "cli/explain_session.h"
#include "cli/explanation.h"
#include "cli/names.h"

#define LINE_LIMIT ((size_t) 1 << 28)

/* What an image's explanation needs at every step. */
struct passage {
    struct batch_item *item;
    const struct batch_choice *choice;
    struct explain_session *state;
    struct explanation explanation;
    struct photo photo;
    struct text stem;   /* owned */
    struct text json;   /* owned: of --write json */
    json_t *first;      /* owned: members of the line for the first class */
    json_t *further;    /* owned: the same of the others, as a list */
    json_t *difference; /* owned: of two classes of a list; NULL of others */
    json_t *record;     /* owned: of --write json, of the classes of a list; NULL of others */
    json_t *files;      /* of the class at hand; belongs to its object */
    json_t *sizes;      /* theirs; likewise */
};

static void free_memory(void *data) {
    mem_free(data);
}

/* Takes the output's data over, failing or not, and gives it its path. */
static enum vitlrp_status add_output(struct passage *passage, enum batch_file file,
                                     int32_t class_index, struct batch_output output,
                                     struct vitlrp_error *err) {
    struct batch_item *item = passage->item;
    struct text path = {.limit = NAME_LIMIT};
    const char *folder = batch_file_folder(file);
    text_printf(&path, "%s%s%s", folder, folder[0] == '\0' ? "" : "/", passage->stem.data);
    batch_append_suffix(&path, file, class_index);
    if (item->output_count == item->output_capacity) {
        size_t capacity = 2 * item->output_capacity + BATCH_FILES;
        struct batch_output *grown = mem_resize(item->outputs, capacity, sizeof *grown);
        item->outputs = grown != NULL ? grown : item->outputs;
        item->output_capacity = grown != NULL ? capacity : item->output_capacity;
    }
    json_t *shown = path.failed ? NULL : json_text(path.data);
    if (item->output_count == item->output_capacity || shown == NULL ||
        json_array_append_new(passage->files, shown) != 0 ||
        json_array_append_new(passage->sizes, json_integer((json_int_t) output.size)) != 0) {
        output.release(output.data);
        text_free(&path);
        return fail(err, VITLRP_NOMEM, "out of memory for the results of an image");
    }
    output.path = path.data;
    item->outputs[item->output_count++] = output;
    return VITLRP_OK;
}

static enum vitlrp_status add_array(struct passage *passage, enum batch_file file,
                                    int32_t class_index, const struct npy_view *array,
                                    struct vitlrp_error *err) {
    struct bytes bytes = {0};
    if (!passage->choice->writes[file]) {
        return VITLRP_OK;
    }
    TRY(npy_encode_float32(array->values, array->rank, array->shape, &bytes, err));
    struct batch_output output = {NULL, bytes.data, bytes.size, free_memory};
    return add_output(passage, file, class_index, output, err);
}

static enum vitlrp_status add_picture(struct passage *passage, enum batch_file file,
                                      int32_t class_index, enum vitlrp_picture_format format,
                                      struct vitlrp_error *err) {
    unsigned char *data = NULL;
    size_t size = 0;
    if (!passage->choice->writes[file]) {
        return VITLRP_OK;
    }
    passage->state->outputs.picture_format = format;
    TRY(explain_render(passage->state, &passage->explanation, &data, &size, err));
    return add_output(passage, file, class_index,
                      (struct batch_output){NULL, data, size, vitlrp_free}, err);
}

/* For the contact sheet. Belongs to the class whose lists are at hand. */
static enum vitlrp_status add_thumbnail(struct passage *passage, enum batch_file file,
                                        int32_t class_index, struct vitlrp_error *err) {
    const struct explain_session *state = passage->state;
    const struct vitlrp_map map = {state->map, state->map_height, state->map_width,
                                   &passage->photo.geometry};
    unsigned char *data = NULL;
    size_t size = 0;
    TRY(vitlrp_thumbnail(passage->photo.image, file == BATCH_PHOTO ? NULL : &map,
                         &state->settings->render, &data, &size, err));
    return add_output(passage, file, class_index,
                      (struct batch_output){NULL, data, size, vitlrp_free}, err);
}

/* The photograph is listed with the first class. */
static enum vitlrp_status add_thumbnails(struct passage *passage, json_t *of_class,
                                         int32_t class_index, struct vitlrp_error *err) {
    bool complete = true;
    if (!batch_choice_writes(passage->choice, BATCH_THUMB)) {
        return VITLRP_OK;
    }
    json_set(of_class, "thumbnails", json_array(), &complete);
    json_set(of_class, "thumbnail_bytes", json_array(), &complete);
    passage->files = json_object_get(of_class, "thumbnails");
    passage->sizes = json_object_get(of_class, "thumbnail_bytes");
    if (!complete) {
        return fail(err, VITLRP_NOMEM, "out of memory for the results of an image");
    }
    if (of_class == passage->first) {
        TRY(add_thumbnail(passage, BATCH_PHOTO, -1, err));
    }
    return add_thumbnail(passage, BATCH_THUMB, class_index, err);
}

/* What explain --json says, less the times, which no two runs share. */
static enum vitlrp_status add_json_line(struct passage *passage, bool several,
                                        struct vitlrp_error *err) {
    json_t *object = NULL;
    if (!passage->choice->writes[BATCH_JSON]) {
        return VITLRP_OK;
    }
    if (passage->state->choice.count > 1) {
        return json_report_add(&passage->explanation, &passage->record, err);
    }
    TRY(json_report(&passage->explanation, &object, err));
    json_object_del(object, "timing_ms");
    json_append(&passage->json, object, several ? 0 : 2);
    text_append_string(&passage->json, "\n");
    json_decref(object);
    return text_check(&passage->json, "the JSON report", err);
}

/* The members of a line that belong to a class. */
static json_t *describe_class(const struct explanation *explanation, bool *complete) {
    const struct prediction *prediction = explanation->prediction;
    const struct vitlrp_class *target = &explanation->target;
    json_t *object = json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:[], s:[]}", "class", target->index,
                               "wnid", json_text(target->wnid), "name", json_text(target->label),
                               "probability", json_number(prediction->probability[target->output]),
                               "logit", json_number(prediction->logits[target->output]),
                               "relevance_sum", json_number(explanation->sum), "files", "bytes");
    if (explanation->before != NULL) {
        json_set(object, "before", unedited_json(explanation, complete), complete);
    }
    return object;
}

static enum vitlrp_status explain_one(struct passage *passage, bool several,
                                      struct vitlrp_error *err) {
    struct explain_session *state = passage->state;
    const size_t shape[2] = {(size_t) state->map_height, (size_t) state->map_width};
    int32_t class_index = several ? passage->explanation.target.index : -1;
    bool complete = true;
    TRY(explain_relevance(state, &passage->explanation, err));
    json_t *object = describe_class(&passage->explanation, &complete);
    json_set(object, "coarse", batch_line_coarse(state->map, state->map_height, state->map_width),
             &complete);
    json_t *list = passage->first == NULL ? NULL : passage->further;
    passage->files = json_object_get(object, "files");
    passage->sizes = json_object_get(object, "bytes");
    if (passage->first == NULL) {
        passage->first = object;
    } else if (json_array_append_new(list, object) != 0) {
        object = NULL;
    }
    if (object == NULL || !complete) {
        return fail(err, VITLRP_NOMEM, "out of memory for the results of an image");
    }
    TRY(add_picture(passage, BATCH_PNG, class_index, VITLRP_PICTURE_PNG, err));
    TRY(add_picture(passage, BATCH_JPG, class_index, VITLRP_PICTURE_JPEG, err));
    TRY(add_array(passage, BATCH_RAW, class_index, &(struct npy_view){state->map, 2, shape}, err));
    TRY(add_json_line(passage, several, err));
    return add_thumbnails(passage, object, class_index, err);
}

/* The class at place `rank` of those to explain; *skip: of several, the one of --versus. */
static enum vitlrp_status choose_target(struct passage *passage, int32_t rank, bool *skip,
                                        struct vitlrp_error *err) {
    const struct class_choice *choice = &passage->state->choice;
    struct explanation *explanation = &passage->explanation;
    const struct class_image image =
        explain_class_image(passage->state, passage->item->image.label);
    struct class_taken taken;
    TRY(class_choice_take(choice, &image, rank, &taken, err));
    explanation->target = taken.target;
    explanation->versus = taken.versus;
    explanation->has_versus = choice->has_versus;
    *skip = taken.again;
    bool is_versus = choice->has_versus && explanation->target.output == explanation->versus.output;
    if (is_versus && class_choice_ranks(choice) == 1) {
        return fail(err, VITLRP_MISMATCH, "its class %d is the one of --versus",
                    explanation->versus.index);
    }
    *skip = *skip || is_versus;
    return VITLRP_OK;
}

static enum vitlrp_status take_difference(struct passage *passage, struct vitlrp_error *err) {
    struct class_pair pair;
    TRY(explain_pair(passage->state, passage->item->image.label, &pair, err));
    passage->difference = json_difference(&pair);
    return passage->difference != NULL
               ? VITLRP_OK
               : fail(err, VITLRP_NOMEM, "out of memory for the results of an image");
}

static enum vitlrp_status explain_classes(struct passage *passage, struct vitlrp_error *err) {
    int32_t classes = class_choice_ranks(&passage->state->choice);
    for (int32_t rank = 0; rank < classes; rank++) {
        bool skip = false;
        TRY(choose_target(passage, rank, &skip, err));
        if (!skip) {
            TRY(explain_one(passage, classes > 1, err));
        }
    }
    return passage->state->choice.count == 2 ? take_difference(passage, err) : VITLRP_OK;
}

/* Of the classes of a list, which is one object. */
static enum vitlrp_status end_record(struct passage *passage, struct vitlrp_error *err) {
    bool complete = true;
    if (passage->record == NULL) {
        return VITLRP_OK;
    }
    if (passage->difference != NULL) {
        json_set(passage->record, "difference", json_deep_copy(passage->difference), &complete);
    }
    json_object_del(passage->record, "timing_ms");
    json_append(&passage->json, passage->record, 2);
    text_append_string(&passage->json, "\n");
    return complete ? text_check(&passage->json, "the JSON report", err)
                    : fail(err, VITLRP_NOMEM, "out of memory for the JSON report");
}

/* The files that do not depend on the class are listed with those of the first. */
static enum vitlrp_status add_image_outputs(struct passage *passage, struct vitlrp_error *err) {
    const struct explain_session *state = passage->state;
    const size_t classes = (size_t) state->prediction.classes;
    const size_t shape[3] = {photo_channels(&state->preprocess), (size_t) state->info.input_height,
                             (size_t) state->info.input_width};
    passage->files = json_object_get(passage->first, "files");
    passage->sizes = json_object_get(passage->first, "bytes");
    const struct npy_view logits = {state->prediction.logits, 1, &classes};
    const struct npy_view input = {passage->photo.input, 3, shape};
    TRY(add_array(passage, BATCH_LOGITS, -1, &logits, err));
    TRY(add_array(passage, BATCH_INPUT, -1, &input, err));
    TRY(end_record(passage, err));
    if (passage->json.length > 0) {
        struct text *json = &passage->json;
        struct batch_output output = {NULL, (unsigned char *) json->data, json->length,
                                      free_memory};
        *json = (struct text){0};
        return add_output(passage, BATCH_JSON, -1, output, err);
    }
    return VITLRP_OK;
}

static enum vitlrp_status explain_photo(struct passage *passage, struct vitlrp_error *err) {
    struct explain_session *state = passage->state;
    const struct vitlrp_geometry *geometry = &passage->photo.geometry;
    TRY(explain_session_fit(state, geometry->input_height, geometry->input_width, err));
    TRY(explain_forward(state, passage->photo.input, err));
    TRY(prediction_rank(&state->prediction, state->model, err));
    TRY(explain_classes(passage, err));
    return passage->first == NULL ? VITLRP_OK : add_image_outputs(passage, err);
}

/* From bytes to outputs; what fails here is the image's own affair, memory and our bugs excepted.
 */
static enum vitlrp_status explain_bytes(struct passage *passage, struct vitlrp_error *err) {
    struct batch_item *item = passage->item;
    struct explain_session *state = passage->state;
    TRY(batch_stem(item->image.id, &passage->stem, err));
    if (batch_stem_is_long(passage->stem.data)) {
        return fail(err, VITLRP_LIMIT, "its name is too long for those of its results");
    }
    TRY(photo_decode(item->bytes.data, item->bytes.size, &state->preprocess,
                     &state->settings->image, &passage->photo, err));
    bytes_free(&item->bytes);
    passage->explanation = explain_begin(state, item->image.id, &passage->photo, item->sha256);
    passage->further = json_array();
    if (state->settings->wants_label) {
        passage->explanation.has_label = true;
        TRY(vitlrp_model_class(state->model, item->image.label, &passage->explanation.label, err));
    }
    return explain_photo(passage, err);
}

static void free_outputs(struct batch_item *item) {
    for (size_t i = 0; i < item->output_count; i++) {
        mem_free(item->outputs[i].path);
        item->outputs[i].release(item->outputs[i].data);
    }
    mem_free(item->outputs);
    item->outputs = NULL;
    item->output_count = 0;
    item->output_capacity = 0;
}

/* Messages of files begin with their path. */
const char *batch_item_message(const struct batch_item *item) {
    const char *path = item->image.path;
    const char *message = item->err.message;
    size_t length = strlen(path);
    bool named = strncmp(message, path, length) == 0 && strncmp(message + length, ": ", 2) == 0;
    return named ? message + length + 2 : message;
}

void batch_set_prediction(json_t *line, const struct explain_session *state, bool *complete) {
    const struct prediction *prediction = &state->prediction;
    struct vitlrp_class found = {0};
    if (state->settings->word_text != NULL) {
        return; /* words of a text are no classes of the image */
    }
    int32_t output = prediction->classes > 0 ? prediction->order[0] : -1;
    if (output >= 0 && vitlrp_model_class(state->model, output, &found, NULL) == VITLRP_OK) {
        json_set(line, "predicted", json_integer(found.index), complete);
        json_set(line, "predicted_name", json_text(found.label), complete);
        json_set(line, "predicted_probability", json_number(prediction->probability[output]),
                 complete);
    }
    const struct prediction *before = explain_before(state);
    if (before != NULL && prediction->classes > 0 && before->order[0] != output) {
        json_set(line, "changed", json_true(), complete);
    }
}

static enum vitlrp_status write_line(struct passage *passage, struct vitlrp_error *err) {
    struct batch_item *item = passage->item;
    const struct vitlrp_dataset_image *image = &item->image;
    bool done = item->status == VITLRP_OK;
    struct vitlrp_class label = {0};
    bool labelled =
        passage->state->settings->word_text == NULL && image->label >= 0 &&
        vitlrp_model_class(passage->state->model, image->label, &label, NULL) == VITLRP_OK;
    bool complete = true;
    json_t *line = batch_line_begin(
        &(struct batch_line_head){.image = image,
                                  .status = done ? "ok" : vitlrp_status_name(item->status),
                                  .sha256 = item->sha256,
                                  .label = labelled ? label.index : -1,
                                  .method = passage->state->settings->method_info.name},
        &complete);
    if (labelled) {
        json_set(line, "label_name", json_text(label.label), &complete);
    }
    if (done && passage->first != NULL) {
        batch_set_prediction(line, passage->state, &complete);
    }
    if (done && photo_warning(&passage->photo) != NULL) {
        json_set(line, "warning", json_string(photo_warning(&passage->photo)), &complete);
    }
    if (!done) {
        json_set(line, "message", json_text(batch_item_message(item)), &complete);
    } else if (passage->first != NULL && json_object_update(line, passage->first) != 0) {
        complete = false;
    }
    if (done && json_array_size(passage->further) > 0) {
        json_set(line, "further", json_incref(passage->further), &complete);
    }
    if (done && passage->difference != NULL) {
        json_set(line, "difference", json_incref(passage->difference), &complete);
    }
    json_append(&item->line, line, 0);
    text_append_string(&item->line, "\n");
    json_decref(line);
    return complete ? text_check(&item->line, "the results of an image", err)
                    : fail(err, VITLRP_NOMEM, "out of memory for the results of an image");
}

enum vitlrp_status batch_item_explain(struct batch_item *item, const struct batch_choice *choice,
                                      struct explain_session *state, struct vitlrp_error *err) {
    struct passage passage = {.item = item,
                              .choice = choice,
                              .state = state,
                              .stem = {.limit = NAME_LIMIT},
                              .json = {.limit = LINE_LIMIT}};
    enum vitlrp_status status = VITLRP_OK;
    item->line = (struct text){.limit = LINE_LIMIT};
    if (item->status == VITLRP_OK) {
        item->status = sha256_bytes(item->bytes.data, item->bytes.size, item->sha256, &item->err);
    }
    if (item->status == VITLRP_OK) {
        item->status = explain_bytes(&passage, &item->err);
    }
    bytes_free(&item->bytes);
    if (item->status != VITLRP_OK) {
        free_outputs(item);
    }
    item->state = item->status == VITLRP_OK ? JOURNAL_DONE : JOURNAL_FAILED;
    if (item->status == VITLRP_CANCELLED || error_is_systemic(item->status, &item->err)) {
        const char *message = batch_item_message(item);
        status = error_forward(err, &item->err);
        memcpy(err->message, message, strlen(message) + 1);
        error_prefix(err, status, item->image.id);
    } else {
        status = write_line(&passage, err);
    }
    photo_close(&passage.photo);
    text_free(&passage.stem);
    text_free(&passage.json);
    json_decref(passage.first);
    json_decref(passage.further);
    json_decref(passage.difference);
    json_decref(passage.record);
    return status;
}

void batch_item_free(struct batch_item *item) {
    free_outputs(item);
    bytes_free(&item->bytes);
    text_free(&item->line);
}
