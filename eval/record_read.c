/* Reads a record back. Refuses whatever the writer would not have written: nothing is guessed, so
 * that a merge adds up what was measured. */
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/formats.h"
#include "base/json.h"
#include "base/json_members.h"
#include "base/mem.h"
#include "eval/protocol_table.h"
#include "eval/record.h"
#include "eval/record_image.h"
#include "eval/record_json.h"

#define SETTINGS_LIMIT ((size_t) 1 << 20)
#define MAX_GRID 10000
#define MAX_IMAGES 10000000
#define MAX_CLASSES 1000000

/* A record on its way in. */
struct reading {
    struct record *record;
    const json_t *root;
    bool is_older; /* of a format in which files are not named by their hashes */
    struct record_image_reader images;
};

/* NULL without the key, which records of older formats have not, and for null. */
static enum vitlrp_status read_hash_of_file(const json_t *object, const char *key, char **out,
                                            struct vitlrp_error *err) {
    const json_t *value = json_object_get(object, key);
    if (value == NULL || json_is_null(value)) {
        return VITLRP_OK;
    }
    return json_is_of_kind(value, JSON_IS_NO_HASH) ? record_need_string(object, key, out, err)
                                                   : record_fail_key(key, err);
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
        return record_fail_key("grid", err);
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
    TRY(record_need_int(manifest, "count", 0, MAX_IMAGES, &count, err));
    TRY(record_need_int(manifest, "skipped", 0, MAX_IMAGES, &skipped, err));
    TRY(record_need_hash(manifest, "sha256", &evaluation->manifest_sha256, err));
    TRY(read_hash_of_file(manifest, "truth_sha256", &evaluation->truth_sha256, err));
    TRY(read_hash_of_file(manifest, "content_sha256", &evaluation->content_sha256, err));
    TRY(record_need_int(shard, "count", 1, INT32_MAX, &shards, err));
    TRY(record_need_int(shard, "index", 0, shards - 1, &index, err));
    if (!json_is_boolean(cancelled)) {
        return record_fail_key("cancelled", err);
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
        return record_fail_key(key, err);
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
        return record_fail_key("methods", err);
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
        return record_fail_key("probability", err);
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
    TRY(record_need_string(root, "version", &record->version, err));
    TRY(record_need_string(root, "model", &record->evaluation.model_name, err));
    TRY(record_need_hash(root, "weights_sha256", &record->evaluation.model_sha256, err));
    TRY(record_need_string(root, "dataset", &record->dataset, err));
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
               : record_need_string(root, "reference", &record->reference, err);
}

static enum vitlrp_status read_classes(struct reading *reading, struct vitlrp_error *err) {
    struct record *record = reading->record;
    const json_t *list = json_object_get(reading->root, "classes");
    size_t count = json_array_size(list);
    int64_t output = -1;
    int64_t index = 0;
    if (!json_is_array(list) || count > MAX_CLASSES) {
        return record_fail_key("classes", err);
    }
    record->classes = mem_calloc(count, sizeof *record->classes);
    if (record->classes == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu classes", count);
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *entry = json_array_get(list, i);
        struct record_class *class = &record->classes[record->class_count++];
        TRY(record_need_int(entry, "output", output + 1, INT32_MAX, &output, err));
        TRY(record_need_int(entry, "index", 0, INT32_MAX, &index, err));
        TRY(record_need_string(entry, "wnid", &class->wnid, err));
        TRY(record_need_string(entry, "label", &class->label, err));
        class->output = (int32_t) output;
        class->index = (int32_t) index;
    }
    return record_image_reader_open(record, &reading->images, err);
}

static enum vitlrp_status read_images(struct reading *reading, struct vitlrp_error *err) {
    struct evaluation *evaluation = &reading->record->evaluation;
    const json_t *list = json_object_get(reading->root, "images");
    size_t count = json_array_size(list);
    int64_t last = -1;
    if (!json_is_array(list) || count > evaluation->manifest_count) {
        return record_fail_key("images", err);
    }
    evaluation->images = mem_calloc(count, sizeof *evaluation->images);
    if (evaluation->images == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu images", count);
    }
    for (size_t i = 0; i < count; i++) {
        char place[32];
        struct eval_image *image = &evaluation->images[evaluation->image_count++];
        enum vitlrp_status status =
            record_image_read(&reading->images, json_array_get(list, i), last, image, err);
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
        return record_fail_key("gallery", err);
    }
    record->pictures = mem_calloc(count, sizeof *record->pictures);
    if (record->pictures == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a record");
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *entry = json_array_get(list, i);
        const char *jpeg = json_get_string(entry, "jpeg");
        struct record_picture *picture = &record->pictures[record->picture_count++];
        TRY(record_need_int(entry, "index", index + 1, INT64_MAX - 1, &index, err));
        picture->index = (size_t) index;
        TRY(jpeg == NULL ? record_fail_key("jpeg", err)
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
    record_image_reader_close(&reading.images);
    if (status != VITLRP_OK) {
        record_free(&record);
        return status;
    }
    *out = record;
    return VITLRP_OK;
}
