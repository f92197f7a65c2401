/* Texts that are normalised -> ids: the unigram language model, and pair merging with scores
 * (SentencePiece) or with ranks (Hugging Face's tokenizers). Time n log n in the length of a text.
 *
 * Kudo 2018, "Subword Regularization", section 3.2 (unigram: the likeliest segmentation, by
 * Viterbi); Sennrich et al. 2016, "Neural Machine Translation of Rare Words with Subword Units"
 * (merging). */
#ifndef TEXT_SUBWORDS_H
#define TEXT_SUBWORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "text/aligned.h"
#include "text/kind.h"
#include "text/pieces.h"

enum subword_model {
    SUBWORD_UNIGRAM,        /* scores as float32, as SentencePiece adds them: ties depend on it */
    SUBWORD_UNIGRAM_DOUBLE, /* as tokenizers adds them */
    SUBWORD_BPE_SCORES,     /* two symbols merge into a piece, the one with the best score first */
    SUBWORD_BPE_RANKS       /* the pairs of a list merge, the first of the list first */
};

/* Merges of SUBWORD_BPE_RANKS, sorted by both ids. */
struct merge {
    int32_t left, right;
    int32_t rank, result;
};
#define MERGES_MAX ((size_t) 1 << 21)

struct subwords {
    enum subword_model model;
    struct pieces pieces;
    struct piece_index known; /* what a text may be made of */
    struct piece_index users; /* of SentencePiece: user-defined pieces, never divided */
    struct merge *merges;     /* [merge_count]; owned */
    size_t merge_count;
    int32_t unknown;    /* id; -1: none */
    bool has_bytes;     /* what is unknown becomes the pieces of its bytes */
    int32_t bytes[256]; /* ids */
    double least_score; /* of the pieces; what is unknown has less */
};

/* Sorts the merges. FORMAT where a pair is there twice. */
enum vitlrp_status subwords_sort_merges(struct subwords *subwords, struct vitlrp_error *err);

/* Finds "<0x00>" to "<0xFF>" among pieces of PIECE_BYTE or PIECE_NORMAL. FORMAT if one is missing.
 */
enum vitlrp_status subwords_find_bytes(struct subwords *subwords, struct vitlrp_error *err);

/* Appends the tokens of bytes [begin, end) of a text. FORMAT for what is not UTF-8 (a charsmap can
 * make that), NOMEM. */
enum vitlrp_status subwords_encode(const struct subwords *subwords, const struct aligned *text,
                                   size_t begin, size_t end, struct tokens *out,
                                   struct vitlrp_error *err);

/* Appends a token of [offset, offset + length) of a text; a word begins at U+2581. */
enum vitlrp_status subwords_append(const struct aligned *text, size_t offset, size_t length,
                                   int32_t id, struct tokens *out, struct vitlrp_error *err);

/* USAGE if a text holds the text of a piece of the index, a special token's. */
enum vitlrp_status subwords_refuse(const struct piece_index *special, const char *bytes,
                                   size_t length, struct vitlrp_error *err);

void subwords_free(struct subwords *subwords); /* a zeroed one is fine */

/* Bytes of a text, in order, that are one piece or unknown. */
struct segment {
    size_t offset, length;
    int32_t id;
};

/* Divides `length` bytes of UTF-8 into segments; *out is owned by the caller (mem_free), NULL for
 * no bytes. Each model has its own. NOMEM. */
enum vitlrp_status unigram_divide(const struct subwords *subwords, const char *bytes, size_t length,
                                  struct segment **out, size_t *count, struct vitlrp_error *err);
enum vitlrp_status merging_divide(const struct subwords *subwords, const char *bytes, size_t length,
                                  struct segment **out, size_t *count, struct vitlrp_error *err);

#endif
