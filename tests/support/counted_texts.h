/* Texts on standard input, for programs that scripts ask (tests/nightly/print_ids.c). */
#ifndef TESTS_COUNTED_TEXTS_H
#define TESTS_COUNTED_TEXTS_H

#include <stddef.h>

/* A text, and a NUL behind its length. */
typedef void counted_text(void *user, const char *text, size_t length);

/* Shows every text of standard input, each of which lies behind its length in bytes and a line end.
 * Returns the program's exit code; what is wrong is said. */
int counted_texts_read(counted_text *show, void *user);

#endif
