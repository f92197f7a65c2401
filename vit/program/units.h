/* Observers of hidden units: what they have, and how relevance goes through blocks. */
#ifndef VIT_UNITS_H
#define VIT_UNITS_H

#include "vit/ops/op.h"
#include "vit/program/program.h"
#include "vit/program/session.h"

struct units_view {
    const struct program *program;
    struct vitlrp_unit_values *sites;
    size_t site_count;
};

/* Of a backward pass: fills the values of every block. */
void observe_units(void *user, const struct op_call *call);

/* Of a forward pass: likewise, all but relevance. */
void observe_activations(void *user, const struct op_call *call);

struct flow_view {
    const struct program *program;
    struct vitlrp_block_flow *flow; /* [depth]; NULL: nobody asks */
    float *tokens; /* [depth + 1, tokens]: R of each token of the streams; NULL likewise */
};

/* Of a backward pass, after flow_begin. */
void flow_begin(const struct flow_view *view);
void observe_flow(void *user, const struct op_call *call);

struct conductance_view {
    const struct program *program;
    struct vit_conductance *conductance;
};

/* Of a backward pass: a step of the path. */
void observe_conductance(void *user, const struct op_call *call);

/* Columns of the value that the units of a site are in. */
size_t vit_site_width(const struct vit_model *model, enum vitlrp_site site);

/* Units of that site in a block, and the columns that each has of their value. */
size_t unit_count(const struct program *program, enum vitlrp_site site);
size_t unit_columns(const struct program *program, enum vitlrp_site site);

#endif
