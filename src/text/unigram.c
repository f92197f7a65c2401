/* The segmentation of a text whose pieces' log probabilities have the greatest sum. */
#include <stdbool.h>

#include "base/mem.h"
#include "base/text.h"
#include "text/subwords.h"

/* SentencePiece's kUnkPenalty. */
#define UNKNOWN_PENALTY 10.0

/* What SentencePiece 0.2.3 gives a user-defined piece for each byte behind the first, whatever its
 * score; versions before multiply the best score of the vocabulary. */
#define USER_BONUS 0.1F

/* The best way to a byte of the text. */
struct step {
    double score;
    size_t begin; /* of its last segment */
    int32_t id;
    bool is_reached;
};

struct search {
    const struct subwords *subwords;
    const char *bytes;
    size_t length;
    struct step *steps; /* [length + 1]: before each byte, and at the end */
};

/* A score as the model's library keeps it. */
static double as_kept(const struct search *search, double score) {
    return search->subwords->model == SUBWORD_UNIGRAM ? (double) (float) score : score;
}

/* The first of those that are equal stays. */
static void offer(struct search *search, size_t begin, size_t end, int32_t id, double score) {
    struct step *step = &search->steps[end];
    double sum = as_kept(search, search->steps[begin].score + score);
    if (!step->is_reached || sum > step->score) {
        *step = (struct step){sum, begin, id, true};
    }
}

static double score_of(const struct search *search, int32_t id, size_t length) {
    const struct piece *piece = &search->subwords->pieces.items[id];
    return piece->type == PIECE_USER_DEFINED ? (double) (USER_BONUS * (float) (length - 1))
                                             : piece->score;
}

/* All pieces that begin at a character, and the unknown one if the character is none. */
static void search_from(struct search *search, size_t begin, size_t character) {
    const struct subwords *subwords = search->subwords;
    struct piece_walk walk = piece_walk_begin(&subwords->known);
    bool is_known = false;
    while (begin + walk.depth < search->length &&
           piece_walk_step(&walk, (unsigned char) search->bytes[begin + walk.depth])) {
        int32_t id = piece_walk_id(&walk);
        if (id >= 0) {
            offer(search, begin, begin + walk.depth, id, score_of(search, id, walk.depth));
            is_known = is_known || walk.depth == character;
        }
    }
    if (!is_known) {
        offer(search, begin, begin + character, subwords->unknown,
              as_kept(search, subwords->least_score - UNKNOWN_PENALTY));
    }
}

static enum vitlrp_status trace_back(const struct search *search, struct segment **out,
                                     size_t *count, struct vitlrp_error *err) {
    for (size_t end = search->length; end > 0; end = search->steps[end].begin) {
        ++*count;
    }
    *out = mem_calloc(*count, sizeof **out);
    if (*out == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a text of %zu pieces", *count);
    }
    size_t end = search->length;
    for (size_t i = *count; i-- > 0;) {
        const struct step *step = &search->steps[end];
        (*out)[i] = (struct segment){step->begin, end - step->begin, step->id};
        end = step->begin;
    }
    return VITLRP_OK;
}

enum vitlrp_status unigram_divide(const struct subwords *subwords, const char *bytes, size_t length,
                                  struct segment **out, size_t *count, struct vitlrp_error *err) {
    struct search search = {subwords, bytes, length, mem_calloc(length + 1, sizeof(struct step))};
    if (search.steps == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a text of %zu bytes", length);
    }
    for (size_t i = 0; i < length;) {
        size_t character = text_utf8_length(bytes + i, length - i);
        search_from(&search, i, character);
        i += character;
    }
    *count = 0;
    *out = NULL;
    enum vitlrp_status status = length == 0 ? VITLRP_OK : trace_back(&search, out, count, err);
    mem_free(search.steps);
    return status;
}
