#include "eval/merge.h"

#include <stdlib.h>
#include <string.h>

#include "base/json_compare.h"
#include "base/mem.h"
#include "eval/protocol_table.h"

#define DIFFERENCE_LIMIT ((size_t) 1024)

/* Of all differences the first. */
static void note_configuration(void *user, const char *path, const json_t *was, const json_t *is) {
    struct text *out = user;
    if (out->length == 0) {
        text_append_string(out, "another model: ");
        json_append_change(out, path, was, is);
    }
}

static void note_setting(void *user, const char *path, const json_t *was, const json_t *is) {
    struct text *out = user;
    (void) was;
    (void) is;
    if (out->length == 0) {
        text_printf(out, "its settings differ (%s)", path);
    }
}

/* Compares two objects that are lines of JSON. */
static enum vitlrp_status compare_lines(const struct json_comparison *comparison, const char *a,
                                        const char *b, struct vitlrp_error *err) {
    json_t *was = NULL;
    json_t *is = NULL;
    enum vitlrp_status status = json_parse_object(a, strlen(a), &was, err);
    status = status != VITLRP_OK ? status : json_parse_object(b, strlen(b), &is, err);
    if (status == VITLRP_OK && !json_compare(comparison, was, is)) {
        status = fail(err, VITLRP_NOMEM, "out of memory for the comparison of two records");
    }
    json_decref(was);
    json_decref(is);
    return status;
}

/* "another model: KEY was A, is B". What a record of an older format does not say is not compared.
 */
static enum vitlrp_status append_configuration_difference(struct text *out, const char *a,
                                                          const char *b, struct vitlrp_error *err) {
    const struct json_comparison comparison = {.note = note_configuration, .user = out};
    return a == NULL || b == NULL ? VITLRP_OK : compare_lines(&comparison, a, b, err);
}

static bool append_weights_difference(struct text *out, const char *a, const char *b) {
    bool differs = strcmp(a, b) != 0;
    if (differs) {
        text_printf(out, "another model: weights_sha256 was %.12s..., is %.12s...", a, b);
    }
    return differs;
}

static bool append_hash_difference(struct text *out, const char *key, const char *a,
                                   const char *b) {
    bool differs = a != NULL && b != NULL && strcmp(a, b) != 0;
    if (differs) {
        text_printf(out, "another data set: %s was %.12s..., is %.12s...", key, a, b);
    }
    return differs;
}

static bool append_images_difference(struct text *out, const struct record *first,
                                     const struct record *part) {
    const struct evaluation *a = &first->evaluation;
    const struct evaluation *b = &part->evaluation;
    if (a->manifest_count != b->manifest_count || first->skipped != part->skipped ||
        strcmp(a->manifest_sha256, b->manifest_sha256) != 0) {
        text_append_string(out, "its images or their labels differ");
        return true;
    }
    if (append_hash_difference(out, "manifest.truth_sha256", a->truth_sha256, b->truth_sha256)) {
        return true;
    }
    bool changed = append_hash_difference(out, "manifest.content_sha256", a->content_sha256,
                                          b->content_sha256);
    text_append_string(out,
                       changed ? " (images changed under their names: run the shards again)" : "");
    return changed;
}

static enum vitlrp_status append_settings_difference(struct text *out, const struct evaluation *a,
                                                     const struct evaluation *b,
                                                     struct vitlrp_error *err) {
    const struct json_comparison comparison = {.note = note_setting, .user = out};
    const char *setting = protocol_difference(&a->protocol, &b->protocol);
    if (setting != NULL) {
        text_printf(out, "its protocol differs (%s)", setting);
        return VITLRP_OK;
    }
    return strcmp(a->settings, b->settings) == 0
               ? VITLRP_OK
               : compare_lines(&comparison, a->settings, b->settings, err);
}

