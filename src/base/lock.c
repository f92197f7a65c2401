#define _GNU_SOURCE
#include "base/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/folder.h"
#include "base/text.h"

#define OWNER_BYTES 200
#define OWNER_BEGIN "process "
#define MOST_ATTEMPTS 100
#define FOLDER_LOCK "lock"

/* What the owner wrote about itself, for a message. */
static void read_owner(int descriptor, char *out, size_t size) {
    char owner[OWNER_BYTES] = "";
    ssize_t got = pread(descriptor, owner, sizeof owner - 1, 0);
    owner[got > 0 ? got : 0] = '\0';
    owner[strcspn(owner, "\n")] = '\0';
    text_escape_name(out, size, owner[0] == '\0' ? "another process" : owner);
}

/* For people only: the lock is the kernel's, whatever is written here. */
static void write_owner(int descriptor) {
    char host[80] = "";
    struct text owner = {.limit = OWNER_BYTES};
    if (gethostname(host, sizeof host - 1) != 0) {
        host[0] = '\0';
    }
    text_printf(&owner, OWNER_BEGIN "%ld on %s\n", (long) getpid(), host);
    if (!owner.failed && ftruncate(descriptor, 0) == 0 &&
        pwrite(descriptor, owner.data, owner.length, 0) < 0) {
        errno = 0;
    }
    text_free(&owner);
}

static enum vitlrp_status lock_open_file(int descriptor, int kind, bool *missing,
                                         struct vitlrp_error *err) {
    if (flock(descriptor, kind | LOCK_NB) == 0) {
        return VITLRP_OK;
    }
    if (errno == EWOULDBLOCK) {
        char owner[OWNER_BYTES];
        read_owner(descriptor, owner, sizeof owner);
        return fail(err, VITLRP_IO, "is locked by %s (wait for it, or give another folder)", owner);
    }
    if (errno == ENOLCK || errno == ENOTSUP || errno == ENOSYS || errno == EINVAL) {
        *missing = true;
        return VITLRP_OK;
    }
    return fail_errno(err, errno, "cannot lock");
}

/* A file of that name in which no lock has said whose it is. */
static bool is_foreign(int descriptor) {
    char begin[sizeof OWNER_BEGIN - 1];
    ssize_t got = pread(descriptor, begin, sizeof begin, 0);
    return got > 0 && memcmp(begin, OWNER_BEGIN, (size_t) got) != 0;
}

static enum vitlrp_status lock_file_take(const struct lock *lock, const char *name, int kind,
                                         bool *missing, int *out, struct vitlrp_error *err) {
    for (int attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
        int descriptor =
            openat(lock->hidden, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (descriptor < 0) {
            return fail_errno(err, errno, "cannot open");
        }
        enum vitlrp_status status = lock_open_file(descriptor, kind, missing, err);
        /* Its last owner may have removed it meanwhile. */
        if (status == VITLRP_OK && is_foreign(descriptor)) {
            status =
                fail(err, VITLRP_USAGE,
                     "is there, and no run has written it (give another folder, or remove it)");
        } else if (status == VITLRP_OK && folder_name_is(lock->hidden, name, descriptor)) {
            write_owner(descriptor);
            *out = descriptor;
            return VITLRP_OK;
        }
        close(descriptor);
        TRY(status);
    }
    return fail(err, VITLRP_IO, "was removed again and again");
}

enum vitlrp_status lock_take(int hidden, int32_t shard, int32_t shards, struct lock *lock,
                             struct vitlrp_error *err) {
    bool divided = shards > 1;
    *lock = (struct lock){.folder = -1, .shard = -1, .hidden = hidden};
    snprintf(lock->own, sizeof lock->own, "lock.%d-of-%d", shard, shards);
    enum vitlrp_status status = lock_file_take(lock, FOLDER_LOCK, divided ? LOCK_SH : LOCK_EX,
                                               &lock->missing, &lock->folder, err);
    TRY(error_prefix(err, status, FOLDER_LOCK));
    if (divided) {
        status = lock_file_take(lock, lock->own, LOCK_EX, &lock->missing, &lock->shard, err);
        TRY(error_prefix(err, status, lock->own));
    }
    return VITLRP_OK;
}

void lock_release(struct lock *lock) {
    if (lock->shard >= 0) {
        unlinkat(lock->hidden, lock->own, 0);
        close(lock->shard);
    }
    if (lock->folder >= 0) {
        /* The file goes with its last owner. */
        if (flock(lock->folder, LOCK_EX | LOCK_NB) == 0) {
            unlinkat(lock->hidden, FOLDER_LOCK, 0);
        }
        close(lock->folder);
    }
    lock->folder = -1;
    lock->shard = -1;
}
