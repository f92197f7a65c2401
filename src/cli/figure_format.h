/* The files that a figure becomes. SVG needs no library; the other formats need cairo. */
#ifndef CLI_FIGURE_FORMAT_H
#define CLI_FIGURE_FORMAT_H

#include "base/file.h"
#include "base/status.h"
#include "figure/figure.h"

/* FIGURE_APNG is for animation.h only: a figure does not move. */
enum figure_format { FIGURE_NONE, FIGURE_PNG, FIGURE_JPEG, FIGURE_SVG, FIGURE_PDF, FIGURE_APNG };

/* The format of a file's name; FIGURE_NONE for another extension. */
enum figure_format figure_format_of(const char *name);

/* OK if this program, on this machine, can write the format; otherwise UNSUPPORTED, with what is
 * missing. */
enum vitlrp_status figure_check(enum figure_format format, struct vitlrp_error *err);

/* Writes the figure; *out is owned: bytes_free. The comment says how it was made. LIMIT for one
 * that is too large for the format. */
enum vitlrp_status figure_encode(const struct figure *figure, enum figure_format format,
                                 const char *comment, struct bytes *out, struct vitlrp_error *err);

#endif
