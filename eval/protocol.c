#include "eval/protocol.h"

#include <stdlib.h>

size_t protocol_replaced(size_t point, size_t steps, size_t patches) {
    /* In integers: k T / K in floating point can fall on the wrong side of a half. */
    return (2 * point * patches + steps) / (2 * steps);
}

static int compare_ranks(const void *left, const void *right) {
    const struct ranked_patch *a = left;
    const struct ranked_patch *b = right;
    if (a->score != b->score) {
        return a->score > b->score ? -1 : 1;
    }
    return a->patch < b->patch ? -1 : 1;
}

void protocol_rank(const float *scores, size_t patches, struct ranked_patch *order) {
    for (size_t p = 0; p < patches; p++) {
        order[p] = (struct ranked_patch){.score = scores[p], .patch = (uint32_t) p};
    }
    qsort(order, patches, sizeof *order, compare_ranks);
}

size_t protocol_group_end(const struct ranked_patch *order, size_t patches, size_t first) {
    size_t end = first + 1;
    while (end < patches && order[end].score == order[first].score) {
        end++;
    }
    return end;
}

void protocol_reverse_ties(struct ranked_patch *order, size_t patches) {
    for (size_t first = 0, end; first < patches; first = end) {
        end = protocol_group_end(order, patches, first);
        for (size_t low = first, high = end - 1; low < high; low++, high--) {
            struct ranked_patch kept = order[low];
            order[low] = order[high];
            order[high] = kept;
        }
    }
}

double protocol_area(const float *curve, size_t steps) {
    double sum = 0.5 * ((double) curve[0] + (double) curve[steps]);
    for (size_t k = 1; k < steps; k++) {
        sum += (double) curve[k];
    }
    return sum / (double) steps;
}
