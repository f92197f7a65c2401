#include "eval/record_image.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_members.h"
#include "base/mem.h"
#include "base/words.h"
#include "eval/audit.h"
#include "eval/metric.h"
#include "eval/record_json.h"

static const char *const CURVE_NAMES[EVAL_CURVES] = {
    [EVAL_CURVE_MORF_LOGIT] = "morf_logit", [EVAL_CURVE_MORF_PROB] = "morf_prob",
    [EVAL_CURVE_LERF_LOGIT] = "lerf_logit", [EVAL_CURVE_LERF_PROB] = "lerf_prob",
    [EVAL_CURVE_MORF_TOP1] = "morf_top1",   [EVAL_CURVE_LERF_TOP1] = "lerf_top1"};

/* ---- Written ---- */

/* The index of an output's class, null for none. */
static void add_class(struct text *out, const struct record *record, const char *key,
                      int32_t output) {
    const struct record_class *class = record_class_of(record, output);
    if (class == NULL) {
        text_printf(out, ",\"%s\":null", key);
    } else {
        text_printf(out, ",\"%s\":%d", key, class->index);
    }
}

/* Of the curves in float32. */
static void add_areas(struct text *out, const double areas[EVAL_AREAS]) {
    text_append_string(out, ",\"fp32_areas\":{");
    for (int curve = 0; curve < EVAL_AREAS; curve++) {
        text_printf(out, "%s\"%s\":", curve == 0 ? "" : ",", CURVE_NAMES[curve]);
        record_add_number(out, areas[curve], 17);
    }
    text_append_string(out, "}");
}

/* What curves over hidden units have beside them; the last two where units were off alone. */
enum { UNIT_NUMBERS = 3 };
static const char *const UNIT_KEYS[UNIT_NUMBERS] = {"units_to_lose", "rho_single",
                                                    "pearson_single"};

static bool has_unit_number(const struct evaluation *evaluation, size_t number) {
    return evaluation->protocol.units != VITLRP_UNITS_PATCH &&
           (number == 0 || evaluation->protocol.single > 0);
}

static double unit_number(const struct eval_curves *curves, size_t number) {
    return number == 0   ? curves->units_to_lose
           : number == 1 ? curves->rho_single
                         : curves->pearson_single;
}

/* A method's curves in one place, as members of an object. */
static void add_curves(struct text *out, const struct evaluation *evaluation,
                       const struct eval_image *image, size_t method, size_t place) {
    static const enum eval_metric DELTAS[] = {EVAL_DELTA_LOGIT, EVAL_DELTA_PROB};
    const struct eval_curves *curves = &image->methods[method].curves[place];
    size_t points = (size_t) evaluation->protocol.steps + 1;
    for (size_t i = 0; i < 2; i++) {
        const struct eval_measure delta = {DELTAS[i], place};
        text_printf(out, "%s\"%s\":", i == 0 ? "" : ",", eval_metric_name(DELTAS[i]));
        record_add_number(out, eval_metric_value(evaluation, image, method, delta), 9);
    }
    for (size_t c = 0; c < EVAL_CURVES; c++) {
        record_add_floats(out, CURVE_NAMES[c], curves->of[c], points);
    }
    if (audit_covers(evaluation, image->index)) {
        add_areas(out, curves->fp32_areas);
    }
    for (size_t i = 0; i < UNIT_NUMBERS && has_unit_number(evaluation, i); i++) {
        text_printf(out, ",\"%s\":", UNIT_KEYS[i]);
        record_add_number(out, unit_number(curves, i), 17);
    }
}

/* The member of a method that has what is in the places behind the first. */
static const char *key_of_others(const struct eval_protocol *protocol) {
    return eval_places_are_blocks(protocol) ? "blocks" : "replacements";
}

/* Those in the places behind the first; nothing where there is only one. */
static void add_other_curves(struct text *out, const struct evaluation *evaluation,
                             const struct eval_image *image, size_t method) {
    size_t count = eval_place_count(&evaluation->protocol);
    for (size_t place = 1; place < count; place++) {
        if (place == 1) {
            text_printf(out, ",\"%s\":{", key_of_others(&evaluation->protocol));
        }
        text_printf(out, "%s\"%s\":{", place == 1 ? "" : ",",
                    eval_place_key(&evaluation->protocol, place).text);
        add_curves(out, evaluation, image, method, place);
        text_append_string(out, "}");
    }
    text_append_string(out, count > 1 ? "}" : "");
}

