#define _XOPEN_SOURCE 700
#include "batch_plan.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "batch_names.h"
#include "cli/library.h"
#include "cli/names.h"

static struct vitlrp_dataset_image image_at(const struct vitlrp_dataset *dataset, size_t index) {
    struct vitlrp_dataset_image image = {0};
    enum vitlrp_status status = vitlrp_dataset_image_at(dataset, index, &image, NULL);
    return status == VITLRP_OK ? image : (struct vitlrp_dataset_image){.path = "", .id = ""};
}

struct vitlrp_dataset_image batch_plan_image(const struct batch_plan *plan, size_t place) {
    const struct batch_choice *choice = plan->choice;
    return image_at(plan->dataset, (size_t) choice->shard + place * (size_t) choice->shards);
}

/* ---- Names that meet ---- */

/* The images' stems as a table with open addressing, at most half full: of each the image's index
 * plus one, 0 for none. */
struct stems {
    const struct vitlrp_dataset *dataset;
    size_t *places; /* owned */
    size_t capacity;
    struct text stem, other; /* owned: scratch */
};

static uint64_t hash_of(const char *bytes) {
    uint64_t hash = 0xCBF29CE484222325U; /* FNV-1a */
    for (; *bytes != '\0'; bytes++) {
        hash = (hash ^ (unsigned char) *bytes) * 0x100000001B3U;
    }
    return hash ^ hash >> 32;
}

static enum vitlrp_status stem_of(const struct vitlrp_dataset *dataset, size_t index,
                                  struct text *out, struct vitlrp_error *err) {
    out->length = 0;
    return batch_stem(image_at(dataset, index).id, out, err);
}

static enum vitlrp_status fail_meeting(const struct stems *stems, size_t first, size_t second,
                                       struct vitlrp_error *err) {
    char shown[2][150];
    text_escape_name(shown[0], sizeof shown[0], image_at(stems->dataset, first).id);
    text_escape_name(shown[1], sizeof shown[1], image_at(stems->dataset, second).id);
    return fail(err, VITLRP_USAGE,
                "%s and %s: the files of both would have the same names (rename one of them, or "
                "give a list without it)",
                shown[0], shown[1]);
}

static enum vitlrp_status add_stem(struct stems *stems, size_t index, struct vitlrp_error *err) {
    TRY(stem_of(stems->dataset, index, &stems->stem, err));
    size_t at = (size_t) hash_of(stems->stem.data) & (stems->capacity - 1);
    for (; stems->places[at] != 0; at = (at + 1) & (stems->capacity - 1)) {
        TRY(stem_of(stems->dataset, stems->places[at] - 1, &stems->other, err));
        if (strcmp(stems->stem.data, stems->other.data) == 0) {
            return fail_meeting(stems, stems->places[at] - 1, index, err);
        }
    }
    stems->places[at] = index + 1;
    return VITLRP_OK;
}

static enum vitlrp_status check_stems(const struct batch_plan *plan, struct vitlrp_error *err) {
    struct stems stems = {
        .dataset = plan->dataset, .stem = {.limit = NAME_LIMIT}, .other = {.limit = NAME_LIMIT}};
    size_t count = plan->info.images;
    stems.capacity = 64;
    while (stems.capacity / 2 < count) {
        stems.capacity *= 2;
    }
    stems.places = mem_calloc(stems.capacity, sizeof *stems.places);
    if (stems.places == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the names of %zu images", count);
    }
    enum vitlrp_status status = VITLRP_OK;
    for (size_t i = 0; i < count && status == VITLRP_OK; i++) {
        status = add_stem(&stems, i, err);
    }
    mem_free(stems.places);
    text_free(&stems.stem);
    text_free(&stems.other);
    return status;
}

/* ---- Where the results go ---- */

/* Where a folder is or will be, every link followed; "" if even the one around it is missing. */
static void resolve(const char *path, char out[2 * PATH_MAX]) {
    char folder[PATH_MAX] = ".";
    char resolved[PATH_MAX];
    size_t length = strlen(path);
    out[0] = '\0';
    while (length > 1 && path[length - 1] == '/') {
        length--;
    }
    if (length >= PATH_MAX) {
        return;
    }
    if (realpath(path, resolved) != NULL) {
        memcpy(out, resolved, strlen(resolved) + 1);
        return;
    }
    size_t begin = length;
    while (begin > 0 && path[begin - 1] != '/') {
        begin--;
    }
    if (begin > 0) {
        memcpy(folder, path, begin);
        folder[begin] = '\0';
    }
    if (realpath(folder, resolved) != NULL) {
        struct text joined = {.limit = 2 * PATH_MAX - 1};
        text_printf(&joined, "%s/%.*s", resolved, (int) (length - begin), path + begin);
        memcpy(out, joined.failed ? "" : joined.data, joined.failed ? 1 : joined.length + 1);
        text_free(&joined);
    }
}

