/* What the classes of a model were made of, so that their texts can be read once more. */
#ifndef API_CLASS_TEXTS_H
#define API_CLASS_TEXTS_H

#include <stdatomic.h>
#include <stddef.h>

#include "api/text_classes.h"
#include "base/status.h"
#include "vitlrp_words.h"

struct class_texts {
    atomic_size_t holders;
    char **texts; /* [count]: of each class; NULL: it has several. Owned */
    size_t count;
    struct vitlrp_text_options options; /* how they were read; without log, inputs and threads */
    char *tokenizer, *cleaning;         /* the options' strings; owned */
    struct text_source *source;         /* which read them; NULL: it was not kept. Owned */
};

/* *out is owned: class_texts_free. */
enum vitlrp_status class_texts_keep(const struct text_classes *classes,
                                    const struct vitlrp_text_options *options,
                                    struct class_texts **out, struct vitlrp_error *err);

/* The same, with one more holder: they never change. */
struct class_texts *class_texts_hold(struct class_texts *texts);

/* Lets go of them; the last holder releases them. NULL is ignored. */
void class_texts_free(struct class_texts *texts);

#endif
