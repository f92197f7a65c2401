#include "base/suggest.h"

#include <stdbool.h>

#include "base/ascii.h"
#include "base/checked.h"

#define LETTERS_MAX 32 /* of a word that is compared; longer ones are like nothing */

/* The letters of a word that count. False if there are too many. */
static bool fold(const char *word, size_t length, char out[LETTERS_MAX], size_t *count) {
    *count = 0;
    for (size_t i = 0; i < length && word[i] != '\0'; i++) {
        char letter = word[i];
        if (letter == '-' || letter == '_' || letter == ' ') {
            continue;
        }
        if (*count == LETTERS_MAX) {
            return false;
        }
        out[(*count)++] = (char) ascii_lower((unsigned char) letter);
    }
    return true;
}

/* The edit distance with exchanges of neighbours (optimal string alignment). */
static size_t distance(const char *a, size_t a_count, const char *b, size_t b_count) {
    size_t rows[3][LETTERS_MAX + 1];
    size_t *before = rows[0];
    size_t *above = rows[1];
    size_t *row = rows[2];
    for (size_t j = 0; j <= b_count; j++) {
        above[j] = before[j] = j;
    }
    for (size_t i = 1; i <= a_count; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_count; j++) {
            size_t wrong = a[i - 1] == b[j - 1] ? 0 : 1;
            row[j] = size_min(size_min(above[j], row[j - 1]) + 1, above[j - 1] + wrong);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < row[j]) {
                row[j] = before[j - 2] + 1;
            }
        }
        size_t *oldest = before;
        before = above;
        above = row;
        row = oldest;
    }
    return above[b_count];
}

struct suggestion suggest_for(const char *typed, size_t length) {
    return (struct suggestion){.typed = typed, .length = length, .mistakes = LETTERS_MAX};
}

/* A third of the letters may be wrong, but one of a short word. */
void suggest_word(struct suggestion *suggestion, const char *word) {
    char typed[LETTERS_MAX];
    char other[LETTERS_MAX];
    size_t typed_count;
    size_t other_count;
    if (!fold(suggestion->typed, suggestion->length, typed, &typed_count) ||
        !fold(word, LETTERS_MAX + 1, other, &other_count) || typed_count < 2) {
        return;
    }
    size_t mistakes = distance(typed, typed_count, other, other_count);
    size_t allowed = typed_count < 6 ? 1 : typed_count / 3;
    if (mistakes <= allowed && mistakes < suggestion->mistakes) {
        suggestion->mistakes = mistakes;
        suggestion->nearest = word;
    }
}

const char *suggest_known(const struct other_name *table, const char *typed, size_t length) {
    for (; table->name != NULL; table++) {
        struct suggestion same = suggest_for(typed, length);
        suggest_word(&same, table->name);
        if (same.nearest != NULL && same.mistakes == 0) {
            return table->here;
        }
    }
    return NULL;
}
