#include "text/subwords.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

/* Bytes of a token that a message shows. */
#define MAX_NAME 200

void subwords_free(struct subwords *subwords) {
    pieces_free(&subwords->pieces);
    piece_index_free(&subwords->known);
    piece_index_free(&subwords->users);
    mem_free(subwords->merges);
    *subwords = (struct subwords){0};
}

enum vitlrp_status subwords_find_bytes(struct subwords *subwords, struct vitlrp_error *err) {
    struct piece_index all = {0};
    enum vitlrp_status status =
        piece_index_build(&subwords->pieces, 1U << PIECE_NORMAL | 1U << PIECE_BYTE, &all, err);
    for (unsigned byte = 0; status == VITLRP_OK && byte < 256; byte++) {
        char name[8];
        snprintf(name, sizeof name, "<0x%02X>", byte);
        subwords->bytes[byte] = piece_index_find(&all, name, strlen(name));
        if (subwords->bytes[byte] < 0) {
            status = fail(err, VITLRP_FORMAT,
                          "the vocabulary falls back to bytes, but it has no piece %s", name);
        }
    }
    piece_index_free(&all);
    subwords->has_bytes = status == VITLRP_OK;
    return status;
}

enum vitlrp_status subwords_append(const struct aligned *text, size_t offset, size_t length,
                                   int32_t id, struct tokens *out, struct vitlrp_error *err) {
    struct origin origin = aligned_origin(text, offset, length);
    const struct token *last = out->count > 0 ? &out->items[out->count - 1] : NULL;
    bool begins = length >= PIECE_SPACE_BYTES &&
                  memcmp(text->data + offset, PIECE_SPACE, PIECE_SPACE_BYTES) == 0;
    int32_t word = last == NULL ? 0 : last->word < 0 || begins ? last->word + 1 : last->word;
    struct token token = {id, word, origin.begin, origin.end};
    return tokens_append(out, &token, err);
}

static enum vitlrp_status append_bytes(const struct subwords *subwords, const struct aligned *text,
                                       size_t offset, size_t length, struct tokens *out,
                                       struct vitlrp_error *err) {
    for (size_t i = offset; i < offset + length; i++) {
        int32_t id = subwords->bytes[(unsigned char) text->data[i]];
        TRY(subwords_append(text, i, 1, id, out, err));
    }
    return VITLRP_OK;
}

struct segments {
    struct segment *items; /* owned */
    size_t count;
};

/* Of segments of the text from `begin` on. Neighbours that are unknown are one token. */
static enum vitlrp_status append_segments(const struct subwords *subwords,
                                          const struct aligned *text, size_t begin,
                                          const struct segments *segments, struct tokens *out,
                                          struct vitlrp_error *err) {
    const struct segment *items = segments->items;
    for (size_t i = 0; i < segments->count; i++) {
        size_t length = items[i].length;
        size_t offset = begin + items[i].offset;
        if (items[i].id != subwords->unknown) {
            TRY(subwords_append(text, offset, length, items[i].id, out, err));
        } else if (subwords->has_bytes) {
            TRY(append_bytes(subwords, text, offset, length, out, err));
        } else {
            while (i + 1 < segments->count && items[i + 1].id == subwords->unknown) {
                length += items[++i].length;
            }
            TRY(subwords_append(text, offset, length, subwords->unknown, out, err));
        }
    }
    return VITLRP_OK;
}

enum vitlrp_status subwords_encode(const struct subwords *subwords, const struct aligned *text,
                                   size_t begin, size_t end, struct tokens *out,
                                   struct vitlrp_error *err) {
    struct segments segments = {0};
    if (begin == end) {
        return VITLRP_OK;
    }
    const char *bytes = text->data + begin;
    if (!text_is_utf8(bytes, end - begin)) {
        return fail(err, VITLRP_FORMAT, "the tokenizer's charsmap makes text that is not UTF-8");
    }
    bool is_unigram =
        subwords->model == SUBWORD_UNIGRAM || subwords->model == SUBWORD_UNIGRAM_DOUBLE;
    enum vitlrp_status status = (is_unigram ? unigram_divide : merging_divide)(
        subwords, bytes, end - begin, &segments.items, &segments.count, err);
    if (status == VITLRP_OK) {
        status = append_segments(subwords, text, begin, &segments, out, err);
    }
    mem_free(segments.items);
    return status;
}

enum vitlrp_status subwords_refuse(const struct piece_index *special, const char *bytes,
                                   size_t length, struct vitlrp_error *err) {
    for (size_t i = 0; i < length && special->count > 0; i++) {
        int32_t id = -1;
        size_t found = piece_index_longest(special, bytes + i, length - i, &id);
        if (found > 0) {
            char token[PIECE_MAX_BYTES + 1];
            char name[MAX_NAME];
            memcpy(token, bytes + i, found);
            token[found] = '\0';
            text_escape_name(name, sizeof name, token);
            return fail(err, VITLRP_USAGE, "a text spells the special token %s: change it", name);
        }
    }
    return VITLRP_OK;
}
