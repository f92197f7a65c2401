/* SentencePiece's precompiled table of replacements: a double array (Aoe 1989, as darts-clone
 * writes it) over the texts to replace, and behind it the replacements, each ended by a zero byte.
 *
 *     uint32 size of the array in bytes | uint32 units | replacements
 *
 * A unit has a label (bits 0 to 7), whether a value follows (bit 8), and an offset (bits 10 to 30,
 * times 256 where bit 9 is set). From unit p, byte c leads to p ^ offset(p) ^ c, if the label there
 * is c. Looking up never leaves the array, whatever was in the file: it is checked once. */
#ifndef TEXT_CHARSMAP_H
#define TEXT_CHARSMAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Bytes of a text that one replacement takes; more are not looked at, so that a table with circles
 * costs no more than others. The published ones have 30 at most. */
#define CHARSMAP_MAX_KEY ((size_t) 256)

struct charsmap {
    uint32_t *units; /* owned: charsmap_free */
    size_t count;
    char *texts; /* owned; its last byte is zero */
    size_t texts_size;
};

/* No bytes: a table that replaces nothing. FORMAT for a damaged one, NOMEM. */
enum vitlrp_status charsmap_read(const void *data, size_t size, struct charsmap *out,
                                 struct vitlrp_error *err);
void charsmap_free(struct charsmap *map); /* a zeroed one is fine */

enum charsmap_choice { CHARSMAP_LONGEST, CHARSMAP_SHORTEST };

/* The length of the longest or shortest text to replace that `bytes` begin with, with its
 * replacement (terminated, of the map); 0: none. */
size_t charsmap_find(const struct charsmap *map, const char *bytes, size_t length,
                     enum charsmap_choice choice, const char **replacement);

#endif
