#include "support/counted_texts.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/parse.h"

#define INPUT_LIMIT ((size_t) 1 << 30)

/* The text whose length begins at *at, owned; *at is moved behind it. NULL: there is none. */
static char *next_text(const struct bytes *input, size_t *at, size_t *length) {
    const char *begin = (const char *) input->data + *at;
    size_t left = input->size - *at;
    const char *end = memchr(begin, '\n', left);
    int64_t count;
    if (end == NULL ||
        !parse_int64_span(begin, (size_t) (end - begin), 0, (int64_t) left, &count) ||
        (size_t) count > left - (size_t) (end + 1 - begin)) {
        return NULL;
    }
    char *text = mem_calloc((size_t) count + 1, 1);
    if (text != NULL) {
        memcpy(text, end + 1, (size_t) count);
        *length = (size_t) count;
        *at += (size_t) (end + 1 - begin) + (size_t) count;
    }
    return text;
}

int counted_texts_read(counted_text *show, void *user) {
    struct bytes input = {0};
    struct vitlrp_error err = {0};
    int code = 0;
    if (file_read_descriptor(0, INPUT_LIMIT, &input, &err) != VITLRP_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    for (size_t at = 0; at < input.size && code == 0;) {
        size_t length = 0;
        char *text = next_text(&input, &at, &length);
        if (text == NULL) {
            fprintf(stderr, "no text at byte %zu\n", at);
            code = 2;
        } else {
            show(user, text, length);
        }
        mem_free(text);
    }
    bytes_free(&input);
    return code;
}
