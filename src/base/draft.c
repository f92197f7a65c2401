#define _GNU_SOURCE
#include "base/draft.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/folder.h"
#include "base/random.h"

#define MOST_ATTEMPTS 1000
#define ANY_RIGHTS 0666
#define OWN_RIGHTS 0600
#define RIGHTS_BITS 07777
#define PLAIN_RIGHTS_BITS 0777

static const char TEMPORARY_BEGIN[] = ".vitlrp-";
static const char TEMPORARY_END[] = ".tmp";

static const struct draft ENDED = {.staging = -1, .folder = -1, .descriptor = -1, .lock = -1};

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

/* A descriptor that holds the lock of the file of this name; -1, with EEXIST where it is locked, or
 * is there no more. Read-only, so that the one that is written can be closed before the rename. */
static int lock_temporary(int folder, const char *temporary) {
    int fd = openat(folder, temporary, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        errno = errno == ENOENT ? EEXIST : errno;
        return -1;
    }
    bool locked = flock(fd, LOCK_EX | LOCK_NB) == 0;
    int failure = !locked && errno != EWOULDBLOCK ? ENOLCK : EEXIST;
    if (locked && folder_name_is(folder, temporary, fd)) {
        return fd;
    }
    close(fd);
    errno = failure;
    return -1;
}

/* Removes the temporary file of a process that was killed. Those of living ones are locked. */
static bool remove_dead(int folder, const char *temporary) {
    int lock = lock_temporary(folder, temporary);
    bool dead = lock >= 0 && unlinkat(folder, temporary, 0) == 0;
    if (lock >= 0) {
        close(lock);
    }
    return dead;
}

/* Creates the file and locks it. EEXIST too where another process took it for a dead one's before
 * it was locked. Where there are no locks, or its owner may not read it, nobody takes it for dead.
 */
static int create_locked(struct draft *draft, unsigned rights) {
    int fd = openat(draft->staging, draft->temporary,
                    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, rights);
    if (fd < 0) {
        return -1;
    }
    draft->lock = lock_temporary(draft->staging, draft->temporary);
    if (draft->lock >= 0 || errno == ENOLCK || errno == EACCES) {
        return fd;
    }
    int failure = errno;
    if (failure != EEXIST) {
        unlinkat(draft->staging, draft->temporary, 0);
    }
    close(fd);
    errno = failure;
    return -1;
}

/* Creates a new file with an unused hidden name in the folder. The name follows from that of the
 * draft's file, so what a killed process left is found by the next that writes the same file. */
static int create_temporary(struct draft *draft, unsigned rights) {
    for (unsigned attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
        snprintf(draft->temporary, sizeof draft->temporary, "%s%016" PRIx64 "-%u%s",
                 TEMPORARY_BEGIN, random_derive(0, draft->name), attempt, TEMPORARY_END);
        int fd = create_locked(draft, rights);
        if (fd < 0 && errno == EEXIST && remove_dead(draft->staging, draft->temporary)) {
            fd = create_locked(draft, rights);
        }
        if (fd >= 0 || errno != EEXIST) {
            return fd;
        }
    }
    return -1;
}

bool draft_is_temporary(const char *name) {
    size_t length = strlen(name);
    size_t end = strlen(TEMPORARY_END);
    return strncmp(name, TEMPORARY_BEGIN, strlen(TEMPORARY_BEGIN)) == 0 && length > end &&
           strcmp(name + length - end, TEMPORARY_END) == 0;
}

/* What the file has now, if it is one. */
static void note_replaced(struct draft *draft) {
    struct stat info;
    draft->replaces = fstatat(draft->folder, draft->name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
                      S_ISREG(info.st_mode);
    if (draft->replaces) {
        draft->mode = info.st_mode & RIGHTS_BITS;
        draft->owner = info.st_uid;
        draft->group = info.st_gid;
    }
}

/* What only its owner could read must not be readable while it is written either. */
static enum vitlrp_status begin(struct draft *draft, struct vitlrp_error *err) {
    note_replaced(draft);
    draft->descriptor = create_temporary(draft, draft->replaces ? OWN_RIGHTS : ANY_RIGHTS);
    if (draft->descriptor < 0) {
        draft->temporary[0] = '\0';
        return fail_errno(err, errno, "cannot create");
    }
    return VITLRP_OK;
}

enum vitlrp_status draft_open(const struct draft_place *place, struct draft *draft,
                              struct vitlrp_error *err) {
    enum vitlrp_status status = VITLRP_OK;
    *draft = ENDED;
    signals_hold(&draft->held);
    draft->name = place->name;
    draft->folder = fcntl(place->folder, F_DUPFD_CLOEXEC, 0);
    draft->staging = fcntl(place->staging < 0 ? place->folder : place->staging, F_DUPFD_CLOEXEC, 0);
    if (draft->folder < 0 || draft->staging < 0) {
        status = fail_errno(err, errno, "cannot open the folder of its temporary file");
    } else {
        status = begin(draft, err);
    }
    if (status != VITLRP_OK) {
        draft_discard(draft);
    }
    return status;
}

enum vitlrp_status draft_open_path(const char *path, struct draft *draft,
                                   struct vitlrp_error *err) {
    struct draft_place place = {.folder = -1, .staging = -1};
    *draft = ENDED;
    TRY(open_folder_of(path, &place.folder, &place.name, err));
    enum vitlrp_status status = draft_open(&place, draft, err);
    close(place.folder);
    return status;
}

enum vitlrp_status draft_write(struct draft *draft, const void *data, size_t size,
                               struct vitlrp_error *err) {
    return file_write_descriptor(draft->descriptor, data, size, err);
}

/* Where the system does not allow it, the file keeps rights that are stricter. */
static void take_rights(const struct draft *draft) {
    struct stat info;
    if (!draft->replaces) {
        return;
    }
    bool same = fstat(draft->descriptor, &info) == 0 && info.st_uid == draft->owner &&
                info.st_gid == draft->group;
    if (!same) {
        same = fchown(draft->descriptor, draft->owner, draft->group) == 0 ||
               fchown(draft->descriptor, (uid_t) -1, draft->group) == 0;
    }
    /* Bits that give a program its owner's rights are not passed on to another owner. */
    if (fchmod(draft->descriptor, same ? draft->mode : draft->mode & PLAIN_RIGHTS_BITS) != 0) {
        errno = 0;
    }
}

enum vitlrp_status draft_commit(struct draft *draft, struct vitlrp_error *err) {
    enum vitlrp_status status = VITLRP_OK;
    take_rights(draft);
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
    if (draft->lock >= 0) {
        close(draft->lock);
    }
    if (draft->staging >= 0) {
        close(draft->staging);
    }
    if (draft->folder >= 0) {
        close(draft->folder);
    }
    if (draft->name != NULL) {
        signals_release(&draft->held);
    }
    *draft = ENDED;
}

enum vitlrp_status draft_finish(struct draft *draft, enum vitlrp_status status,
                                struct vitlrp_error *err) {
    if (status == VITLRP_OK) {
        return draft_commit(draft, err);
    }
    draft_discard(draft);
    return status;
}

enum vitlrp_status draft_put(const struct draft_place *place, const void *data, size_t size,
                             struct vitlrp_error *err) {
    struct draft draft;
    TRY(draft_open(place, &draft, err));
    return draft_finish(&draft, draft_write(&draft, data, size, err), err);
}