/* Results within the dataset would be images of its next run. */
static enum vitlrp_status check_folder(const struct batch_choice *choice,
                                       struct vitlrp_error *err) {
    char dataset[2 * PATH_MAX];
    char folder[2 * PATH_MAX];
    resolve(choice->dataset, dataset);
    resolve(choice->folder, folder);
    size_t length = strlen(dataset);
    if (length > 0 && strncmp(folder, dataset, length) == 0 &&
        (folder[length] == '/' || folder[length] == '\0')) {
        return error_prefix(err,
                            fail(err, VITLRP_USAGE,
                                 "lies within the dataset, whose images the results would become "
                                 "(give a folder outside)"),
                            choice->folder);
    }
    return VITLRP_OK;
}

enum vitlrp_status batch_plan_open(const struct batch_choice *choice,
                                   const struct settings *settings,
                                   const struct vitlrp_model *model, struct batch_plan *plan,
                                   struct vitlrp_error *err) {
    struct vitlrp_error detail;
    struct vitlrp_dataset_options options;
    struct stat info;
    *plan = (struct batch_plan){.choice = choice};
    plan->is_folder = stat(choice->dataset, &info) == 0 && S_ISDIR(info.st_mode);
    if (plan->is_folder && choice->folder != NULL) {
        TRY(check_folder(choice, err));
    }
    vitlrp_dataset_options_init(&options);
    options.path = choice->dataset;
    options.truth = choice->truth;
    options.target = settings->class_is_label ? VITLRP_EVAL_LABEL : VITLRP_EVAL_PREDICTED;
    options.limit = (size_t) choice->limit;
    enum vitlrp_status status = vitlrp_dataset_open(model, &options, &plan->dataset, &detail);
    detail.topic = VITLRP_TOPIC_NONE; /* eval's option; batch takes labels only if asked to */
    TRY(from_library(status, &detail, err));
    vitlrp_dataset_info_init(&plan->info);
    vitlrp_dataset_describe(plan->dataset, &plan->info);
    size_t shard = (size_t) choice->shard;
    size_t shards = (size_t) choice->shards;
    plan->count = plan->info.images > shard ? (plan->info.images - shard - 1) / shards + 1 : 0;
    return check_stems(plan, err);
}

void batch_plan_close(struct batch_plan *plan) {
    vitlrp_dataset_close(plan->dataset);
    *plan = (struct batch_plan){0};
}

static enum vitlrp_status check_absent(const struct batch_plan *plan, const char *stem,
                                       bool several_classes, struct vitlrp_error *err) {
    for (enum batch_file file = BATCH_PNG; file < BATCH_FILES; file++) {
        struct text path = {.limit = NAME_LIMIT};
        struct stat info;
        text_printf(&path, "%s/%s", plan->choice->folder, stem);
        batch_append_suffix(&path, file, -1);
        bool known = plan->choice->writes[file] && !several_classes && !path.failed;
        enum vitlrp_status status = VITLRP_OK;
        if (known && lstat(path.data, &info) == 0) {
            status = fail(err, VITLRP_USAGE,
                          "is there already, and not from a run of batch (give another folder)");
            error_prefix(err, status, path.data);
        }
        text_free(&path);
        TRY(status);
    }
    return VITLRP_OK;
}

enum vitlrp_status batch_plan_check_new(const struct batch_plan *plan, bool several_classes,
                                        struct vitlrp_error *err) {
    struct text stem = {.limit = NAME_LIMIT};
    enum vitlrp_status status = VITLRP_OK;
    for (size_t i = 0; i < plan->count && status == VITLRP_OK; i++) {
        stem.length = 0;
        status = batch_stem(batch_plan_image(plan, i).id, &stem, err);
        if (status == VITLRP_OK) {
            status = check_absent(plan, stem.data, several_classes, err);
        }
    }
    text_free(&stem);
    return status;
}
