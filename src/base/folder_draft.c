#define _GNU_SOURCE
#include "base/folder_draft.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_LIMIT ((size_t) 1 << 16)

enum vitlrp_status folder_draft_open(const char *path, struct folder_draft *draft,
                                     struct vitlrp_error *err) {
    size_t length = strlen(path);
    *draft = (struct folder_draft){.path = path, .temporary = {.limit = PATH_LIMIT}};
    while (length > 1 && path[length - 1] == '/') {
        length--;
    }
    text_append(&draft->temporary, path, length);
    text_printf(&draft->temporary, ".%ld.tmp", (long) getpid());
    enum vitlrp_status status = text_check(&draft->temporary, "the name of a folder", err);
    if (status == VITLRP_OK && mkdir(draft->temporary.data, 0777) != 0) {
        status = error_prefix(err, fail_errno(err, errno, "cannot make the folder"), path);
    }
    if (status != VITLRP_OK) {
        text_free(&draft->temporary);
    }
    return status;
}

static void remove_folder(const char *path) {
    DIR *folder = opendir(path);
    struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        unlinkat(dirfd(folder), entry->d_name, 0); /* of . and .. it fails */
    }
    if (folder != NULL) {
        closedir(folder);
    }
    rmdir(path);
}

/* The folder that holds it; a name that is lost with the power is no harm, so a failure is none. */
static void sync_parent(const char *temporary) {
    struct text parent = {.limit = PATH_LIMIT};
    const char *slash = strrchr(temporary, '/');
    text_append_string(&parent, slash == NULL ? "." : "");
    text_append(&parent, temporary, slash == NULL ? 0 : (size_t) (slash - temporary) + 1);
    int folder = parent.failed ? -1 : open(parent.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0) {
        fsync(folder);
        close(folder);
    }
    text_free(&parent);
}

/* rename takes the place of an empty folder, and of nothing else that is there. */
static enum vitlrp_status give_name(const struct folder_draft *draft, struct vitlrp_error *err) {
    if (rename(draft->temporary.data, draft->path) == 0) {
        sync_parent(draft->temporary.data);
        return VITLRP_OK;
    }
    enum vitlrp_status status =
        errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR
            ? fail(err, VITLRP_USAGE, "is there already, and no empty folder (give another name)")
            : fail_errno(err, errno, "cannot make the folder");
    return error_prefix(err, status, draft->path);
}

enum vitlrp_status folder_draft_finish(struct folder_draft *draft, enum vitlrp_status status,
                                       struct vitlrp_error *err) {
    if (status == VITLRP_OK) {
        status = give_name(draft, err);
    }
    if (status != VITLRP_OK) {
        remove_folder(draft->temporary.data);
    }
    text_free(&draft->temporary);
    return status;
}
