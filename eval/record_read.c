/* Reads a record back. Refuses whatever the writer would not have written: nothing is guessed, so
 * that a merge adds up what was measured. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/formats.h"
#include "base/json.h"
#include "base/json_members.h"
#include "base/mem.h"
#include "eval/audit.h"
#include "eval/protocol_table.h"
#include "eval/record.h"
#include "eval/record_private.h"

#define MAX_STEPS 100000
#define SETTINGS_LIMIT ((size_t) 1 << 20)
#define MAX_GRID 10000
#define MAX_IMAGES 10000000
#define MAX_CLASSES 1000000

/* A class of the record as its images name it. */
struct class_place {
    int32_t index, output;
};

/* A record on its way in. */
struct reading {
    struct record *record;
    const json_t *root;
    bool is_older;              /* of a format in which files are not named by their hashes */
    struct class_place *places; /* owned: a place for each class, by index */
};

static enum vitlrp_status fail_key(const char *key, struct vitlrp_error *err) {
    return fail(err, VITLRP_FORMAT, "\"%s\" is missing, or is not what it must be", key);
}

static enum vitlrp_status need_string(const json_t *object, const char *key, char **out,
                                      struct vitlrp_error *err) {
    const char *value = json_get_string(object, key);
    if (value == NULL) {
        return fail_key(key, err);
    }
    *out = mem_strdup(value);
    return *out == NULL ? fail(err, VITLRP_NOMEM, "out of memory for a record") : VITLRP_OK;
}

static enum vitlrp_status need_hash(const json_t *object, const char *key, char **out,
                                    struct vitlrp_error *err) {
    return json_is_of_kind(json_object_get(object, key), JSON_IS_HASH)
               ? need_string(object, key, out, err)
               : fail_key(key, err);
}

/* NULL without the key, which records of older formats have not, and for null. */
static enum vitlrp_status read_hash_of_file(const json_t *object, const char *key, char **out,
                                            struct vitlrp_error *err) {
    const json_t *value = json_object_get(object, key);
    if (value == NULL || json_is_null(value)) {
        return VITLRP_OK;
    }
    return json_is_of_kind(value, JSON_IS_NO_HASH) ? need_string(object, key, out, err)
                                                   : fail_key(key, err);
}

static enum vitlrp_status need_int(const json_t *object, const char *key, int64_t min, int64_t max,
                                   int64_t *out, struct vitlrp_error *err) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value) || json_integer_value(value) < min ||
        json_integer_value(value) > max) {
        return fail_key(key, err);
    }
    *out = json_integer_value(value);
    return VITLRP_OK;
}

static enum vitlrp_status need_float(const json_t *object, const char *key, float *out,
                                     struct vitlrp_error *err) {
    const json_t *value = json_object_get(object, key);
    double number = json_number_value(value);
    if (!json_is_number(value) || !(fabs(number) <= (double) FLT_MAX)) {
        return fail_key(key, err);
    }
    *out = (float) number;
    return VITLRP_OK;
}

/* A number, or NaN for null. */
static enum vitlrp_status need_double(const json_t *object, const char *key, double *out,
                                      struct vitlrp_error *err) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_number(value) && !json_is_null(value)) {
        return fail_key(key, err);
    }
    *out = json_is_null(value) ? NAN : json_number_value(value);
    return VITLRP_OK;
}

static enum vitlrp_status need_floats(const json_t *object, const char *key, float *out,
                                      size_t count, struct vitlrp_error *err) {
    const json_t *list = json_object_get(object, key);
    if (!json_is_array(list) || json_array_size(list) != count) {
        return fail_key(key, err);
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_array_get(list, i);
        double number = json_number_value(value);
        if (!json_is_number(value) || !(fabs(number) <= (double) FLT_MAX)) {
            return fail_key(key, err);
        }
        out[i] = (float) number;
    }
    return VITLRP_OK;
}

