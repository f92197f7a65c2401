/* The vocabulary and the merges of a tokenizer.json, read in place. */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "text/subword_json.h"

#define FIRST_MERGES ((size_t) 1024)

static enum vitlrp_status fail_piece(size_t id, struct vitlrp_error *err) {
    return fail(err, VITLRP_FORMAT,
                "tokenizer.json: piece %zu is damaged, or has more than %zu bytes", id,
                PIECE_MAX_BYTES);
}

static enum vitlrp_status put(struct pieces *pieces, size_t id, struct json_span text,
                              struct vitlrp_error *err) {
    char bytes[PIECE_MAX_BYTES];
    size_t length;
    if (!json_span_string(text, bytes, sizeof bytes, &length)) {
        return fail_piece(id, err);
    }
    return pieces_put(pieces, id, bytes, length, err);
}

/* ["text", score] of each id. The least score is that of all pieces, special ones among them. */
static enum vitlrp_status read_scores(struct subwords *subwords, struct json_span vocab,
                                      struct vitlrp_error *err) {
    struct pieces *pieces = &subwords->pieces;
    struct json_walk walk = json_walk_over(vocab);
    struct json_span item;
    struct json_span parts[2];
    bool is_array = json_walk_enter(&walk, '[');
    while (is_array && json_walk_item(&walk)) {
        size_t id = pieces->count;
        double score = 0.0;
        bool is_sound = json_walk_value(&walk, &item);
        struct json_walk pair = json_walk_over(item);
        is_sound = is_sound && json_walk_enter(&pair, '[');
        for (size_t i = 0; i < 2; i++) {
            is_sound = is_sound && json_walk_item(&pair) && json_walk_value(&pair, &parts[i]);
        }
        if (!is_sound || json_walk_item(&pair) || !json_span_number(parts[1], &score)) {
            return fail_piece(id, err);
        }
        TRY(put(pieces, id, parts[0], err));
        pieces->items[id].score = score;
        subwords->least_score = id == 0 ? score : fmin(subwords->least_score, score);
    }
    return is_array && pieces->count > 0
               ? VITLRP_OK
               : fail(err, VITLRP_FORMAT, "tokenizer.json: the vocabulary is no list of pieces");
}

/* "text": id. */
static enum vitlrp_status read_ids(struct subwords *subwords, struct json_span vocab,
                                   struct vitlrp_error *err) {
    struct pieces *pieces = &subwords->pieces;
    struct json_walk walk = json_walk_over(vocab);
    struct json_span key;
    struct json_span value;
    int64_t id;
    bool is_object = json_walk_enter(&walk, '{');
    while (is_object && json_walk_item(&walk)) {
        if (!json_walk_key(&walk, &key) || !json_walk_value(&walk, &value) ||
            !json_span_integer(value, 0, INT32_MAX, &id)) {
            return fail(err, VITLRP_FORMAT, "tokenizer.json: a piece behind %zu others has no id",
                        pieces->count);
        }
        TRY(put(pieces, (size_t) id, key, err));
    }
    return is_object && pieces->count > 0
               ? VITLRP_OK
               : fail(err, VITLRP_FORMAT, "tokenizer.json: the vocabulary is no object of pieces");
}

enum vitlrp_status subword_read_vocabulary(struct subword_json *model,
                                           const struct subword_members *members,
                                           struct vitlrp_error *err) {
    struct subwords *subwords = &model->subwords;
    int64_t unknown = -1;
    subwords->unknown = -1;
    if (!json_span_is(members->type, "Unigram")) {
        subwords->model = SUBWORD_BPE_RANKS;
        return read_ids(subwords, members->vocab, err);
    }
    subwords->model = SUBWORD_UNIGRAM_DOUBLE;
    TRY(read_scores(subwords, members->vocab, err));
    if (!json_span_integer(members->unknown_id, 0, (int64_t) subwords->pieces.count - 1,
                           &unknown)) {
        return fail(err, VITLRP_UNSUPPORTED,
                    "tokenizer.json: no piece stands for what is unknown (unk_id)");
    }
    subwords->unknown = (int32_t) unknown;
    return VITLRP_OK;
}

