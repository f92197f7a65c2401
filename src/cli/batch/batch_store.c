#define _GNU_SOURCE
#include "batch_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/draft.h"
#include "base/folder.h"
#include "batch_config.h"
#include "batch_line.h"
#include "batch_page.h"
#include "batch_plan.h"
#include "cli/names.h"
#include "cli/outputs.h"

#define MOST_ATTEMPTS 10

static enum vitlrp_status fail_file(const char *path, struct vitlrp_error *err) {
    return error_prefix(err, fail(err, VITLRP_IO, "is a file, not a folder"), path);
}

/* The folder that the user named, links and all; *created: it was not there. */
static enum vitlrp_status make_folder(const char *path, bool *created, struct vitlrp_error *err) {
    struct stat info;
    *created = mkdir(path, 0777) == 0;
    if (*created) {
        return VITLRP_OK;
    }
    if (errno != EEXIST) {
        return error_prefix(err, fail_errno(err, errno, "cannot create the folder"), path);
    }
    if (stat(path, &info) == 0 && !S_ISDIR(info.st_mode)) {
        return fail_file(path, err);
    }
    return VITLRP_OK;
}

/* What a process that was killed has left. Other files are not ours to remove. */
static void remove_temporaries(int folder) {
    int descriptor = fcntl(folder, F_DUPFD_CLOEXEC, 0);
    DIR *stream = descriptor < 0 ? NULL : fdopendir(descriptor);
    const struct dirent *entry;
    if (stream == NULL) {
        if (descriptor >= 0) {
            close(descriptor);
        }
        return;
    }
    while ((entry = readdir(stream)) != NULL) {
        if (draft_is_temporary(entry->d_name)) {
            unlinkat(folder, entry->d_name, 0);
        }
    }
    closedir(stream);
}

static void close_descriptor(int *descriptor) {
    if (*descriptor >= 0) {
        close(*descriptor);
    }
    *descriptor = -1;
}

/* The last of several processes may remove the hidden folder just before this one locks it. */
static enum vitlrp_status store_lock(struct batch_store *store, int32_t shard, int32_t shards,
                                     const struct console *console, struct vitlrp_error *err) {
    enum vitlrp_status status = VITLRP_OK;
    for (int attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
        TRY(error_prefix(err, folder_enter(store->root, BATCH_HIDDEN, true, &store->hidden, err),
                         store->folder));
        status = lock_take(store->hidden, shard, shards, &store->lock, err);
        if (status == VITLRP_OK && store->lock.missing) {
            console_warn(console,
                         "%s: this file system has no locks; take care that no other process "
                         "writes here",
                         store->folder);
        }
        if (status == VITLRP_OK || err->system_errno != ENOENT) {
            break;
        }
        lock_release(&store->lock);
        close_descriptor(&store->hidden);
    }
    status = error_prefix(err, status, BATCH_HIDDEN);
    return error_prefix(err, status, store->folder);
}

static enum vitlrp_status store_open_staging(struct batch_store *store, int32_t shard,
                                             int32_t shards, struct vitlrp_error *err) {
    snprintf(store->staging_name, sizeof store->staging_name,
             shards > 1 ? "staging.%d-of-%d" : "staging", shard, shards);
    enum vitlrp_status status =
        folder_enter(store->hidden, store->staging_name, true, &store->staging, err);
    status = error_prefix(err, status, BATCH_HIDDEN);
    if (status == VITLRP_OK) {
        remove_temporaries(store->staging);
    }
    return error_prefix(err, status, store->folder);
}

enum vitlrp_status batch_store_open(const char *folder, int32_t shard, int32_t shards,
                                    const struct console *console, struct batch_store *store,
                                    struct vitlrp_error *err) {
    *store = BATCH_STORE_CLOSED;
    store->folder = folder;
    TRY(make_folder(folder, &store->created, err));
    TRY(folder_open(folder, &store->root, err));
    TRY(store_lock(store, shard, shards, console, err));
    store->locked = true;
    return store_open_staging(store, shard, shards, err);
}

/* Whether a folder that is not there could be created. */
static enum vitlrp_status check_around(const char *folder, struct vitlrp_error *err) {
    struct text path = {.limit = NAME_LIMIT};
    size_t length = strlen(folder);
    while (length > 1 && folder[length - 1] == '/') {
        length--;
    }
    text_append(&path, folder, length);
    enum vitlrp_status status = text_check(&path, "the folder's name", err);
    if (status == VITLRP_OK) {
        status = output_check(path.data, err);
    }
    text_free(&path);
    return status;
}

