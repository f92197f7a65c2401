#define _GNU_SOURCE
#include "eval/eval_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/draft.h"
#include "base/folder.h"
#include "base/journal.h"
#include "base/lock.h"
#include "base/mem.h"
#include "eval/merge.h"
#include "eval/record_file.h"
#include "eval/record_image.h"

#define RUN "run.json"
#define RESULTS "results.jsonl"
#define RUN_LIMIT ((size_t) 1 << 30)
#define LINE_LIMIT ((size_t) 1 << 28)
#define PATH_LIMIT ((size_t) 1 << 16)

struct eval_journal {
    const struct record *head;
    char *path;     /* owned */
    int folder;     /* descriptor; -1 */
    bool created;   /* by this process */
    size_t changed; /* images that are open again */
    bool is_writer; /* of a run that is its own */
    struct lock lock;
    struct journal journal;
    bool has_mutex;
    pthread_mutex_t mutex; /* guards journal */
};

/* *out is owned: mem_free. */
static enum vitlrp_status join_path(const char *folder, const char *name, char **out,
                                    struct vitlrp_error *err) {
    struct text path = {.limit = PATH_LIMIT};
    text_printf(&path, "%s/%s", folder, name);
    enum vitlrp_status status = text_check(&path, "the name of a file of the journal", err);
    if (status != VITLRP_OK) {
        text_free(&path);
        return status;
    }
    *out = path.data;
    return VITLRP_OK;
}

/* ---- run.json ---- */

/* The head as text: a record of no image. */
static enum vitlrp_status head_write(const struct record *head, struct text *out,
                                     struct vitlrp_error *err) {
    struct summary summary = {0};
    TRY(summary_make(&head->evaluation, NULL, 1, &summary, err));
    enum vitlrp_status status = record_write(head, &summary, NULL, out, err);
    summary_free(&summary);
    return status;
}

static enum vitlrp_status head_read(const char *folder, struct record *out,
                                    struct vitlrp_error *err) {
    char *path = NULL;
    struct bytes bytes = {0};
    TRY(join_path(folder, RUN, &path, err));
    enum vitlrp_status status = file_read(path, RUN_LIMIT, &bytes, err);
    if (status == VITLRP_OK) {
        status =
            error_prefix(err, record_read((const char *) bytes.data, bytes.size, out, err), path);
    }
    bytes_free(&bytes);
    mem_free(path);
    return status;
}

static enum vitlrp_status write_run(const struct eval_journal *journal, const struct text *text,
                                    struct vitlrp_error *err) {
    const struct draft_place place = {.folder = journal->folder, .name = RUN, .staging = -1};
    struct draft draft;
    enum vitlrp_status status = draft_open(&place, &draft, err);
    if (status == VITLRP_OK) {
        status = draft_finish(&draft, draft_write(&draft, text->data, text->length, err), err);
    }
    return error_prefix(err, status, RUN);
}

static bool take_content(struct evaluation *evaluation, const char *other) {
    char *content = evaluation->content_sha256;
    bool differs = content != NULL && other != NULL && strcmp(content, other) != 0;
    mem_free(content);
    evaluation->content_sha256 = NULL;
    return differs;
}

/* Numbers of both heads have been through a file: none differs by digits that are not written.
 * *renew: images have changed under their names, which is no other run: they are looked at one by
 * one. */
static enum vitlrp_status compare_run(const struct eval_journal *journal, const struct text *text,
                                      bool *renew, struct vitlrp_error *err) {
    struct record old = {0};
    struct record new = {0};
    struct text difference = {.limit = 1024};
    enum vitlrp_status status = head_read(journal->path, &old, err);
    if (status == VITLRP_OK) {
        status = record_read(text->data, text->length, &new, err);
    }
    if (status == VITLRP_OK) {
        *renew = take_content(&old.evaluation, new.evaluation.content_sha256);
        status = record_difference(&old, &new, &difference, err);
    }
    if (status == VITLRP_OK && old.evaluation.shard != new.evaluation.shard) {
        text_printf(&difference, "%sit is shard %d/%d", difference.length > 0 ? "; " : "",
                    old.evaluation.shard, old.evaluation.shards);
    }
    if (status == VITLRP_OK && difference.length > 0) {
        status = fail(err, VITLRP_USAGE,
                      "holds another run: %.300s (remove this folder, or give another name)",
                      difference.failed ? "it differs" : difference.data);
    }
    text_free(&difference);
    record_free(&old);
    record_free(&new);
    return status;
}

static bool is_there(int folder, const char *name) {
    struct stat info;
    return fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) == 0;
}

