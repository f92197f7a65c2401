/* For each of many units, the images that score highest: the references of a hidden neuron or head,
 * by relevance or by activation ("From attribution maps to human-understandable explanations
 * through concept relevance propagation", Achtibat et al. 2023, relevance and activation
 * maximization).
 *
 * The order is total: a higher score comes first, and of equal scores the smaller image. So what is
 * kept of some images follows from these images alone, bit for bit, however they are divided into
 * tables, and in whatever order they are added and the tables are merged. An image is added to a
 * unit once. A score that is no finite number has no place in that order: it is refused. */
#ifndef BASE_TOPK_H
#define BASE_TOPK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define TOPK_NO_IMAGE UINT32_MAX /* of a place that is empty; its score is -infinity */
#define TOPK_MOST_TOKENS ((size_t) UINT16_MAX + 1)

/* Four arrays, as they are written to files: 14 bytes for an entry. */
struct topk {
    size_t units, keep;
    float *score;     /* owned, as the others: [units, keep] */
    uint32_t *image;  /* its place in the list of images */
    uint32_t *target; /* the class that was explained */
    uint16_t *token;  /* where in the sequence the unit was strongest */
};

struct topk_entry {
    float score;
    uint32_t image; /* below TOPK_NO_IMAGE */
    uint32_t target;
    uint16_t token;
};

/* Empty; keep >= 1. *out is owned: topk_close, after a failure too. NOMEM, LIMIT. */
enum vitlrp_status topk_open(size_t units, size_t keep, struct topk *out, struct vitlrp_error *err);
void topk_close(struct topk *topk);

/* Takes the entry in where it is among the `keep` first of the unit; false, with nothing changed,
 * for a score that is not finite. One thread at a time. */
bool topk_add(struct topk *topk, size_t unit, const struct topk_entry *entry);

/* Adds what another table of the same size has of other images. */
void topk_merge(struct topk *topk, const struct topk *other);

/* True if a unit's places are such as entries of images below `images` leave behind: so many of
 * them filled, in order, the rest empty. For tables that come from a file. */
bool topk_is_sound(const struct topk *topk, size_t unit, size_t filled, size_t images);

#endif
