/* A strip below a picture that says what it is: class, method and model, what the colours mean, and
 * what the hatching means. The picture above it keeps its pixels and their places. */
#ifndef IMGIO_STRIP_H
#define IMGIO_STRIP_H

#include "base/status.h"
#include "imgio/colorbar.h"
#include "imgio/image.h"

struct strip {
    const char
        *caption;     /* UTF-8; its first line is the title, and what is too long loses its end */
    const char *unit; /* of the colour bar */
    struct colorbar bar;             /* without colors there is none */
    const struct colormap *hatching; /* parts of the picture are hatched; NULL: none */
};

/* How wide a picture of that width is with a strip: a narrow one has white beside it. */
int32_t strip_width(int32_t picture_width);

/* The strip below a picture of that width, as wide as strip_width says. That of a large picture is
 * enlarged, so that it can be read where the picture is shown smaller. *out is owned: image_free.
 */
enum vitlrp_status strip_make(const struct strip *strip, int32_t picture_width, struct image *out,
                              struct vitlrp_error *err);

#endif
