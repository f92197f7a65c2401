#include "eval/record_file.h"

#include <stdio.h>

#include "base/json.h"
#include "base/mem.h"
#include "eval/record_image.h"

struct record_file {
    struct eval_store store; /* first: a store is one of these */
    struct record_origin origin;
    struct record_image_reader reader;
};

void record_origin_free(struct record_origin *origin) {
    record_free(&origin->head);
    source_close(&origin->source);
    mem_free(origin->places);
    *origin = (struct record_origin){.source = {.descriptor = -1}};
}

/* The text of the object at a place becomes an image. */
static enum vitlrp_status read_object(const struct record_file *file, size_t index,
                                      const char *bytes, size_t length, struct eval_image *image,
                                      struct vitlrp_error *err) {
    json_t *object = NULL;
    TRY(json_parse_within(bytes, length, SIZE_MAX, &object, err));
    enum vitlrp_status status =
        record_image_read(&file->reader, object, (int64_t) index - 1, image, err);
    json_decref(object);
    if (status == VITLRP_OK && image->index != index) {
        status = fail(err, VITLRP_FORMAT, "it is image %zu, in the place of image %zu",
                      image->index, index);
    }
    return status;
}

static enum vitlrp_status read_image(const struct record_file *file, size_t place,
                                     struct eval_image *image, struct vitlrp_error *err) {
    const struct record_place *at = &file->origin.places[place];
    const struct evaluation *head = &file->origin.head.evaluation;
    size_t index = place * (size_t) head->shards + (size_t) head->shard;
    char *bytes = mem_calloc(at->length, 1);
    enum vitlrp_status status =
        bytes == NULL ? fail(err, VITLRP_NOMEM, "out of memory for an image of a record")
                      : source_read(&file->origin.source, at->offset, bytes, at->length, err);
    if (status == VITLRP_OK) {
        status = read_object(file, index, bytes, at->length, image, err);
    }
    mem_free(bytes);
    return status;
}

static enum vitlrp_status visit_place(const struct record_file *file, size_t place,
                                      eval_visit *visit, void *user, struct vitlrp_error *err) {
    char name[32];
    struct eval_image image = {0};
    if (file->origin.places[place].length == 0) {
        return VITLRP_OK;
    }
    snprintf(name, sizeof name, "images[%zu]", place);
    enum vitlrp_status status = error_prefix(err, read_image(file, place, &image, err), name);
    if (status == VITLRP_OK) {
        status = visit(user, &image, err);
    }
    eval_image_free(&image, file->origin.head.evaluation.method_count);
    return status;
}

static enum vitlrp_status file_visit(const struct eval_store *store, size_t only, eval_visit *visit,
                                     void *user, struct vitlrp_error *err) {
    const struct record_file *file = (const struct record_file *) store;
    const struct evaluation *head = &file->origin.head.evaluation;
    if (only != EVAL_ALL_IMAGES) {
        size_t place = only / (size_t) head->shards;
        bool is_ours =
            only % (size_t) head->shards == (size_t) head->shard && place < file->origin.count;
        return is_ours ? visit_place(file, place, visit, user, err) : VITLRP_OK;
    }
    for (size_t place = 0; place < file->origin.count; place++) {
        TRY(visit_place(file, place, visit, user, err));
    }
    return VITLRP_OK;
}

static void file_close(struct eval_store *store) {
    struct record_file *file = (struct record_file *) store;
    record_image_reader_close(&file->reader);
    record_origin_free(&file->origin);
    mem_free(file);
}

enum vitlrp_status record_file_open(struct record_origin *origin, struct eval_store **out,
                                    struct vitlrp_error *err) {
    struct record_file *file = mem_calloc(1, sizeof *file);
    if (file == NULL) {
        record_origin_free(origin);
        return fail(err, VITLRP_NOMEM, "out of memory for a record");
    }
    file->store = (struct eval_store){.visit = file_visit, .close = file_close};
    file->origin = *origin;
    *origin = (struct record_origin){.source = {.descriptor = -1}};
    enum vitlrp_status status = record_image_reader_open(&file->origin.head, &file->reader, err);
    if (status != VITLRP_OK) {
        file_close(&file->store);
        return status;
    }
    *out = &file->store;
    return VITLRP_OK;
}
