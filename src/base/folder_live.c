#define _GNU_SOURCE
#include "base/folder_live.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/folder.h"

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)

/* A descriptor that holds the folder's lock; -1, with EEXIST where it is locked or is there no
 * more. */
static int take_lock(int parent, const char *name) {
    int folder = openat(parent, name, FOLDER_FLAGS);
    if (folder < 0) {
        errno = errno == ENOENT ? EEXIST : errno;
        return -1;
    }
    bool locked = flock(folder, LOCK_EX | LOCK_NB) == 0;
    int failure = !locked && errno != EWOULDBLOCK ? ENOLCK : EEXIST;
    if (locked && folder_name_is(parent, name, folder)) {
        return folder;
    }
    close(folder);
    errno = failure;
    return -1;
}

bool folder_live_make(int parent, const char *name, unsigned rights, int *lock) {
    *lock = -1;
    if (mkdirat(parent, name, rights) != 0) {
        return false;
    }
    *lock = take_lock(parent, name);
    if (*lock >= 0 || errno == ENOLCK || errno == EACCES) {
        return true;
    }
    int failure = errno;
    if (failure != EEXIST) {
        unlinkat(parent, name, AT_REMOVEDIR);
    }
    errno = failure;
    return false;
}

/* Consumes the descriptor. */
static void make_empty(int folder) {
    DIR *listing = fdopendir(folder);
    const struct dirent *entry;
    if (listing == NULL) {
        close(folder);
        return;
    }
    while ((entry = readdir(listing)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            unlinkat(dirfd(listing), entry->d_name, 0) != 0) {
            folder_live_remove(dirfd(listing), entry->d_name);
        }
    }
    closedir(listing);
}

void folder_live_remove(int parent, const char *name) {
    int folder = openat(parent, name, FOLDER_FLAGS);
    if (folder >= 0) {
        make_empty(folder);
        unlinkat(parent, name, AT_REMOVEDIR);
    }
}

bool folder_live_remove_dead(int parent, const char *name) {
    struct stat info;
    int lock = take_lock(parent, name);
    bool dead = lock >= 0 && fstat(lock, &info) == 0 && info.st_uid == geteuid();
    if (dead) {
        folder_live_remove(parent, name);
        dead = !folder_has(parent, name);
    }
    if (lock >= 0) {
        close(lock);
    }
    return dead;
}
