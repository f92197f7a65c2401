/* Figures as PDF with text that can be searched and copied, and as PNG and JPEG, by cairo and
 * Pango. They are loaded when a figure is written. A build without their headers has no such
 * formats, and on a machine without them there are none. */
#ifndef CLI_FIGURE_CAIRO_H
#define CLI_FIGURE_CAIRO_H

#include "figure_format.h"

/* UNSUPPORTED, with what to install, if there is none. */
enum vitlrp_status figure_cairo_check(struct vitlrp_error *err);

/* *out is owned: bytes_free. */
enum vitlrp_status figure_cairo(const struct figure *figure, enum figure_format format,
                                const char *comment, struct bytes *out, struct vitlrp_error *err);

/* A PNG file of `scale` pixels a point; *out is owned: bytes_free. */
enum vitlrp_status figure_cairo_png(const struct figure *figure, double scale, struct bytes *out,
                                    struct vitlrp_error *err);

#endif
