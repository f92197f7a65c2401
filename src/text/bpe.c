#include "text/bpe.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "text/bpe_alphabet.h"
#include "text/kind.h"

#define NO_SYMBOL UINT32_MAX

/* The pairs that have a merge, in ascending order. */
struct pair_key {
    uint64_t key;
    uint32_t symbol;
};

struct bpe {
    struct text bytes;
    struct bpe_merge *merges; /* [count] */
    struct pair_key *pairs;   /* [count] */
    size_t count;
};

void bpe_free(struct bpe *bpe) {
    if (bpe != NULL) {
        text_free(&bpe->bytes);
        mem_free(bpe->merges);
        mem_free(bpe->pairs);
        mem_free(bpe);
    }
}

size_t bpe_symbols(const struct bpe *bpe) {
    return BPE_FIRST_MERGE + bpe->count;
}

/* A symbol's bytes. */
struct piece {
    const char *bytes;
    size_t length;
    bool ends;
    uint32_t symbol;
};

static struct piece merge_piece(const struct bpe *bpe, size_t merge) {
    const struct bpe_merge *m = &bpe->merges[merge];
    return (struct piece){bpe->bytes.data + m->begin, (size_t) m->left + m->right, m->ends,
                          (uint32_t) (BPE_FIRST_MERGE + merge)};
}

static int compare_pieces(const void *a, const void *b) {
    const struct piece *left = a;
    const struct piece *right = b;
    if (left->ends != right->ends) {
        return left->ends ? 1 : -1;
    }
    int order = memcmp(left->bytes, right->bytes, size_min(left->length, right->length));
    return order != 0 ? order : (left->length > right->length) - (left->length < right->length);
}

static int compare_keys(const void *a, const void *b) {
    uint64_t left = ((const struct pair_key *) a)->key;
    uint64_t right = ((const struct pair_key *) b)->key;
    return (left > right) - (left < right);
}

static uint64_t make_key(uint32_t left, uint32_t right) {
    return (uint64_t) left << 32 | right;
}

/* What the merges make, in the order of compare_pieces; FORMAT where two make the same. */
static enum vitlrp_status sort_pieces(const struct bpe *bpe, struct piece *pieces,
                                      struct vitlrp_error *err) {
    for (size_t i = 0; i < bpe->count; i++) {
        pieces[i] = merge_piece(bpe, i);
    }
    qsort(pieces, bpe->count, sizeof *pieces, compare_pieces);
    for (size_t i = 1; i < bpe->count; i++) {
        if (compare_pieces(&pieces[i - 1], &pieces[i]) == 0) {
            return fail(err, VITLRP_FORMAT, "merges %u and %u make the same token",
                        pieces[i - 1].symbol - BPE_FIRST_MERGE + 1,
                        pieces[i].symbol - BPE_FIRST_MERGE + 1);
        }
    }
    return VITLRP_OK;
}

/* The symbol of a part: a byte's, or what a merge makes. */
static uint32_t find_symbol(const struct bpe *bpe, const struct piece *pieces,
                            const struct piece *part) {
    if (part->length == 1) {
        return bpe_byte_symbol((unsigned char) part->bytes[0]) + (part->ends ? BPE_BYTES : 0);
    }
    const struct piece *found = bsearch(part, pieces, bpe->count, sizeof *pieces, compare_pieces);
    return found == NULL ? NO_SYMBOL : found->symbol;
}

static enum vitlrp_status make_pairs(struct bpe *bpe, const struct piece *pieces,
                                     struct vitlrp_error *err) {
    for (size_t i = 0; i < bpe->count; i++) {
        struct piece whole = merge_piece(bpe, i);
        size_t split = bpe->merges[i].left;
        struct piece left = {whole.bytes, split, false, 0};
        struct piece right = {whole.bytes + split, whole.length - split, whole.ends, 0};
        uint32_t first = find_symbol(bpe, pieces, &left);
        uint32_t second = find_symbol(bpe, pieces, &right);
        if (first >= whole.symbol || second >= whole.symbol) {
            return fail(err, VITLRP_FORMAT, "merge %zu has a part that no merge before it makes",
                        i + 1);
        }
        bpe->pairs[i] = (struct pair_key){make_key(first, second), whole.symbol};
    }
    qsort(bpe->pairs, bpe->count, sizeof *bpe->pairs, compare_keys);
    return VITLRP_OK;
}

