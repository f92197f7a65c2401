#include "text/pieces.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "base/text.h"

#define FIRST_PIECES ((size_t) 1024)
#define FIRST_BYTES ((size_t) 8192)
#define HEAD_BYTES ((size_t) 8)

const char *piece_text(const struct pieces *pieces, size_t id) {
    return pieces->bytes + pieces->items[id].offset;
}

/* The array with room for `needed` items: as it is, or twice as large. NULL: no memory. */
static void *grown(void *array, size_t item_size, size_t needed, size_t *capacity, size_t first) {
    if (array != NULL && needed <= *capacity) {
        return array;
    }
    size_t doubled;
    if (!checked_mul(&doubled, *capacity, 2)) {
        return NULL;
    }
    doubled = size_max(size_max(doubled, needed), first);
    void *larger = mem_resize(array, doubled, item_size);
    if (larger != NULL) {
        *capacity = doubled;
    }
    return larger;
}

static enum vitlrp_status make_room(struct pieces *pieces, size_t count, size_t size,
                                    struct vitlrp_error *err) {
    struct piece *items =
        grown(pieces->items, sizeof *items, count, &pieces->capacity, FIRST_PIECES);
    if (items != NULL) {
        pieces->items = items;
        char *bytes = grown(pieces->bytes, 1, size, &pieces->room, FIRST_BYTES);
        if (bytes != NULL) {
            pieces->bytes = bytes;
            return VITLRP_OK;
        }
    }
    return fail(err, VITLRP_NOMEM, "out of memory for a vocabulary of %zu pieces", count);
}

enum vitlrp_status pieces_put(struct pieces *pieces, size_t id, const char *bytes, size_t length,
                              struct vitlrp_error *err) {
    if (id >= PIECES_MAX) {
        return fail(err, VITLRP_LIMIT, "a vocabulary has a piece %zu; at most %zu are read", id,
                    PIECES_MAX);
    }
    if (length > PIECE_MAX_BYTES) {
        return fail(err, VITLRP_LIMIT,
                    "piece %zu of the vocabulary has %zu bytes; at most %zu are "
                    "read",
                    id, length, PIECE_MAX_BYTES);
    }
    if (length == 0 || !text_is_utf8(bytes, length)) {
        return fail(err, VITLRP_FORMAT, "piece %zu of the vocabulary is %s", id,
                    length == 0 ? "empty" : "not UTF-8");
    }
    size_t count = size_max(pieces->count, id + 1);
    TRY(make_room(pieces, count, pieces->size + length, err));
    memset(pieces->items + pieces->count, 0, (count - pieces->count) * sizeof *pieces->items);
    pieces->count = count;
    struct piece *piece = &pieces->items[id];
    if (piece->type != PIECE_NONE) {
        return fail(err, VITLRP_FORMAT, "two pieces of the vocabulary have the id %zu", id);
    }
    *piece = (struct piece){
        .offset = (uint32_t) pieces->size, .length = (uint32_t) length, .type = PIECE_NORMAL};
    memcpy(pieces->bytes + pieces->size, bytes, length);
    pieces->size += length;
    return VITLRP_OK;
}

void pieces_free(struct pieces *pieces) {
    mem_free(pieces->items);
    mem_free(pieces->bytes);
    *pieces = (struct pieces){0};
}

static uint64_t head_of(const char *bytes, size_t length) {
    uint64_t head = 0;
    for (size_t i = 0; i < HEAD_BYTES; i++) {
        head = head << 8 | (i < length ? (unsigned char) bytes[i] : 0);
    }
    return head;
}

/* As memcmp, of whole texts; the shorter of two that begin alike is the smaller. */
static int compare_entries(const void *left, const void *right) {
    const struct piece_entry *a = left;
    const struct piece_entry *b = right;
    if (a->head != b->head) {
        return a->head < b->head ? -1 : 1;
    }
    int order = memcmp(a->bytes, b->bytes, size_min(a->length, b->length));
    return order != 0 ? order : (a->length > b->length) - (a->length < b->length);
}

