/* The images of an index for which the units that are shown are most relevant, and those that
 * activate them most (vitlrp_concepts.h). */
#ifndef CLI_NEURONS_NEURONS_REFERENCES_H
#define CLI_NEURONS_NEURONS_REFERENCES_H

#include "cli/explain_session.h"
#include "neurons_result.h"
#include "vitlrp_concepts.h"

/* Kinds of references, and how many of each have a picture. */
enum { NEURONS_KINDS = VITLRP_CONCEPT_ACTIVATION + 1, NEURONS_CROPS = 3 };

/* Of the items of a result. Arrays are owned. Zeroed, there are none. */
struct neurons_references {
    struct vitlrp_concepts_info info;        /* its strings are the index's */
    struct vitlrp_concept_reference *images; /* [items, kinds, keep] */
    size_t *counts;                          /* [items, kinds] */
    struct vitlrp_image **crops;             /* [items, kinds, NEURONS_CROPS]; NULL: no picture */
    size_t crop_count;
};

/* References of one item, by score. */
struct neurons_row {
    const struct vitlrp_concept_reference *images; /* [count] */
    size_t count;
    struct vitlrp_image *const *crops; /* [NEURONS_CROPS] */
};

/* Reads those of all items. With pictures: the part of each image's model input around the patch
 * where the unit is strongest, or all of it where that is no patch. An image that is not there, or
 * is no longer what the index was made of, has none, and is warned of. The index outlives *out,
 * which neurons_references_free releases, after a failure too. */
enum vitlrp_status neurons_references_open(const struct explain_session *state,
                                           const struct vitlrp_concepts *index,
                                           const struct neurons_result *result, bool with_pictures,
                                           struct neurons_references *out,
                                           struct vitlrp_error *err);

void neurons_references_free(struct neurons_references *references);

/* Nothing where there are no references. */
struct neurons_row neurons_references_row(const struct neurons_references *references, size_t item,
                                          enum vitlrp_concept_kind kind);

#endif
