#define _GNU_SOURCE
#include "base/draft.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

static const struct draft ENDED = {.staging = -1, .folder = -1, .descriptor = -1};

/* Splits path into its folder ("." if none), kept open as *folder, and its last component. */
static enum vitlrp_status open_folder_of(const char *path, int *folder, const char **name,
                                         struct vitlrp_error *err) {
    const char *slash = strrchr(path, '/');
    *name = slash == NULL ? path : slash + 1;
    if (**name == '\0' || strcmp(*name, ".") == 0 || strcmp(*name, "..") == 0) {
        return fail(err, VITLRP_IO, "does not name a file");
    }
    char parent[PATH_MAX] = ".";
    if (slash != NULL) {
        size_t length = slash == path ? 1 : (size_t) (slash - path);
        if (length >= sizeof parent) {
            return fail_errno(err, ENAMETOOLONG, "cannot write");
        }
        memcpy(parent, path, length);
        parent[length] = '\0';
    }
    *folder = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*folder < 0) {
        return fail_errno(err, errno, "cannot open its directory");
    }
    return VITLRP_OK;
}

/* Creates a new file with an unused hidden name in the folder; its name goes to temporary. */
static int create_temporary(int folder, char *temporary, size_t size) {
    for (unsigned attempt = 0; attempt < 1000; attempt++) {
        snprintf(temporary, size, ".vitlrp-%ld-%u.tmp", (long) getpid(), attempt);
        int fd =
            openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (fd >= 0 || errno != EEXIST) {
            return fd;
        }
    }
    return -1;
}

enum vitlrp_status draft_open(const char *path, const char *staging, struct draft *draft,
                              struct vitlrp_error *err) {
    enum vitlrp_status status = VITLRP_OK;
    *draft = ENDED;
    TRY_GOTO(status, open_folder_of(path, &draft->folder, &draft->name, err), cleanup);
    draft->staging = staging == NULL ? fcntl(draft->folder, F_DUPFD_CLOEXEC, 0)
                                     : open(staging, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (draft->staging < 0) {
        status = fail_errno(err, errno, "cannot open the folder of its temporary file");
        goto cleanup;
    }
    draft->descriptor = create_temporary(draft->staging, draft->temporary, sizeof draft->temporary);
    if (draft->descriptor < 0) {
        status = fail_errno(err, errno, "cannot create");
        draft->temporary[0] = '\0';
        goto cleanup;
    }
    return VITLRP_OK;

cleanup:
    draft_discard(draft);
    return status;
}

enum vitlrp_status draft_write(struct draft *draft, const void *data, size_t size,
                               struct vitlrp_error *err) {
    return file_write_descriptor(draft->descriptor, data, size, err);
}

enum vitlrp_status draft_commit(struct draft *draft, struct vitlrp_error *err) {
    enum vitlrp_status status = VITLRP_OK;
    if (fsync(draft->descriptor) != 0) {
        status = fail_errno(err, errno, "cannot write");
        goto cleanup;
    }
    int closed = close(draft->descriptor);
    draft->descriptor = -1;
    if (closed != 0 ||
        renameat(draft->staging, draft->temporary, draft->folder, draft->name) != 0) {
        status = fail_errno(err, errno, "cannot write");
        goto cleanup;
    }
    draft->temporary[0] = '\0';
    if (fsync(draft->folder) != 0) {
        status = fail_errno(err, errno, "cannot write its directory");
    }

cleanup:
    draft_discard(draft);
    return status;
}

void draft_discard(struct draft *draft) {
    if (draft->descriptor >= 0) {
        close(draft->descriptor);
    }
    if (draft->temporary[0] != '\0') {
        unlinkat(draft->staging, draft->temporary, 0);
    }
    if (draft->staging >= 0) {
        close(draft->staging);
    }
    if (draft->folder >= 0) {
        close(draft->folder);
    }
    *draft = ENDED;
}
