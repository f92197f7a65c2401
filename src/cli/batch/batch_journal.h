/* The results of a batch as lines of a file, results.jsonl: one for each image, added when the
 * image's files are there. While images are done the lines come in any order; a journal that is
 * complete is put into the order of the images. */
#ifndef CLI_BATCH_JOURNAL_H
#define CLI_BATCH_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/status.h"
#include "base/text.h"

enum batch_state { BATCH_OPEN, BATCH_DONE, BATCH_FAILED };

struct batch_entry {
    uint64_t offset; /* of the line */
    uint32_t length; /* its newline included */
    uint8_t state;   /* enum batch_state */
};

struct batch_journal {
    int descriptor;              /* -1 */
    char *path;                  /* owned */
    struct batch_entry *entries; /* owned: [count] by place in the shard */
    size_t count;
    size_t shard, shards;
    uint64_t end;
    size_t next;     /* place behind that of the last line */
    bool ordered;    /* the lines are those of places 0, 1, 2... */
    size_t repeated; /* lines whose image had one before; the last counts */
};

/* Opens the journal of a shard with `count` images; to_write: creates it, and cuts off a last line
 * that is torn. FORMAT, with its number, for another line that is not one of this shard's. *journal
 * is owned: batch_journal_close, after a failure too. */
enum vitlrp_status batch_journal_open(const char *path, size_t count, int32_t shard, int32_t shards,
                                      bool to_write, struct batch_journal *journal,
                                      struct vitlrp_error *err);

void batch_journal_close(struct batch_journal *journal);

/* Adds the line (with its newline) of the image at a place. After a failure the journal is as it
 * was. One thread at a time. */
enum vitlrp_status batch_journal_add(struct batch_journal *journal, size_t place,
                                     enum batch_state state, const char *line, size_t length,
                                     struct vitlrp_error *err);

/* Sees that every line is on the disk. */
enum vitlrp_status batch_journal_sync(const struct batch_journal *journal,
                                      struct vitlrp_error *err);

/* The line of an image that has one, without its newline, in place of *out. */
enum vitlrp_status batch_journal_line(const struct batch_journal *journal, size_t place,
                                      struct text *out, struct vitlrp_error *err);

/* The same as an object, which is owned: json_decref. */
enum vitlrp_status batch_journal_read(const struct batch_journal *journal, size_t place,
                                      json_t **out, struct vitlrp_error *err);

/* Forgets an image's line: it will be done again. */
void batch_journal_reopen(struct batch_journal *journal, size_t place);

/* How many images are in the state. */
size_t batch_journal_count(const struct batch_journal *journal, enum batch_state state);

/* Writes a file of so many lines whole, or not at all: those of the shards by turns, which is the
 * order of the images. The journals are complete. `staging` as of draft_open. */
enum vitlrp_status batch_journal_write(const struct batch_journal *const *journals, size_t shards,
                                       size_t lines, const char *path, const char *staging,
                                       struct vitlrp_error *err);

/* Of a complete journal: puts the lines into order and leaves one for each image, in a new file
 * that takes the old one's place. `staging` as of draft_open. */
enum vitlrp_status batch_journal_finish(struct batch_journal *journal, const char *staging,
                                        struct vitlrp_error *err);

#endif
