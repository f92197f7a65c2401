/* --edit LIST|FILE: hidden units of the model that are changed in every pass. A LIST has `=`, a
 * FILE is JSON or has an edit a line. Edits are read before the model, whose units they are is
 * found out when they are applied. */
#ifndef CLI_EDIT_LIST_H
#define CLI_EDIT_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "unit_indexes.h"
#include "vitlrp_units.h"

struct edit_entry {
    struct vitlrp_unit unit; /* index -1: every one of the layer */
    float factor;
    bool is_mean;     /* it is at its mean, which an index knows */
    float *constants; /* owned: [count, 2], of CLS and of other tokens; NULL: 0 */
    size_t count;     /* 1: for all outputs of a head; else for each */
};

struct edit_list {
    struct edit_entry *items; /* owned */
    size_t count, capacity;
};

/* What is given for --edit, NULL: no edits. USAGE for a list that is none, FORMAT for a file, with
 * the place. edit_list_close, after a failure too. */
enum vitlrp_status edit_list_read(const char *text, const struct vitlrp_inputs *inputs,
                                  struct edit_list *out, struct vitlrp_error *err);

/* A model with these edits over another one. Means are those of the indexes: USAGE without one of
 * their site, MISMATCH for one of another model; MISMATCH for constants of more or fewer outputs
 * than a head has, and as vitlrp_model_with_edits. *out is owned: vitlrp_model_close. */
enum vitlrp_status edit_list_apply(const struct edit_list *list, const struct unit_indexes *indexes,
                                   const struct vitlrp_model *model, struct vitlrp_model **out,
                                   struct vitlrp_error *err);

void edit_list_close(struct edit_list *list);

#endif
