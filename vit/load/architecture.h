/* From a checkpoint's tensors and what is written beside them to the shape of a model. */
#ifndef VIT_ARCHITECTURE_H
#define VIT_ARCHITECTURE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/log.h"
#include "base/status.h"
#include "vit/load/layout.h"
#include "vit/model/model.h"

/* What may state more than the tensors do; NULL if absent. */
struct architecture_hints {
    int32_t heads;          /* the user's word; 0: none */
    const json_t *metadata; /* the "vitlrp" object */
    const json_t *config;   /* Hugging Face config.json */
    const struct vitlrp_log *log;
};

/* Fills *config. *position_has_prefix: the position embedding has entries for the tokens in front
 * of the patches. UNSUPPORTED for a configuration of another architecture, MISMATCH for one that
 * contradicts the tensors or where the number of heads is unknown. */
enum vitlrp_status architecture_infer(const struct layout_binding *binding,
                                      const struct architecture_hints *hints,
                                      struct vit_config *config, bool *position_has_prefix,
                                      struct vitlrp_error *err);

#endif
