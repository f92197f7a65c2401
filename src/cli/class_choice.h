/* Which classes of an image are explained, and what each is contrasted with: --class and --versus.
 * A list is split where a comma has no blank behind it: names of classes have commas, too. */
#ifndef CLI_CLASS_CHOICE_H
#define CLI_CLASS_CHOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "photo.h"
#include "settings.h"
#include "vitlrp.h"

enum class_kind { CLASS_GIVEN, CLASS_PREDICTED, CLASS_LABEL, CLASS_OTHERS };

/* The output of a contrast with all other classes, which is none. */
#define OTHERS_OUTPUT (-1)

struct class_word {
    enum class_kind kind;
    struct vitlrp_class given; /* of CLASS_GIVEN and, with its output, of CLASS_OTHERS */
};

struct class_choice {
    struct class_word words[CLASS_WORDS_MAX];
    size_t count; /* 0: the `top` most likely ones */
    int32_t top;
    bool has_versus;
    struct class_word versus;
};

/* What the options mean for a model. USAGE, naming the option, for a class that it does not have,
 * one that is listed twice, and one that is its own contrast. */
enum vitlrp_status class_choice_open(const struct settings *settings,
                                     const struct vitlrp_model *model, struct class_choice *out,
                                     struct vitlrp_error *err);

/* Whether the classes are the same for every image. */
bool class_choice_is_fixed(const struct class_choice *choice);

/* How many classes of an image, at most. */
int32_t class_choice_ranks(const struct class_choice *choice);

/* An image to choose for. */
struct class_image {
    const struct vitlrp_model *model;
    const struct prediction *prediction;
    int32_t label; /* output; -1: there is none */
};

struct class_taken {
    struct vitlrp_class target;
    struct vitlrp_class versus; /* where there is one */
    bool again;                 /* the class was at an earlier place */
};

/* The class at place `rank`, and its contrast. */
enum vitlrp_status class_choice_take(const struct class_choice *choice,
                                     const struct class_image *image, int32_t rank,
                                     struct class_taken *out, struct vitlrp_error *err);

/* The class that an image's folder is named after. MISMATCH without one. */
enum vitlrp_status class_of_folder(const struct vitlrp_model *model, const char *path,
                                   struct vitlrp_class *out, struct vitlrp_error *err);

#endif
