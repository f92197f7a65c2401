/* The picture for people: photograph, map and overlay side by side, a colour bar and a caption, on
 * white. The panes are brought to a readable size whatever the photograph's is. */
#ifndef IMGIO_PANEL_H
#define IMGIO_PANEL_H

#include "base/status.h"
#include "imgio/heatmap.h"
#include "imgio/image.h"
#include "imgio/render.h"

/* Draws the panel; map and look are as for render_overlay, in the photograph's pixels. The caption
 * (UTF-8, NULL: none) is broken into lines at spaces and newlines and ends in an ellipsis if it
 * gets too long. *out is owned: image_free. */
enum vitlrp_status panel_draw(const struct image *photo, const struct heatmap *map,
                              const struct render_look *look, const char *caption,
                              struct image *out, struct vitlrp_error *err);

#endif
