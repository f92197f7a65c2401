/* Which hidden units of an image are shown: the options, and the order of the units. */
#ifndef CLI_NEURONS_NEURONS_CHOICE_H
#define CLI_NEURONS_NEURONS_CHOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "cli/args.h"
#include "vitlrp.h"

/* What the units that are shown are the largest of; the places of the words of --by. */
enum neurons_by { NEURONS_BY_RELEVANCE, NEURONS_BY_DROP, NEURONS_BY_ACTIVATION };

struct neurons_choice {
    enum vitlrp_site site;
    const char *blocks; /* a list of numbers and ranges, of args; NULL: all */
    int32_t top;        /* units of a block */
    enum neurons_by by;
    bool smallest;             /* the other end of the order */
    bool wants_drops;          /* a forward pass without each unit that is shown */
    bool wants_first_order;    /* what the gradient says of that */
    struct vitlrp_unit *units; /* [unit_count]: the user's, in their order; NULL: the first of it */
    size_t unit_count;
};

/* USAGE for numbers that make no sense, for an order by drops of units that cannot be taken away,
 * and for units of several sites, or one twice. neurons_choice_free releases it, after a failure
 * too. */
enum vitlrp_status neurons_choice_read(const struct args *args, struct neurons_choice *out,
                                       struct vitlrp_error *err);

void neurons_choice_free(struct neurons_choice *choice);

/* USAGE for blocks and units that the model has not. */
enum vitlrp_status neurons_choice_check(const struct neurons_choice *choice,
                                        const struct vitlrp_model *model, struct vitlrp_error *err);

/* Sets wanted [depth], unless it is NULL, to the blocks of a list like "0,8-11" (NULL: all). USAGE
 * for a number that no block has, and for what is no such list. */
enum vitlrp_status neurons_blocks_read(const char *list, int32_t depth, bool *wanted,
                                       struct vitlrp_error *err);

/* The user's units of a block, in their order, into units [unit_count]; returns how many. */
size_t neurons_shown_of(const struct neurons_choice *choice, int32_t block, int32_t *units);

/* The units with the largest of `count` scores (or the smallest), the first of all first, at most
 * `most` of them, into units [most]; of equal scores the earlier unit. Returns how many. */
size_t neurons_select(const float *scores, size_t count, bool smallest, size_t most,
                      int32_t *units);

#endif
