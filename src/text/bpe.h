/* Byte-pair encoding (Sennrich et al., arXiv:1508.07909) over bytes, as GPT-2 and CLIP have it: a
 * word's bytes are symbols, and the adjacent pair whose merge comes first in the list becomes one
 * symbol, until no pair has a merge.
 * Symbols 0 to 255 are bytes, 256 to 511 bytes that end a word, 512 + n what the n-th merge makes:
 * these are CLIP's ids. Refuses lists in which two merges make the same, or use what none before
 * them made: with these, programs differ in what they make of a text. */
#ifndef TEXT_BPE_H
#define TEXT_BPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/text.h"
#include "text/tokenizer.h"

#define BPE_MAX_MERGES ((size_t) 1 << 20)
#define BPE_MAX_TOKEN ((size_t) 1024) /* bytes; the longest of CLIP's has 32 */

enum { BPE_BYTES = 256, BPE_FIRST_MERGE = 2 * BPE_BYTES };

/* Merges as they are read, before they are looked at. Zero-initialise; bpe_list_free. */
struct bpe_list {
    struct text bytes; /* of what each merge makes, one behind the other */
    struct bpe_merge {
        uint32_t begin;
        uint16_t left, right; /* bytes of its parts */
        bool ends;            /* a word */
    } * merges;
    size_t count, capacity;
};

void bpe_list_free(struct bpe_list *list);

/* Appends a merge of two parts as files spell them: a character for each byte, "</w>" where a word
 * ends. FORMAT, LIMIT, NOMEM; the message has the merge's number. */
enum vitlrp_status bpe_list_append(struct bpe_list *list, const char *left, size_t left_length,
                                   const char *right, size_t right_length,
                                   struct vitlrp_error *err);

struct bpe; /* immutable */

/* Takes what the list has; the list is empty afterwards, in any case. */
enum vitlrp_status bpe_make(struct bpe_list *list, struct bpe **out, struct vitlrp_error *err);
void bpe_free(struct bpe *bpe);

/* Symbols: BPE_FIRST_MERGE and one for each merge. */
size_t bpe_symbols(const struct bpe *bpe);

/* Appends a symbol's bytes, and "</w>" where it ends a word. */
void bpe_append_text(const struct bpe *bpe, size_t symbol, struct text *out);

/* Appends a symbol as vocab.json spells it. */
void bpe_append_key(const struct bpe *bpe, size_t symbol, struct text *out);

/* Memory for words on their way. Zero-initialise; bpe_scratch_free. */
struct bpe_scratch {
    struct bpe_node *nodes;
    struct bpe_pair *heap;
    size_t capacity; /* bytes of a word that they have room for */
};

void bpe_scratch_free(struct bpe_scratch *scratch);

/* Appends the symbols of a word as tokens with its number; the word begins at byte `begin` of the
 * text. Takes n log n of the word's bytes. NOMEM. */
struct bpe_word {
    const char *bytes;
    size_t length, begin;
    int32_t number;
};
enum vitlrp_status bpe_encode(const struct bpe *bpe, const struct bpe_word *word,
                              struct bpe_scratch *scratch, struct tokens *out,
                              struct vitlrp_error *err);

#endif
