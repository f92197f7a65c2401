/* How a model's input is made of a photograph: the model's own way, and the options over it. */
#ifndef CLI_MODEL_INPUT_H
#define CLI_MODEL_INPUT_H

#include "console.h"
#include "settings.h"
#include "vitlrp.h"

/* The model's preprocessing with the changes of the options. */
void model_input_choose(const struct settings *settings, const struct vitlrp_model *model,
                        struct vitlrp_preprocess *out);

/* Says what the user should know before photographs are prepared so: that nothing beside the model
 * states how, where options leave something to the guess; that two files state different sizes;
 * that the input is far from the trained size. */
void model_input_warn(const struct settings *settings, const struct vitlrp_model *model,
                      const struct vitlrp_preprocess *chosen, const struct console *console);

/* Fails as every photograph would, whatever its size: once, before the work. */
enum vitlrp_status model_input_check(const struct vitlrp_preprocess *chosen,
                                     struct vitlrp_error *err);

/* "short side to 256, bilinear, centre crop 224x224, mean ..., std ..." */
void model_input_append(struct text *out, const struct vitlrp_preprocess *preprocess);

#endif