static enum vitlrp_status read_protocol(struct reading *reading, struct vitlrp_error *err) {
    struct evaluation *evaluation = &reading->record->evaluation;
    const json_t *object = json_object_get(reading->root, "protocol");
    const json_t *grid = json_object_get(object, "grid");
    int64_t height = json_integer_value(json_array_get(grid, 0));
    int64_t width = json_integer_value(json_array_get(grid, 1));
    TRY(protocol_read(object, &evaluation->protocol, err));
    if (json_array_size(grid) != 2 || !json_is_integer(json_array_get(grid, 0)) ||
        !json_is_integer(json_array_get(grid, 1)) || height < 0 || height > MAX_GRID || width < 0 ||
        width > MAX_GRID) {
        return fail_key("grid", err);
    }
    evaluation->grid_height = (int32_t) height;
    evaluation->grid_width = (int32_t) width;
    return VITLRP_OK;
}

static enum vitlrp_status read_manifest(struct reading *reading, struct vitlrp_error *err) {
    struct record *record = reading->record;
    struct evaluation *evaluation = &record->evaluation;
    const json_t *manifest = json_object_get(reading->root, "manifest");
    const json_t *shard = json_object_get(reading->root, "shard");
    const json_t *cancelled = json_object_get(reading->root, "cancelled");
    int64_t count = 0;
    int64_t skipped = 0;
    int64_t index = 0;
    int64_t shards = 0;
    TRY(need_int(manifest, "count", 0, MAX_IMAGES, &count, err));
    TRY(need_int(manifest, "skipped", 0, MAX_IMAGES, &skipped, err));
    TRY(need_hash(manifest, "sha256", &evaluation->manifest_sha256, err));
    TRY(read_hash_of_file(manifest, "truth_sha256", &evaluation->truth_sha256, err));
    TRY(read_hash_of_file(manifest, "content_sha256", &evaluation->content_sha256, err));
    TRY(need_int(shard, "count", 1, INT32_MAX, &shards, err));
    TRY(need_int(shard, "index", 0, shards - 1, &index, err));
    if (!json_is_boolean(cancelled)) {
        return fail_key("cancelled", err);
    }
    evaluation->manifest_count = (size_t) count;
    record->skipped = (size_t) skipped;
    evaluation->shard = (int32_t) index;
    evaluation->shards = (int32_t) shards;
    evaluation->cancelled = json_is_true(cancelled);
    return VITLRP_OK;
}

/* An object as one line. */
static enum vitlrp_status read_line(const json_t *root, const char *key, char **out,
                                    struct vitlrp_error *err) {
    const json_t *object = json_object_get(root, key);
    struct text text = {.limit = SETTINGS_LIMIT};
    if (!json_is_object(object)) {
        return fail_key(key, err);
    }
    json_append(&text, object, 0);
    enum vitlrp_status status = text_check(&text, key, err);
    if (status != VITLRP_OK) {
        text_free(&text);
        return status;
    }
    *out = text.data;
    return VITLRP_OK;
}

static enum vitlrp_status read_methods(struct reading *reading, struct vitlrp_error *err) {
    struct evaluation *evaluation = &reading->record->evaluation;
    json_t *methods = json_object_get(reading->root, "methods");
    const char *name;
    json_t *value;
    size_t count = json_object_size(methods);
    if (!json_is_object(methods) || count < 1) {
        return fail_key("methods", err);
    }
    if (count > EVAL_METHOD_LIMIT) {
        return fail(err, VITLRP_LIMIT, "%zu methods: the limit is %zu", count, EVAL_METHOD_LIMIT);
    }
    evaluation->methods = mem_calloc(count, sizeof *evaluation->methods);
    if (evaluation->methods == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a record");
    }
    json_object_foreach(methods, name, value) {
        char *copy = mem_strdup(name);
        if (copy == NULL) {
            return fail(err, VITLRP_NOMEM, "out of memory for a record");
        }
        evaluation->methods[evaluation->method_count++] = copy;
    }
    return VITLRP_OK;
}

