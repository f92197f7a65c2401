/* The preprocessing that a model was made for. */
#ifndef API_MODEL_PREPROCESS_H
#define API_MODEL_PREPROCESS_H

#include <stdbool.h>

#include "base/log.h"
#include "base/status.h"
#include "vit/model/model.h"
#include "vitlrp.h"

struct model_preprocess {
    struct vitlrp_preprocess preprocess;
    const char *origin; /* what states it, a constant; NULL: it is guessed */
};

/* From the model's metadata, the files beside it, or the published files' table; else what its
 * framework usually does. What asks for steps that vitlrp_preprocess cannot say is told to the log
 * (may be NULL) and leaves the resize unknown. MISMATCH for values without sense. */
enum vitlrp_status model_preprocess(const struct vit_model *model, const struct vitlrp_log *log,
                                    struct model_preprocess *out, struct vitlrp_error *err);

/* Whether a guess could be better if one knew the hash of the weights' file; and the better one,
 * which *out keeps unless the hash is a published file's. */
bool model_preprocess_wants_hash(const struct vit_model *model,
                                 const struct model_preprocess *found);
void model_preprocess_take_hash(const char *sha256, struct model_preprocess *out);

#endif