static const char *find_other_difference(const struct evaluation *a, const struct evaluation *b) {
    if (a->shards != b->shards) {
        return "the run was divided into a different number of shards";
    }
    /* A shard without images never learned the grid. */
    if (a->image_count > 0 && b->image_count > 0 &&
        (a->grid_height != b->grid_height || a->grid_width != b->grid_width)) {
        return "its grid of patches differs";
    }
    if (a->image_count > 0 && b->image_count > 0 && a->unit_count != b->unit_count) {
        return "its number of hidden units differs";
    }
    bool same = a->method_count == b->method_count;
    for (size_t m = 0; same && m < a->method_count; m++) {
        same = strcmp(a->methods[m], b->methods[m]) == 0;
    }
    return same ? NULL : "its methods differ";
}

enum vitlrp_status record_difference(const struct record *first, const struct record *part,
                                     struct text *out, struct vitlrp_error *err) {
    const struct evaluation *a = &first->evaluation;
    const struct evaluation *b = &part->evaluation;
    if (strcmp(first->version, part->version) != 0) {
        text_append_string(out, "another version made it");
        return VITLRP_OK;
    }
    if (append_weights_difference(out, a->model_sha256, b->model_sha256)) {
        return VITLRP_OK;
    }
    TRY(append_configuration_difference(out, a->configuration, b->configuration, err));
    if (out->length == 0 && !append_images_difference(out, first, part)) {
        TRY(append_settings_difference(out, a, b, err));
    }
    if (out->length == 0) {
        const char *other = find_other_difference(a, b);
        text_append_string(out, other == NULL ? "" : other);
    }
    return VITLRP_OK;
}

/* Of one run with the first? */
static enum vitlrp_status check_part(const struct record *const *parts, size_t place,
                                     struct vitlrp_error *err) {
    struct text difference = {.limit = DIFFERENCE_LIMIT};
    enum vitlrp_status status = record_difference(parts[0], parts[place], &difference, err);
    if (status == VITLRP_OK) {
        status = text_check_memory(&difference, "the difference of two records", err);
    }
    if (status == VITLRP_OK && (difference.length > 0 || difference.failed)) {
        status = fail(err, VITLRP_MISMATCH, "record %zu does not belong to record 1: %s", place + 1,
                      difference.failed ? "it differs" : difference.data);
    }
    text_free(&difference);
    return status;
}

/* All its images, and no other part has them? */
static enum vitlrp_status check_shard(const struct record *const *parts, size_t place,
                                      bool unfinished, struct vitlrp_error *err) {
    const struct evaluation *part = &parts[place]->evaluation;
    for (size_t k = 0; k < place; k++) {
        if (parts[k]->evaluation.shard == part->shard) {
            return fail(err, VITLRP_MISMATCH, "records %zu and %zu are both shard %d/%d", k + 1,
                        place + 1, part->shard, part->shards);
        }
    }
    size_t wanted = evaluation_shard_images(part);
    if (part->image_count != wanted && !unfinished) {
        return fail(err, VITLRP_MISMATCH, "record %zu (shard %d/%d) has %zu of its %zu image%s%s",
                    place + 1, part->shard, part->shards, part->image_count, wanted,
                    wanted == 1 ? "" : "s", part->cancelled ? ": that run was stopped" : "");
    }
    return VITLRP_OK;
}

static enum vitlrp_status check_parts(const struct record *const *parts, size_t count,
                                      bool unfinished, struct vitlrp_error *err) {
    const struct evaluation *first = &parts[0]->evaluation;
    for (size_t i = 0; i < count; i++) {
        TRY(check_part(parts, i, err));
        TRY(check_shard(parts, i, unfinished, err));
    }
    if (!unfinished && count != (size_t) first->shards) {
        return fail(err, VITLRP_MISMATCH, "only %zu of %d shards %s given", count, first->shards,
                    count == 1 ? "is" : "are");
    }
    return VITLRP_OK;
}

static float *copy_floats(const float *from, size_t count) {
    float *copy = mem_calloc(count, sizeof *copy);
    if (copy != NULL) {
        memcpy(copy, from, count * sizeof *copy);
    }
    return copy;
}

