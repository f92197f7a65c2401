/* Texts -> ids: the tokenizer and the cleaning that belong to a text tower. */
#ifndef API_TEXT_READER_H
#define API_TEXT_READER_H

#include <stddef.h>

#include "base/status.h"
#include "text/tokenizer.h"
#include "vit/model/model.h"
#include "vitlrp_words.h"

struct text_reader {
    struct tokenizer *tokenizer; /* owned */
    struct tokenize_options options;
    const struct vitlrp_log *log; /* the caller's */
    size_t cuts;                  /* texts that had no room */
};

/* The tokenizer that the caller names, that lies beside the tower's weights, or CLIP's built-in one
 * where the vocabulary has its size; the cleaning likewise, else that of the library whose layout
 * the tower has. A guess is said. MISMATCH, with both numbers, for a vocabulary of another size;
 * UNSUPPORTED where nothing says which. text_reader_close, after a failure too. */
enum vitlrp_status text_reader_open(const struct vit_model *tower,
                                    const struct vitlrp_text_options *options,
                                    struct text_reader *out, struct vitlrp_error *err);

void text_reader_close(struct text_reader *reader);

/* *out is owned: tokens_free. What the tower's context has no room for is said, of the first few
 * texts; text_reader_tell says of how many more. */
enum vitlrp_status text_reader_encode(struct text_reader *reader, const char *text,
                                      struct tokens *out, struct vitlrp_error *err);
void text_reader_tell(const struct text_reader *reader);

#endif