static bool is_known_format(const char *format) {
    static const char *const KNOWN[] = {FORMAT_EVALUATION, FORMAT_EVALUATION_3_OLD,
                                        FORMAT_EVALUATION_OLD};
    for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++) {
        if (strcmp(KNOWN[i], format) == 0) {
            return true;
        }
    }
    return false;
}

/* Records without the key are of models whose outputs were all taken for such. */
static enum vitlrp_status read_probability(const json_t *configuration,
                                           enum vitlrp_probability *out, struct vitlrp_error *err) {
    const json_t *value = json_object_get(configuration, "probability");
    int kind = value == NULL           ? VITLRP_PROBABILITY_SOFTMAX
               : json_is_string(value) ? word_find(WORDS_PROBABILITY, json_string_value(value))
                                       : -1;
    if (kind <= VITLRP_PROBABILITY_STATED) {
        return fail_key("probability", err);
    }
    *out = (enum vitlrp_probability) kind;
    return VITLRP_OK;
}

static enum vitlrp_status read_head(struct reading *reading, struct vitlrp_error *err) {
    struct record *record = reading->record;
    const json_t *root = reading->root;
    const char *format = json_get_string(root, "format");
    if (format == NULL || !is_known_format(format)) {
        return fail(err, VITLRP_FORMAT, "not a record of an evaluation (of this version)");
    }
    reading->is_older = strcmp(format, FORMAT_EVALUATION) != 0;
    TRY(need_string(root, "version", &record->version, err));
    TRY(need_string(root, "model", &record->evaluation.model_name, err));
    TRY(need_hash(root, "weights_sha256", &record->evaluation.model_sha256, err));
    TRY(need_string(root, "dataset", &record->dataset, err));
    TRY(read_manifest(reading, err));
    TRY(read_protocol(reading, err));
    TRY(read_line(root, "settings", &record->evaluation.settings, err));
    if (!reading->is_older && !json_is_null(json_object_get(root, "configuration"))) {
        TRY(read_line(root, "configuration", &record->evaluation.configuration, err));
    }
    TRY(read_probability(json_object_get(root, "configuration"), &record->evaluation.probability,
                         err));
    TRY(read_methods(reading, err));
    return json_is_null(json_object_get(root, "reference"))
               ? VITLRP_OK
               : need_string(root, "reference", &record->reference, err);
}

static int compare_places(const void *left, const void *right) {
    const struct class_place *a = left;
    const struct class_place *b = right;
    return (a->index > b->index) - (a->index < b->index);
}

/* Images look classes up by index: one by one, a record's time would grow with the square of its
 * size. */
