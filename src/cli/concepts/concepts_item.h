/* One image of a run over hidden units: from its file to the values of its units, and its line. */
#ifndef CLI_CONCEPTS_ITEM_H
#define CLI_CONCEPTS_ITEM_H

#include "base/status.h"
#include "base/unit_index.h"
#include "cli/batch/batch_item.h"
#include "cli/batch/batch_plan.h"
#include "cli/explain_session.h"
#include "concepts_config.h"

/* Of a model: [blocks, units of a block]; parts are numbers that a unit is. */
void concepts_shape(const struct vitlrp_model *model, const struct concepts_choice *choice,
                    size_t images, struct unit_index_shape *out);

/* The values of an image's units: memory of a worker. */
struct concepts_values {
    struct unit_index_shape shape;
    struct vitlrp_unit_values units; /* its arrays are owned */
    struct vitlrp_block_flow *flow;  /* owned: [blocks] */
    enum concepts_statistic statistic;
};

/* *out is owned: concepts_values_close, after a failure too. */
enum vitlrp_status concepts_values_open(const struct unit_index_shape *shape,
                                        const struct concepts_choice *choice,
                                        struct concepts_values *out, struct vitlrp_error *err);
void concepts_values_close(struct concepts_values *values);

struct concepts_item {
    struct batch_item item; /* without outputs */
    struct photo photo;
    struct vitlrp_class target; /* that was explained */
};

/* Reads the image and fills the values; what fails of it is in item.status. A failure of this
 * function is one that other images would meet too, or CANCELLED. */
enum vitlrp_status concepts_item_explain(struct concepts_item *item, const struct batch_plan *plan,
                                         struct explain_session *state,
                                         struct concepts_values *values, struct vitlrp_error *err);

/* Its values as an index takes them; they are those of the worker. */
struct unit_index_image concepts_item_image(const struct concepts_item *item,
                                            const struct concepts_values *values);

/* Makes the line, by the status that the image has now. */
enum vitlrp_status concepts_item_end(struct concepts_item *item,
                                     const struct explain_session *state,
                                     const struct concepts_values *values,
                                     struct vitlrp_error *err);

/* The line of an image that must be done again; *out is owned. */
enum vitlrp_status concepts_line_open(const struct vitlrp_dataset_image *image, const char *method,
                                      struct text *out, struct vitlrp_error *err);

void concepts_item_free(struct concepts_item *item);

#endif