/* A run that was ended before its first image is no other's hindrance. */
static bool has_results(int folder) {
    struct stat info;
    return fstatat(folder, RESULTS, &info, AT_SYMLINK_NOFOLLOW) == 0 && info.st_size > 0;
}

/* `text` is the head. *renew: run.json is an older state of this run's. */
static enum vitlrp_status begin_or_resume(const struct eval_journal *journal,
                                          const struct text *text, bool *renew,
                                          struct vitlrp_error *err) {
    bool resumes = has_results(journal->folder);
    *renew = false;
    if (!resumes) {
        return write_run(journal, text, err);
    }
    if (!is_there(journal->folder, RUN)) {
        return fail(err, VITLRP_USAGE,
                    RESULTS " is there without " RUN " (remove it, or give another name)");
    }
    return compare_run(journal, text, renew, err);
}

/* ---- The folder ---- */

static enum vitlrp_status enter_folder(struct eval_journal *journal, struct vitlrp_error *err) {
    journal->created = mkdir(journal->path, 0777) == 0;
    if (!journal->created && errno != EEXIST) {
        return fail_errno(err, errno, "cannot create the folder");
    }
    journal->folder = open(journal->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (journal->folder < 0) {
        return fail_errno(err, errno, "cannot open this folder");
    }
    return lock_take(journal->folder, 0, 1, &journal->lock, err);
}

static enum vitlrp_status open_results(struct eval_journal *journal, size_t count, bool to_write,
                                       struct vitlrp_error *err) {
    const struct evaluation *head = &journal->head->evaluation;
    const struct journal_shard of = {.count = count, .shard = head->shard, .shards = head->shards};
    char *path = NULL;
    TRY(join_path(journal->path, RESULTS, &path, err));
    /* Who only looks at a run that has just begun finds no results. */
    bool is_missing = !to_write && access(path, F_OK) != 0;
    enum vitlrp_status status =
        journal_open(is_missing ? "/dev/null" : path, &of, to_write, &journal->journal, err);
    mem_free(path);
    return status;
}

/* Says in the journal that an image is to be done again, lest a run that is killed before leaves
 * the results of other bytes. */
static enum vitlrp_status reopen_image(struct eval_journal *journal, size_t index,
                                       struct vitlrp_error *err) {
    char line[64];
    size_t place = index / journal->journal.shards;
    int length = snprintf(line, sizeof line, "{\"index\":%zu,\"status\":\"open\"}\n", index);
    journal->changed++;
    return journal_add(&journal->journal, place, JOURNAL_OPEN, line, (size_t) length, err);
}

struct results_check {
    struct eval_journal *journal;
    const struct eval_journal_images *images;
};

/* Of a donor that is not the manifest's, nothing is known. */
static bool donor_has_changed(const struct eval_journal_images *images,
                              const struct eval_image *image) {
    return image->donor_sha256[0] != '\0' && images->manifest != NULL &&
           sha256_file_differs(images->manifest[image->donor], image->donor_sha256);
}

/* What was refused unread (a file beyond the limit) has no hash, and is no other file now. */
static bool image_has_changed(const char *path, const struct eval_image *image) {
    return (image->sha256[0] != '\0' || image->status == VITLRP_IO) &&
           sha256_file_differs(path, image->sha256);
}

static enum vitlrp_status check_image(void *user, const struct eval_image *image,
                                      struct vitlrp_error *err) {
    const struct results_check *check = user;
    const struct eval_journal_images *images = check->images;
    size_t place = image->index / check->journal->journal.shards;
    bool changed = images->items != NULL && (image_has_changed(images->items[place].path, image) ||
                                             donor_has_changed(images, image));
    return changed ? reopen_image(check->journal, image->index, err) : VITLRP_OK;
}

/* A line that nobody can read is found now and not after the work, and so is a file that is no
 * longer what it was. The store has the places of the lines as they are before. */
static enum vitlrp_status check_results(struct eval_journal *journal,
                                        const struct eval_journal_images *images,
                                        struct vitlrp_error *err) {
    struct results_check check = {journal, images};
    struct eval_store *store = NULL;
    size_t count = 0;
    TRY(eval_journal_store(journal, &store, &count, err));
    enum vitlrp_status status = store->visit(store, EVAL_ALL_IMAGES, check_image, &check, err);
    store->close(store);
    return error_prefix(err, status, RESULTS);
}

static enum vitlrp_status start_in_folder(struct eval_journal *journal,
                                          const struct eval_journal_images *images,
                                          const struct text *text, struct vitlrp_error *err) {
    bool renew = false;
    TRY(error_prefix(err, enter_folder(journal, err), journal->path));
    TRY(error_prefix(err, begin_or_resume(journal, text, &renew, err), journal->path));
    journal->is_writer = true;
    TRY(open_results(journal, images->count, true, err));
    TRY(error_prefix(err, check_results(journal, images, err), journal->path));
    if (!renew) {
        return VITLRP_OK;
    }
    /* Not before the results of what has changed are called open. */
    TRY(journal_sync(&journal->journal, err));
    return error_prefix(err, write_run(journal, text, err), journal->path);
}

static enum vitlrp_status journal_start(struct eval_journal *journal,
                                        const struct eval_journal_images *images,
                                        struct vitlrp_error *err) {
    struct text text = {.limit = RUN_LIMIT};
    enum vitlrp_status status =
        error_prefix(err, head_write(journal->head, &text, err), journal->path);
    if (status == VITLRP_OK) {
        status = start_in_folder(journal, images, &text, err);
    }
    text_free(&text);
    return status;
}

static enum vitlrp_status journal_make(const char *path, const struct record *head,
                                       struct eval_journal **out, struct vitlrp_error *err) {
    struct eval_journal *journal = mem_calloc(1, sizeof *journal);
    if (journal == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a journal");
    }
    journal->head = head;
    journal->folder = -1;
    journal->lock = (struct lock){.folder = -1, .shard = -1};
    journal->journal.descriptor = -1;
    journal->has_mutex = pthread_mutex_init(&journal->mutex, NULL) == 0;
    journal->path = mem_strdup(path);
    if (journal->path == NULL || !journal->has_mutex) {
        eval_journal_close(journal);
        return fail(err, VITLRP_NOMEM, "out of memory for a journal");
    }
    *out = journal;
    return VITLRP_OK;
}

enum vitlrp_status eval_journal_open(const char *path, const struct record *head,
                                     const struct eval_journal_images *images,
                                     struct eval_journal **out, struct vitlrp_error *err) {
    struct eval_journal *journal = NULL;
    TRY(journal_make(path, head, &journal, err));
    enum vitlrp_status status = journal_start(journal, images, err);
    if (status != VITLRP_OK) {
        eval_journal_close(journal);
        return status;
    }
    *out = journal;
    return VITLRP_OK;
}

void eval_journal_close(struct eval_journal *journal) {
    if (journal == NULL) {
        return;
    }
    if (journal->is_writer && !has_results(journal->folder)) {
        unlinkat(journal->folder, RESULTS, 0);
        unlinkat(journal->folder, RUN, 0);
        journal->created = true;
    }
    journal_close(&journal->journal);
    lock_release(&journal->lock);
    if (journal->folder >= 0) {
        close(journal->folder);
    }
    if (journal->created) {
        rmdir(journal->path); /* fails where there is a file */
    }
    if (journal->has_mutex) {
        pthread_mutex_destroy(&journal->mutex);
    }
    mem_free(journal->path);
    mem_free(journal);
}

/* ---- Images ---- */

bool eval_journal_is_unlocked(const struct eval_journal *journal) {
    return journal->lock.missing;
}

bool eval_journal_has(const struct eval_journal *journal, size_t place) {
    return journal->journal.entries[place].state != JOURNAL_OPEN;
}

size_t eval_journal_done(const struct eval_journal *journal) {
    return journal->journal.count - journal_count(&journal->journal, JOURNAL_OPEN);
}

size_t eval_journal_changed(const struct eval_journal *journal) {
    return journal->changed;
}

size_t eval_journal_failed(const struct eval_journal *journal) {
    return journal_count(&journal->journal, JOURNAL_FAILED);
}

static enum vitlrp_status add_line(struct eval_journal *journal, const struct eval_image *image,
                                   struct vitlrp_error *err) {
    size_t place = image->index / journal->journal.shards;
    enum journal_state state = image->status == VITLRP_OK ? JOURNAL_DONE : JOURNAL_FAILED;
    struct text line = {.limit = LINE_LIMIT};
    record_image_write(journal->head, image, &line);
    text_append_string(&line, "\n");
    enum vitlrp_status status = text_check(&line, "a line of results", err);
    if (status == VITLRP_OK) {
        pthread_mutex_lock(&journal->mutex);
        status = journal_add(&journal->journal, place, state, line.data, line.length, err);
        pthread_mutex_unlock(&journal->mutex);
    }
    text_free(&line);
    return status;
}

enum vitlrp_status eval_journal_add(struct eval_journal *journal, const struct eval_image *image,
                                    struct vitlrp_error *err) {
    struct eval_image clean = *image;
    clean.id = record_text(image->id);
    clean.message = image->message == NULL ? NULL : record_text(image->message);
    bool complete = clean.id != NULL && (image->message == NULL || clean.message != NULL);
    enum vitlrp_status status = complete
                                    ? add_line(journal, &clean, err)
                                    : fail(err, VITLRP_NOMEM, "out of memory for an image's name");
    mem_free(clean.id);
    mem_free(clean.message);
    return status;
}

/* What is in the journal by now. *origin is owned, after a failure too. */
static enum vitlrp_status take_places(const struct eval_journal *journal,
                                      struct record_origin *origin, size_t *count,
                                      struct vitlrp_error *err) {
    const struct journal *lines = &journal->journal;
    origin->count = lines->count;
    origin->places = mem_calloc(lines->count, sizeof *origin->places);
    origin->source = (struct source){.descriptor = fcntl(lines->descriptor, F_DUPFD_CLOEXEC, 0),
                                     .size = lines->end};
    if (origin->places == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu images", lines->count);
    }
    if (origin->source.descriptor < 0) {
        return fail_errno(err, errno, "cannot open");
    }
    *count = 0;
    for (size_t i = 0; i < lines->count; i++) {
        if (lines->entries[i].state != JOURNAL_OPEN) {
            origin->places[i] =
                (struct record_place){lines->entries[i].offset, lines->entries[i].length - 1};
            ++*count;
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status make_store(const struct eval_journal *journal, struct eval_store **store,
                                     size_t *count, struct vitlrp_error *err) {
    struct record_origin origin = {.source = {.descriptor = -1}};
    enum vitlrp_status status = head_read(journal->path, &origin.head, err);
    if (status == VITLRP_OK) {
        status = take_places(journal, &origin, count, err);
    }
    if (status != VITLRP_OK) {
        record_origin_free(&origin);
        return status;
    }
    return record_file_open(&origin, store, err);
}

enum vitlrp_status eval_journal_store(const struct eval_journal *journal, struct eval_store **store,
                                      size_t *count, struct vitlrp_error *err) {
    TRY(journal_sync(&journal->journal, err));
    return make_store(journal, store, count, err);
}

/* ---- From outside ---- */

/* Images of the shard that the head states. */
static size_t shard_images(const struct evaluation *head) {
    size_t shards = (size_t) head->shards;
    size_t rest = head->manifest_count % shards;
    return head->manifest_count / shards + (rest > (size_t) head->shard ? 1 : 0);
}

static enum vitlrp_status look(const char *path, struct record *head, struct vitlrp_error *err) {
    struct eval_journal *journal = NULL;
    size_t images = shard_images(&head->evaluation);
    size_t count = 0;
    TRY(journal_make(path, head, &journal, err));
    enum vitlrp_status status = open_results(journal, images, false, err);
    if (status == VITLRP_OK) {
        status = make_store(journal, &head->evaluation.store, &count, err);
    }
    mem_free(head->evaluation.images); /* a list of none */
    head->evaluation.images = NULL;
    head->evaluation.image_count = count;
    head->evaluation.cancelled = count < images;
    eval_journal_close(journal);
    return status;
}

enum vitlrp_status eval_journal_look(const char *path, struct record *out,
                                     struct vitlrp_error *err) {
    struct record head = {0};
    TRY(head_read(path, &head, err));
    enum vitlrp_status status = look(path, &head, err);
    if (status != VITLRP_OK) {
        record_free(&head);
        return status;
    }
    *out = head;
    return VITLRP_OK;
}

static enum vitlrp_status remove_files(struct eval_journal *journal, struct vitlrp_error *err) {
    static const char *const FILES[] = {RESULTS, RUN};
    TRY(enter_folder(journal, err));
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
        if (unlinkat(journal->folder, FILES[i], 0) != 0 && errno != ENOENT) {
            return error_prefix(err, fail_errno(err, errno, "cannot remove"), FILES[i]);
        }
    }
    return VITLRP_OK;
}

enum vitlrp_status eval_journal_remove(const char *path, struct vitlrp_error *err) {
    struct eval_journal *journal = NULL;
    TRY(journal_make(path, NULL, &journal, err));
    enum vitlrp_status status = error_prefix(err, remove_files(journal, err), path);
    journal->created = status == VITLRP_OK; /* what is empty by now goes too */
    eval_journal_close(journal);
    return status;
}
