/* A small dataset made by a formula, in a folder of its own, and the options to evaluate it with
 * the model of golden/parity. */
#ifndef TESTS_PHOTO_SET_H
#define TESTS_PHOTO_SET_H

#include <stddef.h>

#include "eval/eval_run.h"
#include "eval/item.h"
#include "support/scratch.h"

enum { PHOTO_SET_MOST = 64, PHOTO_SET_METHODS = 8 };

struct photo_set {
    struct scratch scratch;
    size_t count;
    struct eval_item items[PHOTO_SET_MOST];
    struct eval_box boxes[PHOTO_SET_MOST];
    char ids[PHOTO_SET_MOST][32];
    char paths[PHOTO_SET_MOST][128];

    struct vit_model *model;
    struct vitlrp_preprocess preprocess;
    struct eval_run_method methods[PHOTO_SET_METHODS];
};

/* `count` photographs of 40 x 36 pixels, noise on a few smooth shapes, label i mod 10, one box
 * each. */
void photo_set_open(struct photo_set *set, size_t count);
void photo_set_close(struct photo_set *set);

/* Options for these methods (a NULL-terminated list of names), at most 16 samples, 8 steps, one
 * thread. They point into the set. */
struct eval_run_options photo_set_options(struct photo_set *set, const char *const *methods);

#endif