/* False if memory is short; what was copied stays with the image. */
static bool copy_result(const struct evaluation *evaluation, const struct eval_method_result *from,
                        struct eval_method_result *to) {
    *to = *from;
    to->curves = NULL;
    to->patches = NULL;
    if (!from->valid) {
        return true;
    }
    if (eval_curves_open(&evaluation->protocol, &to->curves, NULL) != VITLRP_OK) {
        return false;
    }
    eval_curves_copy(&evaluation->protocol, from->curves, to->curves);
    if (from->patches != NULL) {
        to->patches = copy_floats(from->patches, (size_t) evaluation->grid_height *
                                                     (size_t) evaluation->grid_width);
    }
    return from->patches == NULL || to->patches != NULL;
}

static bool copy_image(const struct evaluation *evaluation, const struct eval_image *from,
                       struct eval_image *to) {
    *to = *from;
    to->id = mem_strdup(from->id);
    to->message = from->message == NULL ? NULL : mem_strdup(from->message);
    to->methods = NULL;
    bool complete = to->id != NULL && (from->message == NULL || to->message != NULL);
    if (from->methods == NULL || !complete) {
        return complete;
    }
    to->methods = mem_calloc(evaluation->method_count, sizeof *to->methods);
    complete = to->methods != NULL;
    for (size_t m = 0; m < evaluation->method_count && complete; m++) {
        complete = copy_result(evaluation, &from->methods[m], &to->methods[m]);
    }
    return complete;
}

static enum vitlrp_status copy_visited(void *user, const struct eval_image *image,
                                       struct vitlrp_error *err) {
    struct evaluation *out = user;
    if (image->index >= out->manifest_count) {
        return fail(err, VITLRP_MISMATCH, "image %zu is not one of %zu", image->index,
                    out->manifest_count);
    }
    return copy_image(out, image, &out->images[image->index])
               ? VITLRP_OK
               : fail(err, VITLRP_NOMEM, "out of memory for the merged record");
}

/* The parts have every image once. */
static enum vitlrp_status copy_images(const struct record *const *parts, size_t count,
                                      struct evaluation *out, struct vitlrp_error *err) {
    out->images = mem_calloc(out->manifest_count, sizeof *out->images);
    if (out->images == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the merged record");
    }
    out->image_count = out->manifest_count;
    for (size_t i = 0; i < count; i++) {
        TRY(evaluation_visit(&parts[i]->evaluation, copy_visited, out, err));
    }
    return VITLRP_OK;
}

static int compare_classes(const void *left, const void *right) {
    int32_t a = ((const struct record_class *) left)->output;
    int32_t b = ((const struct record_class *) right)->output;
    return (a > b) - (a < b);
}

/* The classes of all parts, each once. */
static bool copy_classes(const struct record *const *parts, size_t count, struct record *out) {
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        total += parts[i]->class_count;
    }
    struct record_class *all = mem_calloc(total, sizeof *all);
    out->classes = mem_calloc(total, sizeof *out->classes);
    bool complete = all != NULL && out->classes != NULL;
    total = 0;
    for (size_t i = 0; i < count && complete; i++) {
        for (size_t k = 0; k < parts[i]->class_count; k++) {
            all[total++] = parts[i]->classes[k];
        }
    }
    if (total > 1) {
        qsort(all, total, sizeof *all, compare_classes);
    }
    for (size_t i = 0; i < total && complete; i++) {
        if (i > 0 && all[i - 1].output == all[i].output) {
            continue;
        }
        struct record_class *class = &out->classes[out->class_count++];
        *class = all[i];
        class->wnid = mem_strdup(all[i].wnid);
        class->label = mem_strdup(all[i].label);
        complete = class->wnid != NULL && class->label != NULL;
    }
    mem_free(all);
    return complete;
}

static int compare_pictures(const void *left, const void *right) {
    size_t a = ((const struct record_picture *) left)->index;
    size_t b = ((const struct record_picture *) right)->index;
    return (a > b) - (a < b);
}

