/* A vocabulary of pieces (texts with scores) by id, and indices that find them by text.
 * Finding is by binary search: no set of pieces, whoever made it, makes it slow. */
#ifndef TEXT_PIECES_H
#define TEXT_PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Pieces of a vocabulary, and bytes of one. Gemma has 262,144; the longest that is published is a
 * run of 31 spaces, 93 bytes. It bounds what a text's place costs. */
#define PIECES_MAX ((size_t) 1 << 20)
#define PIECE_MAX_BYTES ((size_t) 512)

/* U+2581, which stands for a space in pieces. */
#define PIECE_SPACE "\xE2\x96\x81"
#define PIECE_SPACE_BYTES (sizeof PIECE_SPACE - 1)

/* SentencePiece's numbers. A vocabulary may have ids without a piece. */
enum piece_type {
    PIECE_NONE,
    PIECE_NORMAL,
    PIECE_UNKNOWN,
    PIECE_CONTROL,
    PIECE_USER_DEFINED,
    PIECE_UNUSED,
    PIECE_BYTE
};

struct piece {
    uint32_t offset, length; /* of its text in `bytes` */
    double score;
    enum piece_type type;
};

struct pieces {
    struct piece *items; /* [count], by id; owned */
    size_t count, capacity;
    char *bytes;       /* all texts; owned */
    size_t size, room; /* below 2^31: a tokenizer's file has a limit */
};

/* Adds the piece of an id that has none yet. FORMAT for an id that has one, an empty text and one
 * that is not UTF-8; LIMIT, NOMEM. */
enum vitlrp_status pieces_put(struct pieces *pieces, size_t id, const char *bytes, size_t length,
                              struct vitlrp_error *err);
void pieces_free(struct pieces *pieces); /* a zeroed one is fine */

/* The text of a piece: [items[id].length] bytes. */
const char *piece_text(const struct pieces *pieces, size_t id);

/* The first 8 bytes of a text, so that most comparisons end there, and the rest of it. */
struct piece_entry {
    uint64_t head;
    const char *bytes;
    uint32_t length;
    int32_t id;
};

/* Sorted by text. Points into the pieces, which must stay as they are. */
struct piece_index {
    struct piece_entry *entries; /* owned */
    size_t count;
    size_t longest; /* text, in bytes */
};

/* An index of the pieces whose type is in `types` (bits 1 << type). FORMAT where two have one text;
 * NOMEM. */
enum vitlrp_status piece_index_build(const struct pieces *pieces, unsigned types,
                                     struct piece_index *out, struct vitlrp_error *err);
void piece_index_free(struct piece_index *index); /* a zeroed one is fine */

/* The id of a text, or -1. */
int32_t piece_index_find(const struct piece_index *index, const char *bytes, size_t length);

/* The pieces that begin with the bytes that were walked so far. */
struct piece_walk {
    const struct piece_index *index;
    size_t first, last; /* entries [first, last) */
    size_t depth;       /* bytes walked */
};

struct piece_walk piece_walk_begin(const struct piece_index *index);

/* One byte further; false if no piece goes on so. */
bool piece_walk_step(struct piece_walk *walk, unsigned char byte);

/* The id of the piece that is what was walked, or -1, where a piece goes on so. */
int32_t piece_walk_id(const struct piece_walk *walk);

/* The longest piece that a text begins with: its length, with *id; 0: none. */
size_t piece_index_longest(const struct piece_index *index, const char *bytes, size_t length,
                           int32_t *id);

#endif
