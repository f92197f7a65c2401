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

/* The picture with the strip. A narrow picture has white beside it, and the strip of a large one is
 * enlarged, so that it can be read where the picture is shown smaller. *out is owned: image_free.
 */
enum vitlrp_status strip_add(const struct image *picture, const struct strip *strip,
                             struct image *out, struct vitlrp_error *err);

#endif
