/* The models of subwords against naive twins, which try everything: for each end of a text every
 * piece that could end there, and for each merge every pair of neighbours. Random pieces of few
 * letters, whose scores tie. Texts of 256 KiB: what is not about linear does not end. */
#include <string.h>

#include "base/mem.h"
#include "text/subwords.h"

#include "support/golden.h"
#include "support/unit.h"

#define PIECES ((size_t) 60)
#define LONGEST ((size_t) 5)
#define TEXTS 100
#define MAX_TEXT ((size_t) 40)
#define UNKNOWN_PENALTY 10.0

static size_t random_letters(struct test_random *random, char *out, size_t most) {
    size_t length = 1 + test_below(random, most);
    for (size_t i = 0; i < length; i++) {
        out[i] = "abcd"[test_below(random, 4)]; /* "d" is never a piece */
    }
    return length;
}

static bool has_piece(const struct pieces *pieces, const char *bytes, size_t length) {
    for (size_t id = 0; id < pieces->count; id++) {
        if (pieces->items[id].length == length &&
            memcmp(piece_text(pieces, id), bytes, length) == 0) {
            return true;
        }
    }
    return false;
}

static void put(struct subwords *subwords, const char *bytes, size_t length, double score) {
    size_t id = subwords->pieces.count;
    assert_int_equal(pieces_put(&subwords->pieces, id, bytes, length, NULL), VITLRP_OK);
    subwords->pieces.items[id].score = score;
    subwords->least_score = score < subwords->least_score ? score : subwords->least_score;
}

/* Every pair that joins to a piece, one after the other, is a merge or not. */
static void put_merges(struct subwords *subwords, struct test_random *random) {
    const struct pieces *pieces = &subwords->pieces;
    subwords->merges = mem_calloc(PIECES * PIECES, sizeof *subwords->merges);
    assert_non_null(subwords->merges);
    for (size_t i = 0; i < pieces->count * pieces->count; i++) {
        size_t left = i / pieces->count;
        size_t right = i % pieces->count;
        char both[2 * LONGEST];
        memcpy(both, piece_text(pieces, left), pieces->items[left].length);
        memcpy(both + pieces->items[left].length, piece_text(pieces, right),
               pieces->items[right].length);
        int32_t result = piece_index_find(&subwords->known, both,
                                          pieces->items[left].length + pieces->items[right].length);
        if (result >= 0 && test_below(random, 4) > 0) {
            subwords->merges[subwords->merge_count++] =
                (struct merge){(int32_t) left, (int32_t) right, 0, result};
        }
    }
    for (size_t i = 0; i < subwords->merge_count; i++) { /* ranks in a random order */
        size_t other = test_below(random, i + 1);
        subwords->merges[i].rank = subwords->merges[other].rank;
        subwords->merges[other].rank = (int32_t) i;
    }
    assert_int_equal(subwords_sort_merges(subwords, NULL), VITLRP_OK);
}

static struct subwords random_subwords(enum subword_model model, struct test_random *random) {
    struct subwords subwords = {.model = model, .unknown = 0};
    put(&subwords, "??", 2, 0.0);
    put(&subwords, "a", 1, -1.0);
    put(&subwords, "b", 1, -2.0);
    put(&subwords, "c", 1, -1.5);
    while (subwords.pieces.count < PIECES) {
        char bytes[LONGEST];
        size_t length = random_letters(random, bytes, LONGEST);
        if (memchr(bytes, 'd', length) == NULL && !has_piece(&subwords.pieces, bytes, length)) {
            put(&subwords, bytes, length, -1.25 * (double) (1 + test_below(random, 4)));
        }
    }
    assert_int_equal(piece_index_build(&subwords.pieces, 1U << PIECE_NORMAL, &subwords.known, NULL),
                     VITLRP_OK);
    if (model == SUBWORD_BPE_RANKS) {
        put_merges(&subwords, random);
    }
    return subwords;
}

static int32_t find(const struct pieces *pieces, const char *bytes, size_t length) {
    for (size_t id = 0; id < pieces->count; id++) {
        if (pieces->items[id].length == length &&
            memcmp(piece_text(pieces, id), bytes, length) == 0) {
            return (int32_t) id;
        }
    }
    return -1;
}

/* The greatest sum for the first `end` bytes, for every end. */
static size_t naive_unigram(const struct subwords *subwords, const char *bytes, size_t length,
                            struct segment *out) {
    double best[MAX_TEXT + 1] = {0};
    struct segment last[MAX_TEXT + 1] = {{0}};
    for (size_t end = 1; end <= length; end++) {
        for (size_t begin = 0; begin < end; begin++) {
            int32_t id = find(&subwords->pieces, bytes + begin, end - begin);
            double score = id >= 0 ? subwords->pieces.items[id].score
                                   : subwords->least_score - UNKNOWN_PENALTY;
            bool is_one = id >= 0 || end - begin == 1;
            if (is_one && (last[end].length == 0 || best[begin] + score > best[end])) {
                best[end] = best[begin] + score;
                last[end] = (struct segment){begin, end - begin, id < 0 ? subwords->unknown : id};
            }
        }
    }
    size_t count = 0;
    for (size_t end = length; end > 0; end = last[end].offset) {
        memmove(out + 1, out, count * sizeof *out);
        out[0] = last[end];
        count++;
    }
    return count;
}

