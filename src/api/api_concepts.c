/* Indexes of hidden units: what `vitlrp concepts` has left in a folder, read back (base/unit_index
 * and base/run_folder have written it). */
#define _GNU_SOURCE
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#include "api/api.h"
#include "api/growable.h"
#include "base/checked.h"
#include "base/class_rows.h"
#include "base/formats.h"
#include "base/json_compare.h"
#include "base/json_members.h"
#include "base/mem.h"
#include "base/run_folder.h"
#include "base/unit_index.h"
#include "base/unit_index_run.h"
#include "base/words.h"
#include "vitlrp_concepts.h"
#include "vitlrp_units.h"

#define NAME_LIMIT ((size_t) 1 << 20)

/* What a line of results says of an image. */
struct concept_image {
    char *path; /* owned, as the next two; the id is its end */
    char *label, *sha256;
    size_t id; /* where it begins in `path` */
};

struct vitlrp_concepts {
    struct unit_index_run run;
    struct unit_index index;
    struct class_rows rows; /* closed in an index without them */
    struct run_folder folder;
    bool is_list; /* the dataset is a file of paths */
    bool has_mutex;
    pthread_mutex_t mutex; /* guards images and rows */
    struct concept_image *
        *images; /* owned: [images of the run's list], NULL before they are read */
};

/* ---- Opening ---- */

static enum vitlrp_status check_line(const json_t *line, struct vitlrp_error *err) {
    const char *format = json_get_string(line, "format");
    return format != NULL && strcmp(format, FORMAT_CONCEPTS_IMAGE) == 0
               ? VITLRP_OK
               : fail(err, VITLRP_FORMAT, "\"format\" must be \"" FORMAT_CONCEPTS_IMAGE "\"");
}

static enum vitlrp_status read_run(struct vitlrp_concepts *concepts, struct vitlrp_error *err) {
    struct bytes bytes = {0};
    TRY(run_folder_read(&concepts->folder, &bytes, err));
    enum vitlrp_status status =
        unit_index_run_parse((const char *) bytes.data, bytes.size, &concepts->run, err);
    bytes_free(&bytes);
    return run_folder_prefix(&concepts->folder, status, err);
}

static enum vitlrp_status read_state(struct vitlrp_concepts *concepts, struct vitlrp_error *err) {
    char identity[SHA256_TEXT];
    const struct unit_index_shape *shape = &concepts->index.shape;
    TRY(unit_index_read(concepts->folder.folder, UNIT_INDEX_STATE, identity, &concepts->index,
                        err));
    bool of_run = strcmp(identity, concepts->run.identity) == 0 &&
                  shape->keep == (size_t) concepts->run.keep &&
                  shape->kinds == concepts->run.kinds &&
                  (shape->classes > 0) == concepts->run.class_sums && shape->classes <= INT32_MAX &&
                  (shape->parts == 1 || concepts->run.site == VITLRP_SITE_HEAD) &&
                  shape->blocks <= INT32_MAX && shape->width <= INT32_MAX / shape->parts;
    return of_run ? VITLRP_OK
                  : error_prefix(err,
                                 fail(err, VITLRP_MISMATCH,
                                      "is the state of another run than that of run.json"),
                                 UNIT_INDEX_STATE);
}

/* Where the line of an image is in the journal of the shard; false for another shard's image. */
static bool place_of(const struct vitlrp_concepts *concepts, size_t image, size_t *place) {
    size_t shards = (size_t) concepts->run.shards;
    *place = image / shards;
    return image % shards == (size_t) concepts->run.shard;
}

