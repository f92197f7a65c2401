/* The model that the settings choose: a file, or the one built into the library. */
#ifndef CLI_MODEL_CHOICE_H
#define CLI_MODEL_CHOICE_H

#include "base/status.h"
#include "console.h"
#include "settings.h"
#include "vitlrp.h"

/* Opens it; *model is owned: vitlrp_model_close. Messages of the library go to the console. */
enum vitlrp_status model_choose(const struct settings *settings, const struct console *console,
                                struct vitlrp_model **model, struct vitlrp_error *err);

/* Session options with the settings' threads and backend, for an input of the given size (0: as
 * trained). USAGE, naming the option to change, unless it is a multiple of the model's patch. */
enum vitlrp_status session_choose(const struct settings *settings, const struct vitlrp_model *model,
                                  int32_t input_height, int32_t input_width,
                                  struct vitlrp_session_options *options, struct vitlrp_error *err);

#endif
