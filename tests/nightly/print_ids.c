/* The ids of texts, for a script that compares them with a library's
 * (tests/nightly/subword_ids.py). usage: print_ids TOKENIZER CLEANING, texts on standard input
 * (support/counted_texts.h). For each a line: ids, or a failure's status and message. */
#include <stdio.h>
#include <string.h>

#include "support/counted_texts.h"
#include "text/tokenizer.h"

struct printer {
    struct tokenizer *tokenizer;
    struct tokenize_options options;
};

static void print_ids(void *user, const char *text, size_t length) {
    const struct printer *printer = user;
    struct tokens tokens = {0};
    struct vitlrp_error err;
    enum vitlrp_status status =
        tokenizer_encode(printer->tokenizer, text, length, &printer->options, &tokens, &err);
    if (status != VITLRP_OK) {
        printf("%d %s", (int) status, err.message);
    }
    for (size_t i = 0; i < tokens.count; i++) {
        printf(i == 0 ? "%d" : " %d", tokens.items[i].id);
    }
    printf("\n");
    tokens_free(&tokens);
}

int main(int argc, char **argv) {
    struct printer printer = {0};
    struct vitlrp_error err;
    size_t cleaning = 0;
    while (argc == 3 && cleaning < TEXT_CLEANINGS &&
           strcmp(text_cleaning_name((enum text_cleaning) cleaning), argv[2]) != 0) {
        cleaning++;
    }
    if (argc != 3 || cleaning == TEXT_CLEANINGS) {
        fprintf(stderr, "usage: print_ids TOKENIZER CLEANING\n");
        return 2;
    }
    printer.options.cleaning = (enum text_cleaning) cleaning;
    if (tokenizer_open(argv[1], &printer.tokenizer, &err) != VITLRP_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    int code = counted_texts_read(print_ids, &printer);
    tokenizer_close(printer.tokenizer);
    return code;
}
