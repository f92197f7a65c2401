/* Prompts -> the rows of a zero-shot classifier, by the text tower of a model. */
#ifndef API_TEXT_CLASSES_H
#define API_TEXT_CLASSES_H

#include <stddef.h>

#include "api/handles.h"
#include "api/prompt_list.h"
#include "api/text_identity.h"
#include "api/text_source.h"
#include "base/status.h"
#include "vit/model/model.h"
#include "vit/program/text_tower.h"
#include "vitlrp_words.h"

struct text_classes {
    struct prompt_list list;
    float *rows;  /* [count + 1, width]: of each class, the direction of its mean, of length 1, and
                     of the empty text; owned */
    char **texts; /* [count]: of each class; NULL: it has several. Owned, as they are */
    size_t count, width;
    struct text_identity identity;
    struct text_source *source; /* which read them; owned */
};

/* A class for each name of the list. `image` is the image tower of the same weights. With a
 * journal, rows that it has are not made again. text_classes_free, after a failure too. */
enum vitlrp_status text_classes_make(const struct vitlrp_model *image,
                                     const struct vitlrp_prompt *prompts, size_t count,
                                     const struct vitlrp_text_options *options,
                                     struct text_classes *out, struct vitlrp_error *err);

/* The text tower of the weights of `image`, as they were when it was read. *out is owned:
 * vit_model_free. */
enum vitlrp_status text_tower_load(const struct vit_model *image,
                                   const struct vitlrp_text_options *options,
                                   struct vit_model **out, struct vitlrp_error *err);

/* How that tower is opened: with these threads and this backend, of checked options. */
struct vit_text_options text_tower_options(const struct vitlrp_text_options *options);

/* USAGE for a number of threads or heads that cannot be. */
enum vitlrp_status text_options_check(const struct vitlrp_text_options *options,
                                      struct vitlrp_error *err);

/* row /= |row|; one of 0 stays, and is refused where a model is made of it. */
void text_row_normalise(float *row, size_t width);

void text_classes_free(struct text_classes *classes);

#endif