/* Every image of the state has its line; a run that goes on may have further lines. */
static enum vitlrp_status read_results(struct vitlrp_concepts *concepts, struct vitlrp_error *err) {
    size_t images = concepts->index.shape.images;
    size_t first = (size_t) concepts->run.shard;
    size_t shards = (size_t) concepts->run.shards;
    size_t count = images > first ? (images - first - 1) / shards + 1 : 0;
    const struct journal_shard of = {count, concepts->run.shard, concepts->run.shards, check_line};
    TRY(run_folder_look_results(&concepts->folder, &of, err));
    for (size_t image = 0; image < images; image++) {
        size_t place;
        if (unit_index_has(&concepts->index, image) &&
            (!place_of(concepts, image, &place) ||
             concepts->folder.journal.entries[place].state != JOURNAL_DONE)) {
            return fail(err, VITLRP_MISMATCH,
                        UNIT_INDEX_STATE " has image %zu, and " RUN_FOLDER_RESULTS
                                         " has no line of it (run it again)",
                        image);
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status open_index(struct vitlrp_concepts *concepts, struct vitlrp_error *err) {
    struct stat info;
    TRY(error_prefix(err, read_state(concepts, err), concepts->folder.path));
    TRY(error_prefix(err, read_results(concepts, err), concepts->folder.path));
    if (concepts->index.shape.classes > 0) {
        enum vitlrp_status status =
            class_rows_open(&concepts->index, concepts->folder.folder,
                            word_of(WORDS_SITE, concepts->run.site), &concepts->rows, err);
        TRY(error_prefix(err, status, concepts->folder.path));
    }
    concepts->is_list = stat(concepts->run.dataset, &info) == 0 && S_ISREG(info.st_mode);
    concepts->images = mem_calloc(concepts->index.shape.images, sizeof *concepts->images);
    concepts->has_mutex = pthread_mutex_init(&concepts->mutex, NULL) == 0;
    return concepts->images != NULL && concepts->has_mutex
               ? VITLRP_OK
               : fail(err, VITLRP_NOMEM, "out of memory for an index of hidden units");
}

static enum vitlrp_status open_folder(const char *folder, struct vitlrp_concepts **out,
                                      struct vitlrp_error *err) {
    struct vitlrp_concepts *concepts = mem_calloc(1, sizeof *concepts);
    if (concepts == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for an index of hidden units");
    }
    concepts->folder = run_folder_closed();
    enum vitlrp_status status = run_folder_look(folder, &concepts->folder, err);
    if (status == VITLRP_OK) {
        status = read_run(concepts, err);
    }
    if (status == VITLRP_OK) {
        status = open_index(concepts, err);
    }
    if (status != VITLRP_OK) {
        vitlrp_concepts_close(concepts);
        return status;
    }
    *out = concepts;
    return VITLRP_OK;
}

enum vitlrp_status vitlrp_concepts_open(const char *folder, struct vitlrp_concepts **concepts,
                                        struct vitlrp_error *error) {
    API_NEEDS(folder != NULL && concepts != NULL, error);
    return open_folder(folder, concepts, error);
}

static void free_image(struct concept_image *image) {
    if (image != NULL) {
        mem_free(image->path);
        mem_free(image->label);
        mem_free(image->sha256);
        mem_free(image);
    }
}

void vitlrp_concepts_close(struct vitlrp_concepts *concepts) {
    if (concepts == NULL) {
        return;
    }
    for (size_t i = 0; concepts->images != NULL && i < concepts->index.shape.images; i++) {
        free_image(concepts->images[i]);
    }
    mem_free(concepts->images);
    if (concepts->has_mutex) {
        pthread_mutex_destroy(&concepts->mutex);
    }
    class_rows_close(&concepts->rows);
    run_folder_close(&concepts->folder);
    unit_index_close(&concepts->index);
    unit_index_run_close(&concepts->run);
    mem_free(concepts);
}

void vitlrp_concepts_describe(const struct vitlrp_concepts *concepts,
                              struct vitlrp_concepts_info *info) {
    if (concepts == NULL) {
        return;
    }
    const struct unit_index_shape *shape = &concepts->index.shape;
    const struct vitlrp_concepts_info known = {.site = concepts->run.site,
                                               .blocks = (int32_t) shape->blocks,
                                               .width = (int32_t) shape->width,
                                               .parts = (int32_t) shape->parts,
                                               .keep = (int32_t) shape->keep,
                                               .images = concepts->index.count,
                                               .total = shape->images,
                                               .folder = concepts->folder.path,
                                               .dataset = concepts->run.dataset,
                                               .method = concepts->run.method,
                                               .statistic = concepts->run.statistic,
                                               .weights_sha256 = concepts->run.weights_sha256,
                                               .kinds = shape->kinds,
                                               .classes = (int32_t) shape->classes};
    concepts_info_write(&known, info);
}

/* ---- The model ---- */

/* What decides about a model's hidden values beside its weights. */
static enum vitlrp_status compare_configurations(const json_t *of_index, const json_t *of_model,
                                                 struct vitlrp_error *err) {
    static const char *const KEYS[] = {"edits",          "depth", "heads",   "activation",
                                       "layer_norm_eps", "pool",  "weights", "ignored_tensors"};
    for (size_t i = 0; i < sizeof KEYS / sizeof KEYS[0]; i++) {
        const json_t *a = json_object_get(of_index, KEYS[i]);
        const json_t *b = json_object_get(of_model, KEYS[i]);
        bool is_base = i == 0 && a == NULL; /* of the model that was edited later */
        if (!is_base && a != b && (a == NULL || b == NULL || !json_equal(a, b))) {
            struct text values[2] = {{.limit = 256}, {.limit = 256}};
            json_append_shown(&values[0], a);
            json_append_shown(&values[1], b);
            enum vitlrp_status status =
                fail(err, VITLRP_MISMATCH,
                     "is an index of hidden units of another model: its %s is %s, this one's %s",
                     KEYS[i], values[0].failed ? "another" : values[0].data,
                     values[1].failed ? "another" : values[1].data);
            text_free(&values[0]);
            text_free(&values[1]);
            return status;
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status check_configuration(const struct vitlrp_concepts *concepts,
                                              const struct vitlrp_model *model,
                                              struct vitlrp_error *err) {
    char *data = NULL;
    size_t size = 0;
    json_t *configuration = NULL;
    TRY(vitlrp_model_configuration(model, &data, &size, err));
    enum vitlrp_status status = json_parse_object(data, size, &configuration, err);
    if (status == VITLRP_OK) {
        status = compare_configurations(json_object_get(concepts->run.record, "configuration"),
                                        configuration, err);
    }
    json_decref(configuration);
    vitlrp_free(data);
    return error_prefix(err, status, concepts->folder.path);
}

static enum vitlrp_status check_model(const struct vitlrp_concepts *concepts,
                                      const struct vitlrp_model *model, struct vitlrp_error *err) {
    char digest[SHA256_TEXT];
    struct vitlrp_model_info info;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(model, &info);
    TRY(vitlrp_model_sha256(model, digest, err));
    if (strcmp(digest, concepts->run.weights_sha256) != 0) {
        return error_prefix(err,
                            fail(err, VITLRP_MISMATCH,
                                 "is an index of hidden units of other weights: of %s "
                                 "(sha256 %.12s...), not of %s (%.12s...)",
                                 concepts->run.model, concepts->run.weights_sha256, info.name,
                                 digest),
                            concepts->folder.path);
    }
    return check_configuration(concepts, model, err);
}

enum vitlrp_status vitlrp_concepts_check_model(const struct vitlrp_concepts *concepts,
                                               const struct vitlrp_model *model,
                                               struct vitlrp_error *error) {
    API_NEEDS(concepts != NULL && model != NULL, error);
    return check_model(concepts, model, error);
}

/* ---- Units ---- */

/* Its place among all units of the index. */
static enum vitlrp_status find_unit(const struct vitlrp_concepts *concepts,
                                    const struct vitlrp_unit *unit, size_t *out,
                                    struct vitlrp_error *err) {
    const struct unit_index_shape *shape = &concepts->index.shape;
    char name[VITLRP_UNIT_NAME];
    vitlrp_unit_name(unit, name);
    if (unit->site != concepts->run.site) {
        return fail(err, VITLRP_USAGE, "%s: %s is an index of site %s", name, concepts->folder.path,
                    word_of(WORDS_SITE, concepts->run.site));
    }
    if (unit->block < 0 || (size_t) unit->block >= shape->blocks || unit->index < 0 ||
        (size_t) unit->index >= shape->width) {
        return fail(err, VITLRP_USAGE, "%s: %s has blocks 0 to %zu of units 0 to %zu", name,
                    concepts->folder.path, shape->blocks - 1, shape->width - 1);
    }
    *out = (size_t) unit->block * shape->width + (size_t) unit->index;
    return VITLRP_OK;
}

/* Where the run read an image, and where its id begins in that. */
static enum vitlrp_status make_path(const struct vitlrp_concepts *concepts, const json_t *line,
                                    struct concept_image *out, struct vitlrp_error *err) {
    struct text path = {.limit = NAME_LIMIT};
    const char *id = json_get_string(line, "id");
    if (!concepts->is_list) {
        text_append_string(&path, concepts->run.dataset);
        if (path.length > 0 && path.data[path.length - 1] != '/') {
            text_append_string(&path, "/");
        }
    }
    out->id = path.length;
    if (json_is_true(json_object_get(line, "escaped"))) {
        text_append_unescaped(&path, id);
    } else {
        text_append_string(&path, id);
    }
    enum vitlrp_status status = text_check(&path, "the name of an image", err);
    if (status == VITLRP_OK && strlen(path.data) != path.length) {
        status = fail(err, VITLRP_FORMAT, "a zero byte in the name of an image");
    }
    if (status != VITLRP_OK) {
        text_free(&path);
        return status;
    }
    out->path = path.data;
    return VITLRP_OK;
}

static enum vitlrp_status take_line(const struct vitlrp_concepts *concepts, const json_t *line,
                                    struct concept_image *out, struct vitlrp_error *err) {
    static const struct json_member LINE[] = {{"id", JSON_IS_NAME, 1},
                                              {"escaped", JSON_IS_TRUE, 0},
                                              {"sha256", JSON_IS_HASH, 1},
                                              {"name", JSON_IS_TEXT, 1}};
    TRY(json_check_members(line, LINE, sizeof LINE / sizeof LINE[0], 1, err));
    out->label = mem_strdup(json_get_string(line, "name"));
    out->sha256 = mem_strdup(json_get_string(line, "sha256"));
    if (out->label == NULL || out->sha256 == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the images of hidden units");
    }
    return make_path(concepts, line, out, err);
}

static enum vitlrp_status read_image(const struct vitlrp_concepts *concepts, size_t place,
                                     struct concept_image **out, struct vitlrp_error *err) {
    json_t *line = NULL;
    struct concept_image *image = mem_calloc(1, sizeof *image);
    enum vitlrp_status status =
        image == NULL ? fail(err, VITLRP_NOMEM, "out of memory for the images of hidden units")
                      : journal_read(&concepts->folder.journal, place, &line, err);
    if (status == VITLRP_OK) {
        status =
            error_prefix(err, take_line(concepts, line, image, err), concepts->folder.journal.path);
    }
    json_decref(line);
    if (status != VITLRP_OK) {
        free_image(image);
        return status;
    }
    *out = image;
    return VITLRP_OK;
}

/* An image of the index, which has a line. */
static enum vitlrp_status find_image(const struct vitlrp_concepts *concepts, size_t image,
                                     const struct concept_image **out, struct vitlrp_error *err) {
    pthread_mutex_t *mutex = (pthread_mutex_t *) &concepts->mutex;
    size_t place;
    place_of(concepts, image, &place);
    pthread_mutex_lock(mutex);
    enum vitlrp_status status = concepts->images[image] != NULL
                                    ? VITLRP_OK
                                    : read_image(concepts, place, &concepts->images[image], err);
    *out = concepts->images[image];
    pthread_mutex_unlock(mutex);
    return status;
}

static enum vitlrp_status fill_references(const struct vitlrp_concepts *concepts, size_t unit,
                                          size_t kind, struct vitlrp_concept_reference *out,
                                          size_t *count, struct vitlrp_error *err) {
    const struct topk *best = &concepts->index.best[kind];
    size_t filled = size_min(best->keep, concepts->index.count); /* keep is 0 without the kind */
    for (size_t i = 0; i < filled; i++) {
        size_t at = unit * best->keep + i;
        const struct concept_image *image = NULL;
        TRY(find_image(concepts, best->image[at], &image, err));
        out[i] = (struct vitlrp_concept_reference){.score = best->score[at],
                                                   .image = best->image[at],
                                                   .token = best->token[at],
                                                   .target = (int32_t) best->target[at],
                                                   .label = image->label,
                                                   .id = image->path + image->id,
                                                   .path = image->path,
                                                   .sha256 = image->sha256};
    }
    *count = filled;
    return VITLRP_OK;
}

enum vitlrp_status vitlrp_concepts_references(const struct vitlrp_concepts *concepts,
                                              const struct vitlrp_unit *unit,
                                              enum vitlrp_concept_kind kind,
                                              struct vitlrp_concept_reference *references,
                                              size_t *count, struct vitlrp_error *error) {
    size_t place;
    API_NEEDS(concepts != NULL && unit != NULL && references != NULL && count != NULL, error);
    if (word_of(WORDS_CONCEPT_KIND, kind) == NULL) {
        return fail(error, VITLRP_USAGE, "there is no kind %d of references", (int) kind);
    }
    TRY(find_unit(concepts, unit, &place, error));
    return fill_references(concepts, place, (size_t) kind, references, count, error);
}

/* ---- Means ---- */

static enum vitlrp_status check_images(const struct vitlrp_concepts *concepts,
                                       struct vitlrp_error *err) {
    return concepts->index.count > 0
               ? VITLRP_OK
               : fail(err, VITLRP_MISMATCH, "%s: has no images yet, and so no means",
                      concepts->folder.path);
}

enum vitlrp_status vitlrp_concepts_mean(const struct vitlrp_concepts *concepts,
                                        const struct vitlrp_unit *unit, float *mean,
                                        struct vitlrp_error *error) {
    size_t place;
    API_NEEDS(concepts != NULL && unit != NULL && mean != NULL, error);
    TRY(find_unit(concepts, unit, &place, error));
    TRY(check_images(concepts, error));
    size_t numbers = 2 * concepts->index.shape.parts;
    unit_index_means(&concepts->index, place * numbers, numbers, mean);
    return VITLRP_OK;
}

enum vitlrp_status vitlrp_concepts_means(const struct vitlrp_concepts *concepts, float *means,
                                         struct vitlrp_error *error) {
    API_NEEDS(concepts != NULL && means != NULL, error);
    TRY(check_images(concepts, error));
    unit_index_means(&concepts->index, 0, unit_index_part_sums(&concepts->index.shape), means);
    return VITLRP_OK;
}

/* ---- Sums by class ---- */

enum vitlrp_status vitlrp_concepts_class_sums(const struct vitlrp_concepts *concepts,
                                              int32_t output, int64_t *sums, size_t *images,
                                              struct vitlrp_error *error) {
    API_NEEDS(concepts != NULL && sums != NULL && images != NULL, error);
    size_t classes = concepts->index.shape.classes;
    if (classes == 0) {
        return fail(error, VITLRP_MISMATCH, "%s: is an index without sums by class",
                    concepts->folder.path);
    }
    if (output < 0 || (size_t) output >= classes) {
        return fail(error, VITLRP_USAGE, "there is no output %d: %s has 0 to %zu", (int) output,
                    concepts->folder.path, classes - 1);
    }
    pthread_mutex_t *mutex = (pthread_mutex_t *) &concepts->mutex;
    pthread_mutex_lock(mutex);
    enum vitlrp_status status =
        class_rows_read((struct class_rows *) &concepts->rows, (size_t) output, sums, error);
    pthread_mutex_unlock(mutex);
    TRY(error_prefix(error, status, concepts->folder.path));
    *images = concepts->index.class_images[output];
    return VITLRP_OK;
}
