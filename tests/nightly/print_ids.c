/* The ids of texts, for a script that compares them with a library's
 * (tests/nightly/subword_ids.py). usage: print_ids TOKENIZER CLEANING, texts on standard input,
 * each behind its length in bytes and a line end. For each a line: ids, or a failure's status and
 * message. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/parse.h"
#include "text/tokenizer.h"

#define INPUT_LIMIT ((size_t) 1 << 30)

static void print_ids(const struct tokenizer *tokenizer, enum text_cleaning cleaning,
                      const char *text, size_t length) {
    struct tokenize_options options = {.cleaning = cleaning};
    struct tokens tokens = {0};
    struct vitlrp_error err;
    enum vitlrp_status status = tokenizer_encode(tokenizer, text, length, &options, &tokens, &err);
    if (status != VITLRP_OK) {
        printf("%d %s", (int) status, err.message);
    }
    for (size_t i = 0; i < tokens.count; i++) {
        printf(i == 0 ? "%d" : " %d", tokens.items[i].id);
    }
    printf("\n");
    tokens_free(&tokens);
}

static int print_all(const struct tokenizer *tokenizer, enum text_cleaning cleaning,
                     const struct bytes *input) {
    const char *bytes = (const char *) input->data;
    for (size_t at = 0; at < input->size;) {
        const char *end = memchr(bytes + at, '\n', input->size - at);
        int64_t length;
        if (end == NULL ||
            !parse_int64_span(bytes + at, (size_t) (end - bytes) - at, 0, (int64_t) input->size,
                              &length) ||
            (size_t) length > input->size - (size_t) (end + 1 - bytes)) {
            fprintf(stderr, "no length at byte %zu\n", at);
            return 2;
        }
        print_ids(tokenizer, cleaning, end + 1, (size_t) length);
        at = (size_t) (end + 1 - bytes) + (size_t) length;
    }
    return 0;
}

int main(int argc, char **argv) {
    struct tokenizer *tokenizer = NULL;
    struct vitlrp_error err;
    struct bytes input;
    size_t cleaning = 0;
    while (argc == 3 && cleaning < TEXT_CLEANINGS &&
           strcmp(text_cleaning_name((enum text_cleaning) cleaning), argv[2]) != 0) {
        cleaning++;
    }
    if (argc != 3 || cleaning == TEXT_CLEANINGS) {
        fprintf(stderr, "usage: print_ids TOKENIZER CLEANING\n");
        return 2;
    }
    if (tokenizer_open(argv[1], &tokenizer, &err) != VITLRP_OK ||
        file_read_descriptor(0, INPUT_LIMIT, &input, &err) != VITLRP_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    int code = print_all(tokenizer, (enum text_cleaning) cleaning, &input);
    bytes_free(&input);
    tokenizer_close(tokenizer);
    return code;
}
