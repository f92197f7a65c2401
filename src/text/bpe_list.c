/* Merges as files spell them: of lines, of JSON, and of a vocabulary of ids. */
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "text/bpe.h"
#include "text/bpe_alphabet.h"

enum { END_LENGTH = sizeof BPE_WORD_END - 1 };

void bpe_list_free(struct bpe_list *list) {
    text_free(&list->bytes);
    mem_free(list->merges);
    *list = (struct bpe_list){0};
}

static enum vitlrp_status make_room(struct bpe_list *list, struct vitlrp_error *err) {
    if (list->count == BPE_MAX_MERGES) {
        return fail(err, VITLRP_LIMIT, "more than %zu merges", BPE_MAX_MERGES);
    }
    if (list->count == list->capacity) {
        size_t capacity = size_max(2 * list->capacity, 1024);
        struct bpe_merge *merges = mem_resize(list->merges, capacity, sizeof *merges);
        if (merges == NULL) {
            return fail(err, VITLRP_NOMEM, "out of memory for %zu merges", capacity);
        }
        list->merges = merges;
        list->capacity = capacity;
    }
    list->bytes.limit = TOKENIZER_MAX_FILE;
    return VITLRP_OK;
}

static bool ends_word(const char *part, size_t length) {
    return length >= END_LENGTH &&
           memcmp(part + length - END_LENGTH, BPE_WORD_END, END_LENGTH) == 0;
}

/* Appends a part's bytes, of which there must be some. */
static bool append_part(struct bpe_list *list, const char *part, size_t length, size_t *size) {
    size_t before = list->bytes.length;
    bool is_spelled = bpe_append_spelled(part, length, &list->bytes);
    *size = list->bytes.length - before;
    return is_spelled && (*size > 0 || list->bytes.failed) && *size < BPE_MAX_TOKEN;
}

enum vitlrp_status bpe_list_append(struct bpe_list *list, const char *left, size_t left_length,
                                   const char *right, size_t right_length,
                                   struct vitlrp_error *err) {
    TRY(make_room(list, err));
    size_t sizes[2] = {0};
    size_t begin = list->bytes.length;
    bool ends = ends_word(right, right_length);
    bool is_spelled = text_is_utf8(left, left_length) && text_is_utf8(right, right_length) &&
                      !ends_word(left, left_length) &&
                      append_part(list, left, left_length, &sizes[0]) &&
                      append_part(list, right, right_length - (ends ? END_LENGTH : 0), &sizes[1]);
    TRY(text_check(&list->bytes, "a list of merges", err));
    if (!is_spelled || sizes[0] + sizes[1] > BPE_MAX_TOKEN) {
        return fail(err, VITLRP_FORMAT,
                    "merge %zu is not two parts of 1 to %zu bytes, spelled as CLIP's and GPT-2's",
                    list->count + 1, BPE_MAX_TOKEN);
    }
    list->merges[list->count++] =
        (struct bpe_merge){(uint32_t) begin, (uint16_t) sizes[0], (uint16_t) sizes[1], ends};
    return VITLRP_OK;
}
