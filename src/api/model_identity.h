/* What a model is: hashes of the bytes that it was made of, and the facts as they were loaded.
 * Records name it, so that what two models computed is never taken for one's. */
#ifndef API_MODEL_IDENTITY_H
#define API_MODEL_IDENTITY_H

#include "api/handles.h"
#include "base/status.h"

/* The place of the hash of the weights, which is taken when it is first asked for. NULL if memory
 * is short; owned: model_hash_close. */
struct model_hash *model_hash_open(void);

/* Of a model that is made of another one's weights. To be closed once more. */
struct model_hash *model_hash_hold(struct model_hash *hash);

/* NULL is fine. */
void model_hash_close(struct model_hash *hash);

/* As records spell it. */
const char *model_activation_name(enum vit_activation activation);

#endif
