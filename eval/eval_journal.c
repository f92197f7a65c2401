#define _GNU_SOURCE
#include "eval/eval_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/mem.h"
#include "base/run_folder.h"
#include "eval/map_folder.h"
#include "eval/mask_folder.h"
#include "eval/merge.h"
#include "eval/record_file.h"
#include "eval/record_image.h"

#define RUN_LIMIT ((size_t) 1 << 30)
#define LINE_LIMIT ((size_t) 1 << 28)

struct eval_journal {
    const struct record *head;
    size_t changed; /* images that are open again */
    struct run_folder folder;
};

/* ---- run.json ---- */

static enum vitlrp_status head_read(const struct run_folder *folder, struct record *out,
                                    struct vitlrp_error *err) {
    struct bytes bytes = {0};
    TRY(run_folder_read(folder, &bytes, err));
    enum vitlrp_status status = record_read((const char *) bytes.data, bytes.size, out, err);
    bytes_free(&bytes);
    return run_folder_prefix(folder, status, err);
}

/* A run to be opened. */
struct opening {
    struct eval_journal *journal;
    const struct eval_journal_images *images;
    struct text text; /* of run.json; owned */
    bool renew;       /* run.json is an older state of this run's */
};

static bool take_content(struct evaluation *evaluation, const char *other) {
    char *content = evaluation->content_sha256;
    bool differs = content != NULL && other != NULL && strcmp(content, other) != 0;
    mem_free(content);
    evaluation->content_sha256 = NULL;
    return differs;
}

/* Numbers of both heads have been through a file: none differs by digits that are not written.
 * Images that have changed under their names are no other run: they are looked at one by one. */
static enum vitlrp_status compare_run(void *user, const char *run, size_t size,
                                      struct text *difference, struct vitlrp_error *err) {
    struct opening *opening = user;
    struct record old = {0};
    struct record new = {0};
    enum vitlrp_status status = record_read(run, size, &old, err);
    if (status == VITLRP_OK) {
        status = record_read(opening->text.data, opening->text.length, &new, err);
    }
    if (status == VITLRP_OK) {
        opening->renew = take_content(&old.evaluation, new.evaluation.content_sha256);
        status = record_difference(&old, &new, difference, err);
    }
    if (status == VITLRP_OK && old.evaluation.shard != new.evaluation.shard) {
        text_printf(difference, "%sit is shard %d/%d", difference->length > 0 ? "; " : "",
                    old.evaluation.shard, old.evaluation.shards);
    }
    record_free(&old);
    record_free(&new);
    return status;
}

/* ---- What is there ---- */

/* Says in the journal that an image is to be done again, lest a run that is killed before leaves
 * what it was. */
static enum vitlrp_status reopen_image(struct eval_journal *journal, size_t index,
                                       struct vitlrp_error *err) {
    struct text line = {.limit = 100};
    text_printf(&line, "{\"index\":%zu,\"status\":\"open\"}\n", index);
    enum vitlrp_status status = run_folder_add(
        &journal->folder, index / journal->folder.journal.shards, JOURNAL_OPEN, &line, err);
    text_free(&line);
    return status;
}

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

/* Of what failed, results are unknown, and so is what was read for them. */
static bool result_has_changed(const struct eval_journal_images *images, size_t method_count,
                               const char *id, const struct eval_image *image) {
    bool changed = images->truth_masks != NULL && image->status == VITLRP_OK &&
                   mask_folder_has_changed(images->truth_masks, id, image->mask_sha256);
    for (size_t m = 0; image->methods != NULL && m < method_count && !changed; m++) {
        const char *maps = images->methods == NULL ? NULL : images->methods[m].maps;
        changed = maps != NULL && map_folder_has_changed(maps, id, image->methods[m].map_sha256);
    }
    return changed;
}

static bool has_changed(const struct opening *opening, const struct eval_image *image) {
    const struct eval_journal_images *images = opening->images;
    size_t methods = opening->journal->head->evaluation.method_count;
    if (images->items == NULL) {
        return false;
    }
    const struct eval_item *item =
        &images->items[image->index / opening->journal->folder.journal.shards];
    return image_has_changed(item->path, image) || donor_has_changed(images, image) ||
           result_has_changed(images, methods, item->id, image);
}

static enum vitlrp_status check_image(void *user, const struct eval_image *image,
                                      struct vitlrp_error *err) {
    const struct opening *opening = user;
    bool changed = has_changed(opening, image);
    opening->journal->changed += changed ? 1 : 0;
    return changed || (opening->images->retry_failed && image->status != VITLRP_OK)
               ? reopen_image(opening->journal, image->index, err)
               : VITLRP_OK;
}

/* A line that nobody can read is found now and not after the work, and so is a file that is no
 * longer what it was. The store has the places of the lines as they are before. */
static enum vitlrp_status check_results(struct opening *opening, struct vitlrp_error *err) {
    struct eval_store *store = NULL;
    size_t count = 0;
    TRY(eval_journal_store(opening->journal, &store, &count, err));
    enum vitlrp_status status = store->visit(store, EVAL_ALL_IMAGES, check_image, opening, err);
    store->close(store);
    return error_prefix(err, status, RUN_FOLDER_RESULTS);
}

