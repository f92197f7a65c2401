/* A JSON object that is too long to be in memory: the items of one list in it by where they lie,
 * and the rest. Time and memory grow with the size of the text and the number of items, whatever it
 * holds. */
#ifndef BASE_JSON_SPLIT_H
#define BASE_JSON_SPLIT_H

#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"

struct json_piece {
    uint64_t offset, length;
};

struct json_split {
    struct text rest;          /* owned: the object, in which the list is empty */
    struct json_piece *pieces; /* owned: the items, without the blanks around them */
    size_t count, capacity;
};

/* Finds the items of the list under `key`, a member of the object itself; none, and the whole text
 * as the rest, if it is not there. Looks at quotes and brackets only: whether the rest and the
 * items are JSON is seen when they are parsed. LIMIT for a rest of more than `rest_limit` bytes or
 * more than `most` items; FORMAT for an item that is empty. *out is owned: json_split_free. */
enum vitlrp_status json_split(const struct source *source, const char *key, size_t rest_limit,
                              size_t most, struct json_split *out, struct vitlrp_error *err);

/* A zeroed one is fine. */
void json_split_free(struct json_split *split);

#endif
