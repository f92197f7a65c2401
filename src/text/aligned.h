/* A text on its way through normalisers, every byte of which knows what it was made of: so a token
 * is shown with the part of the original text that it stands for. */
#ifndef TEXT_ALIGNED_H
#define TEXT_ALIGNED_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Bytes of what is made of a text of one byte, and of any: a compatibility character becomes 18
 * others at most (U+FDFA, 33 bytes of 3). A table that makes more is nobody's. */
#define ALIGNED_FACTOR ((size_t) 16)
#define ALIGNED_ROOM ((size_t) 1024)

/* Zero-initialise with a limit. */
struct aligned {
    char *data; /* [length]; owned: aligned_free */
    struct origin {
        uint32_t begin, end; /* bytes of the original text */
    } * origins;             /* [length]; owned */
    size_t length, capacity;
    size_t limit; /* of length */
};

/* An empty one for what is made of `length` bytes. */
struct aligned aligned_for(size_t length);

/* Appends bytes that were all made of one part of the original text. LIMIT, NOMEM. */
enum vitlrp_status aligned_append(struct aligned *text, const char *bytes, size_t length,
                                  struct origin origin, struct vitlrp_error *err);

/* Appends `length` bytes of `from`, with their origins. */
enum vitlrp_status aligned_copy(struct aligned *text, const struct aligned *from, size_t offset,
                                size_t length, struct vitlrp_error *err);

/* An original text: bytes [begin, end) of it, each made of the character that it belongs to. */
enum vitlrp_status aligned_original(struct aligned *text, const char *bytes, size_t begin,
                                    size_t end, struct vitlrp_error *err);

/* The part of the original that `length` bytes (at least one) were made of. */
struct origin aligned_origin(const struct aligned *text, size_t offset, size_t length);

void aligned_free(struct aligned *text);

#endif
