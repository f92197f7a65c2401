/* The preprocessing that a model was made for. */
#ifndef API_MODEL_PREPROCESS_H
#define API_MODEL_PREPROCESS_H

#include "base/status.h"
#include "vit/model/model.h"
#include "vitlrp.h"

/* From the model's metadata or preprocessor_config.json, else what its framework usually does.
 * MISMATCH for values without sense, UNSUPPORTED for steps that vitlrp_preprocess cannot say. */
enum vitlrp_status model_preprocess(const struct vit_model *model, struct vitlrp_preprocess *out,
                                    struct vitlrp_error *err);

#endif
