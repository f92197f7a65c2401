/* --style panel of a model with edited units: the map before and after the edits, and what they
 * changed. */
#ifndef CLI_EDITED_PANEL_H
#define CLI_EDITED_PANEL_H

#include <stdint.h>

#include "base/status.h"
#include "explanation.h"
#include "figure/figure.h"

struct edited_panel {
    const struct explanation *explanation; /* of the edited model, with what was before */
    const float *before, *after;           /* [height, width] */
    int32_t height, width;
    double explained, sum; /* before */
};

/* *out is owned: figure_free, after a failure too. */
enum vitlrp_status edited_panel_draw(const struct edited_panel *panel, struct figure *out,
                                     struct vitlrp_error *err);

#endif