/* ---- Opening ---- */

static enum vitlrp_status journal_make(const struct record *head, struct eval_journal **out,
                                       struct vitlrp_error *err) {
    struct eval_journal *journal = mem_calloc(1, sizeof *journal);
    if (journal == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a journal");
    }
    journal->head = head;
    journal->folder = run_folder_closed();
    *out = journal;
    return VITLRP_OK;
}

static enum vitlrp_status journal_start(struct opening *opening, const char *path,
                                        struct vitlrp_error *err) {
    struct eval_journal *journal = opening->journal;
    const struct evaluation *head = &journal->head->evaluation;
    const struct run_folder_run run = {
        .images = {.count = opening->images->count, .shard = head->shard, .shards = head->shards},
        .text = &opening->text,
        .compare = compare_run,
        .user = opening};
    TRY(error_prefix(err, record_write_head(journal->head, &opening->text, err), path));
    TRY(run_folder_open(path, &run, &journal->folder, err));
    TRY(error_prefix(err, check_results(opening, err), path));
    if (!opening->renew) {
        return VITLRP_OK;
    }
    /* Not before the results of what has changed are called open. */
    TRY(journal_sync(&journal->folder.journal, err));
    return run_folder_write(&journal->folder, &opening->text, err);
}

enum vitlrp_status eval_journal_open(const char *path, const struct record *head,
                                     const struct eval_journal_images *images,
                                     struct eval_journal **out, struct vitlrp_error *err) {
    struct opening opening = {.images = images, .text = {.limit = RUN_LIMIT}};
    TRY(journal_make(head, &opening.journal, err));
    enum vitlrp_status status = journal_start(&opening, path, err);
    text_free(&opening.text);
    if (status != VITLRP_OK) {
        eval_journal_close(opening.journal);
        return status;
    }
    *out = opening.journal;
    return VITLRP_OK;
}

void eval_journal_close(struct eval_journal *journal) {
    if (journal != NULL) {
        run_folder_close(&journal->folder);
        mem_free(journal);
    }
}

/* ---- Images ---- */

bool eval_journal_is_unlocked(const struct eval_journal *journal) {
    return journal->folder.lock.missing;
}

bool eval_journal_has(const struct eval_journal *journal, size_t place) {
    return journal->folder.journal.entries[place].state != JOURNAL_OPEN;
}

size_t eval_journal_done(const struct eval_journal *journal) {
    const struct journal *lines = &journal->folder.journal;
    return lines->count - journal_count(lines, JOURNAL_OPEN);
}

size_t eval_journal_changed(const struct eval_journal *journal) {
    return journal->changed;
}

size_t eval_journal_failed(const struct eval_journal *journal) {
    return journal_count(&journal->folder.journal, JOURNAL_FAILED);
}

static enum vitlrp_status add_line(struct eval_journal *journal, const struct eval_image *image,
                                   struct vitlrp_error *err) {
    size_t place = image->index / journal->folder.journal.shards;
    enum journal_state state = image->status == VITLRP_OK ? JOURNAL_DONE : JOURNAL_FAILED;
    struct text line = {.limit = LINE_LIMIT};
    record_image_write(journal->head, image, &line);
    text_append_string(&line, "\n");
    enum vitlrp_status status = run_folder_add(&journal->folder, place, state, &line, err);
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
    const struct journal *lines = &journal->folder.journal;
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
    enum vitlrp_status status = head_read(&journal->folder, &origin.head, err);
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
    TRY(journal_sync(&journal->folder.journal, err));
    return make_store(journal, store, count, err);
}

/* ---- From outside ---- */

static enum vitlrp_status look(struct eval_journal *journal, struct record *head,
                               struct vitlrp_error *err) {
    const struct journal_shard shard = {.count = evaluation_shard_images(&head->evaluation),
                                        .shard = head->evaluation.shard,
                                        .shards = head->evaluation.shards};
    size_t count = 0;
    TRY(run_folder_look_results(&journal->folder, &shard, err));
    TRY(make_store(journal, &head->evaluation.store, &count, err));
    mem_free(head->evaluation.images); /* a list of none */
    head->evaluation.images = NULL;
    head->evaluation.image_count = count;
    head->evaluation.cancelled = count < shard.count;
    return VITLRP_OK;
}

enum vitlrp_status eval_journal_look(const char *path, struct record *out,
                                     struct vitlrp_error *err) {
    struct record head = {0};
    struct eval_journal *journal = NULL;
    TRY(journal_make(&head, &journal, err));
    enum vitlrp_status status = run_folder_look(path, &journal->folder, err);
    if (status == VITLRP_OK) {
        status = head_read(&journal->folder, &head, err);
    }
    if (status == VITLRP_OK) {
        status = look(journal, &head, err);
    }
    eval_journal_close(journal);
    if (status != VITLRP_OK) {
        record_free(&head);
        return status;
    }
    *out = head;
    return VITLRP_OK;
}
