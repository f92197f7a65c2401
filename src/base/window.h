/* A look at a file's bytes, block by block, as they are needed: of memory they are the memory
 * itself, of a file one block is in memory at a time. */
#ifndef BASE_WINDOW_H
#define BASE_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "base/sha256.h"
#include "base/status.h"

#define WINDOW_BYTES ((size_t) 1 << 16)

struct window {
    const struct source *source; /* not owned */
    unsigned char *block;        /* owned; NULL over memory */
    uint64_t begin;              /* of what the block holds */
    size_t held;
};

/* Owned: window_close. */
enum vitlrp_status window_open(const struct source *source, struct window *out,
                               struct vitlrp_error *err);

/* The bytes at a place: *data with *size of them, at least `need` (at most WINDOW_BYTES) unless the
 * file ends before, 0 behind its end. They are there until the next look. */
enum vitlrp_status window_look(struct window *window, uint64_t at, size_t need,
                               const unsigned char **data, size_t *size, struct vitlrp_error *err);

void window_close(struct window *window);

/* A file's bytes from its first one on, each handed out once; whoever takes them and the hash get
 * the same. Zeroed, it can be closed. */
struct feed {
    struct window window;
    uint64_t at;
    struct sha256 *hash; /* not owned; NULL: nobody wants it */
};

/* Owned: feed_close. */
enum vitlrp_status feed_open(const struct source *source, struct sha256 *hash, struct feed *out,
                             struct vitlrp_error *err);

/* The next ones; *size is 0 at the end. */
enum vitlrp_status feed_next(struct feed *feed, const unsigned char **data, size_t *size,
                             struct vitlrp_error *err);

/* Hands the rest to the hash. */
enum vitlrp_status feed_finish(struct feed *feed, struct vitlrp_error *err);

void feed_close(struct feed *feed);

#endif