static bool copy_pictures(const struct record *const *parts, size_t count, struct record *out) {
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        total += parts[i]->picture_count;
    }
    out->pictures = mem_calloc(total, sizeof *out->pictures);
    bool complete = out->pictures != NULL;
    for (size_t i = 0; i < count && complete; i++) {
        for (size_t k = 0; k < parts[i]->picture_count && complete; k++) {
            const struct record_picture *from = &parts[i]->pictures[k];
            struct record_picture *to = &out->pictures[out->picture_count++];
            to->index = from->index;
            to->jpeg.data = mem_calloc(from->jpeg.size, 1);
            complete = to->jpeg.data != NULL;
            if (complete) {
                memcpy(to->jpeg.data, from->jpeg.data, from->jpeg.size);
                to->jpeg.size = from->jpeg.size;
            }
        }
    }
    if (out->picture_count > 1) {
        qsort(out->pictures, out->picture_count, sizeof *out->pictures, compare_pictures);
    }
    return complete;
}

static bool copy_methods(const struct evaluation *from, struct evaluation *to) {
    to->methods = mem_calloc(from->method_count, sizeof *to->methods);
    bool complete = to->methods != NULL;
    for (size_t m = 0; m < from->method_count && complete; m++) {
        to->methods[m] = mem_strdup(from->methods[m]);
        complete = to->methods[m] != NULL;
        to->method_count++;
    }
    return complete;
}

/* False if memory is short. NULL stays NULL. */
static bool copy_optional(const char *from, char **to) {
    *to = from == NULL ? NULL : mem_strdup(from);
    return from == NULL || *to != NULL;
}

static bool copy_head(const struct record *from, struct record *to) {
    const struct evaluation *a = &from->evaluation;
    struct evaluation *b = &to->evaluation;
    b->protocol = a->protocol;
    b->manifest_count = a->manifest_count;
    b->shards = 1;
    b->probability = a->probability;
    b->model_name = mem_strdup(a->model_name);
    b->model_sha256 = mem_strdup(a->model_sha256);
    b->manifest_sha256 = mem_strdup(a->manifest_sha256);
    b->settings = mem_strdup(a->settings);
    bool complete = copy_optional(a->truth_sha256, &b->truth_sha256) &&
                    copy_optional(a->content_sha256, &b->content_sha256) &&
                    copy_optional(a->configuration, &b->configuration) &&
                    copy_optional(from->run, &to->run) &&
                    copy_optional(from->reference, &to->reference);
    to->version = mem_strdup(from->version);
    to->dataset = mem_strdup(from->dataset);
    to->skipped = from->skipped;
    return complete && b->model_name != NULL && b->model_sha256 != NULL &&
           b->manifest_sha256 != NULL && b->settings != NULL && to->version != NULL &&
           to->dataset != NULL && copy_methods(a, b);
}

enum vitlrp_status record_merge_head(const struct record *const *parts, size_t count,
                                     bool unfinished, struct record *out,
                                     struct vitlrp_error *err) {
    struct record merged = {0};
    if (count < 1) {
        return fail(err, VITLRP_USAGE, "no records to merge");
    }
    TRY(check_parts(parts, count, unfinished, err));
    /* Of parts with images; a journal that has none yet states them too. */
    for (size_t i = 0; i < count; i++) {
        if (parts[i]->evaluation.image_count > 0 || merged.evaluation.grid_height == 0) {
            merged.evaluation.grid_height = parts[i]->evaluation.grid_height;
            merged.evaluation.grid_width = parts[i]->evaluation.grid_width;
            merged.evaluation.unit_count = parts[i]->evaluation.unit_count;
        }
    }
    if (!copy_head(parts[0], &merged) || !copy_classes(parts, count, &merged) ||
        !copy_pictures(parts, count, &merged)) {
        record_free(&merged);
        return fail(err, VITLRP_NOMEM, "out of memory for the merged record");
    }
    *out = merged;
    return VITLRP_OK;
}

enum vitlrp_status record_merge(const struct record *const *parts, size_t count, struct record *out,
                                struct vitlrp_error *err) {
    struct record merged = {0};
    TRY(record_merge_head(parts, count, false, &merged, err));
    enum vitlrp_status status = copy_images(parts, count, &merged.evaluation, err);
    if (status != VITLRP_OK) {
        record_free(&merged);
        return status;
    }
    *out = merged;
    return VITLRP_OK;
}