enum vitlrp_status batch_store_look(const char *folder, struct batch_store *store,
                                    struct vitlrp_error *err) {
    struct stat info;
    *store = BATCH_STORE_CLOSED;
    store->folder = folder;
    if (stat(folder, &info) != 0) {
        return check_around(folder, err);
    }
    if (!S_ISDIR(info.st_mode)) {
        return fail_file(folder, err);
    }
    if (access(folder, W_OK | X_OK) != 0) {
        return error_prefix(err, fail_errno(err, errno, "cannot write into this folder"), folder);
    }
    return folder_open(folder, &store->root, err);
}

/* Folders go only if they are empty. */
void batch_store_close(struct batch_store *store) {
    if (store->locked) {
        close_descriptor(&store->staging);
        unlinkat(store->hidden, store->staging_name, AT_REMOVEDIR);
    }
    lock_release(&store->lock);
    if (store->hidden >= 0) {
        unlinkat(store->root, BATCH_HIDDEN, AT_REMOVEDIR);
    }
    close_descriptor(&store->hidden);
    close_descriptor(&store->root);
    if (store->created) {
        rmdir(store->folder);
    }
    *store = BATCH_STORE_CLOSED;
}

static enum vitlrp_status write_file(const struct batch_store *store, const char *path,
                                     const void *data, size_t size, struct vitlrp_error *err) {
    struct draft_place place = {.staging = store->staging};
    TRY(folder_enter_below(store->root, path, true, &place.folder, &place.name, err));
    enum vitlrp_status status = draft_put(&place, data, size, err);
    close(place.folder);
    return status;
}

enum vitlrp_status batch_store_write(const struct batch_store *store, const char *path,
                                     const void *data, size_t size, struct vitlrp_error *err) {
    struct text whole = {.limit = 2 * NAME_LIMIT};
    text_printf(&whole, "%s/%s", store->folder, path);
    enum vitlrp_status status = text_check(&whole, "the name of a result", err);
    if (status == VITLRP_OK && store->guard != NULL) {
        status = guard_check(store->guard, "-o", whole.data, err);
    }
    if (status == VITLRP_OK) {
        status = error_prefix(err, write_file(store, path, data, size, err), whole.data);
    }
    text_free(&whole);
    return status;
}

/* ---- A run that begins or is resumed ---- */

/* Of a folder that lacks the record of a run: a file of this name is not that run's. */
static enum vitlrp_status check_free(const struct batch_store *store, const char *name,
                                     const char *run, struct vitlrp_error *err) {
    struct text path = {.limit = 2 * NAME_LIMIT};
    text_printf(&path, "%s/%s", store->folder, name);
    enum vitlrp_status status = text_check(&path, "the name of a result", err);
    if (status == VITLRP_OK && folder_has(AT_FDCWD, path.data)) {
        status = error_prefix(err,
                              fail(err, VITLRP_USAGE,
                                   "exists without %s, so it is another run's or nobody's (give "
                                   "another folder, or remove it)",
                                   run),
                              path.data);
    }
    text_free(&path);
    return status;
}

enum vitlrp_status batch_check_page(const struct batch_store *store, struct vitlrp_error *err) {
    return check_free(store, BATCH_PAGE, "run.json", err);
}

static enum vitlrp_status run_check_new(const struct batch_plan *plan,
                                        const struct settings *settings,
                                        const struct batch_store *store, const char *run,
                                        const char *results, struct vitlrp_error *err) {
    TRY(check_free(store, results, run, err));
    TRY(check_free(store, BATCH_PAGE, run, err));
    return batch_plan_check_new(plan, settings_classes(settings) > 1, err);
}

/* Of a run that begins. */
static enum vitlrp_status run_write(const struct batch_store *store, const char *run_path,
                                    const json_t *config, struct vitlrp_error *err) {
    struct text text = {.limit = (size_t) 1 << 24};
    if (!store->locked) {
        return VITLRP_OK;
    }
    enum vitlrp_status status = batch_config_write(config, &text, err);
    if (status == VITLRP_OK) {
        const char *name = run_path + strlen(store->folder) + 1;
        status = batch_store_write(store, name, text.data, text.length, err);
    }
    text_free(&text);
    return status;
}

/* *renew: the images' files held something else, which the record will say. */
static enum vitlrp_status run_compare(const char *run_path, const json_t *config, bool *renew,
                                      struct vitlrp_error *err) {
    json_t *old = NULL;
    TRY(batch_config_read(run_path, &old, err));
    enum vitlrp_status status = batch_config_compare(old, config, "the old run", "this one", err);
    *renew = batch_config_compare_content(old, config, NULL) != VITLRP_OK;
    json_decref(old);
    if (status != VITLRP_MISMATCH) {
        return error_prefix(err, status, run_path);
    }
    struct vitlrp_error told = *err;
    return error_prefix(
        err, fail(err, VITLRP_USAGE, "%.380s (give another folder for another run)", told.message),
        run_path);
}

