#define _GNU_SOURCE
#include "base/run_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/draft.h"
#include "base/folder.h"
#include "base/json.h"
#include "base/mem.h"

#define RUN "run.json"
#define RESULTS RUN_FOLDER_RESULTS
#define RUN_LIMIT ((size_t) 1 << 30)
#define PATH_LIMIT ((size_t) 1 << 16)

struct run_folder run_folder_closed(void) {
    return (struct run_folder){
        .folder = -1, .lock = {.folder = -1, .shard = -1}, .journal = {.descriptor = -1}};
}

static enum vitlrp_status folder_begin(const char *path, struct run_folder *folder,
                                       struct vitlrp_error *err) {
    *folder = run_folder_closed();
    folder->path = mem_strdup(path);
    folder->has_mutex = pthread_mutex_init(&folder->mutex, NULL) == 0;
    return folder->path == NULL || !folder->has_mutex
               ? fail(err, VITLRP_NOMEM, "out of memory for a journal")
               : VITLRP_OK;
}

/* ---- run.json ---- */

enum vitlrp_status run_folder_prefix(const struct run_folder *folder, enum vitlrp_status status,
                                     struct vitlrp_error *err) {
    struct text path = {.limit = PATH_LIMIT};
    text_printf(&path, "%s/" RUN, folder->path);
    status = error_prefix(err, status, path.failed ? RUN : path.data);
    text_free(&path);
    return status;
}

enum vitlrp_status run_folder_read(const struct run_folder *folder, struct bytes *out,
                                   struct vitlrp_error *err) {
    return run_folder_prefix(folder, file_read_below(folder->folder, RUN, RUN_LIMIT, out, err),
                             err);
}

enum vitlrp_status run_folder_write(const struct run_folder *folder, const struct text *text,
                                    struct vitlrp_error *err) {
    const struct draft_place place = {.folder = folder->folder, .name = RUN, .staging = -1};
    return run_folder_prefix(folder, draft_put(&place, text->data, text->length, err), err);
}

static enum vitlrp_status compare_run(const struct run_folder *folder,
                                      const struct run_folder_run *run, struct vitlrp_error *err) {
    struct bytes bytes = {0};
    struct text difference = {.limit = 1024};
    enum vitlrp_status status = run_folder_read(folder, &bytes, err);
    if (status == VITLRP_OK) {
        status = run_folder_prefix(
            folder,
            run->compare(run->user, (const char *) bytes.data, bytes.size, &difference, err), err);
    }
    if (status == VITLRP_OK && difference.length > 0) {
        status = fail(err, VITLRP_USAGE,
                      "holds another run: %.300s (remove this folder, or give another name)",
                      difference.failed ? "it differs" : difference.data);
        status = error_prefix(err, status, folder->path);
    }
    text_free(&difference);
    bytes_free(&bytes);
    return status;
}

/* A run that was ended before its first image is no other's hindrance. */
static bool has_results(int folder) {
    struct stat info;
    return fstatat(folder, RESULTS, &info, AT_SYMLINK_NOFOLLOW) == 0 && info.st_size > 0;
}

/* A file of that name that is no run's is not written over. */
static enum vitlrp_status check_is_run(const struct run_folder *folder, struct vitlrp_error *err) {
    struct bytes bytes = {0};
    json_t *object = NULL;
    TRY(run_folder_read(folder, &bytes, err));
    enum vitlrp_status status =
        json_parse_object((const char *) bytes.data, bytes.size, &object, err);
    const char *format = status == VITLRP_OK ? json_get_string(object, "format") : NULL;
    if (status != VITLRP_NOMEM && (format == NULL || strncmp(format, "vitlrp ", 7) != 0)) {
        status = fail(err, VITLRP_USAGE,
                      "is there, and no run has written it (give another folder, or remove it)");
    }
    json_decref(object);
    bytes_free(&bytes);
    return run_folder_prefix(folder, status, err);
}

