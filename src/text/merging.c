/* Byte pair encoding as merging in the order of a heap: every pair of neighbours that may merge is
 * in it once, the best and leftmost one first; one that is no longer there when it comes up is
 * passed over. A text of n characters has fewer than 3 n of them. */
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "text/subwords.h"

#define NOBODY UINT32_MAX

/* A text has fewer bytes than 2^32 (text/aligned.h). */
struct symbol {
    uint32_t offset, length; /* 0: it became part of its left neighbour */
    uint32_t before, after;  /* neighbours, or NOBODY */
    int32_t id;
    bool is_fixed; /* a user-defined piece */
};

struct candidate {
    double order; /* the least one merges first: a rank, or a score with the other sign */
    uint32_t left, right;
    uint32_t length; /* of both */
    int32_t id;      /* of what they become */
};

struct merging {
    const struct subwords *subwords;
    const char *bytes;
    struct symbol *symbols;
    uint32_t count;
    struct candidate *heap; /* [3 count] */
    size_t waiting;
};

static bool is_before(const struct candidate *a, const struct candidate *b) {
    return a->order != b->order ? a->order < b->order : a->left < b->left;
}

static void heap_push(struct merging *merging, struct candidate candidate) {
    size_t at = merging->waiting++;
    while (at > 0 && is_before(&candidate, &merging->heap[(at - 1) / 2])) {
        merging->heap[at] = merging->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    merging->heap[at] = candidate;
}

static struct candidate heap_pop(struct merging *merging) {
    struct candidate *heap = merging->heap;
    struct candidate first = heap[0];
    struct candidate last = heap[--merging->waiting];
    size_t at = 0;
    for (size_t child = 1; child < merging->waiting; child = 2 * at + 1) {
        child += child + 1 < merging->waiting && is_before(&heap[child + 1], &heap[child]);
        if (!is_before(&heap[child], &last)) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = last;
    return first;
}

static int compare_merges(const void *left, const void *right) {
    const struct merge *a = left;
    const struct merge *b = right;
    if (a->left != b->left) {
        return a->left < b->left ? -1 : 1;
    }
    return (a->right > b->right) - (a->right < b->right);
}

enum vitlrp_status subwords_sort_merges(struct subwords *subwords, struct vitlrp_error *err) {
    struct merge *merges = subwords->merges;
    if (subwords->merge_count == 0) {
        return VITLRP_OK;
    }
    qsort(merges, subwords->merge_count, sizeof *merges, compare_merges);
    for (size_t i = 1; i < subwords->merge_count; i++) {
        if (compare_merges(&merges[i - 1], &merges[i]) == 0) {
            return fail(err, VITLRP_FORMAT, "merges %d and %d are the same", merges[i - 1].rank,
                        merges[i].rank);
        }
    }
    return VITLRP_OK;
}

static const struct merge *find_merge(const struct subwords *subwords, int32_t left,
                                      int32_t right) {
    struct merge wanted = {.left = left, .right = right};
    if (subwords->merge_count == 0) {
        return NULL;
    }
    return bsearch(&wanted, subwords->merges, subwords->merge_count, sizeof wanted, compare_merges);
}

/* Whether two neighbours become a piece, and when. */
static bool may_merge(const struct merging *merging, const struct symbol *left,
                      const struct symbol *right, struct candidate *out) {
    const struct subwords *subwords = merging->subwords;
    out->length = left->length + right->length;
    if (subwords->model == SUBWORD_BPE_RANKS) {
        const struct merge *merge = find_merge(subwords, left->id, right->id);
        out->order = merge == NULL ? 0.0 : merge->rank;
        out->id = merge == NULL ? -1 : merge->result;
    } else {
        out->id = piece_index_find(&subwords->known, merging->bytes + left->offset, out->length);
        out->order = out->id < 0 ? 0.0 : -subwords->pieces.items[out->id].score;
    }
    return out->id >= 0;
}

static void consider(struct merging *merging, uint32_t left, uint32_t right) {
    if (left == NOBODY || right == NOBODY || merging->symbols[left].is_fixed ||
        merging->symbols[right].is_fixed) {
        return;
    }
    struct candidate candidate = {.left = left, .right = right};
    if (may_merge(merging, &merging->symbols[left], &merging->symbols[right], &candidate)) {
        heap_push(merging, candidate);
    }
}

static void merge_all(struct merging *merging) {
    struct symbol *symbols = merging->symbols;
    for (uint32_t i = 1; i < merging->count; i++) {
        consider(merging, i - 1, i);
    }
    while (merging->waiting > 0) {
        struct candidate best = heap_pop(merging);
        struct symbol *left = &symbols[best.left];
        struct symbol *right = &symbols[best.right];
        if (left->length == 0 || right->length == 0 ||
            left->length + right->length != best.length) {
            continue;
        }
        left->length = best.length;
        left->id = best.id;
        left->after = right->after;
        if (right->after != NOBODY) {
            symbols[right->after].before = best.left;
        }
        right->length = 0;
        consider(merging, left->before, best.left);
        consider(merging, best.left, left->after);
    }
}

/* A symbol of the text's next character or user-defined piece, or of one byte of a character that
 * is no piece, where ranks decide: tokenizers takes bytes apart before it merges. */
static void add_symbol(struct merging *merging, size_t offset, size_t length, int32_t id,
                       bool is_fixed) {
    uint32_t i = merging->count++;
    merging->symbols[i] = (struct symbol){
        (uint32_t) offset, (uint32_t) length, i == 0 ? NOBODY : i - 1, i + 1, id, is_fixed};
}

static void add_bytes(struct merging *merging, size_t offset, size_t length) {
    const struct subwords *subwords = merging->subwords;
    for (size_t i = offset; i < offset + length; i++) {
        add_symbol(merging, i, 1, subwords->bytes[(unsigned char) merging->bytes[i]], false);
    }
}

static void divide_characters(struct merging *merging, size_t length) {
    const struct subwords *subwords = merging->subwords;
    for (size_t i = 0; i < length;) {
        const char *bytes = merging->bytes + i;
        int32_t id = -1;
        size_t taken = piece_index_longest(&subwords->users, bytes, length - i, &id);
        bool is_fixed = taken > 0;
        if (!is_fixed) {
            taken = text_utf8_length(bytes, length - i);
            id = piece_index_find(&subwords->known, bytes, taken);
        }
        if (id < 0 && subwords->has_bytes && subwords->model == SUBWORD_BPE_RANKS) {
            add_bytes(merging, i, taken);
        } else {
            add_symbol(merging, i, taken, id < 0 ? subwords->unknown : id, is_fixed);
        }
        i += taken;
    }
    if (merging->count > 0) {
        merging->symbols[merging->count - 1].after = NOBODY;
    }
}

static enum vitlrp_status collect(const struct merging *merging, struct segment **out,
                                  size_t *count, struct vitlrp_error *err) {
    *count = 0;
    *out = mem_calloc((size_t) merging->count + 1, sizeof **out);
    if (*out == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a text of %u pieces", merging->count);
    }
    for (size_t i = 0; i < merging->count; i++) {
        const struct symbol *symbol = &merging->symbols[i];
        if (symbol->length > 0) {
            (*out)[(*count)++] = (struct segment){symbol->offset, symbol->length, symbol->id};
        }
    }
    return VITLRP_OK;
}

enum vitlrp_status merging_divide(const struct subwords *subwords, const char *bytes, size_t length,
                                  struct segment **out, size_t *count, struct vitlrp_error *err) {
    struct merging merging = {.subwords = subwords, .bytes = bytes};
    merging.symbols = mem_calloc(length + 1, sizeof *merging.symbols);
    merging.heap = mem_calloc(length + 1, 3 * sizeof *merging.heap);
    enum vitlrp_status status = VITLRP_OK;
    if (merging.symbols == NULL || merging.heap == NULL) {
        status = fail(err, VITLRP_NOMEM, "out of memory for a text of %zu bytes", length);
    } else {
        divide_characters(&merging, length);
        merge_all(&merging);
        status = collect(&merging, out, count, err);
    }
    mem_free(merging.symbols);
    mem_free(merging.heap);
    return status;
}
