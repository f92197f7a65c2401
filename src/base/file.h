/* Files: whole reads with a limit, random access, whether a file is still the one that was read,
 * and writes that are complete or not there at all. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct bytes {
    unsigned char *data; /* owned: bytes_free */
    size_t size;
};

void bytes_free(struct bytes *bytes);

/* Reads a regular file whole. IO for anything else than a readable regular file (a FIFO or a device
 * never blocks), LIMIT beyond `limit` bytes; SIZE_MAX: as many as memory holds. The message names
 * the path. */
enum vitlrp_status file_read(const char *path, size_t limit, struct bytes *out,
                             struct vitlrp_error *err);

/* Reads a file below the folder `root` whole, if no link is on the way to it and it is none itself.
 * The message names no path. */
enum vitlrp_status file_read_below(int root, const char *path, size_t limit, struct bytes *out,
                                   struct vitlrp_error *err);

/* The beginning of a file of /proc or /sys, say, as a string of less than `size` bytes; "" if there
 * is none. */
void file_read_head(const char *path, char *out, size_t size);

/* Reads a descriptor (standard input, say) to its end. */
enum vitlrp_status file_read_descriptor(int descriptor, size_t limit, struct bytes *out,
                                        struct vitlrp_error *err);

/* Replaces `path` by `size` bytes: temporary file in the same directory, fsync, rename, fsync of
 * the directory. On any failure the old file is untouched and the temporary one is gone. Of a
 * symbolic link the file behind it is replaced; a device or a pipe is written to as it is. The
 * message names the path. */
enum vitlrp_status file_write_atomic(const char *path, const void *data, size_t size,
                                     struct vitlrp_error *err);

/* Likewise, of what `fill` writes to the descriptor (file_write_descriptor). Its failure leaves the
 * old file as it was. */
typedef enum vitlrp_status file_fill(void *user, int descriptor, struct vitlrp_error *err);
enum vitlrp_status file_fill_atomic(const char *path, file_fill *fill, void *user,
                                    struct vitlrp_error *err);

/* Tells those who ask (NULL: nobody) that a file is going to be read; their status. */
enum vitlrp_status file_tell(const struct vitlrp_inputs *inputs, const char *path,
                             struct vitlrp_error *err);

/* Writes all bytes to a descriptor, continuing after short writes and interruptions. */
enum vitlrp_status file_write_descriptor(int descriptor, const void *data, size_t size,
                                         struct vitlrp_error *err);

/* Random access to a file or to memory. Reads may run in several threads at once. */
struct source {
    int descriptor;              /* -1 for memory */
    const unsigned char *memory; /* not owned; NULL for a file */
    uint64_t size;
};

/* Opens a regular file, as file_read does. The message names the path. */
enum vitlrp_status source_open(const char *path, struct source *out, struct vitlrp_error *err);

/* A source over memory that must outlive it. */
struct source source_over(const void *data, size_t size);

/* Copies size bytes from offset; FORMAT if they reach beyond the end. */
enum vitlrp_status source_read(const struct source *source, uint64_t offset, void *out, size_t size,
                               struct vitlrp_error *err);

void source_close(struct source *source);

/* What changes of an open file when somebody writes to it. Not its name, and not its inode's change
 * time: a file that was renamed or removed keeps its bytes. */
struct file_state {
    uint64_t device, inode, size;
    int64_t seconds, nanoseconds; /* of the last change of its bytes */
};

/* The state of a source's file; zeros of memory. */
enum vitlrp_status file_state_take(const struct source *source, struct file_state *out,
                                   struct vitlrp_error *err);

/* True if both are of one file that nobody wrote to between them. */
bool file_state_equal(const struct file_state *a, const struct file_state *b);

/* IO, "changed while it was read", unless the state is still this one. Memory is taken to stay as
 * it is. */
enum vitlrp_status file_state_check(const struct source *source, const struct file_state *then,
                                    struct vitlrp_error *err);

#endif
