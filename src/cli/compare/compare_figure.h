/* The figure of a comparison: a row for each class of each image, a column for each method. */
#ifndef CLI_COMPARE_FIGURE_H
#define CLI_COMPARE_FIGURE_H

#include "compare_cells.h"
#include "figure/figure.h"

/* Draws it; *out is owned: figure_free, after a failure too. Sets the ranges of the colours in the
 * settings of the columns' own copies: maps of one unit and kind share theirs in a row, and
 * with --scale shared in all rows; a score is its method's own unit. */
enum vitlrp_status compare_figure_draw(const struct compare_cells *cells, struct figure *out,
                                       struct vitlrp_error *err);

#endif