enum vitlrp_status bpe_make(struct bpe_list *list, struct bpe **out, struct vitlrp_error *err) {
    enum vitlrp_status status = VITLRP_OK;
    size_t count = list->count;
    struct bpe *bpe = mem_calloc(1, sizeof *bpe);
    struct piece *pieces = mem_calloc(count, sizeof *pieces);
    struct pair_key *pairs = mem_calloc(count, sizeof *pairs);
    if (bpe == NULL || pieces == NULL || pairs == NULL) {
        mem_free(pairs);
        TRY_GOTO(status, fail(err, VITLRP_NOMEM, "out of memory for %zu merges", count), cleanup);
    }
    *bpe = (struct bpe){list->bytes, list->merges, pairs, count};
    *list = (struct bpe_list){0};
    TRY_GOTO(status, sort_pieces(bpe, pieces, err), cleanup);
    TRY_GOTO(status, make_pairs(bpe, pieces, err), cleanup);
    *out = bpe;
    bpe = NULL;
cleanup:
    bpe_free(bpe);
    mem_free(pieces);
    bpe_list_free(list);
    return status;
}

static void append_symbol(const struct bpe *bpe, size_t symbol, bool is_key, struct text *out) {
    char byte;
    struct piece piece = {.length = 0};
    if (symbol >= BPE_FIRST_MERGE) {
        piece = merge_piece(bpe, symbol - BPE_FIRST_MERGE);
    } else {
        byte = (char) bpe_symbol_byte((uint32_t) symbol % BPE_BYTES);
        piece = (struct piece){&byte, 1, symbol >= BPE_BYTES, (uint32_t) symbol};
    }
    for (size_t i = 0; i < piece.length && is_key; i++) {
        bpe_append_character((unsigned char) piece.bytes[i], out);
    }
    if (!is_key) {
        text_append(out, piece.bytes, piece.length);
    }
    text_append_string(out, piece.ends ? BPE_WORD_END : "");
}

void bpe_append_text(const struct bpe *bpe, size_t symbol, struct text *out) {
    append_symbol(bpe, symbol, false, out);
}

void bpe_append_key(const struct bpe *bpe, size_t symbol, struct text *out) {
    append_symbol(bpe, symbol, true, out);
}

/* A symbol of a word; the list of those that are left. */
struct bpe_node {
    uint32_t symbol;
    uint32_t previous, next; /* NO_SYMBOL: none */
    uint32_t begin;
};

/* A pair that could be merged, at the node of its first part. */
struct bpe_pair {
    uint32_t symbol; /* that it makes; the smallest is first, then the leftmost */
    uint32_t node;
};

struct work {
    const struct bpe *bpe;
    struct bpe_node *nodes;
    struct bpe_pair *heap;
    size_t waiting; /* in the heap */
};

void bpe_scratch_free(struct bpe_scratch *scratch) {
    mem_free(scratch->nodes);
    mem_free(scratch->heap);
    *scratch = (struct bpe_scratch){0};
}

/* A word of n bytes has n - 1 pairs; each of its n - 1 merges makes two more at most. */
static enum vitlrp_status scratch_reserve(struct bpe_scratch *scratch, size_t length,
                                          struct vitlrp_error *err) {
    if (length <= scratch->capacity) {
        return VITLRP_OK;
    }
    size_t pairs;
    struct bpe_node *nodes = mem_calloc(length, sizeof *nodes);
    struct bpe_pair *heap = checked_mul(&pairs, length, 3) ? mem_calloc(pairs, sizeof *heap) : NULL;
    if (nodes == NULL || heap == NULL) {
        mem_free(nodes);
        mem_free(heap);
        return fail(err, VITLRP_NOMEM, "out of memory for a word of %zu bytes", length);
    }
    bpe_scratch_free(scratch);
    *scratch = (struct bpe_scratch){nodes, heap, length};
    return VITLRP_OK;
}

static bool is_before(const struct bpe_pair *a, const struct bpe_pair *b) {
    return a->symbol != b->symbol ? a->symbol < b->symbol : a->node < b->node;
}

