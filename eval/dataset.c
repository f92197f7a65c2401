#define _XOPEN_SOURCE 700
#include "eval/dataset.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/text.h"
#include "eval/content.h"
#include "eval/row_reader.h"
#include "eval/spread.h"

#define LIST_LIMIT ((size_t) 1 << 31)
#define PART_LIMIT 256
#define PATH_LIMIT 4096

static const char *const TRUTH_NAMES[] = {"val.txt",
                                          "val.csv",
                                          "labels.txt",
                                          "labels.csv",
                                          "val_annotations.txt",
                                          "LOC_val_solution.csv"};

/* An image that may become an item. */
struct candidate {
    char *path; /* owned */
    int32_t label;
};

/* A dataset on its way from files to items. */
struct gathering {
    const struct dataset_options *options;
    struct candidate *candidates; /* owned */
    size_t count, capacity;
    size_t found; /* before any were left out */
    size_t named; /* of these, by the file of labels */
    struct folder_notes notes;
    bool is_folder;
    size_t root; /* bytes of a path before its id */
    struct truth truth;
    char *found_truth, *silent_truth; /* owned: files of labels in the folder, the one in use and
                                         one that names no image; NULL: there is none */
    char folder[PART_LIMIT];          /* the last folder name that was looked up as a class */
    int32_t folder_label;
};

static bool has_kind(const char *path, mode_t kind) {
    struct stat info;
    return stat(path, &info) == 0 && (info.st_mode & S_IFMT) == kind;
}

/* Of a file that the options name; standard input is none. */
static enum vitlrp_status tell_named(const struct dataset_options *options, const char *path,
                                     struct vitlrp_error *err) {
    return strcmp(path, "-") == 0 ? VITLRP_OK : file_tell(&options->inputs, path, err);
}

static int32_t find_class(const struct gathering *gathering, const char *text) {
    return gathering->options->classes.find(gathering->options->classes.user, text);
}

/* The label that one folder's name gives. */
static int32_t label_of_folder(struct gathering *gathering, const char *name, size_t length) {
    if (length == 0 || length >= PART_LIMIT) {
        return -1;
    }
    if (strlen(gathering->folder) != length || memcmp(gathering->folder, name, length) != 0) {
        memcpy(gathering->folder, name, length);
        gathering->folder[length] = '\0';
        gathering->folder_label = find_class(gathering, gathering->folder);
    }
    return gathering->folder_label;
}

/* The label that the folder directly under the root gives, as in an ImageFolder. */
static int32_t label_of_id(struct gathering *gathering, const char *id) {
    const char *end = strchr(id, '/');
    return end == NULL ? -1 : label_of_folder(gathering, id, (size_t) (end - id));
}

static enum vitlrp_status add_candidate(struct gathering *gathering, char *path, int32_t label,
                                        struct vitlrp_error *err) {
    if (path == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu names", gathering->count);
    }
    if (gathering->count >= DATASET_LIMIT) {
        mem_free(path);
        return fail(err, VITLRP_LIMIT, "has more than %zu images", DATASET_LIMIT);
    }
    if (gathering->count == gathering->capacity) {
        size_t capacity = gathering->capacity == 0 ? 256 : gathering->capacity * 2;
        struct candidate *grown = mem_resize(gathering->candidates, capacity, sizeof *grown);
        if (grown == NULL) {
            mem_free(path);
            return fail(err, VITLRP_NOMEM, "out of memory for %zu images", capacity);
        }
        gathering->candidates = grown;
        gathering->capacity = capacity;
    }
    gathering->candidates[gathering->count++] = (struct candidate){path, label};
    return VITLRP_OK;
}

static enum vitlrp_status gather_folder(struct gathering *gathering, struct vitlrp_error *err) {
    const char *root = gathering->options->path;
    size_t length = strlen(root);
    struct path_list paths = {0};
    enum vitlrp_status status = VITLRP_OK;
    gathering->root = length + (root[length - 1] == '/' ? 0 : 1);
    status = folder_walk(root, DATASET_LIMIT, &paths, &gathering->notes, err);
    for (size_t i = 0; i < paths.count && status == VITLRP_OK; i++) {
        char *path = paths.items[i];
        paths.items[i] = NULL;
        status = add_candidate(gathering, path, TRUTH_ABSENT, err);
    }
    path_list_free(&paths);
    return status;
}

