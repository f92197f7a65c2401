/* Modules that were pickled whole (torch.save(model), TorchScript): their tensors by the names that
 * their state_dict would have. They stay inert objects: nothing of a class is run or looked for. */
#ifndef VIT_TORCH_MODULE_H
#define VIT_TORCH_MODULE_H

#include <stdbool.h>

#include "base/status.h"
#include "vit/load/pickle.h"

/* True for an object with a module's attributes. */
bool torch_is_module(const struct pickle_value *value);

/* True for the archives of OpenAI's CLIP: TorchScript, with the activation that is CLIP's own as a
 * class in the first block of the image tower. */
bool torch_is_openai_clip(const struct pickle_value *module);

/* How many tensors it has that no module counted before has. */
size_t torch_module_count(const struct pickle_value *module);

struct module_visitor {
    enum vitlrp_status (*tensor)(void *context, const char *name, size_t length,
                                 const struct pickle_value *value, struct vitlrp_error *err);
    void *context;
};

/* Calls the visitor for every parameter and every buffer that a state_dict has, each once. LIMIT
 * for names that are too long. To be called once for a pickle. */
enum vitlrp_status torch_module_walk(const struct pickle_value *module,
                                     const struct module_visitor *visitor,
                                     struct vitlrp_error *err);

#endif