/* A run that is resumed. */
struct resumption {
    const struct batch_plan *plan;
    const struct batch_store *store;
    struct journal *journal;
    bool several; /* classes are in the names */
    const char *method;
};

/* A line is believed if it is of the image at this place, names what a run of these options writes,
 * and each of those is a whole file of the size that it had. */
static enum vitlrp_status line_is_believed(const struct resumption *resumption,
                                           const struct batch_line *line, size_t place, bool *out,
                                           struct vitlrp_error *err) {
    enum vitlrp_status status = VITLRP_OK;
    const struct batch_choice *choice = resumption->plan->choice;
    bool done = resumption->journal->entries[place].state == JOURNAL_DONE;
    bool believed = strcmp(line->id, batch_plan_image(resumption->plan, place).id) == 0;
    if (done && believed) {
        status = batch_line_is_complete(line, choice, resumption->several, &believed, err);
    } else if (!done) {
        believed = believed && !choice->retry_failed;
    }
    for (size_t i = 0; i < line->file_count && believed && status == VITLRP_OK; i++) {
        status = folder_find_file(resumption->store->root, line->files[i].path, line->files[i].size,
                                  &believed, err);
    }
    *out = believed;
    return status;
}

/* Says in the journal that the image is to be done again, lest a run that is killed before leaves
 * the results of other bytes. */
static enum vitlrp_status add_open_line(const struct resumption *resumption, size_t place,
                                        struct vitlrp_error *err) {
    struct text text = {.limit = (size_t) 1 << 20};
    struct vitlrp_dataset_image image = batch_plan_image(resumption->plan, place);
    bool complete = true;
    json_t *line = batch_line_begin(&(struct batch_line_head){.image = &image,
                                                              .status = "open",
                                                              .sha256 = "",
                                                              .label = -1,
                                                              .method = resumption->method},
                                    &complete);
    json_append(&text, line, 0);
    text_append_string(&text, "\n");
    enum vitlrp_status status =
        complete ? text_check(&text, "a line of results", err)
                 : fail(err, VITLRP_NOMEM, "out of memory for a line of results");
    if (status == VITLRP_OK) {
        status = journal_add(resumption->journal, place, JOURNAL_OPEN, text.data, text.length, err);
    }
    json_decref(line);
    text_free(&text);
    return status;
}

/* Of a file whose name is one of the run's. What is no longer the file of the line is not removed,
 * nor is what the run reads. */
static enum vitlrp_status remove_file(const struct batch_store *store,
                                      const struct batch_line_file *file,
                                      struct vitlrp_error *err) {
    struct text whole = {.limit = 2 * NAME_LIMIT};
    struct vitlrp_error ignored;
    const char *name = NULL;
    int folder = -1;
    bool found = false;
    enum vitlrp_status status = VITLRP_OK;
    TRY(folder_find_file(store->root, file->path, file->size, &found, err));
    text_printf(&whole, "%s/%s", store->folder, file->path);
    TRY_GOTO(status, text_check(&whole, "the name of a result", err), cleanup);
    if (!found || (store->guard != NULL &&
                   guard_check(store->guard, "-o", whole.data, &ignored) != VITLRP_OK)) {
        goto cleanup;
    }
    TRY_GOTO(status, folder_enter_below(store->root, file->path, false, &folder, &name, err),
             cleanup);
    if (unlinkat(folder, name, 0) != 0 && errno != ENOENT) {
        status = fail_errno(err, errno, "is of an older photograph, and cannot be removed");
    }
    close(folder);
    error_prefix(err, status, whole.data);

cleanup:
    text_free(&whole);
    return status;
}

/* The results of bytes that the image's file no longer holds. Another predicted class gives other
 * names, and an image that fails none: nothing would be written over them. They go before the line
 * that names them is superseded, so that a run that is killed in between finds them by it. */
static enum vitlrp_status remove_outdated(const struct resumption *resumption, size_t place,
                                          const struct batch_line *line, struct vitlrp_error *err) {
    const char *id = batch_plan_image(resumption->plan, place).id;
    if (strcmp(line->id, id) != 0) {
        return VITLRP_OK;
    }
    enum vitlrp_status status = batch_line_check_names(line, err);
    for (size_t i = 0; i < line->file_count && status == VITLRP_OK; i++) {
        status = remove_file(resumption->store, &line->files[i], err);
    }
    return status == VITLRP_FORMAT ? VITLRP_OK : status; /* of a name that no run gives */
}