/* Intersections and unions of background and object, in pixels of the input. */
static void add_segmentation(struct text *out, const struct segmentation *found) {
    const double pixels[] = {found->both[0], found->either[0], found->both[1], found->either[1]};
    text_append_string(out, ",\"pixel_accuracy\":");
    record_add_number(out, found->accuracy, 17);
    text_append_string(out, ",\"average_precision\":");
    record_add_number(out, found->average_precision, 17);
    text_append_string(out, ",\"intersection_union\":[");
    for (size_t i = 0; i < 4; i++) {
        text_append_string(out, i == 0 ? "" : ",");
        record_add_number(out, pixels[i], 17);
    }
    text_append_string(out, "]");
}

static void add_result(struct text *out, const struct record *record,
                       const struct eval_image *image, size_t method) {
    const struct evaluation *evaluation = &record->evaluation;
    const struct eval_method_result *result = &image->methods[method];
    if (!result->valid) {
        text_append_string(out, "null");
        return;
    }
    text_append_string(out, "{");
    add_curves(out, evaluation, image, method, 0);
    add_other_curves(out, evaluation, image, method);
    text_append_string(out, ",\"pointing\":");
    record_add_number(out, result->pointing, 17);
    text_append_string(out, ",\"mass\":");
    record_add_number(out, result->mass, 17);
    text_append_string(out, ",\"rank\":");
    record_add_number(out, result->rank, 17);
    if (result->map_sha256[0] != '\0') {
        text_printf(out, ",\"map_sha256\":\"%s\"", result->map_sha256);
    }
    text_append_string(out, ",\"sparseness\":");
    record_add_number(out, result->sparseness, 17);
    text_append_string(out, ",\"complexity\":");
    record_add_number(out, result->complexity, 17);
    if (evaluation->protocol.coalitions > 0) {
        text_append_string(out, ",\"rho_drop\":");
        record_add_number(out, result->rho_drop, 17);
        text_append_string(out, ",\"rho_shapley\":");
        record_add_number(out, result->rho_shapley, 17);
    }
    if (evaluation->protocol.randomized > 0) {
        text_append_string(out, ",\"rho_randomized\":");
        record_add_number(out, result->rho_randomized, 17);
    }
    if (evaluation->protocol.sensitivity > 0) {
        text_append_string(out, ",\"max_sensitivity\":");
        record_add_number(out, result->max_sensitivity, 17);
    }
    if (image->mask_sha256[0] != '\0') {
        add_segmentation(out, &result->segmentation);
    }
    if (record_shows(record, image->index) && result->patches != NULL) {
        record_add_floats(out, "patches", result->patches,
                          (size_t) evaluation->grid_height * (size_t) evaluation->grid_width);
    }
    text_append_string(out, "}");
}

void record_image_write(const struct record *record, const struct eval_image *image,
                        struct text *out) {
    text_append_string(out, "{\"id\":");
    record_add_string(out, image->id);
    text_printf(out, ",\"index\":%zu,\"status\":\"%s\"", image->index,
                word_of(WORDS_STATUS, image->status));
    record_add_optional(out, ",\"sha256\":", image->sha256[0] == '\0' ? NULL : image->sha256);
    add_class(out, record, "label", image->label);
    if (image->status != VITLRP_OK) {
        text_append_string(out, ",\"message\":");
        record_add_string(out, image->message);
        text_append_string(out, "}");
        return;
    }
    add_class(out, record, "class", image->output);
    add_class(out, record, "predicted", image->predicted);
    text_append_string(out, ",\"logit\":");
    record_add_float(out, image->logit);
    text_append_string(out, ",\"probability\":");
    record_add_float(out, image->probability);
    if (image->donor_sha256[0] != '\0') {
        text_printf(out, ",\"donor\":{\"index\":%zu,\"sha256\":\"%s\"}", image->donor,
                    image->donor_sha256);
    }
    if (record->evaluation.protocol.coalitions > 0) {
        text_append_string(out, ",\"shapley_error\":");
        record_add_number(out, image->shapley_error, 17);
        text_append_string(out, ",\"shapley_split_half\":");
        record_add_number(out, image->shapley_split_half, 17);
    }
    if (image->mask_sha256[0] != '\0') {
        text_printf(out, ",\"mask_sha256\":\"%s\"", image->mask_sha256);
    }
    text_append_string(out, ",\"methods\":{");
    for (size_t m = 0; m < record->evaluation.method_count; m++) {
        text_append_string(out, m == 0 ? "" : ",");
        record_add_string(out, record->evaluation.methods[m]);
        text_append_string(out, ":");
        add_result(out, record, image, m);
    }
    text_append_string(out, "}}");
}

