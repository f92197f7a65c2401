#define _GNU_SOURCE
#include "base/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

bool folder_is(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

bool path_is_there(const char *path) {
    struct stat info;
    return stat(path, &info) == 0;
}

bool folder_has(int folder, const char *name) {
    struct stat info;
    return fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) == 0;
}

enum vitlrp_status folder_open(const char *path, int *out, struct vitlrp_error *err) {
    *out = open(path, FOLDER_FLAGS);
    return *out >= 0 ? VITLRP_OK
                     : error_prefix(err, fail_errno(err, errno, "cannot open this folder"), path);
}

/* Linux says ENOTDIR for a link too. */
static enum vitlrp_status fail_entering(int folder, const char *name, int number,
                                        struct vitlrp_error *err) {
    struct stat info;
    enum vitlrp_status status = VITLRP_OK;
    bool known = fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) == 0;
    if (known && S_ISLNK(info.st_mode)) {
        status = fail_errno(err, ELOOP, "is a symbolic link, which is not followed here");
    } else if (known && !S_ISDIR(info.st_mode)) {
        status = fail_errno(err, ENOTDIR, "is a file, not a folder");
    } else {
        status = fail_errno(err, number, "cannot open this folder");
    }
    return error_prefix(err, status, name);
}

/* The new folder's name is on the disk before anything is written into it. */
static enum vitlrp_status folder_make(int folder, const char *name, struct vitlrp_error *err) {
    if (mkdirat(folder, name, 0777) != 0 && errno != EEXIST) {
        return error_prefix(err, fail_errno(err, errno, "cannot create the folder"), name);
    }
    return fsync(folder) == 0 ? VITLRP_OK
                              : error_prefix(err, fail_errno(err, errno, "cannot write"), name);
}

enum vitlrp_status folder_enter(int folder, const char *name, bool make, int *out,
                                struct vitlrp_error *err) {
    *out = openat(folder, name, FOLDER_FLAGS | O_NOFOLLOW);
    if (*out < 0 && errno == ENOENT && make) {
        TRY(folder_make(folder, name, err));
        *out = openat(folder, name, FOLDER_FLAGS | O_NOFOLLOW);
    }
    return *out >= 0 ? VITLRP_OK : fail_entering(folder, name, errno, err);
}

static bool is_dots(const char *name) {
    return name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* The part of the path at `at`, up to its slash. */
static enum vitlrp_status copy_part(const char *at, size_t length, char part[NAME_MAX + 1],
                                    struct vitlrp_error *err) {
    if (length > NAME_MAX) {
        return fail_errno(err, ENAMETOOLONG, "a folder's name");
    }
    memcpy(part, at, length);
    part[length] = '\0';
    return is_dots(part) ? fail(err, VITLRP_FORMAT, "a file's name points outside of its folder")
                         : VITLRP_OK;
}

enum vitlrp_status folder_enter_below(int root, const char *path, bool make, int *out,
                                      const char **name, struct vitlrp_error *err) {
    char part[NAME_MAX + 1];
    const char *at = path;
    enum vitlrp_status status = VITLRP_OK;
    int folder = fcntl(root, F_DUPFD_CLOEXEC, 0);
    if (folder < 0) {
        return fail_errno(err, errno, "cannot open the folder of the results");
    }
    for (const char *slash = strchr(at, '/'); slash != NULL && status == VITLRP_OK;
         slash = strchr(at, '/')) {
        int next = -1;
        status = copy_part(at, (size_t) (slash - at), part, err);
        if (status == VITLRP_OK) {
            status = folder_enter(folder, part, make, &next, err);
        }
        close(folder);
        folder = next;
        at = slash + 1;
    }
    if (status == VITLRP_OK && is_dots(at)) {
        status = fail(err, VITLRP_FORMAT, "a file's name points outside of its folder");
    }
    if (status != VITLRP_OK && folder >= 0) {
        close(folder);
        folder = -1;
    }
    *out = folder;
    *name = at;
    return status;
}

bool folder_holds(int folder, const char *path) {
    char whole[PATH_MAX];
    struct stat wanted;
    struct stat found;
    if (realpath(path, whole) == NULL || fstat(folder, &wanted) != 0) {
        return false;
    }
    for (char *slash = strrchr(whole, '/'); slash != NULL; slash = strrchr(whole, '/')) {
        slash[slash == whole ? 1 : 0] = '\0'; /* of the root the slash stays */
        if (stat(whole, &found) == 0 && found.st_dev == wanted.st_dev &&
            found.st_ino == wanted.st_ino) {
            return true;
        }
        *slash = '\0';
    }
    return false;
}

bool folder_name_is(int folder, const char *name, int descriptor) {
    struct stat opened;
    struct stat named;
    return fstat(descriptor, &opened) == 0 &&
           fstatat(folder, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

enum vitlrp_status folder_find_file(int root, const char *path, int64_t size, bool *whole,
                                    struct vitlrp_error *err) {
    struct stat info;
    const char *name = NULL;
    int folder = -1;
    *whole = false;
    enum vitlrp_status status = folder_enter_below(root, path, false, &folder, &name, err);
    if (status != VITLRP_OK) {
        return error_is_systemic(status, err) ? status : VITLRP_OK;
    }
    *whole = fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode) &&
             (size < 0 ? info.st_size > 0 : info.st_size == (off_t) size);
    close(folder);
    return VITLRP_OK;
}