static void heap_push(struct work *work, struct bpe_pair pair) {
    size_t at = work->waiting++;
    while (at > 0 && is_before(&pair, &work->heap[(at - 1) / 2])) {
        work->heap[at] = work->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    work->heap[at] = pair;
}

static struct bpe_pair heap_pop(struct work *work) {
    struct bpe_pair first = work->heap[0];
    struct bpe_pair last = work->heap[--work->waiting];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= work->waiting) {
            break;
        }
        if (child + 1 < work->waiting && is_before(&work->heap[child + 1], &work->heap[child])) {
            child++;
        }
        if (!is_before(&work->heap[child], &last)) {
            break;
        }
        work->heap[at] = work->heap[child];
        at = child;
    }
    work->heap[at] = last;
    return first;
}

/* What the pair at a node makes, or NO_SYMBOL. */
static uint32_t pair_at(const struct work *work, uint32_t node) {
    if (work->nodes[node].symbol == NO_SYMBOL || work->nodes[node].next == NO_SYMBOL) {
        return NO_SYMBOL;
    }
    uint32_t right = work->nodes[work->nodes[node].next].symbol;
    struct pair_key wanted = {make_key(work->nodes[node].symbol, right), 0};
    const struct pair_key *found = bsearch(&wanted, work->bpe->pairs, work->bpe->count,
                                           sizeof *work->bpe->pairs, compare_keys);
    return found == NULL ? NO_SYMBOL : found->symbol;
}

static void push_pair(struct work *work, uint32_t node) {
    uint32_t symbol = node == NO_SYMBOL ? NO_SYMBOL : pair_at(work, node);
    if (symbol != NO_SYMBOL) {
        heap_push(work, (struct bpe_pair){symbol, node});
    }
}

static void begin_word(struct work *work, const struct bpe_word *word) {
    for (size_t i = 0; i < word->length; i++) {
        bool is_last = i + 1 == word->length;
        uint32_t symbol = bpe_byte_symbol((unsigned char) word->bytes[i]);
        work->nodes[i] = (struct bpe_node){.symbol = symbol + (is_last ? BPE_BYTES : 0),
                                           .previous = i == 0 ? NO_SYMBOL : (uint32_t) i - 1,
                                           .next = is_last ? NO_SYMBOL : (uint32_t) i + 1,
                                           .begin = (uint32_t) i};
    }
    for (size_t i = 0; i < word->length; i++) {
        push_pair(work, (uint32_t) i);
    }
}

static void merge_all(struct work *work) {
    while (work->waiting > 0) {
        struct bpe_pair pair = heap_pop(work);
        if (pair_at(work, pair.node) != pair.symbol) {
            continue; /* one of its parts has gone into another merge */
        }
        struct bpe_node *node = &work->nodes[pair.node];
        struct bpe_node *gone = &work->nodes[node->next];
        node->symbol = pair.symbol;
        node->next = gone->next;
        gone->symbol = NO_SYMBOL;
        if (node->next != NO_SYMBOL) {
            work->nodes[node->next].previous = pair.node;
        }
        push_pair(work, node->previous);
        push_pair(work, pair.node);
    }
}

enum vitlrp_status bpe_encode(const struct bpe *bpe, const struct bpe_word *word,
                              struct bpe_scratch *scratch, struct tokens *out,
                              struct vitlrp_error *err) {
    if (word->length == 0) {
        return VITLRP_OK;
    }
    TRY(scratch_reserve(scratch, word->length, err));
    struct work work = {bpe, scratch->nodes, scratch->heap, 0};
    begin_word(&work, word);
    merge_all(&work);
    for (uint32_t at = 0; at != NO_SYMBOL; at = work.nodes[at].next) {
        uint32_t next = work.nodes[at].next;
        size_t end = next == NO_SYMBOL ? word->length : work.nodes[next].begin;
        struct token token = {.id = (int32_t) work.nodes[at].symbol,
                              .word = word->number,
                              .begin = word->begin + work.nodes[at].begin,
                              .end = word->begin + end};
        TRY(tokens_append(out, &token, err));
    }
    return VITLRP_OK;
}