static enum vitlrp_status check_new(const struct run_folder *folder, const char *const *made,
                                    struct vitlrp_error *err) {
    for (; made != NULL && *made != NULL; made++) {
        if (folder_has(folder->folder, *made)) {
            enum vitlrp_status status =
                fail(err, VITLRP_USAGE,
                     "%s exists without " RUN " (give another folder, or remove it)", *made);
            return error_prefix(err, status, folder->path);
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status begin_or_resume(const struct run_folder *folder,
                                          const struct run_folder_run *run,
                                          struct vitlrp_error *err) {
    if (!has_results(folder->folder)) {
        TRY(folder_has(folder->folder, RUN) ? check_is_run(folder, err)
                                            : check_new(folder, run->made, err));
        return run_folder_write(folder, run->text, err);
    }
    if (folder_has(folder->folder, RUN)) {
        return compare_run(folder, run, err);
    }
    enum vitlrp_status status = fail(
        err, VITLRP_USAGE, RESULTS " is there without " RUN " (remove it, or give another name)");
    return error_prefix(err, status, folder->path);
}

/* ---- The folder ---- */

static enum vitlrp_status enter_folder(struct run_folder *folder, struct vitlrp_error *err) {
    folder->created = mkdir(folder->path, 0777) == 0;
    if (!folder->created && errno != EEXIST) {
        return fail_errno(err, errno, "cannot create the folder");
    }
    folder->folder = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->folder < 0) {
        return fail_errno(err, errno, "cannot open this folder");
    }
    return lock_take(folder->folder, 0, 1, &folder->lock, err);
}

static enum vitlrp_status open_results(struct run_folder *folder,
                                       const struct journal_shard *images, bool to_write,
                                       struct vitlrp_error *err) {
    struct text path = {.limit = PATH_LIMIT};
    text_printf(&path, "%s/" RESULTS, folder->path);
    enum vitlrp_status status = text_check(&path, "the name of a file of the journal", err);
    if (status == VITLRP_OK) {
        const struct journal_file file = {folder->folder, RESULTS, path.data};
        status = journal_open_in(&file, images, to_write, &folder->journal, err);
    }
    text_free(&path);
    return status;
}

enum vitlrp_status run_folder_open(const char *path, const struct run_folder_run *run,
                                   struct run_folder *folder, struct vitlrp_error *err) {
    TRY(folder_begin(path, folder, err));
    TRY(error_prefix(err, enter_folder(folder, err), path));
    TRY(begin_or_resume(folder, run, err));
    folder->is_writer = true;
    folder->made = run->made;
    return open_results(folder, &run->images, true, err);
}

enum vitlrp_status run_folder_look(const char *path, struct run_folder *folder,
                                   struct vitlrp_error *err) {
    TRY(folder_begin(path, folder, err));
    return folder_open(path, &folder->folder, err);
}

enum vitlrp_status run_folder_check(const struct run_folder *folder,
                                    const struct run_folder_run *run, struct vitlrp_error *err) {
    return has_results(folder->folder) && folder_has(folder->folder, RUN)
               ? compare_run(folder, run, err)
               : VITLRP_OK;
}

/* A run that has just begun has no results. */
enum vitlrp_status run_folder_look_results(struct run_folder *folder,
                                           const struct journal_shard *images,
                                           struct vitlrp_error *err) {
    return folder_has(folder->folder, RESULTS)
               ? open_results(folder, images, false, err)
               : journal_open("/dev/null", images, false, &folder->journal, err);
}

enum vitlrp_status run_folder_add(struct run_folder *folder, size_t place, enum journal_state state,
                                  const struct text *line, struct vitlrp_error *err) {
    TRY(text_check(line, "a line of results", err));
    pthread_mutex_lock(&folder->mutex);
    enum vitlrp_status status =
        journal_add(&folder->journal, place, state, line->data, line->length, err);
    pthread_mutex_unlock(&folder->mutex);
    return status;
}

void run_folder_close(struct run_folder *folder) {
    if (folder->is_writer && !has_results(folder->folder)) {
        for (const char *const *made = folder->made; made != NULL && *made != NULL; made++) {
            unlinkat(folder->folder, *made, 0);
        }
        unlinkat(folder->folder, RESULTS, 0);
        unlinkat(folder->folder, RUN, 0);
        folder->created = true;
    }
    journal_close(&folder->journal);
    lock_release(&folder->lock);
    if (folder->folder >= 0) {
        close(folder->folder);
    }
    if (folder->created) {
        rmdir(folder->path); /* fails where there is a file */
    }
    if (folder->has_mutex) {
        pthread_mutex_destroy(&folder->mutex);
    }
    mem_free(folder->path);
    *folder = run_folder_closed();
}

static enum vitlrp_status remove_files(struct run_folder *folder, struct vitlrp_error *err) {
    static const char *const FILES[] = {RESULTS, RUN};
    TRY(enter_folder(folder, err));
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
        if (unlinkat(folder->folder, FILES[i], 0) != 0 && errno != ENOENT) {
            return error_prefix(err, fail_errno(err, errno, "cannot remove"), FILES[i]);
        }
    }
    return VITLRP_OK;
}

enum vitlrp_status run_folder_remove(const char *path, struct vitlrp_error *err) {
    struct run_folder folder;
    enum vitlrp_status status = folder_begin(path, &folder, err);
    if (status == VITLRP_OK) {
        status = error_prefix(err, remove_files(&folder, err), path);
    }
    folder.created = status == VITLRP_OK; /* what is empty by now goes too */
    run_folder_close(&folder);
    return status;
}
