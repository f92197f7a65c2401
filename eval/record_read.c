/* Reads a record back. Refuses whatever the writer would not have written: nothing is guessed, so
 * that a merge adds up what was measured. */
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/formats.h"
#include "base/json.h"
#include "base/json_members.h"
#include "base/json_split.h"
#include "base/mem.h"
#include "eval/protocol_table.h"
#include "eval/record.h"
#include "eval/record_file.h"
#include "eval/record_image.h"
#include "eval/record_json.h"
#include "eval/unit_order.h"

#define SETTINGS_LIMIT ((size_t) 1 << 20)
#define MAX_GRID 10000
#define MAX_IMAGES 10000000
#define MAX_CLASSES 1000000

/* Of a record without its images: pictures of the gallery, and class names. */
#define REST_LIMIT ((size_t) 64 << 20)

/* A record on its way in. */
struct reading {
    struct record *record;
    const json_t *root;
    bool is_older; /* of a format in which files are not named by their hashes */
};

/* What becomes of the images, one after the other. */
struct images_taker {
    void (*take)(struct images_taker *taker, size_t place, struct eval_image *image);
    struct evaluation *evaluation;
    const struct json_piece *pieces; /* of all images */
    struct record_place *places;     /* of the shard */
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

/* Exactly where curves are over hidden units. */
static enum vitlrp_status read_unit_count(const json_t *protocol, struct evaluation *evaluation,
                                          struct vitlrp_error *err) {
    const char *key = "unit_count";
    int64_t count = 0;
    if (evaluation->protocol.units == VITLRP_UNITS_PATCH) {
        return json_object_get(protocol, key) == NULL ? VITLRP_OK : record_fail_key(key, err);
    }
    TRY(record_need_int(protocol, key, 1, INT32_MAX, &count, err));
    evaluation->unit_count = (int32_t) count;
    if (evaluation->protocol.block_count < 1 || count % evaluation->protocol.block_count != 0) {
        return record_fail_key("block_count", err);
    }
    return evaluation->protocol.steps == UNIT_POINTS - 1 ? VITLRP_OK
                                                         : record_fail_key("steps", err);
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
    return read_unit_count(object, evaluation, err);
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
    if (json_object_get(root, "run") != NULL) {
        TRY(read_line(root, "run", &record->run, err));
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
    return VITLRP_OK;
}

/* A page of the record draws it, and by then nobody knows which file it came from. */
static enum vitlrp_status check_picture(const struct record_picture *picture, size_t place,
                                        struct vitlrp_error *err) {
    char name[32];
    struct image image = {0};
    struct vitlrp_error detail = {0};
    enum vitlrp_status status = record_picture_open(picture, &image, &detail);
    image_free(&image);
    if (status == VITLRP_OK) {
        return VITLRP_OK;
    }
    if (status == VITLRP_UNSUPPORTED) { /* a kind of JPEG that no record has */
        detail.status = VITLRP_FORMAT;
    }
    snprintf(name, sizeof name, "gallery[%zu]", place);
    return error_prefix(err, error_forward(err, &detail), name);
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

/* All but the images. Theirs must be an empty list: others are split off. */
static enum vitlrp_status read_rest(const struct json_split *split, struct record *record,
                                    struct vitlrp_error *err) {
    struct reading reading = {.record = record};
    json_t *root = NULL;
    const char *text = split->rest.length == 0 ? "" : split->rest.data;
    enum vitlrp_status status =
        json_parse_within(text, split->rest.length, JSON_MAX_MEMORY, &root, err);
    if (status != VITLRP_OK) {
        /* Lines and columns are of what was parsed. */
        return split->count == 0 ? status : error_prefix(err, status, "without its images");
    }
    reading.root = root;
    const json_t *images = json_object_get(root, "images");
    status = read_head(&reading, err);
    if (status == VITLRP_OK) {
        status = read_classes(&reading, err);
    }
    if (status == VITLRP_OK && (!json_is_array(images) || json_array_size(images) > 0 ||
                                split->count > record->evaluation.manifest_count)) {
        status = record_fail_key("images", err);
    }
    if (status == VITLRP_OK) {
        status = read_gallery(&reading, err);
    }
    json_decref(root);
    return error_topic(err, status, VITLRP_TOPIC_NONE);
}

/* The text of an image becomes one. */
static enum vitlrp_status read_piece(const struct record_image_reader *reader,
                                     const struct source *source, const struct json_piece *piece,
                                     int64_t after, struct eval_image *image,
                                     struct vitlrp_error *err) {
    json_t *object = NULL;
    char *bytes = mem_calloc(piece->length, 1);
    if (bytes == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for an image of a record");
    }
    enum vitlrp_status status = source_read(source, piece->offset, bytes, piece->length, err);
    if (status == VITLRP_OK) {
        status = json_parse_within(bytes, piece->length, SIZE_MAX, &object, err);
    }
    mem_free(bytes);
    if (status == VITLRP_OK) {
        status = record_image_read(reader, object, after, image, err);
    }
    json_decref(object);
    return status;
}

/* Calls `take` for each image; it owns the image. */
static enum vitlrp_status read_images(const struct record *record, const struct source *source,
                                      const struct json_split *split, struct images_taker *taker,
                                      struct vitlrp_error *err) {
    struct record_image_reader reader = {0};
    int64_t last = -1;
    enum vitlrp_status status = record_image_reader_open(record, &reader, err);
    for (size_t i = 0; i < split->count && status == VITLRP_OK; i++) {
        char place[32];
        struct eval_image image = {0};
        snprintf(place, sizeof place, "images[%zu]", i);
        status = error_prefix(
            err, read_piece(&reader, source, &split->pieces[i], last, &image, err), place);
        last = (int64_t) image.index;
        if (status == VITLRP_OK) {
            taker->take(taker, i, &image);
        } else {
            eval_image_free(&image, record->evaluation.method_count);
        }
    }
    record_image_reader_close(&reader);
    return status;
}

static enum vitlrp_status split_record(const struct source *source, struct json_split *split,
                                       struct vitlrp_error *err) {
    return json_split(source, "images", REST_LIMIT, MAX_IMAGES, split, err);
}

/* ---- Into memory ---- */

static void keep_image(struct images_taker *taker, size_t place, struct eval_image *image) {
    (void) place;
    taker->evaluation->images[taker->evaluation->image_count++] = *image;
}

static enum vitlrp_status read_whole(const struct source *source, const struct json_split *split,
                                     struct record *record, struct vitlrp_error *err) {
    struct evaluation *evaluation = &record->evaluation;
    struct images_taker taker = {.take = keep_image, .evaluation = evaluation};
    TRY(read_rest(split, record, err));
    evaluation->images = mem_calloc(split->count, sizeof *evaluation->images);
    if (evaluation->images == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu images", split->count);
    }
    return read_images(record, source, split, &taker, err);
}

enum vitlrp_status record_read(const char *bytes, size_t size, struct record *out,
                               struct vitlrp_error *err) {
    const struct source source = source_over(bytes, size);
    struct json_split split = {0};
    struct record record = {0};
    TRY(split_record(&source, &split, err));
    enum vitlrp_status status = read_whole(&source, &split, &record, err);
    json_split_free(&split);
    if (status != VITLRP_OK) {
        record_free(&record);
        return status;
    }
    *out = record;
    return VITLRP_OK;
}

/* ---- Left in its file ---- */

/* Keeps where the image is. */
static void keep_place(struct images_taker *taker, size_t place, struct eval_image *image) {
    const struct json_piece *piece = &taker->pieces[place];
    size_t shards = (size_t) taker->evaluation->shards;
    taker->places[image->index / shards] =
        (struct record_place){piece->offset, (uint32_t) piece->length};
    eval_image_free(image, taker->evaluation->method_count);
}

static enum vitlrp_status check_pieces(const struct json_split *split, struct vitlrp_error *err) {
    for (size_t i = 0; i < split->count; i++) {
        if (split->pieces[i].length > UINT32_MAX) {
            return fail(err, VITLRP_LIMIT, "images[%zu] has %llu bytes", i,
                        (unsigned long long) split->pieces[i].length);
        }
    }
    return VITLRP_OK;
}

/* *origin is owned, after a failure too. */
static enum vitlrp_status place_images(struct record_origin *origin, const struct json_split *split,
                                       struct vitlrp_error *err) {
    struct evaluation *evaluation = &origin->head.evaluation;
    struct images_taker taker = {
        .take = keep_place, .evaluation = evaluation, .pieces = split->pieces};
    TRY(check_pieces(split, err));
    TRY(read_rest(split, &origin->head, err));
    origin->count = evaluation->manifest_count / (size_t) evaluation->shards + 1;
    origin->places = mem_calloc(origin->count, sizeof *origin->places);
    if (origin->places == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu images", origin->count);
    }
    taker.places = origin->places;
    return read_images(&origin->head, &origin->source, split, &taker, err);
}

static enum vitlrp_status open_split(struct record_origin *origin, struct record *out,
                                     struct vitlrp_error *err) {
    struct json_split split = {0};
    enum vitlrp_status status = split_record(&origin->source, &split, err);
    if (status == VITLRP_OK) {
        status = place_images(origin, &split, err);
    }
    if (status == VITLRP_OK) {
        status = read_rest(&split, out, err);
    }
    out->evaluation.image_count = split.count;
    json_split_free(&split);
    if (status != VITLRP_OK) {
        record_origin_free(origin);
        return status;
    }
    return record_file_open(origin, &out->evaluation.store, err);
}

enum vitlrp_status record_open(const char *path, struct record *out, struct vitlrp_error *err) {
    struct record_origin origin = {.source = {.descriptor = -1}};
    struct record record = {0};
    TRY(source_open(path, &origin.source, err));
    enum vitlrp_status status = error_prefix(err, open_split(&origin, &record, err), path);
    if (status != VITLRP_OK) {
        record_free(&record);
        return status;
    }
    *out = record;
    return VITLRP_OK;
}