/* ---- Read ---- */

static int compare_places(const void *left, const void *right) {
    const struct record_class_place *a = left;
    const struct record_class_place *b = right;
    return (a->index > b->index) - (a->index < b->index);
}

enum vitlrp_status record_image_reader_open(const struct record *record,
                                            struct record_image_reader *out,
                                            struct vitlrp_error *err) {
    struct record_class_place *places = mem_calloc(record->class_count, sizeof *places);
    enum vitlrp_status status = VITLRP_OK;
    if (places == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu classes", record->class_count);
    }
    for (size_t i = 0; i < record->class_count; i++) {
        const struct record_class *class = &record->classes[i];
        places[i] = (struct record_class_place){class->index, class->output};
    }
    qsort(places, record->class_count, sizeof *places, compare_places);
    for (size_t i = 1; i < record->class_count && status == VITLRP_OK; i++) {
        if (places[i].index == places[i - 1].index) {
            status = fail(err, VITLRP_FORMAT, "two classes have the index %d", places[i].index);
        }
    }
    if (status != VITLRP_OK) {
        mem_free(places);
        return status;
    }
    *out = (struct record_image_reader){record, places};
    return VITLRP_OK;
}

void record_image_reader_close(struct record_image_reader *reader) {
    mem_free(reader->places);
    *reader = (struct record_image_reader){0};
}

/* The output of a class that the file names by its index; -1 for null if that may be. */
static enum vitlrp_status read_class(const struct record_image_reader *reader, const json_t *object,
                                     const char *key, bool may_be_null, int32_t *out,
                                     struct vitlrp_error *err) {
    const json_t *value = json_object_get(object, key);
    const struct record *record = reader->record;
    *out = -1;
    if (json_is_null(value) && may_be_null) {
        return VITLRP_OK;
    }
    json_int_t index = json_is_integer(value) ? json_integer_value(value) : -1;
    if (index < 0 || index > INT32_MAX) {
        return record_fail_key(key, err);
    }
    const struct record_class_place wanted = {.index = (int32_t) index};
    const struct record_class_place *found =
        bsearch(&wanted, reader->places, record->class_count, sizeof wanted, compare_places);
    if (found == NULL) {
        return record_fail_key(key, err);
    }
    *out = found->output;
    return VITLRP_OK;
}

/* Null, and NaN, exactly where the record's outputs are no probabilities. */
static enum vitlrp_status need_probabilities(const struct record_image_reader *reader,
                                             const json_t *object, const char *key, float *out,
                                             size_t count, struct vitlrp_error *err) {
    if (reader->record->evaluation.probability != VITLRP_PROBABILITY_NONE) {
        return record_need_floats(object, key, out, count, err);
    }
    if (!json_is_null(json_object_get(object, key))) {
        return record_fail_key(key, err);
    }
    for (size_t i = 0; i < count; i++) {
        out[i] = NAN;
    }
    return VITLRP_OK;
}

static enum vitlrp_status read_areas(const struct record_image_reader *reader, const json_t *object,
                                     double areas[EVAL_AREAS], struct vitlrp_error *err) {
    const json_t *list = json_object_get(object, "fp32_areas");
    bool without = reader->record->evaluation.probability == VITLRP_PROBABILITY_NONE;
    for (int curve = 0; curve < EVAL_AREAS; curve++) {
        const json_t *value = json_object_get(list, CURVE_NAMES[curve]);
        bool no_value = without && (curve == EVAL_CURVE_MORF_PROB || curve == EVAL_CURVE_LERF_PROB);
        if (no_value ? !json_is_null(value) : !json_is_number(value)) {
            return record_fail_key("fp32_areas", err);
        }
        areas[curve] = no_value ? NAN : json_number_value(value);
    }
    return VITLRP_OK;
}

