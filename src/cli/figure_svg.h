/* Figures as SVG, with text as text. Needs no library. */
#ifndef CLI_FIGURE_SVG_H
#define CLI_FIGURE_SVG_H

#include "figure.h"

/* *out is owned: bytes_free. */
enum vitlrp_status figure_svg(const struct figure *figure, const char *comment, struct bytes *out,
                              struct vitlrp_error *err);

#endif
