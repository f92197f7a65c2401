/* The panel of an image's hidden units: a row for each block, the latest first, with the relevance
 * of the tokens that enter it and a cell for each unit: the part of the photograph that its
 * relevance comes from, its name, its share of what is explained as a bar, and what the output
 * changes by without it. */
#ifndef CLI_NEURONS_NEURONS_FIGURE_H
#define CLI_NEURONS_NEURONS_FIGURE_H

#include "figure/figure.h"
#include "neurons_result.h"

/* Draws it, of a result with maps of patches; *out is owned: figure_free, after a failure too. */
enum vitlrp_status neurons_figure_draw(const struct neurons_result *result,
                                       const struct explanation *explanation, struct figure *out,
                                       struct vitlrp_error *err);

#endif