/* Of a list, a picture of our own. */
static enum vitlrp_status pass_over(struct gathering *gathering, const char *path,
                                    struct vitlrp_error *err) {
    picture_file_count(&gathering->notes.passed_over, PICTURE_FILE_OWN, path);
    return picture_file_is_commented(AT_FDCWD, path)
               ? VITLRP_OK
               : path_list_add(&gathering->notes.named_so, mem_strdup(path), DATASET_LIMIT, err);
}

static enum vitlrp_status gather_list(struct gathering *gathering, struct vitlrp_error *err) {
    struct row_reader reader = {0};
    struct row row;
    enum vitlrp_status status = VITLRP_OK;
    TRY(tell_named(gathering->options, gathering->options->path, err));
    TRY(rows_open(gathering->options->path, LIST_LIMIT, "\t", &reader, err));
    reader.separator = '\t'; /* also where the first row has no label */
    while (status == VITLRP_OK && rows_next(&reader, &row)) {
        enum picture_file file = picture_file_of(AT_FDCWD, row.field[0]);
        if (file == PICTURE_FILE_OWN) {
            status = pass_over(gathering, row.field[0], err);
            continue;
        }
        int32_t label = row.count > 1 ? find_class(gathering, row.field[1]) : TRUTH_ABSENT;
        status = add_candidate(gathering, mem_strdup(row.field[0]), label, err);
    }
    rows_close(&reader);
    return status;
}

static int compare_candidates(const void *left, const void *right) {
    const struct candidate *a = left;
    const struct candidate *b = right;
    return strcmp(a->path, b->path);
}

/* What there is instead of photographs. */
static enum vitlrp_status fail_empty(const struct gathering *gathering, struct vitlrp_error *err) {
    struct text kinds = {.limit = PATH_LIMIT};
    size_t own = gathering->notes.passed_over.own;
    picture_file_append_kinds(&kinds, &gathering->notes.passed_over);
    bool has_others = kinds.length > 0;
    enum vitlrp_status status;
    if (own > 0) {
        status = fail(
            err, VITLRP_FORMAT, "has no images but %zu picture%s of our own, not read%s%s", own,
            own == 1 ? "" : "s", has_others ? ", and " : "", has_others ? kinds.data : "");
    } else if (has_others) {
        status = fail(err, VITLRP_FORMAT, "has no images that are read, but %s", kinds.data);
    } else if (gathering->is_folder) {
        status = fail(err, VITLRP_FORMAT, "has no images (.jpg, .jpeg, .png, .webp, .bmp or .pnm)");
    } else {
        status = fail(err, VITLRP_FORMAT, "lists no images (a path in each line)");
    }
    text_free(&kinds);
    return status;
}

/* Sorts, and leaves each path in once: a list may have been put together from several. */
static enum vitlrp_status order_candidates(struct gathering *gathering, struct vitlrp_error *err) {
    size_t kept = 0;
    struct candidate *list = gathering->candidates;
    if (gathering->count == 0) {
        return fail_empty(gathering, err);
    }
    qsort(list, gathering->count, sizeof *list, compare_candidates);
    enum vitlrp_status status = VITLRP_OK;
    for (size_t i = 0; i < gathering->count; i++) {
        bool repeated = kept > 0 && strcmp(list[kept - 1].path, list[i].path) == 0;
        if (repeated && list[kept - 1].label != list[i].label && status == VITLRP_OK) {
            char shown[200];
            text_escape_name(shown, sizeof shown, list[i].path);
            status = fail(err, VITLRP_FORMAT, "has two labels for %s", shown);
        }
        if (repeated) {
            mem_free(list[i].path);
        } else {
            list[kept++] = list[i];
        }
    }
    gathering->count = kept;
    gathering->found = kept;
    return status;
}

/* Also of images that are of no use, or another shard's: they are the dataset's. */
static enum vitlrp_status tell_candidates(const struct gathering *gathering,
                                          struct vitlrp_error *err) {
    const struct vitlrp_inputs *inputs = &gathering->options->inputs;
    for (size_t i = 0; inputs->file != NULL && i < gathering->count; i++) {
        TRY(file_tell(inputs, gathering->candidates[i].path, err));
    }
    const struct path_list *named_so = &gathering->notes.named_so;
    for (size_t i = 0; inputs->file != NULL && i < named_so->count; i++) {
        TRY(file_tell(inputs, named_so->items[i], err));
    }
    return VITLRP_OK;
}

/* Labels from the open file. Its silence about an image is an answer: that has no label. */
static void label_from_truth(struct gathering *gathering) {
    for (size_t i = 0; i < gathering->count; i++) {
        struct candidate *candidate = &gathering->candidates[i];
        candidate->label = truth_find(&gathering->truth, candidate->path + gathering->root);
        gathering->named += candidate->label == TRUTH_ABSENT ? 0 : 1;
    }
}

