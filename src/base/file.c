#define _GNU_SOURCE
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/draft.h"
#include "base/folder.h"
#include "base/mem.h"

#define READ_STEP ((size_t) 1 << 20)

void bytes_free(struct bytes *bytes) {
    mem_free(bytes->data);
    *bytes = (struct bytes){0};
}

static enum vitlrp_status fail_directory(struct vitlrp_error *err) {
    fail(err, VITLRP_IO, "is a directory, not a file");
    if (err != NULL) {
        err->system_errno = EISDIR;
    }
    return VITLRP_IO;
}

/* Opens a regular file for reading. O_NONBLOCK: opening a FIFO without it would wait for a writer.
 */
static enum vitlrp_status open_regular_at(int folder, const char *path, int flags, int *descriptor,
                                          uint64_t *size, struct vitlrp_error *err) {
    int fd = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags);
    if (fd < 0) {
        return fail_errno(err, errno, "cannot open");
    }
    struct stat info;
    enum vitlrp_status status = VITLRP_OK;
    if (fstat(fd, &info) != 0) {
        status = fail_errno(err, errno, "cannot read");
    } else if (S_ISDIR(info.st_mode)) {
        status = fail_directory(err);
    } else if (!S_ISREG(info.st_mode)) {
        status = fail(err, VITLRP_IO, "is not a regular file");
    }
    if (status != VITLRP_OK) {
        close(fd);
        return status;
    }
    *descriptor = fd;
    *size = (uint64_t) info.st_size;
    return VITLRP_OK;
}

static enum vitlrp_status open_regular(const char *path, int *descriptor, uint64_t *size,
                                       struct vitlrp_error *err) {
    return open_regular_at(AT_FDCWD, path, 0, descriptor, size, err);
}

static enum vitlrp_status grow(struct bytes *bytes, size_t capacity, struct vitlrp_error *err) {
    unsigned char *data = mem_resize(bytes->data, capacity, 1);
    if (data == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu bytes of input", capacity);
    }
    bytes->data = data;
    return VITLRP_OK;
}

/* Reads to the end of the descriptor; `expected` is only a first guess of the size. The buffer has
 * room for one byte beyond the limit. */
static enum vitlrp_status read_to_end(int descriptor, size_t expected, size_t limit,
                                      struct bytes *out, struct vitlrp_error *err) {
    struct bytes bytes = {0};
    limit = size_min(limit, SIZE_MAX - 1);
    size_t capacity = size_min(expected, limit) + 1;
    enum vitlrp_status status = VITLRP_OK;
    TRY_GOTO(status, grow(&bytes, capacity, err), cleanup);
    for (;;) {
        if (bytes.size == capacity) {
            if (capacity > limit) {
                status = fail(err, VITLRP_LIMIT, "is larger than the limit of %zu bytes", limit);
                goto cleanup;
            }
            size_t wanted = capacity < limit / 2 ? capacity * 2 + READ_STEP : limit + 1;
            capacity = size_min(wanted, limit + 1);
            TRY_GOTO(status, grow(&bytes, capacity, err), cleanup);
        }
        ssize_t got = read(descriptor, bytes.data + bytes.size, capacity - bytes.size);
        if (got == 0) {
            break;
        }
        if (got < 0 && errno != EINTR) {
            status = fail_errno(err, errno, "cannot read");
            goto cleanup;
        }
        bytes.size += got > 0 ? (size_t) got : 0;
    }
    *out = bytes;
    return VITLRP_OK;

cleanup:
    bytes_free(&bytes);
    return status;
}

/* Reads what open_regular_at has opened, and closes it. */
static enum vitlrp_status read_opened(int descriptor, uint64_t size, size_t limit,
                                      struct bytes *out, struct vitlrp_error *err) {
    enum vitlrp_status status =
        size > limit ? fail(err, VITLRP_LIMIT, "%llu bytes are more than the limit of %zu",
                            (unsigned long long) size, limit)
                     : read_to_end(descriptor, (size_t) size, limit, out, err);
    close(descriptor);
    return status;
}

enum vitlrp_status file_read(const char *path, size_t limit, struct bytes *out,
                             struct vitlrp_error *err) {
    int descriptor = -1;
    uint64_t size = 0;
    enum vitlrp_status status = open_regular(path, &descriptor, &size, err);
    if (status == VITLRP_OK) {
        status = read_opened(descriptor, size, limit, out, err);
    }
    return error_prefix(err, status, path);
}

enum vitlrp_status file_read_below(int root, const char *path, size_t limit, struct bytes *out,
                                   struct vitlrp_error *err) {
    const char *name = NULL;
    int folder = -1;
    int descriptor = -1;
    uint64_t size = 0;
    TRY(folder_enter_below(root, path, false, &folder, &name, err));
    enum vitlrp_status status = open_regular_at(folder, name, O_NOFOLLOW, &descriptor, &size, err);
    close(folder);
    if (status == VITLRP_OK) {
        status = read_opened(descriptor, size, limit, out, err);
    }
    return status;
}

enum vitlrp_status file_tell(const struct vitlrp_inputs *inputs, const char *path,
                             struct vitlrp_error *err) {
    return inputs == NULL || inputs->file == NULL ? VITLRP_OK
                                                  : inputs->file(inputs->user, path, err);
}

void file_read_head(const char *path, char *out, size_t size) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    out[0] = '\0';
    if (descriptor < 0) {
        return;
    }
    ssize_t got = read(descriptor, out, size - 1);
    close(descriptor);
    out[got > 0 ? got : 0] = '\0';
}