/* What records of earlier programs lack, or null: NaN. */
static enum vitlrp_status read_top1(const json_t *object, const char *key, float *out, size_t count,
                                    struct vitlrp_error *err) {
    const json_t *value = json_object_get(object, key);
    if (value != NULL && !json_is_null(value)) {
        return record_need_floats(object, key, out, count, err);
    }
    for (size_t i = 0; i < count; i++) {
        out[i] = NAN;
    }
    return VITLRP_OK;
}

static enum vitlrp_status read_later(const json_t *object, const char *key, double *out,
                                     struct vitlrp_error *err) {
    *out = NAN;
    return json_object_get(object, key) == NULL ? VITLRP_OK
                                                : record_need_double(object, key, out, err);
}

/* Exactly where the protocol asks for it: else NaN. */
static enum vitlrp_status read_asked(const json_t *object, bool is_asked, const char *key,
                                     double *out, struct vitlrp_error *err) {
    if (is_asked) {
        return record_need_double(object, key, out, err);
    }
    *out = NAN;
    return json_object_get(object, key) == NULL ? VITLRP_OK : record_fail_key(key, err);
}

/* The numbers that runs may ask for. */
static enum vitlrp_status read_optional(const struct eval_protocol *protocol, const json_t *object,
                                        struct eval_method_result *result,
                                        struct vitlrp_error *err) {
    bool agrees = protocol->coalitions > 0;
    TRY(read_asked(object, agrees, "rho_drop", &result->rho_drop, err));
    TRY(read_asked(object, agrees, "rho_shapley", &result->rho_shapley, err));
    TRY(read_asked(object, protocol->randomized > 0, "rho_randomized", &result->rho_randomized,
                   err));
    return read_asked(object, protocol->sensitivity > 0, "max_sensitivity",
                      &result->max_sensitivity, err);
}

/* The curves in one place, which are members of the object. */
static enum vitlrp_status read_curves(const struct record_image_reader *reader,
                                      const json_t *object, bool audited,
                                      struct eval_curves *curves, struct vitlrp_error *err) {
    size_t points = (size_t) reader->record->evaluation.protocol.steps + 1;
    for (int c = 0; c < EVAL_AREAS; c++) {
        bool is_logit = c == EVAL_CURVE_MORF_LOGIT || c == EVAL_CURVE_LERF_LOGIT;
        TRY(is_logit
                ? record_need_floats(object, CURVE_NAMES[c], curves->of[c], points, err)
                : need_probabilities(reader, object, CURVE_NAMES[c], curves->of[c], points, err));
    }
    for (int c = EVAL_AREAS; c < EVAL_CURVES; c++) {
        TRY(read_top1(object, CURVE_NAMES[c], curves->of[c], points, err));
    }
    double *numbers[UNIT_NUMBERS] = {&curves->units_to_lose, &curves->rho_single,
                                     &curves->pearson_single};
    for (size_t i = 0; i < UNIT_NUMBERS; i++) {
        if (has_unit_number(&reader->record->evaluation, i)) {
            TRY(record_need_double(object, UNIT_KEYS[i], numbers[i], err));
        } else if (json_object_get(object, UNIT_KEYS[i]) != NULL) {
            return record_fail_key(UNIT_KEYS[i], err);
        }
    }
    return audited ? read_areas(reader, object, curves->fp32_areas, err) : VITLRP_OK;
}

/* Those in the places behind the first. */
static enum vitlrp_status read_other_curves(const struct record_image_reader *reader,
                                            const json_t *object, bool audited,
                                            struct eval_curves *curves, struct vitlrp_error *err) {
    const struct eval_protocol *protocol = &reader->record->evaluation.protocol;
    const json_t *others = json_object_get(object, key_of_others(protocol));
    size_t count = eval_place_count(protocol);
    if (json_object_size(others) != count - 1) {
        return record_fail_key(key_of_others(protocol), err);
    }
    for (size_t place = 1; place < count; place++) {
        struct eval_place_name name = eval_place_key(protocol, place);
        const json_t *found = json_object_get(others, name.text);
        TRY(found == NULL
                ? record_fail_key(name.text, err)
                : error_prefix(err, read_curves(reader, found, audited, &curves[place], err),
                               name.text));
    }
    return VITLRP_OK;
}