/* Labels from a file that was found, whose path is taken over. One that names no image is most
 * likely a list of classes, and not taken for labels. */
static enum vitlrp_status try_truth(struct gathering *gathering, struct text *path,
                                    struct vitlrp_error *err) {
    TRY(file_tell(&gathering->options->inputs, path->data, err));
    TRY(truth_open(path->data, &gathering->options->classes, &gathering->truth, err));
    label_from_truth(gathering);
    bool speaks = gathering->named > 0;
    char **place = speaks ? &gathering->found_truth : &gathering->silent_truth;
    if (!speaks) {
        truth_close(&gathering->truth);
    }
    if (*place == NULL) {
        *place = path->data;
        *path = (struct text){0};
    }
    return VITLRP_OK;
}

/* The labels in a folder: of the first of the usual files that is there and names an image. */
static enum vitlrp_status find_folder_truth(struct gathering *gathering, struct vitlrp_error *err) {
    enum vitlrp_status status = VITLRP_OK;
    const size_t names = sizeof TRUTH_NAMES / sizeof TRUTH_NAMES[0];
    for (size_t i = 0; i < names && gathering->named == 0 && status == VITLRP_OK; i++) {
        struct text path = {.limit = PATH_LIMIT};
        text_printf(&path, "%s/%s", gathering->options->path, TRUTH_NAMES[i]);
        status = text_check_memory(&path, "the name of a file of labels", err);
        if (!path.failed && status == VITLRP_OK && has_kind(path.data, S_IFREG)) {
            status = try_truth(gathering, &path, err);
        }
        text_free(&path);
    }
    return status;
}

/* From the file of labels; else those of a list from the list, those of a folder from its folders:
 * of a list's paths no folder is known to be a class. */
static enum vitlrp_status label_candidates(struct gathering *gathering, struct vitlrp_error *err) {
    if (gathering->truth.count > 0) {
        label_from_truth(gathering);
    } else if (gathering->is_folder) {
        TRY(find_folder_truth(gathering, err));
    }
    bool by_folders = gathering->is_folder && gathering->truth.count == 0;
    for (size_t i = 0; i < gathering->count; i++) {
        struct candidate *candidate = &gathering->candidates[i];
        if (by_folders) {
            candidate->label = label_of_id(gathering, candidate->path + gathering->root);
        }
        if (candidate->label < 0) {
            candidate->label = -1;
        }
    }
    return VITLRP_OK;
}

/* A file that was given, and says nothing about any image, is most likely another data set's. */
static enum vitlrp_status fail_silent(const struct gathering *gathering, const char *path,
                                      struct vitlrp_error *err) {
    char shown[2][100];
    text_escape_name(shown[0], sizeof shown[0], gathering->options->path);
    text_escape_name(shown[1], sizeof shown[1], gathering->candidates[0].path + gathering->root);
    enum vitlrp_status status =
        fail(err, VITLRP_MISMATCH, "names none of the %zu images of %s (the first of them is %s)",
             gathering->found, shown[0], shown[1]);
    return error_prefix(err, status, path);
}

/* Labels that the model does not know are passed over where no label is needed. */
static enum vitlrp_status check_truth(const struct gathering *gathering, struct vitlrp_error *err) {
    const char *given = gathering->options->truth_path;
    const char *path = given != NULL ? given : gathering->found_truth;
    bool known = gathering->options->target != VITLRP_EVAL_LABEL;
    if (path == NULL) {
        return VITLRP_OK;
    }
    if (gathering->named == 0) {
        return fail_silent(gathering, path, err);
    }
    for (size_t i = 0; i < gathering->count && !known; i++) {
        known = gathering->candidates[i].label >= 0;
    }
    if (known) {
        return VITLRP_OK;
    }
    enum vitlrp_status status =
        fail(err, VITLRP_MISMATCH,
             "names %zu of the images, but the model knows none of their labels", gathering->named);
    return error_topic(err, error_prefix(err, status, path), VITLRP_TOPIC_EVAL_TARGET);
}

static enum vitlrp_status check_boxes(const struct gathering *gathering,
                                      const struct box_list *boxes, struct vitlrp_error *err) {
    size_t count = 0;
    for (size_t i = 0; i < gathering->count && count == 0; i++) {
        (void) boxes_find(boxes, gathering->candidates[i].path + gathering->root, &count);
    }
    return gathering->options->boxes_path == NULL || count > 0
               ? VITLRP_OK
               : fail_silent(gathering, gathering->options->boxes_path, err);
}

