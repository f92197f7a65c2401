/* The results of a run as lines of a file: one JSON object for each image of a list, added when the
 * image is done. Of a line only `index`, its place in the list, and `status` are looked at here
 * ("ok", "open" for an image that must be done again, or another word); the rest is its format's,
 * which checks it. While images are done the lines come in any order; a journal that is complete is
 * put into the order of the images. */
#ifndef BASE_JOURNAL_H
#define BASE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/draft.h"
#include "base/json.h"
#include "base/status.h"
#include "base/text.h"

enum journal_state { JOURNAL_OPEN, JOURNAL_DONE, JOURNAL_FAILED };

struct journal_entry {
    uint64_t offset; /* of the line */
    uint32_t length; /* its newline included */
    uint8_t state;   /* enum journal_state */
};

/* FORMAT, with the reason, for a line that is not one of its format. */
typedef enum vitlrp_status journal_check(const json_t *line, struct vitlrp_error *err);

struct journal {
    int descriptor;                /* -1 */
    char *path;                    /* owned: for messages */
    int folder;                    /* that the name is in; stays the caller's */
    const char *name;              /* `path`, or as it was given */
    struct journal_entry *entries; /* owned: [count] by place in the shard */
    size_t count;
    size_t shard, shards;
    journal_check *check; /* of a line that is read */
    uint64_t end;
    size_t next;     /* place behind that of the last line */
    bool ordered;    /* the lines are those of places 0, 1, 2... */
    size_t repeated; /* lines whose image had one before; the last counts */
};

/* A shard of so many images; {count, 0, 1, check} is all of them. */
struct journal_shard {
    size_t count;
    int32_t shard, shards;
    journal_check *check; /* of each line; NULL: none */
};

/* Opens the journal of a shard; to_write: creates it, and cuts off a last line
 * that is torn. FORMAT, with its number, for another line that is not one of this shard's, or that
 * the check refuses. *journal is owned: journal_close, after a failure too. */
enum vitlrp_status journal_open(const char *path, const struct journal_shard *of, bool to_write,
                                struct journal *journal, struct vitlrp_error *err);

/* Likewise of a file in a folder that is open, and stays so as long as the journal. */
struct journal_file {
    int folder;
    const char *name; /* must outlive the journal; NULL: the path, from `folder` on */
    const char *path; /* for messages */
};
enum vitlrp_status journal_open_in(const struct journal_file *file, const struct journal_shard *of,
                                   bool to_write, struct journal *journal,
                                   struct vitlrp_error *err);

void journal_close(struct journal *journal);

/* Adds the line (with its newline) of the image at a place. IO if the file has grown by another's
 * hand. After another failure the journal is as it was. One thread at a time. */
enum vitlrp_status journal_add(struct journal *journal, size_t place, enum journal_state state,
                               const char *line, size_t length, struct vitlrp_error *err);

/* Sees that every line is on the disk. IO if the file is no longer the one that this process has
 * written: a run must not end well then. */
enum vitlrp_status journal_sync(const struct journal *journal, struct vitlrp_error *err);

/* The line of an image that has one, without its newline, in place of *out. */
enum vitlrp_status journal_line(const struct journal *journal, size_t place, struct text *out,
                                struct vitlrp_error *err);

/* The same as an object, which is owned: json_decref. */
enum vitlrp_status journal_read(const struct journal *journal, size_t place, json_t **out,
                                struct vitlrp_error *err);

/* Forgets an image's line: it will be done again. */
void journal_reopen(struct journal *journal, size_t place);

/* How many images are in the state. */
size_t journal_count(const struct journal *journal, enum journal_state state);

/* Writes a file of so many lines whole, or not at all: those of the shards by turns, which is the
 * order of the images. The journals are complete. */
enum vitlrp_status journal_write(const struct journal *const *journals, size_t shards, size_t lines,
                                 const struct draft_place *place, struct vitlrp_error *err);

/* Of a complete journal at that place: puts the lines into order and leaves one for each image, in
 * a new file that takes the old one's place. Fails as journal_sync does. */
enum vitlrp_status journal_finish(struct journal *journal, const struct draft_place *place,
                                  struct vitlrp_error *err);

#endif