/* A hash that may be missing. */
static enum vitlrp_status read_hash(const json_t *object, const char *key, char out[SHA256_TEXT],
                                    struct vitlrp_error *err) {
    const json_t *value = json_object_get(object, key);
    if (value == NULL || json_is_null(value)) {
        return VITLRP_OK;
    }
    if (!json_is_of_kind(value, JSON_IS_HASH)) {
        return record_fail_key(key, err);
    }
    memcpy(out, json_string_value(value), SHA256_TEXT);
    return VITLRP_OK;
}

/* Exactly where the image had a mask: else NaN. */
static enum vitlrp_status read_segmentation(const json_t *object, bool is_there,
                                            struct segmentation *out, struct vitlrp_error *err) {
    const json_t *pixels = json_object_get(object, "intersection_union");
    double *const places[] = {&out->both[0], &out->either[0], &out->both[1], &out->either[1]};
    *out = segmentation_unknown();
    if (!is_there) {
        return pixels == NULL ? VITLRP_OK : record_fail_key("intersection_union", err);
    }
    TRY(record_need_double(object, "pixel_accuracy", &out->accuracy, err));
    TRY(record_need_double(object, "average_precision", &out->average_precision, err));
    if (json_array_size(pixels) != 4) {
        return record_fail_key("intersection_union", err);
    }
    for (size_t i = 0; i < 4; i++) {
        const json_t *value = json_array_get(pixels, i);
        if (!json_is_number(value) && !json_is_null(value)) {
            return record_fail_key("intersection_union", err);
        }
        *places[i] = json_is_null(value) ? NAN : json_number_value(value);
    }
    return VITLRP_OK;
}

static enum vitlrp_status read_result(const struct record_image_reader *reader,
                                      const json_t *object, bool audited,
                                      struct eval_method_result *result, struct vitlrp_error *err) {
    const struct evaluation *evaluation = &reader->record->evaluation;
    size_t patches = (size_t) evaluation->grid_height * (size_t) evaluation->grid_width;
    if (json_is_null(object)) {
        return VITLRP_OK;
    }
    result->valid = true;
    TRY(eval_curves_open(&evaluation->protocol, &result->curves, err));
    TRY(read_curves(reader, object, audited, &result->curves[0], err));
    TRY(read_other_curves(reader, object, audited, result->curves, err));
    TRY(record_need_double(object, "pointing", &result->pointing, err));
    TRY(record_need_double(object, "mass", &result->mass, err));
    TRY(record_need_double(object, "rank", &result->rank, err));
    TRY(read_hash(object, "map_sha256", result->map_sha256, err));
    TRY(read_later(object, "sparseness", &result->sparseness, err));
    TRY(read_later(object, "complexity", &result->complexity, err));
    TRY(read_optional(&evaluation->protocol, object, result, err));
    if (json_object_get(object, "patches") == NULL) {
        return VITLRP_OK;
    }
    if (!json_is_array(json_object_get(object, "patches")) ||
        json_array_size(json_object_get(object, "patches")) != patches) {
        return record_fail_key("patches", err);
    }
    result->patches = mem_calloc(patches, sizeof *result->patches);
    if (result->patches == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for patch scores");
    }
    return record_need_floats(object, "patches", result->patches, patches, err);
}

