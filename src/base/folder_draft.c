#define _GNU_SOURCE
#include "base/folder_draft.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/folder.h"
#include "base/folder_live.h"
#include "base/random.h"

#define PATH_LIMIT ((size_t) 1 << 16)
#define MOST_ATTEMPTS 1000
#define ANY_RIGHTS 0777

/* The folder of the path, with its slash; nothing where it is the current one. */
static size_t parent_length(const char *path) {
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') {
        length--;
    }
    while (length > 0 && path[length - 1] != '/') {
        length--;
    }
    return length;
}

static const char *name_of(const struct folder_draft *draft) {
    return draft->temporary.data + parent_length(draft->path);
}

static enum vitlrp_status open_parent(const char *path, int *out, struct vitlrp_error *err) {
    struct text parent = {.limit = PATH_LIMIT};
    text_append(&parent, path, parent_length(path));
    text_append_string(&parent, ".");
    enum vitlrp_status status = text_check(&parent, "the name of a folder", err);
    if (status == VITLRP_OK) {
        *out = open(parent.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        status = *out < 0 ? fail_errno(err, errno, "cannot make the folder") : VITLRP_OK;
    }
    text_free(&parent);
    return status;
}

/* The name follows from the path: what a killed process left is found by the next that makes the
 * same. */
static enum vitlrp_status name_temporary(struct folder_draft *draft, unsigned attempt,
                                         struct vitlrp_error *err) {
    text_free(&draft->temporary);
    text_append(&draft->temporary, draft->path, parent_length(draft->path));
    text_printf(&draft->temporary, ".vitlrp-%016" PRIx64 "-%u.tmp",
                random_derive(0, draft->path + parent_length(draft->path)), attempt);
    return text_check(&draft->temporary, "the name of a folder", err);
}

static enum vitlrp_status make_temporary(struct folder_draft *draft, struct vitlrp_error *err) {
    for (unsigned attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
        TRY(name_temporary(draft, attempt, err));
        const char *name = name_of(draft);
        bool made = folder_live_make(draft->parent, name, ANY_RIGHTS, &draft->lock);
        if (!made && errno == EEXIST && folder_live_remove_dead(draft->parent, name)) {
            made = folder_live_make(draft->parent, name, ANY_RIGHTS, &draft->lock);
        }
        if (made) {
            return VITLRP_OK;
        }
        if (errno != EEXIST) {
            return fail_errno(err, errno, "cannot make the folder");
        }
    }
    return fail_errno(err, EEXIST, "cannot make the folder");
}

static void release(struct folder_draft *draft) {
    if (draft->parent >= 0) {
        close(draft->parent);
    }
    if (draft->lock >= 0) {
        close(draft->lock);
    }
    text_free(&draft->temporary);
}

enum vitlrp_status folder_draft_open(const char *path, struct folder_draft *draft,
                                     struct vitlrp_error *err) {
    *draft = (struct folder_draft){
        .path = path, .temporary = {.limit = PATH_LIMIT}, .parent = -1, .lock = -1};
    enum vitlrp_status status = open_parent(path, &draft->parent, err);
    if (status == VITLRP_OK) {
        status = make_temporary(draft, err);
    }
    if (status != VITLRP_OK) {
        release(draft);
    }
    return error_prefix(err, status, path);
}

/* rename takes the place of an empty folder, and of nothing else that is there. A name that is lost
 * with the power is no harm, so a failure of fsync is none. */
static enum vitlrp_status give_name(const struct folder_draft *draft, struct vitlrp_error *err) {
    if (rename(draft->temporary.data, draft->path) == 0) {
        fsync(draft->parent);
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
        folder_live_remove(draft->parent, name_of(draft));
    }
    release(draft);
    return status;
}
