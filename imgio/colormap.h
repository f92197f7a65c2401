/* Colour maps: a table of colours by name. Which value has which colour is render.h's. */
#ifndef IMGIO_COLORMAP_H
#define IMGIO_COLORMAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define COLORMAP_SIDE 128                        /* steps from zero to either end */
#define COLORMAP_ENTRIES (2 * COLORMAP_SIDE + 1) /* odd, so that zero has an entry of its own */

struct colormap {
    enum vitlrp_colormap_kind kind;
    uint8_t rgb[COLORMAP_ENTRIES][3]; /* from -1 over 0 at COLORMAP_SIDE to +1 */
};

/* The names of the table; NULL beyond the last. */
const char *colormap_name(size_t index);

/* The map of that name; USAGE, listing the names, if there is none. */
enum vitlrp_status colormap_make(const char *name, struct colormap *map, struct vitlrp_error *err);

/* The entry for a finite value; values beyond -1 and 1 get the colours of the ends. */
static inline int32_t colormap_index(float value) {
    float clipped = value < -1.0F ? -1.0F : value > 1.0F ? 1.0F : value;
    return (int32_t) (clipped * (float) COLORMAP_SIDE + ((float) COLORMAP_SIDE + 0.5F));
}

#endif