static enum vitlrp_status fail_merge(size_t rank, struct vitlrp_error *err) {
    return fail(err, VITLRP_FORMAT, "tokenizer.json: merge %zu does not join two pieces to a third",
                rank);
}

/* "left right", or ["left", "right"]: both behind each other in `bytes`, with the left one's
 * length. */
static bool read_pair(struct json_span span, char *bytes, size_t *left, size_t *length) {
    char right[PIECE_MAX_BYTES];
    size_t size;
    struct json_walk walk = json_walk_over(span);
    struct json_span parts[2];
    if (!json_walk_enter(&walk, '[')) {
        if (!json_span_string(span, bytes, 2 * PIECE_MAX_BYTES, length)) {
            return false;
        }
        const char *gap = memchr(bytes, ' ', *length);
        if (gap == NULL || memchr(gap + 1, ' ', (size_t) (bytes + *length - gap - 1)) != NULL) {
            return false;
        }
        *left = (size_t) (gap - bytes);
        memmove(bytes + *left, gap + 1, --*length - *left);
        return true;
    }
    for (size_t i = 0; i < 2; i++) {
        if (!json_walk_item(&walk) || !json_walk_value(&walk, &parts[i])) {
            return false;
        }
    }
    if (json_walk_item(&walk) || !json_span_string(parts[0], bytes, PIECE_MAX_BYTES, left) ||
        !json_span_string(parts[1], right, sizeof right, &size)) {
        return false;
    }
    memcpy(bytes + *left, right, size);
    *length = *left + size;
    return true;
}

static enum vitlrp_status add_merge(struct subwords *subwords, struct json_span span,
                                    size_t *capacity, struct vitlrp_error *err) {
    const struct piece_index *known = &subwords->known;
    size_t rank = subwords->merge_count;
    char bytes[2 * PIECE_MAX_BYTES];
    size_t left;
    size_t length;
    if (rank == MERGES_MAX) {
        return fail(err, VITLRP_LIMIT, "tokenizer.json: more than %zu merges", MERGES_MAX);
    }
    if (!read_pair(span, bytes, &left, &length)) {
        return fail_merge(rank, err);
    }
    struct merge merge = {piece_index_find(known, bytes, left),
                          piece_index_find(known, bytes + left, length - left), (int32_t) rank,
                          piece_index_find(known, bytes, length)};
    if (merge.left < 0 || merge.right < 0 || merge.result < 0) {
        return fail_merge(rank, err);
    }
    if (rank == *capacity) {
        size_t more = size_max(2 * *capacity, FIRST_MERGES);
        struct merge *merges = mem_resize(subwords->merges, more, sizeof *merges);
        if (merges == NULL) {
            return fail(err, VITLRP_NOMEM, "out of memory for %zu merges", more);
        }
        subwords->merges = merges;
        *capacity = more;
    }
    subwords->merges[subwords->merge_count++] = merge;
    return VITLRP_OK;
}

enum vitlrp_status subword_read_merges(struct subword_json *model, struct json_span merges,
                                       struct vitlrp_error *err) {
    struct subwords *subwords = &model->subwords;
    struct json_walk walk = json_walk_over(merges);
    struct json_span item;
    size_t capacity = 0;
    if (!json_walk_enter(&walk, '[')) {
        return fail(err, VITLRP_FORMAT, "tokenizer.json: the merges are no list");
    }
    while (json_walk_item(&walk)) {
        if (!json_walk_value(&walk, &item)) {
            return fail_merge(subwords->merge_count, err);
        }
        TRY(add_merge(subwords, item, &capacity, err));
    }
    return subwords_sort_merges(subwords, err);
}
