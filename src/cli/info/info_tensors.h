/* The tensors of a file of weights, for `info`: those of a file that makes no model, too. */
#ifndef CLI_INFO_TENSORS_H
#define CLI_INFO_TENSORS_H

#include <jansson.h>

#include "base/status.h"
#include "base/text.h"
#include "cli/console.h"
#include "cli/settings.h"

/* The list of a file's tensors, which the opening of a model gives: a vitlrp_tensor_list of
 * info_tensors_take, with this for its user. */
struct info_tensors {
    json_t *list; /* owned: json_decref; NULL: no file was read, or its list was not */
    struct vitlrp_error unread;
};

void info_tensors_take(void *user, const char *data, size_t size);

/* How many there are and what becomes of them, in a line; of a file that was refused also what is
 * near, and each of them. */
void info_tensors_append(struct text *out, const json_t *tensors, bool refused, int verbosity);

/* A table of all, or of the first TENSORS_SHOWN unless more talk is wanted. */
void info_tensors_append_list(struct text *out, const json_t *tensors, int verbosity);

/* The record of a file that makes no model. *out is owned: json_decref. */
enum vitlrp_status info_refused_json(const struct settings *settings, const char *refusal,
                                     const json_t *tensors, json_t **out, struct vitlrp_error *err);

#endif
