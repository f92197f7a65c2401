/* Sampled Shapley values: what evaluations hold maps against. A method as any other, but for no
 * user, since it takes a thousand forward passes and more. */
#ifndef VIT_SHAPLEY_H
#define VIT_SHAPLEY_H

#include <stddef.h>

#include "vit/methods/method.h"

/* options.samples: coalitions, that is, sets of patches whose value is computed; at least so many
 * are, and those that shapley_coalitions says. */
extern const struct vit_method SHAPLEY_VALUES;

/* What a request may ask for beside the map. */
struct shapley_result {
    double standard_error; /* of a patch's value, in the score's unit: the root of the mean square
                              over the patches, from the differences between pairs of orders */
    float *halves;         /* [2, patches]: the values by the even and by the odd pairs alone */
};

/* Pairs of orders, an even number, and the coalitions of them and of single patches, for at least
 * so many coalitions of so many patches, of two at least. */
size_t shapley_pairs(size_t players, size_t coalitions);
size_t shapley_coalitions(size_t players, size_t coalitions);

#endif
