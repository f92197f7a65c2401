/* --text: texts that images are compared with, by the text tower of the model. */
#ifndef CLI_TEXT_PROMPTS_H
#define CLI_TEXT_PROMPTS_H

#include "console.h"
#include "settings.h"
#include "vitlrp.h"

/* Makes, of a model of images and texts, the one whose classes are the settings' texts; *model is
 * replaced by it. USAGE for a model without a text tower. Warns of a text that is cut. */
enum vitlrp_status text_prompts_choose(const struct settings *settings,
                                       const struct console *console, struct vitlrp_model **model,
                                       struct vitlrp_error *err);

#endif
