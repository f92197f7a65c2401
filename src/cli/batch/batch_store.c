#define _GNU_SOURCE
#include "batch_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/draft.h"
#include "batch_names.h"
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
static enum vitlrp_status lock(struct batch_store *store, int32_t shard, int32_t shards,
                               const struct console *console, struct vitlrp_error *err) {
    enum vitlrp_status status = VITLRP_OK;
    for (int attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
        TRY(make_folder(store->hidden.data, err));
        status = batch_lock_take(store->hidden.data, shard, shards, console, &store->lock, err);
        if (status == VITLRP_OK || err->system_errno != ENOENT) {
            return status;
        }
        batch_lock_release(&store->lock);
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
    TRY(lock(store, shard, shards, console, err));
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
    batch_lock_release(&store->lock);
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
        whole.failed ? fail(err, VITLRP_LIMIT, "a path of more than %zu bytes", NAME_LIMIT)
                     : write_file(store, whole.data, data, size, err);
    text_free(&whole);
    return status;
}
