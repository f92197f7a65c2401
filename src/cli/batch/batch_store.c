#define _GNU_SOURCE
#include "batch_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/draft.h"
#include "batch_config.h"
#include "batch_page.h"
#include "batch_plan.h"
#include "cli/names.h"
#include "cli/outputs.h"

#define MOST_ATTEMPTS 10

static enum vitlrp_status fail_file(const char *path, struct vitlrp_error *err) {
    return error_prefix(err, fail(err, VITLRP_IO, "is a file, not a folder"), path);
}

static enum vitlrp_status make_folder(const char *path, struct vitlrp_error *err) {
    struct stat info;
    if (mkdir(path, 0777) == 0) {
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

static void remove_files(const char *folder) {
    DIR *stream = opendir(folder);
    const struct dirent *entry;
    if (stream == NULL) {
        return;
    }
    while ((entry = readdir(stream)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            unlinkat(dirfd(stream), entry->d_name, 0);
        }
    }
    closedir(stream);
}

/* The last of several processes may remove the hidden folder just before this one locks it. */
static enum vitlrp_status store_lock(struct batch_store *store, int32_t shard, int32_t shards,
                                     const struct console *console, struct vitlrp_error *err) {
    enum vitlrp_status status = VITLRP_OK;
    for (int attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
        TRY(make_folder(store->hidden.data, err));
        status = lock_take(store->hidden.data, shard, shards, &store->lock, err);
        if (status == VITLRP_OK && store->lock.missing) {
            console_warn(console,
                         "%s: this file system has no locks; take care that no other process "
                         "writes here",
                         store->hidden.data);
        }
        if (status == VITLRP_OK || err->system_errno != ENOENT) {
            return status;
        }
        lock_release(&store->lock);
    }
    return status;
}

enum vitlrp_status batch_store_open(const char *folder, int32_t shard, int32_t shards,
                                    const struct console *console, struct batch_store *store,
                                    struct vitlrp_error *err) {
    *store = (struct batch_store){.folder = folder,
                                  .hidden = {.limit = NAME_LIMIT},
                                  .staging = {.limit = NAME_LIMIT},
                                  .lock = {.folder = -1, .shard = -1}};
    text_printf(&store->hidden, "%s/%s", folder, BATCH_HIDDEN);
    batch_append_name(&store->staging, store->hidden.failed ? "" : store->hidden.data, "staging",
                      "", shard, shards);
    if (store->hidden.failed || store->staging.failed) {
        return fail(err, VITLRP_LIMIT, "the folder's name is longer than %zu bytes", NAME_LIMIT);
    }
    TRY(make_folder(folder, err));
    TRY(store_lock(store, shard, shards, console, err));
    store->locked = true;
    TRY(make_folder(store->staging.data, err));
    remove_files(store->staging.data);
    return VITLRP_OK;
}

/* Whether a folder that is not there could be created. */
static enum vitlrp_status check_around(const char *folder, struct vitlrp_error *err) {
    struct text path = {.limit = NAME_LIMIT};
    size_t length = strlen(folder);
    while (length > 1 && folder[length - 1] == '/') {
        length--;
    }
    text_append(&path, folder, length);
    enum vitlrp_status status =
        path.failed
            ? fail(err, VITLRP_LIMIT, "the folder's name is longer than %zu bytes", NAME_LIMIT)
            : output_check(path.data, err);
    text_free(&path);
    return status;
}

enum vitlrp_status batch_store_look(const char *folder, struct batch_store *store,
                                    struct vitlrp_error *err) {
    struct stat info;
    *store = (struct batch_store){.folder = folder, .lock = {.folder = -1, .shard = -1}};
    if (stat(folder, &info) != 0) {
        return check_around(folder, err);
    }
    if (!S_ISDIR(info.st_mode)) {
        return fail_file(folder, err);
    }
    if (access(folder, W_OK | X_OK) != 0) {
        return error_prefix(err, fail_errno(err, errno, "cannot write into this folder"), folder);
    }
    return VITLRP_OK;
}

void batch_store_close(struct batch_store *store) {
    if (store->locked) {
        rmdir(store->staging.data);
    }
    lock_release(&store->lock);
    if (store->hidden.data != NULL) {
        rmdir(store->hidden.data); /* if it is empty */
    }
    text_free(&store->hidden);
    text_free(&store->staging);
}

static enum vitlrp_status sync_folder(const char *path, struct vitlrp_error *err) {
    int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum vitlrp_status status = VITLRP_OK;
    if (descriptor < 0 || fsync(descriptor) != 0) {
        status = error_prefix(err, fail_errno(err, errno, "cannot write"), path);
    }
    if (descriptor >= 0) {
        close(descriptor);
    }
    return status;
}

/* The folders between the store's and the file. */
static enum vitlrp_status make_folders(const struct batch_store *store, char *path,
                                       struct vitlrp_error *err) {
    size_t begin = strlen(store->folder) + 1;
    for (char *slash = strchr(path + begin, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        enum vitlrp_status status = make_folder(path, err);
        char *above = strrchr(path, '/');
        if (status == VITLRP_OK) {
            *above = '\0';
            status = sync_folder(path, err);
            *above = '/';
        }
        *slash = '/';
        TRY(status);
    }
    return VITLRP_OK;
}

static enum vitlrp_status write_file(const struct batch_store *store, char *path, const void *data,
                                     size_t size, struct vitlrp_error *err) {
    struct draft draft;
    TRY(store->guard == NULL ? VITLRP_OK : guard_check(store->guard, "-o", path, err));
    enum vitlrp_status status = draft_open(path, store->staging.data, &draft, err);
    if (status != VITLRP_OK && err->system_errno == ENOENT) {
        TRY(make_folders(store, path, err));
        status = draft_open(path, store->staging.data, &draft, err);
    }
    if (status == VITLRP_OK) {
        status = draft_write(&draft, data, size, err);
        if (status == VITLRP_OK) {
            status = draft_commit(&draft, err);
        }
        draft_discard(&draft);
    }
    return error_prefix(err, status, path);
}

enum vitlrp_status batch_store_write(const struct batch_store *store, const char *path,
                                     const void *data, size_t size, struct vitlrp_error *err) {
    struct text whole = {.limit = 2 * NAME_LIMIT};
    text_printf(&whole, "%s/%s", store->folder, path);
    enum vitlrp_status status =
        whole.failed ? fail(err, VITLRP_LIMIT, "a path has more than %zu bytes", NAME_LIMIT)
                     : write_file(store, whole.data, data, size, err);
    text_free(&whole);
    return status;
}

/* ---- A run that begins or is resumed ---- */

static bool is_there(const char *path) {
    struct stat info;
    return lstat(path, &info) == 0;
}

/* Of a folder without a run: a file of this name is another's. */
static enum vitlrp_status check_without_run(const char *path, struct vitlrp_error *err) {
    if (is_there(path)) {
        return error_prefix(err,
                            fail(err, VITLRP_USAGE,
                                 "exists without its run.json (give another folder, or remove it)"),
                            path);
    }
    return VITLRP_OK;
}

enum vitlrp_status batch_check_page(const struct batch_store *store, struct vitlrp_error *err) {
    struct text path = {.limit = 2 * NAME_LIMIT};
    text_printf(&path, "%s/%s", store->folder, BATCH_PAGE);
    enum vitlrp_status status =
        path.failed
            ? fail(err, VITLRP_LIMIT, "the folder's name is longer than %zu bytes", NAME_LIMIT)
            : check_without_run(path.data, err);
    text_free(&path);
    return status;
}

static enum vitlrp_status run_check_new(const struct batch_plan *plan,
                                        const struct settings *settings,
                                        const struct batch_store *store, const char *results_path,
                                        struct vitlrp_error *err) {
    TRY(check_without_run(results_path, err));
    TRY(batch_check_page(store, err));
    return batch_plan_check_new(plan, settings->top > 1, err);
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

static enum vitlrp_status run_compare(const char *run_path, const json_t *config,
                                      struct vitlrp_error *err) {
    json_t *old = NULL;
    TRY(batch_config_read(run_path, &old, err));
    enum vitlrp_status status = batch_config_compare(old, config, "the old run", "this one", err);
    json_decref(old);
    if (status != VITLRP_MISMATCH) {
        return error_prefix(err, status, run_path);
    }
    struct vitlrp_error told = *err;
    return error_prefix(
        err, fail(err, VITLRP_USAGE, "%.380s (give another folder for another run)", told.message),
        run_path);
}

/* True if every file that the line names is there. */
static bool has_files(const struct batch_store *store, const json_t *of_class, bool escaped) {
    size_t i;
    json_t *file;
    bool all = true;
    json_array_foreach(json_object_get(of_class, "files"), i, file) {
        struct text path = {.limit = 2 * NAME_LIMIT};
        const char *name = json_string_value(file);
        text_printf(&path, "%s/", store->folder);
        batch_append_path(&path, name == NULL ? "" : name, escaped);
        all = all && name != NULL && !path.failed && is_there(path.data);
        text_free(&path);
    }
    return all;
}

static enum vitlrp_status journal_check_place(const struct batch_store *store,
                                              struct journal *journal, size_t place,
                                              struct vitlrp_error *err) {
    json_t *line = NULL;
    size_t i;
    json_t *of_class;
    TRY(journal_read(journal, place, &line, err));
    bool escaped = json_is_true(json_object_get(line, "escaped"));
    bool complete = has_files(store, line, escaped);
    json_array_foreach(json_object_get(line, "further"), i, of_class) {
        complete = complete && has_files(store, of_class, escaped);
    }
    if (!complete) {
        journal_reopen(journal, place);
    }
    json_decref(line);
    return VITLRP_OK;
}

static enum vitlrp_status journal_reopen_unfinished(const struct batch_store *store,
                                                    bool retry_failed, struct journal *journal,
                                                    struct vitlrp_error *err) {
    for (size_t i = 0; i < journal->count; i++) {
        if (journal->entries[i].state == JOURNAL_DONE) {
            TRY(journal_check_place(store, journal, i, err));
        } else if (journal->entries[i].state == JOURNAL_FAILED && retry_failed) {
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
    enum vitlrp_status status = VITLRP_OK;
    batch_append_name(&run, store->folder, "run", ".json", choice->shard, choice->shards);
    batch_append_name(&results, store->folder, "results", ".jsonl", choice->shard, choice->shards);
    if (run.failed || results.failed) {
        status = fail(err, VITLRP_LIMIT, "the folder's name is longer than %zu bytes", NAME_LIMIT);
        goto cleanup;
    }
    bool begins = !is_there(run.data);
    status = begins ? run_check_new(plan, settings, store, results.data, err)
                    : run_compare(run.data, config, err);
    if (status == VITLRP_OK && begins) {
        status = run_write(store, run.data, config, err);
    }
    if (status == VITLRP_OK) {
        /* Who only looks, and finds no results, has an empty file for them. */
        const char *path = store->locked || is_there(results.data) ? results.data : "/dev/null";
        status =
            journal_open(path, &(struct journal_shard){plan->count, choice->shard, choice->shards},
                         store->locked, journal, err);
    }
    if (status == VITLRP_OK) {
        status = journal_reopen_unfinished(store, choice->retry_failed, journal, err);
    }

cleanup:
    text_free(&run);
    text_free(&results);
    return status;
}

/* ---- The end of a run ---- */

#define PAGE_LIMIT ((size_t) 1 << 32)

enum vitlrp_status batch_finish(const struct batch_store *store, struct journal *journal,
                                const json_t *config, bool with_page, struct vitlrp_error *err) {
    struct text page = {.limit = PAGE_LIMIT};
    TRY(journal_finish(journal, store->staging.data, err));
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
