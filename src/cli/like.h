/* --like: what images are compared with. */
#ifndef CLI_LIKE_H
#define CLI_LIKE_H

#include "settings.h"
#include "vitlrp.h"

/* Makes, of a model without a head of classes, the model whose output is how alike an image's
 * feature is to those of the settings' image, or of the images of a folder; *model is replaced by
 * it. */
enum vitlrp_status like_choose(const struct settings *settings, struct vitlrp_model **model,
                               struct vitlrp_error *err);

#endif