/* Leaves out the candidates without a label that the model knows. */
static enum vitlrp_status drop_unlabelled(struct gathering *gathering, struct vitlrp_error *err) {
    size_t kept = 0;
    for (size_t i = 0; i < gathering->count; i++) {
        struct candidate candidate = gathering->candidates[i];
        if (candidate.label >= 0) {
            gathering->candidates[kept++] = candidate;
        } else {
            mem_free(candidate.path);
        }
    }
    gathering->count = kept;
    if (kept == 0) {
        char silent[200] = "";
        bool is_silent = gathering->silent_truth != NULL;
        text_escape_name(silent, sizeof silent, is_silent ? gathering->silent_truth : "");
        enum vitlrp_status status = fail(
            err, VITLRP_MISMATCH, "none of its %zu image%s has a label that the model knows%s%s%s",
            gathering->found, gathering->found == 1 ? "" : "s", is_silent ? ", and " : "", silent,
            is_silent ? " names none of them" : "");
        return error_topic(err, status, VITLRP_TOPIC_EVAL_TARGET);
    }
    return VITLRP_OK;
}

/* A limit below the number of images keeps those that are evenly spread. */
static void candidates_spread(struct gathering *gathering, size_t limit) {
    size_t kept = 0;
    size_t count = gathering->count;
    for (size_t i = 0; i < count; i++) {
        struct candidate candidate = gathering->candidates[i];
        if (kept < limit && i == spread_place(kept, limit, count)) {
            gathering->candidates[kept++] = candidate;
        } else {
            mem_free(candidate.path);
        }
    }
    gathering->count = kept;
}

static enum vitlrp_status hash_manifest(const struct gathering *gathering, char digest[SHA256_TEXT],
                                        struct vitlrp_error *err) {
    struct sha256 hash = sha256_begin();
    for (size_t i = 0; i < gathering->count; i++) {
        const struct candidate *candidate = &gathering->candidates[i];
        const char *id = candidate->path + gathering->root;
        char label[16];
        int length = snprintf(label, sizeof label, "%d\n", candidate->label);
        sha256_add(&hash, id, strlen(id) + 1);
        sha256_add(&hash, label, (size_t) length);
    }
    return sha256_end(&hash, digest, err);
}

static enum vitlrp_status hash_content(const struct gathering *gathering, char digest[SHA256_TEXT],
                                       struct vitlrp_error *err) {
    struct content content = content_begin(gathering->count);
    enum vitlrp_status status = VITLRP_OK;
    for (size_t i = 0; i < gathering->count && status == VITLRP_OK; i++) {
        const char *path = gathering->candidates[i].path;
        status = content_add(&content, path + gathering->root, path, err);
    }
    return content_finish(&content, status, digest, err);
}

/* A candidate's path goes to the dataset. */
static enum vitlrp_status take_path(struct candidate *candidate, struct dataset *out,
                                    struct vitlrp_error *err) {
    char *path = candidate->path;
    candidate->path = NULL;
    return path_list_add(&out->paths, path, DATASET_LIMIT, err);
}

/* The paths of the whole manifest, all of them the dataset's then. */
static enum vitlrp_status take_manifest(struct gathering *gathering, struct dataset *out,
                                        struct vitlrp_error *err) {
    out->manifest_paths = mem_calloc(gathering->count, sizeof *out->manifest_paths);
    if (out->manifest_paths == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu images", gathering->count);
    }
    for (size_t i = 0; i < gathering->count; i++) {
        out->manifest_paths[i] = gathering->candidates[i].path;
        TRY(take_path(&gathering->candidates[i], out, err));
    }
    return VITLRP_OK;
}

/* The items of the shard; their paths go from the candidates to the dataset. */
static enum vitlrp_status take_shard(struct gathering *gathering, struct dataset *out,
                                     struct vitlrp_error *err) {
    size_t shard = (size_t) gathering->options->shard;
    size_t shards = (size_t) gathering->options->shards;
    out->items = mem_calloc(gathering->count / shards + 1, sizeof *out->items);
    if (out->items == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu images", gathering->count);
    }
    for (size_t i = shard; i < gathering->count; i += shards) {
        struct candidate *candidate = &gathering->candidates[i];
        const char *path = out->manifest_paths == NULL ? candidate->path : out->manifest_paths[i];
        if (out->manifest_paths == NULL) {
            TRY(take_path(candidate, out, err));
        }
        struct eval_item item = {
            .path = path, .id = path + gathering->root, .index = i, .label = candidate->label};
        item.boxes = boxes_find(&out->boxes, item.id, &item.box_count);
        out->labelled += item.label >= 0 ? 1 : 0;
        out->boxed += item.box_count > 0 ? 1 : 0;
        out->items[out->count++] = item;
    }
    return VITLRP_OK;
}

