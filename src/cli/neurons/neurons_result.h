/* What went through the hidden units of an image: numbers of every unit of a site, and of those
 * that are shown also what the output loses without them and where their relevance comes from. */
#ifndef CLI_NEURONS_NEURONS_RESULT_H
#define CLI_NEURONS_NEURONS_RESULT_H

#include "cli/explain_session.h"
#include "neurons_choice.h"
#include "vitlrp_units.h"

/* Methods that a session must be opened for: of the first-order drops, and of maps of heads. */
#define NEURONS_FIRST_ORDER "input-x-gradient"
#define NEURONS_ATTENTION "raw-attention"

/* A unit that is shown. Drops are of the explained sum of logits: what it loses with the unit at 0
 * in every token. */
struct neurons_item {
    struct vitlrp_unit unit;
    double relevance;                     /* summed over the tokens */
    double first_order;                   /* the drop, by the gradient; NAN likewise */
    double drop;                          /* the drop itself; NAN where it was not computed */
    double activation;                    /* summed over the tokens */
    double relevance_max, activation_max; /* of a token */
    int32_t relevance_token, activation_token;
    double map_sum; /* of the conditional map; NAN where there is none */
};

struct neurons_block {
    int32_t block;
    struct vitlrp_block_flow flow;
    size_t first, count; /* of its items */
};

struct neurons_references; /* neurons_references.h */

/* Arrays are owned. Zeroed, it is empty. */
struct neurons_result {
    const struct neurons_choice *choice;
    int32_t depth, width;             /* blocks; units of the site in each */
    struct vitlrp_unit_values values; /* by the method: arrays [depth, width] */
    float *first_order;               /* [depth, width]; NULL: not wanted */
    struct vitlrp_block_flow *flow;   /* [depth] */
    struct neurons_block *blocks;     /* [block_count], the latest first */
    size_t block_count;
    struct neurons_item *items; /* [item_count], of a block together, in the order of the choice */
    size_t item_count;
    float *patches;   /* [item_count, grid_height, grid_width]; NULL without maps */
    float *pixels;    /* [item_count, input_height, input_width]; NULL unless wanted */
    float *whole;     /* [grid_height, grid_width]: the map of all that is explained */
    float *attention; /* [depth, width, tokens]: where each head looks; NULL: they are no heads */
    float *tokens;    /* [depth + 1, tokens]: what enters each block, and what leaves the last */
    int32_t grid_height, grid_width, input_height, input_width;
    int32_t prefix;    /* tokens in front of the patches: CLS, distillation, then registers */
    int32_t registers; /* the last of these */
    const struct neurons_references *references; /* of the items; NULL: there is no index */
};

/* Which maps of the units are made, beside the map of all. */
struct neurons_maps {
    bool patches, pixels;
    bool attention; /* of a session that was opened for it */
};

/* Explains explanation->target by the last forward pass of the session (of `input`), and fills
 * what it finds out into *explanation, which explain_relevance does for maps alone. *out is owned:
 * neurons_result_free, after a failure too. */
enum vitlrp_status neurons_compute(struct explain_session *state, struct explanation *explanation,
                                   const struct neurons_choice *choice,
                                   const struct neurons_maps *maps, struct neurons_result *out,
                                   struct vitlrp_error *err);

void neurons_result_free(struct neurons_result *result);

/* Tokens of the model: those before the patches, and the patches. */
size_t neurons_token_count(const struct neurons_result *result);

/* What a value of a block's flow or of a unit is of all that is explained. */
double neurons_share(const struct explanation *explanation, double relevance);

/* Of a block, in front of and behind the site: what came by the branch that the site lies in, what
 * went past it, and what was absorbed before the branch. Of a stream, all that leaves the block is
 * the branch, and nothing goes past it. */
struct neurons_ways {
    double branch, shortcut, absorbed;
};
struct neurons_ways neurons_ways_of(enum vitlrp_site site, const struct vitlrp_block_flow *flow);

/* "CLS", "distillation", "register 2" or "patch 3,4": row and column from 0. */
#define NEURONS_TOKEN_LIMIT 48
void neurons_token_name(const struct neurons_result *result, int32_t token,
                        char out[NEURONS_TOKEN_LIMIT]);

/* All tokens in front of the patches: "CLS, registers"; "" if there are none. */
void neurons_prefix_name(const struct neurons_result *result, char out[NEURONS_TOKEN_LIMIT]);

#endif
