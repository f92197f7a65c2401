/* Prompts -> the rows of a zero-shot classifier, by the text tower of a model. */
#ifndef API_TEXT_CLASSES_H
#define API_TEXT_CLASSES_H

#include <stddef.h>

#include "base/status.h"
#include "vit/model/model.h"
#include "vitlrp_words.h"

struct text_classes {
    const char **names; /* [count]: the prompts' own; owned */
    const char **texts; /* [count]: likewise; NULL: of several prompts */
    float *rows;        /* [count, width]: sums of unit vectors; owned */
    size_t count, width;
};

/* A class for each name. `image` is the image tower of the same weights. text_classes_free, after a
 * failure too. */
enum vitlrp_status text_classes_make(const struct vit_model *image,
                                     const struct vitlrp_prompt *prompts, size_t count,
                                     const struct vitlrp_text_options *options,
                                     struct text_classes *out, struct vitlrp_error *err);

/* The text tower of the weights of `image`, as they were when it was read. A guess is said. *out is
 * owned: vit_model_free. */
enum vitlrp_status text_tower_load(const struct vit_model *image,
                                   const struct vitlrp_text_options *options,
                                   struct vit_model **out, struct vitlrp_error *err);

void text_classes_free(struct text_classes *classes);

#endif