/* The manifest, from the disk to its last image. */
static enum vitlrp_status dataset_gather(struct gathering *gathering, struct dataset *out,
                                         struct vitlrp_error *err) {
    const struct dataset_options *options = gathering->options;
    gathering->is_folder = has_kind(options->path, S_IFDIR);
    TRY(gathering->is_folder ? gather_folder(gathering, err) : gather_list(gathering, err));
    TRY(error_prefix(err, order_candidates(gathering, err), options->path));
    TRY(tell_candidates(gathering, err));
    TRY(label_candidates(gathering, err));
    TRY(check_truth(gathering, err));
    TRY(check_boxes(gathering, &out->boxes, err));
    if (options->target == VITLRP_EVAL_LABEL) {
        TRY(error_prefix(err, drop_unlabelled(gathering, err), options->path));
    }
    out->found = gathering->found;
    out->skipped = gathering->found - gathering->count;
    if (options->limit > 0 && options->limit < gathering->count) {
        candidates_spread(gathering, options->limit);
    }
    out->manifest_count = gathering->count;
    memcpy(out->truth_sha256, gathering->truth.sha256, sizeof out->truth_sha256);
    TRY(hash_manifest(gathering, out->manifest_sha256, err));
    return hash_content(gathering, out->content_sha256, err);
}

enum vitlrp_status dataset_open(const struct dataset_options *options, struct dataset *out,
                                struct vitlrp_error *err) {
    struct gathering gathering = {.options = options};
    struct dataset dataset = {0};
    enum vitlrp_status status = VITLRP_OK;
    if (options->shards < 1) {
        return fail(err, VITLRP_USAGE, "%d shards: there must be 1 or more", options->shards);
    }
    if (options->shard < 0 || options->shard >= options->shards) {
        return fail(err, VITLRP_USAGE, "shard %d of %d: must be from 0 to %d", options->shard,
                    options->shards, options->shards - 1);
    }
    if (options->path[0] == '\0') {
        return fail(err, VITLRP_USAGE, "the dataset has no name");
    }
    if (options->truth_path != NULL) {
        TRY_GOTO(status, tell_named(options, options->truth_path, err), cleanup);
        TRY_GOTO(status, truth_open(options->truth_path, &options->classes, &gathering.truth, err),
                 cleanup);
    }
    if (options->boxes_path != NULL) {
        TRY_GOTO(status, tell_named(options, options->boxes_path, err), cleanup);
        TRY_GOTO(status, boxes_open(options->boxes_path, &dataset.boxes, err), cleanup);
    }
    TRY_GOTO(status, dataset_gather(&gathering, &dataset, err), cleanup);
    if (options->keep_paths) {
        TRY_GOTO(status, take_manifest(&gathering, &dataset, err), cleanup);
    }
    TRY_GOTO(status, take_shard(&gathering, &dataset, err), cleanup);
    dataset.not_read = (struct text){.limit = PATH_LIMIT};
    picture_file_append_kinds(&dataset.not_read, &gathering.notes.passed_over);
    TRY_GOTO(status, text_check(&dataset.not_read, "what is not read", err), cleanup);
    dataset.passed_over = gathering.notes.passed_over;
    dataset.unread = gathering.notes.unread;
    gathering.notes.unread = (struct path_list){0};
    dataset.silent_truth = gathering.found_truth == NULL ? gathering.silent_truth : NULL;
    gathering.silent_truth = dataset.silent_truth == NULL ? gathering.silent_truth : NULL;
    *out = dataset;
    dataset = (struct dataset){0};

cleanup:
    for (size_t i = 0; i < gathering.count; i++) {
        mem_free(gathering.candidates[i].path);
    }
    mem_free(gathering.candidates);
    folder_notes_free(&gathering.notes);
    truth_close(&gathering.truth);
    mem_free(gathering.found_truth);
    mem_free(gathering.silent_truth);
    dataset_close(&dataset);
    return status;
}

void dataset_close(struct dataset *dataset) {
    mem_free(dataset->items);
    mem_free((void *) dataset->manifest_paths);
    path_list_free(&dataset->paths);
    path_list_free(&dataset->unread);
    text_free(&dataset->not_read);
    boxes_close(&dataset->boxes);
    mem_free(dataset->silent_truth);
    *dataset = (struct dataset){0};
}
