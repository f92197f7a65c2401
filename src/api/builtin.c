/* The built-in model for vitlrp.h. Alone in its file, so that a program that is linked statically
 * and does not open it does not carry its weights. */
#include "api/builtin.h"

#include "vitlrp.h"

enum vitlrp_status vitlrp_model_open_builtin(const struct vitlrp_model_options *options,
                                             struct vitlrp_model **model,
                                             struct vitlrp_error *error) {
    return vitlrp_model_open_memory(builtin_model, builtin_model_size, BUILTIN_MODEL_NAME, options,
                                    model, error);
}