enum vitlrp_status piece_index_build(const struct pieces *pieces, unsigned types,
                                     struct piece_index *out, struct vitlrp_error *err) {
    *out = (struct piece_index){.entries = mem_calloc(pieces->count + 1, sizeof *out->entries)};
    if (out->entries == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a vocabulary of %zu pieces",
                    pieces->count);
    }
    for (size_t id = 0; id < pieces->count; id++) {
        const struct piece *piece = &pieces->items[id];
        const char *bytes = pieces->bytes + piece->offset;
        if (piece->type != PIECE_NONE && (types >> piece->type & 1) != 0) {
            out->entries[out->count++] = (struct piece_entry){head_of(bytes, piece->length), bytes,
                                                              piece->length, (int32_t) id};
            out->longest = size_max(out->longest, piece->length);
        }
    }
    qsort(out->entries, out->count, sizeof *out->entries, compare_entries);
    for (size_t i = 1; i < out->count; i++) {
        if (compare_entries(&out->entries[i - 1], &out->entries[i]) == 0) {
            enum vitlrp_status status =
                fail(err, VITLRP_FORMAT, "pieces %d and %d of the vocabulary are the same",
                     out->entries[i - 1].id, out->entries[i].id);
            piece_index_free(out);
            return status;
        }
    }
    return VITLRP_OK;
}

void piece_index_free(struct piece_index *index) {
    mem_free(index->entries);
    *index = (struct piece_index){0};
}

int32_t piece_index_find(const struct piece_index *index, const char *bytes, size_t length) {
    if (length == 0 || length > index->longest) {
        return -1;
    }
    struct piece_entry wanted = {head_of(bytes, length), bytes, (uint32_t) length, 0};
    size_t first = 0;
    size_t last = index->count;
    while (first < last) {
        size_t middle = first + (last - first) / 2;
        int order = compare_entries(&index->entries[middle], &wanted);
        if (order == 0) {
            return index->entries[middle].id;
        }
        if (order < 0) {
            first = middle + 1;
        } else {
            last = middle;
        }
    }
    return -1;
}

struct piece_walk piece_walk_begin(const struct piece_index *index) {
    return (struct piece_walk){.index = index, .last = index->count};
}

/* The byte of a text at `depth`; -1 behind its end. */
static int byte_at(const struct piece_entry *entry, size_t depth) {
    if (depth >= entry->length) {
        return -1;
    }
    return depth < HEAD_BYTES ? (int) (entry->head >> (56 - 8 * depth) & 255)
                              : (unsigned char) entry->bytes[depth];
}

static bool is_before(const struct piece_walk *walk, size_t entry, int byte) {
    return byte_at(&walk->index->entries[entry], walk->depth) < byte;
}

/* The first entry of the walk whose next byte is `byte` or more. Of pieces that begin alike it is
 * near one of the ends. */
static size_t first_from(const struct piece_walk *walk, int byte) {
    size_t first = walk->first;
    size_t last = walk->last;
    if (first == last || is_before(walk, last - 1, byte)) {
        return last;
    }
    size_t step = 1;
    while (step < last - first && is_before(walk, first + step - 1, byte)) {
        first += step;
        step *= 2;
    }
    last = size_min(last, first + step);
    while (first < last) {
        size_t middle = first + (last - first) / 2;
        if (is_before(walk, middle, byte)) {
            first = middle + 1;
        } else {
            last = middle;
        }
    }
    return first;
}

bool piece_walk_step(struct piece_walk *walk, unsigned char byte) {
    walk->first = first_from(walk, byte);
    walk->last = first_from(walk, byte + 1);
    walk->depth++;
    return walk->first < walk->last;
}

int32_t piece_walk_id(const struct piece_walk *walk) {
    const struct piece_entry *entry = &walk->index->entries[walk->first];
    assert(walk->first < walk->last);
    return entry->length == walk->depth ? entry->id : -1;
}

size_t piece_index_longest(const struct piece_index *index, const char *bytes, size_t length,
                           int32_t *id) {
    struct piece_walk walk = piece_walk_begin(index);
    size_t longest = 0;
    while (walk.depth < length && piece_walk_step(&walk, (unsigned char) bytes[walk.depth])) {
        int32_t found = piece_walk_id(&walk);
        if (found >= 0) {
            longest = walk.depth;
            *id = found;
        }
    }
    return longest;
}