enum vitlrp_status file_read_descriptor(int descriptor, size_t limit, struct bytes *out,
                                        struct vitlrp_error *err) {
    return read_to_end(descriptor, READ_STEP, limit, out, err);
}

enum vitlrp_status file_write_descriptor(int descriptor, const void *data, size_t size,
                                         struct vitlrp_error *err) {
    const unsigned char *next = data;
    while (size > 0) {
        ssize_t written = write(descriptor, next, size);
        if (written < 0) {
            if (errno == EINTR) {
                continue;
            }
            return fail_errno(err, errno, "cannot write");
        }
        next += written;
        size -= (size_t) written;
    }
    return VITLRP_OK;
}

static bool is_link(const char *path) {
    struct stat info;
    return lstat(path, &info) == 0 && S_ISLNK(info.st_mode);
}

/* Devices, pipes (/dev/null, say) and links that lead to an open descriptor are written to: a
 * rename would put a file in their place. */
static enum vitlrp_status write_special(const char *path, const struct stat *existing,
                                        file_fill *fill, void *user, struct vitlrp_error *err) {
    if (S_ISDIR(existing->st_mode)) {
        return fail_directory(err);
    }
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return fail_errno(err, errno, "cannot open");
    }
    enum vitlrp_status status = fill(user, fd, err);
    if (close(fd) != 0 && status == VITLRP_OK) {
        status = fail_errno(err, errno, "cannot write");
    }
    return status;
}

static enum vitlrp_status replace_file(const char *path, file_fill *fill, void *user,
                                       struct vitlrp_error *err) {
    struct stat existing;
    struct draft draft;
    if (stat(path, &existing) == 0 && (!S_ISREG(existing.st_mode) || is_link(path))) {
        return write_special(path, &existing, fill, user, err);
    }
    TRY(draft_open_path(path, &draft, err));
    return draft_finish(&draft, fill(user, draft.descriptor, err), err);
}

enum vitlrp_status file_fill_atomic(const char *path, file_fill *fill, void *user,
                                    struct vitlrp_error *err) {
    char resolved[PATH_MAX];
    /* The file behind a symbolic link is replaced, not the link. A link to nothing is. */
    bool resolves = is_link(path) && realpath(path, resolved) != NULL;
    const char *target = resolves ? resolved : path;
    return error_prefix(err, replace_file(target, fill, user, err), path);
}

/* Bytes that are in memory. */
struct span {
    const void *data;
    size_t size;
};

static enum vitlrp_status fill_span(void *user, int descriptor, struct vitlrp_error *err) {
    const struct span *span = user;
    return file_write_descriptor(descriptor, span->data, span->size, err);
}

enum vitlrp_status file_write_atomic(const char *path, const void *data, size_t size,
                                     struct vitlrp_error *err) {
    struct span span = {data, size};
    return file_fill_atomic(path, fill_span, &span, err);
}

enum vitlrp_status source_open(const char *path, struct source *out, struct vitlrp_error *err) {
    struct source source = {.descriptor = -1};
    enum vitlrp_status status = open_regular(path, &source.descriptor, &source.size, err);
    if (status == VITLRP_OK) {
        *out = source;
    }
    return error_prefix(err, status, path);
}

struct source source_over(const void *data, size_t size) {
    return (struct source){.descriptor = -1, .memory = data, .size = size};
}

enum vitlrp_status source_read(const struct source *source, uint64_t offset, void *out, size_t size,
                               struct vitlrp_error *err) {
    if (offset > source->size || size > source->size - offset) {
        return fail(err, VITLRP_FORMAT, "truncated: bytes %llu to %llu lie beyond its end at %llu",
                    (unsigned long long) offset, (unsigned long long) offset + size,
                    (unsigned long long) source->size);
    }
    if (source->memory != NULL) {
        memcpy(out, source->memory + offset, size);
        return VITLRP_OK;
    }
    unsigned char *next = out;
    while (size > 0) {
        ssize_t got = pread(source->descriptor, next, size, (off_t) offset);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return fail_errno(err, errno, "cannot read");
        }
        if (got == 0) {
            return fail(err, VITLRP_FORMAT, "became shorter while it was read");
        }
        next += got;
        offset += (uint64_t) got;
        size -= (size_t) got;
    }
    return VITLRP_OK;
}

void source_close(struct source *source) {
    if (source->descriptor >= 0) {
        close(source->descriptor);
    }
    *source = (struct source){.descriptor = -1};
}

enum vitlrp_status file_state_take(const struct source *source, struct file_state *out,
                                   struct vitlrp_error *err) {
    struct stat info;
    *out = (struct file_state){0};
    if (source->memory != NULL) {
        return VITLRP_OK;
    }
    if (fstat(source->descriptor, &info) != 0) {
        return fail_errno(err, errno, "cannot read");
    }
    *out = (struct file_state){.device = (uint64_t) info.st_dev,
                               .inode = (uint64_t) info.st_ino,
                               .size = (uint64_t) info.st_size,
                               .seconds = (int64_t) info.st_mtim.tv_sec,
                               .nanoseconds = (int64_t) info.st_mtim.tv_nsec};
    return VITLRP_OK;
}

bool file_state_equal(const struct file_state *a, const struct file_state *b) {
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->seconds == b->seconds && a->nanoseconds == b->nanoseconds;
}

enum vitlrp_status file_state_check(const struct source *source, const struct file_state *then,
                                    struct vitlrp_error *err) {
    struct file_state now;
    TRY(file_state_take(source, &now, err));
    bool is_memory = source->memory != NULL;
    if (!file_state_equal(&now, then) || (!is_memory && now.size != source->size)) {
        return fail(err, VITLRP_IO, "changed while it was read");
    }
    return VITLRP_OK;
}