static enum vitlrp_status journal_reopen_unfinished(const struct resumption *resumption,
                                                    struct vitlrp_error *err) {
    struct journal *journal = resumption->journal;
    for (size_t i = 0; i < journal->count; i++) {
        struct batch_line line;
        if (journal->entries[i].state == JOURNAL_OPEN) {
            continue;
        }
        enum vitlrp_status status = batch_line_read(journal, i, &line, err);
        bool believed = false;
        if (status == VITLRP_OK) {
            status = line_is_believed(resumption, &line, i, &believed, err);
        }
        bool outdated = status == VITLRP_OK &&
                        batch_line_is_outdated(&line, batch_plan_image(resumption->plan, i).path);
        bool superseded = outdated && resumption->store->locked;
        if (status == VITLRP_OK && superseded) {
            status = remove_outdated(resumption, i, &line, err);
        }
        batch_line_free(&line);
        if (status == VITLRP_OK && superseded) {
            status = add_open_line(resumption, i, err);
        }
        TRY(status);
        if (!believed || outdated) {
            journal_reopen(journal, i);
        }
    }
    return VITLRP_OK;
}

enum vitlrp_status batch_resume(const struct batch_plan *plan, const struct settings *settings,
                                const struct batch_store *store, const json_t *config,
                                struct journal *journal, struct vitlrp_error *err) {
    const struct batch_choice *choice = plan->choice;
    struct text run = {.limit = 2 * NAME_LIMIT};
    struct text results = {.limit = 2 * NAME_LIMIT};
    batch_append_name(&run, store->folder, "run", ".json", choice->shard, choice->shards);
    batch_append_name(&results, store->folder, "results", ".jsonl", choice->shard, choice->shards);
    enum vitlrp_status status = text_check(&run, "the name of the run's record", err);
    if (status == VITLRP_OK) {
        status = text_check(&results, "the name of the run's results", err);
    }
    if (status != VITLRP_OK) {
        goto cleanup;
    }
    bool renew = false;
    bool begins = !folder_has(AT_FDCWD, run.data);
    size_t folder = strlen(store->folder) + 1; /* in front of both names */
    status =
        begins ? run_check_new(plan, settings, store, run.data + folder, results.data + folder, err)
               : run_compare(run.data, config, &renew, err);
    if (status == VITLRP_OK && begins) {
        status = run_write(store, run.data, config, err);
    }
    if (status == VITLRP_OK) {
        /* Who only looks, and finds no results, has an empty file for them. */
        const char *path =
            store->locked || folder_has(AT_FDCWD, results.data) ? results.data : "/dev/null";
        status = journal_open(
            path,
            &(struct journal_shard){plan->count, choice->shard, choice->shards, batch_line_check},
            store->locked, journal, err);
    }
    if (status == VITLRP_OK) {
        status = journal_reopen_unfinished(&(struct resumption){plan, store, journal,
                                                                settings_classes(settings) > 1,
                                                                settings->method_info.name},
                                           err);
    }
    /* Not before the results of what has changed are called open. */
    if (status == VITLRP_OK && renew) {
        status = journal_sync(journal, err);
    }
    if (status == VITLRP_OK && renew) {
        status = run_write(store, run.data, config, err);
    }

cleanup:
    text_free(&run);
    text_free(&results);
    return status;
}

/* ---- The end of a run ---- */

#define PAGE_LIMIT ((size_t) 1 << 32)

struct draft_place batch_journal_place(const struct batch_store *store, const char *path) {
    const char *slash = strrchr(path, '/');
    return (struct draft_place){
        .folder = store->root, .name = slash == NULL ? path : slash + 1, .staging = store->staging};
}

enum vitlrp_status batch_finish(const struct batch_store *store, struct journal *journal,
                                const json_t *config, bool with_page, struct vitlrp_error *err) {
    struct text page = {.limit = PAGE_LIMIT};
    const struct draft_place place = batch_journal_place(store, journal->path);
    TRY(error_prefix(err, journal_finish(journal, &place, err), store->folder));
    if (!with_page) {
        return VITLRP_OK;
    }
    enum vitlrp_status status = batch_page(journal, config, &page, err);
    if (status == VITLRP_OK) {
        status = batch_store_write(store, BATCH_PAGE, page.data, page.length, err);
    }
    text_free(&page);
    return status;
}
