/* The identity of a model as records name it: hashes of the bytes that it was made of, and what was
 * loaded. */
#ifndef CLI_MODEL_RECORD_H
#define CLI_MODEL_RECORD_H

#include <stdbool.h>

#include "base/json.h"
#include "base/sha256.h"
#include "base/status.h"
#include "base/text.h"
#include "vitlrp.h"

struct model_record {
    char weights_sha256[SHA256_TEXT];
    json_t *configuration; /* owned: of vitlrp_model_configuration */
};

/* Call it when the model has been opened, before the work: a file that somebody writes to meanwhile
 * is a failure. *out is owned: model_record_free. */
enum vitlrp_status model_record_take(const struct vitlrp_model *model, struct model_record *out,
                                     struct vitlrp_error *err);

/* A zeroed one is fine. */
void model_record_free(struct model_record *record);

/* The first `most` edits of the model's units, as edit_names_append has them; nothing if there are
 * none. */
enum vitlrp_status model_edits_append(const struct vitlrp_model *model, size_t most,
                                      struct text *out, struct vitlrp_error *err);

/* Sets weights_sha256 and configuration. Any thread. */
void json_set_model(json_t *object, const struct model_record *record, bool *complete);

#endif
