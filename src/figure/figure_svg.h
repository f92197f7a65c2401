/* Figures as SVG, with text as text. Needs no library. */
#ifndef FIGURE_FIGURE_SVG_H
#define FIGURE_FIGURE_SVG_H

#include "base/file.h"
#include "figure/figure.h"

/* *out is owned: bytes_free. The comment says how it was made; NULL: nothing does. NOMEM where the
 * figure is not complete. */
enum vitlrp_status figure_svg(const struct figure *figure, const char *comment, struct bytes *out,
                              struct vitlrp_error *err);

#endif