static enum vitlrp_status read_results(const struct record_image_reader *reader,
                                       const json_t *object, struct eval_image *image,
                                       struct vitlrp_error *err) {
    const struct evaluation *evaluation = &reader->record->evaluation;
    const json_t *methods = json_object_get(object, "methods");
    bool audited = audit_covers(evaluation, image->index);
    image->methods = mem_calloc(evaluation->method_count, sizeof *image->methods);
    if (image->methods == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a record");
    }
    for (size_t m = 0; m < evaluation->method_count; m++) {
        const json_t *result = json_object_get(methods, evaluation->methods[m]);
        TRY(result == NULL ? record_fail_key(evaluation->methods[m], err)
                           : read_result(reader, result, audited, &image->methods[m], err));
        if (image->methods[m].valid) {
            TRY(read_segmentation(result, image->mask_sha256[0] != '\0',
                                  &image->methods[m].segmentation, err));
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status read_status(const json_t *object, enum vitlrp_status *out,
                                      struct vitlrp_error *err) {
    const char *name = json_get_string(object, "status");
    int found = name == NULL ? -1 : word_find(WORDS_STATUS, name);
    if (found < 0) {
        return record_fail_key("status", err);
    }
    *out = (enum vitlrp_status) found;
    return VITLRP_OK;
}

/* Exactly where the replacements have a donor. */
static enum vitlrp_status read_donor(const struct record_image_reader *reader, const json_t *object,
                                     struct eval_image *image, struct vitlrp_error *err) {
    const struct evaluation *evaluation = &reader->record->evaluation;
    const json_t *donor = json_object_get(object, "donor");
    bool wanted = eval_replacement_has(&evaluation->protocol, VITLRP_REPLACE_DONOR);
    int64_t index = 0;
    if (wanted != json_is_object(donor)) {
        return record_fail_key("donor", err);
    }
    if (!wanted) {
        return VITLRP_OK;
    }
    TRY(record_need_int(donor, "index", 0, (int64_t) evaluation->manifest_count - 1, &index, err));
    if (!json_is_of_kind(json_object_get(donor, "sha256"), JSON_IS_HASH) ||
        (size_t) index == image->index) {
        return record_fail_key("donor", err);
    }
    image->donor = (size_t) index;
    memcpy(image->donor_sha256, json_get_string(donor, "sha256"), SHA256_TEXT);
    return VITLRP_OK;
}

static enum vitlrp_status need_chance(const struct record_image_reader *reader,
                                      const json_t *object, float *out, struct vitlrp_error *err) {
    const char *key = "probability";
    if (reader->record->evaluation.probability == VITLRP_PROBABILITY_NONE) {
        *out = NAN;
        return json_is_null(json_object_get(object, key)) ? VITLRP_OK : record_fail_key(key, err);
    }
    TRY(record_need_float(object, key, out, err));
    return *out >= 0.0F && *out <= 1.0F ? VITLRP_OK : record_fail_key(key, err);
}

enum vitlrp_status record_image_read(const struct record_image_reader *reader, const json_t *object,
                                     int64_t after, struct eval_image *image,
                                     struct vitlrp_error *err) {
    const struct evaluation *evaluation = &reader->record->evaluation;
    int64_t index = 0;
    TRY(record_need_string(object, "id", &image->id, err));
    TRY(read_hash(object, "sha256", image->sha256, err));
    TRY(record_need_int(object, "index", after + 1, (int64_t) evaluation->manifest_count - 1,
                        &index, err));
    if (index % evaluation->shards != evaluation->shard) {
        return fail(err, VITLRP_FORMAT, "image %lld does not belong to shard %d of %d",
                    (long long) index, evaluation->shard, evaluation->shards);
    }
    image->index = (size_t) index;
    image->shapley_error = image->shapley_split_half = NAN;
    TRY(read_status(object, &image->status, err));
    TRY(read_class(reader, object, "label", true, &image->label, err));
    image->output = -1;
    image->predicted = -1;
    if (image->status != VITLRP_OK) {
        return record_need_string(object, "message", &image->message, err);
    }
    TRY(read_class(reader, object, "class", false, &image->output, err));
    TRY(read_class(reader, object, "predicted", false, &image->predicted, err));
    TRY(record_need_float(object, "logit", &image->logit, err));
    TRY(need_chance(reader, object, &image->probability, err));
    TRY(read_donor(reader, object, image, err));
    TRY(read_hash(object, "mask_sha256", image->mask_sha256, err));
    bool agrees = reader->record->evaluation.protocol.coalitions > 0;
    TRY(read_asked(object, agrees, "shapley_error", &image->shapley_error, err));
    TRY(read_asked(object, agrees, "shapley_split_half", &image->shapley_split_half, err));
    return read_results(reader, object, image, err);
}