static enum vitlrp_status place_classes(struct reading *reading, struct vitlrp_error *err) {
    const struct record *record = reading->record;
    reading->places = mem_calloc(record->class_count, sizeof *reading->places);
    if (reading->places == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu classes", record->class_count);
    }
    for (size_t i = 0; i < record->class_count; i++) {
        const struct record_class *class = &record->classes[i];
        reading->places[i] = (struct class_place){class->index, class->output};
    }
    qsort(reading->places, record->class_count, sizeof *reading->places, compare_places);
    for (size_t i = 1; i < record->class_count; i++) {
        if (reading->places[i].index == reading->places[i - 1].index) {
            return fail(err, VITLRP_FORMAT, "two classes have the index %d",
                        reading->places[i].index);
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status read_classes(struct reading *reading, struct vitlrp_error *err) {
    struct record *record = reading->record;
    const json_t *list = json_object_get(reading->root, "classes");
    size_t count = json_array_size(list);
    int64_t output = -1;
    int64_t index = 0;
    if (!json_is_array(list) || count > MAX_CLASSES) {
        return fail_key("classes", err);
    }
    record->classes = mem_calloc(count, sizeof *record->classes);
    if (record->classes == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu classes", count);
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *entry = json_array_get(list, i);
        struct record_class *class = &record->classes[record->class_count++];
        TRY(need_int(entry, "output", output + 1, INT32_MAX, &output, err));
        TRY(need_int(entry, "index", 0, INT32_MAX, &index, err));
        TRY(need_string(entry, "wnid", &class->wnid, err));
        TRY(need_string(entry, "label", &class->label, err));
        class->output = (int32_t) output;
        class->index = (int32_t) index;
    }
    return place_classes(reading, err);
}

/* The output of a class that the file names by its index; -1 for null if that may be. */
static enum vitlrp_status read_class(const struct reading *reading, const json_t *object,
                                     const char *key, bool may_be_null, int32_t *out,
                                     struct vitlrp_error *err) {
    const json_t *value = json_object_get(object, key);
    const struct record *record = reading->record;
    *out = -1;
    if (json_is_null(value) && may_be_null) {
        return VITLRP_OK;
    }
    json_int_t index = json_is_integer(value) ? json_integer_value(value) : -1;
    if (index < 0 || index > INT32_MAX) {
        return fail_key(key, err);
    }
    const struct class_place wanted = {.index = (int32_t) index};
    const struct class_place *found =
        bsearch(&wanted, reading->places, record->class_count, sizeof wanted, compare_places);
    if (found == NULL) {
        return fail_key(key, err);
    }
    *out = found->output;
    return VITLRP_OK;
}

/* Null, and NaN, exactly where the record's outputs are no probabilities. */
static enum vitlrp_status need_probabilities(const struct reading *reading, const json_t *object,
                                             const char *key, float *out, size_t count,
                                             struct vitlrp_error *err) {
    if (reading->record->evaluation.probability != VITLRP_PROBABILITY_NONE) {
        return need_floats(object, key, out, count, err);
    }
    if (!json_is_null(json_object_get(object, key))) {
        return fail_key(key, err);
    }
    for (size_t i = 0; i < count; i++) {
        out[i] = NAN;
    }
    return VITLRP_OK;
}

static enum vitlrp_status read_curves(const struct reading *reading, const json_t *object,
                                      struct eval_method_result *result, struct vitlrp_error *err) {
    size_t points = (size_t) reading->record->evaluation.protocol.steps + 1;
    float *block = mem_calloc(points, 4 * sizeof *block);
    if (block == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for curves");
    }
    result->morf_logit = block;
    result->morf_prob = block + points;
    result->lerf_logit = block + 2 * points;
    result->lerf_prob = block + 3 * points;
    TRY(need_floats(object, "morf_logit", result->morf_logit, points, err));
    TRY(need_probabilities(reading, object, "morf_prob", result->morf_prob, points, err));
    TRY(need_floats(object, "lerf_logit", result->lerf_logit, points, err));
    return need_probabilities(reading, object, "lerf_prob", result->lerf_prob, points, err);
}

static enum vitlrp_status read_areas(const struct reading *reading, const json_t *object,
                                     double areas[EVAL_CURVES], struct vitlrp_error *err) {
    const json_t *list = json_object_get(object, "fp32_areas");
    bool without = reading->record->evaluation.probability == VITLRP_PROBABILITY_NONE;
    for (int curve = 0; curve < EVAL_CURVES; curve++) {
        const json_t *value = json_object_get(list, RECORD_CURVES[curve]);
        bool no_value = without && (curve == EVAL_CURVE_MORF_PROB || curve == EVAL_CURVE_LERF_PROB);
        if (no_value ? !json_is_null(value) : !json_is_number(value)) {
            return fail_key("fp32_areas", err);
        }
        areas[curve] = no_value ? NAN : json_number_value(value);
    }
    return VITLRP_OK;
}

static enum vitlrp_status read_result(const struct reading *reading, const json_t *object,
                                      bool audited, struct eval_method_result *result,
                                      struct vitlrp_error *err) {
    const struct evaluation *evaluation = &reading->record->evaluation;
    size_t patches = (size_t) evaluation->grid_height * (size_t) evaluation->grid_width;
    if (json_is_null(object)) {
        return VITLRP_OK;
    }
    result->valid = true;
    TRY(read_curves(reading, object, result, err));
    if (audited) {
        TRY(read_areas(reading, object, result->fp32_areas, err));
    }
    TRY(need_double(object, "pointing", &result->pointing, err));
    TRY(need_double(object, "mass", &result->mass, err));
    TRY(need_double(object, "rank", &result->rank, err));
    if (json_object_get(object, "patches") == NULL) {
        return VITLRP_OK;
    }
    if (!json_is_array(json_object_get(object, "patches")) ||
        json_array_size(json_object_get(object, "patches")) != patches) {
        return fail_key("patches", err);
    }
    result->patches = mem_calloc(patches, sizeof *result->patches);
    if (result->patches == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for patch scores");
    }
    return need_floats(object, "patches", result->patches, patches, err);
}

static enum vitlrp_status read_results(const struct reading *reading, const json_t *object,
                                       struct eval_image *image, struct vitlrp_error *err) {
    const struct evaluation *evaluation = &reading->record->evaluation;
    const json_t *methods = json_object_get(object, "methods");
    bool audited = audit_covers(evaluation, image->index);
    image->methods = mem_calloc(evaluation->method_count, sizeof *image->methods);
    if (image->methods == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a record");
    }
    for (size_t m = 0; m < evaluation->method_count; m++) {
        const json_t *result = json_object_get(methods, evaluation->methods[m]);
        TRY(result == NULL ? fail_key(evaluation->methods[m], err)
                           : read_result(reading, result, audited, &image->methods[m], err));
    }
    return VITLRP_OK;
}

static enum vitlrp_status read_status(const json_t *object, enum vitlrp_status *out,
                                      struct vitlrp_error *err) {
    const char *name = json_get_string(object, "status");
    int found = name == NULL ? -1 : word_find(WORDS_STATUS, name);
    if (found < 0) {
        return fail_key("status", err);
    }
    *out = (enum vitlrp_status) found;
    return VITLRP_OK;
}

static enum vitlrp_status read_hash(const json_t *object, char out[SHA256_TEXT],
                                    struct vitlrp_error *err) {
    const json_t *value = json_object_get(object, "sha256");
    if (value == NULL || json_is_null(value)) {
        return VITLRP_OK;
    }
    if (!json_is_of_kind(value, JSON_IS_HASH)) {
        return fail_key("sha256", err);
    }
    memcpy(out, json_string_value(value), SHA256_TEXT);
    return VITLRP_OK;
}

static enum vitlrp_status need_chance(const struct reading *reading, const json_t *object,
                                      float *out, struct vitlrp_error *err) {
    const char *key = "probability";
    if (reading->record->evaluation.probability == VITLRP_PROBABILITY_NONE) {
        *out = NAN;
        return json_is_null(json_object_get(object, key)) ? VITLRP_OK : fail_key(key, err);
    }
    TRY(need_float(object, key, out, err));
    return *out >= 0.0F && *out <= 1.0F ? VITLRP_OK : fail_key(key, err);
}

static enum vitlrp_status read_image(const struct reading *reading, const json_t *object,
                                     int64_t after, struct eval_image *image,
                                     struct vitlrp_error *err) {
    const struct evaluation *evaluation = &reading->record->evaluation;
    int64_t index = 0;
    TRY(need_string(object, "id", &image->id, err));
    TRY(read_hash(object, image->sha256, err));
    TRY(need_int(object, "index", after + 1, (int64_t) evaluation->manifest_count - 1, &index,
                 err));
    if (index % evaluation->shards != evaluation->shard) {
        return fail(err, VITLRP_FORMAT, "image %lld does not belong to shard %d of %d",
                    (long long) index, evaluation->shard, evaluation->shards);
    }
    image->index = (size_t) index;
    TRY(read_status(object, &image->status, err));
    TRY(read_class(reading, object, "label", true, &image->label, err));
    image->output = -1;
    image->predicted = -1;
    if (image->status != VITLRP_OK) {
        return need_string(object, "message", &image->message, err);
    }
    TRY(read_class(reading, object, "class", false, &image->output, err));
    TRY(read_class(reading, object, "predicted", false, &image->predicted, err));
    TRY(need_float(object, "logit", &image->logit, err));
    TRY(need_chance(reading, object, &image->probability, err));
    return read_results(reading, object, image, err);
}

static enum vitlrp_status read_images(struct reading *reading, struct vitlrp_error *err) {
    struct evaluation *evaluation = &reading->record->evaluation;
    const json_t *list = json_object_get(reading->root, "images");
    size_t count = json_array_size(list);
    int64_t last = -1;
    if (!json_is_array(list) || count > evaluation->manifest_count) {
        return fail_key("images", err);
    }
    evaluation->images = mem_calloc(count, sizeof *evaluation->images);
    if (evaluation->images == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu images", count);
    }
    for (size_t i = 0; i < count; i++) {
        char place[32];
        struct eval_image *image = &evaluation->images[evaluation->image_count++];
        enum vitlrp_status status = read_image(reading, json_array_get(list, i), last, image, err);
        snprintf(place, sizeof place, "images[%zu]", i);
        TRY(error_prefix(err, status, place));
        last = (int64_t) image->index;
    }
    return VITLRP_OK;
}

/* A page of the record draws it, and by then nobody knows which file it came from. */
static enum vitlrp_status check_picture(const struct record_picture *picture, size_t place,
                                        struct vitlrp_error *err) {
    char name[32];
    struct image image = {0};
    enum vitlrp_status status = record_picture_open(picture, &image, err);
    image_free(&image);
    snprintf(name, sizeof name, "gallery[%zu]", place);
    return error_prefix(err, status, name);
}

static enum vitlrp_status read_gallery(struct reading *reading, struct vitlrp_error *err) {
    struct record *record = reading->record;
    const json_t *list = json_object_get(reading->root, "gallery");
    size_t count = json_array_size(list);
    int64_t index = -1;
    if (!json_is_array(list) || count > RECORD_GALLERY) {
        return fail_key("gallery", err);
    }
    record->pictures = mem_calloc(count, sizeof *record->pictures);
    if (record->pictures == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a record");
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *entry = json_array_get(list, i);
        const char *jpeg = json_get_string(entry, "jpeg");
        struct record_picture *picture = &record->pictures[record->picture_count++];
        TRY(need_int(entry, "index", index + 1, INT64_MAX - 1, &index, err));
        picture->index = (size_t) index;
        TRY(jpeg == NULL ? fail_key("jpeg", err)
                         : base64_decode(jpeg, strlen(jpeg), &picture->jpeg, err));
        TRY(check_picture(picture, i, err));
    }
    return VITLRP_OK;
}

static enum vitlrp_status read_all(struct reading *reading, struct vitlrp_error *err) {
    TRY(read_head(reading, err));
    TRY(read_classes(reading, err));
    TRY(read_images(reading, err));
    return read_gallery(reading, err);
}

enum vitlrp_status record_read(const char *bytes, size_t size, struct record *out,
                               struct vitlrp_error *err) {
    json_t *root = NULL;
    struct record record = {0};
    /* A record grows with its images, and its values with it: some 20 times its size. */
    TRY(json_parse_within(bytes, size, SIZE_MAX, &root, err));
    struct reading reading = {.record = &record, .root = root};
    enum vitlrp_status status = read_all(&reading, err);
    json_decref(root);
    mem_free(reading.places);
    if (status != VITLRP_OK) {
        record_free(&record);
        return status;
    }
    *out = record;
    return VITLRP_OK;
}