/* When two neighbours merge: less is earlier; false if they do not. */
static bool merge_order(const struct subwords *subwords, const char *bytes,
                        const struct segment *pair, double *order, int32_t *id) {
    if (subwords->model == SUBWORD_BPE_SCORES) {
        *id = find(&subwords->pieces, bytes + pair[0].offset, pair[0].length + pair[1].length);
        *order = *id < 0 ? 0.0 : -subwords->pieces.items[*id].score;
        return *id >= 0;
    }
    for (size_t i = 0; i < subwords->merge_count; i++) {
        const struct merge *merge = &subwords->merges[i];
        if (merge->left == pair[0].id && merge->right == pair[1].id) {
            *order = merge->rank;
            *id = merge->result;
            return true;
        }
    }
    return false;
}

static size_t naive_merging(const struct subwords *subwords, const char *bytes, size_t length,
                            struct segment *out) {
    size_t count = length;
    for (size_t i = 0; i < length; i++) {
        int32_t id = find(&subwords->pieces, bytes + i, 1);
        out[i] = (struct segment){i, 1, id < 0 ? subwords->unknown : id};
    }
    for (;;) {
        size_t best = count;
        double best_order = 0.0;
        int32_t best_id = -1;
        for (size_t i = 0; i + 1 < count; i++) {
            double order;
            int32_t id;
            if (merge_order(subwords, bytes, out + i, &order, &id) &&
                (best == count || order < best_order)) {
                best = i;
                best_order = order;
                best_id = id;
            }
        }
        if (best == count) {
            return count;
        }
        out[best].length += out[best + 1].length;
        out[best].id = best_id;
        memmove(out + best + 1, out + best + 2, (count - best - 2) * sizeof *out);
        count--;
    }
}

static void compare(enum subword_model model) {
    struct test_random random = {7};
    bool is_unigram = model == SUBWORD_UNIGRAM || model == SUBWORD_UNIGRAM_DOUBLE;
    for (int vocabulary = 0; vocabulary < 3; vocabulary++) {
        struct subwords subwords = random_subwords(model, &random);
        for (int i = 0; i < TEXTS; i++) {
            char text[MAX_TEXT];
            struct segment wanted[MAX_TEXT + 1];
            struct segment *found = NULL;
            size_t count;
            size_t length = random_letters(&random, text, MAX_TEXT);
            size_t naive =
                (is_unigram ? naive_unigram : naive_merging)(&subwords, text, length, wanted);
            assert_int_equal((is_unigram ? unigram_divide : merging_divide)(&subwords, text, length,
                                                                            &found, &count, NULL),
                             VITLRP_OK);
            assert_int_equal(count, naive);
            for (size_t k = 0; k < count; k++) {
                assert_int_equal(found[k].offset, wanted[k].offset);
                assert_int_equal(found[k].length, wanted[k].length);
                assert_int_equal(found[k].id, wanted[k].id);
            }
            mem_free(found);
        }
        subwords_free(&subwords);
    }
}

/* Sums of quarters are exact in float32 too. */
static void test_unigram(void **state) {
    (void) state;
    compare(SUBWORD_UNIGRAM);
    compare(SUBWORD_UNIGRAM_DOUBLE);
}

static void test_scores(void **state) {
    (void) state;
    compare(SUBWORD_BPE_SCORES);
}

static void test_ranks(void **state) {
    (void) state;
    compare(SUBWORD_BPE_RANKS);
}

static void test_long_texts(void **state) {
    (void) state;
    struct test_random random = {7};
    size_t length = (size_t) 1 << 18;
    char *text = mem_calloc(length, 1);
    assert_non_null(text);
    for (int model = SUBWORD_UNIGRAM; model <= SUBWORD_BPE_RANKS; model++) {
        struct subwords subwords = random_subwords((enum subword_model) model, &random);
        for (int kind = 0; kind < 2; kind++) {
            struct segment *found = NULL;
            size_t count;
            for (size_t i = 0; i < length; i++) {
                text[i] = kind == 0 ? 'a' : "abcd"[test_below(&random, 4)];
            }
            assert_int_equal((model <= SUBWORD_UNIGRAM_DOUBLE ? unigram_divide : merging_divide)(
                                 &subwords, text, length, &found, &count, NULL),
                             VITLRP_OK);
            size_t covered = 0;
            for (size_t i = 0; i < count; i++) {
                assert_int_equal(found[i].offset, covered);
                covered += found[i].length;
            }
            assert_int_equal(covered, length);
            mem_free(found);
        }
        subwords_free(&subwords);
    }
    mem_free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unigram),
        cmocka_unit_test(test_scores),
        cmocka_unit_test(test_ranks),
        cmocka_unit_test(test_long_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
