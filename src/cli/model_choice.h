/* The model of the settings: weights, the edits of its units, and the texts or references that its
 * outputs compare images with. */
#ifndef CLI_MODEL_CHOICE_H
#define CLI_MODEL_CHOICE_H

#include "base/status.h"
#include "console.h"
#include "settings.h"
#include "vitlrp.h"

/* Opens it; *model is owned: vitlrp_model_close. Messages of the library go to the console. */
enum vitlrp_status model_choose(const struct settings *settings, const struct console *console,
                                struct vitlrp_model **model, struct vitlrp_error *err);

/* As model_choose; where the settings edit its units, *unedited is the same model without that,
 * owned likewise, else NULL. */
enum vitlrp_status model_choose_both(const struct settings *settings, const struct console *console,
                                     struct vitlrp_model **model, struct vitlrp_model **unedited,
                                     struct vitlrp_error *err);

#endif
