/* What reads the texts of a model: its text tower and the tokenizer that belongs to it, opened once
 * and shared by what is made of them. */
#ifndef API_TEXT_SOURCE_H
#define API_TEXT_SOURCE_H

#include <stdatomic.h>

#include "api/text_reader.h"
#include "base/status.h"
#include "vit/model/model.h"
#include "vitlrp_words.h"

/* Immutable; any thread. */
struct text_source {
    atomic_size_t holders;
    struct vit_model *tower;   /* owned */
    struct text_reader reader; /* owned; says nothing: text_source_reader */
};

/* Of the weights of `image`. A cleaning that is a guess is said. *out is owned: text_source_close.
 */
enum vitlrp_status text_source_open(const struct vit_model *image,
                                    const struct vitlrp_text_options *options,
                                    struct text_source **out, struct vitlrp_error *err);

/* One more holder, which closes it too. NULL is NULL. */
struct text_source *text_source_hold(struct text_source *source);

/* NULL is ignored. */
void text_source_close(struct text_source *source);

/* A reader that says of cut texts to `log`; it is the source's, and is not closed. */
struct text_reader text_source_reader(const struct text_source *source,
                                      const struct vitlrp_log *log);

#endif
