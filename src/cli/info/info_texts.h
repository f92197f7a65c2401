/* The tokens of the texts of --text, as the model's tokenizer makes them. */
#ifndef CLI_INFO_TEXTS_H
#define CLI_INFO_TEXTS_H

#include <jansson.h>

#include "base/status.h"
#include "base/text.h"
#include "cli/settings.h"
#include "vitlrp.h"

/* A list of the texts: each as it was cleaned, with its tokens. NULL in the place of *out where
 * none is given, or where they stand in templates. *out is owned: json_decref. */
enum vitlrp_status info_texts_make(const struct settings *settings,
                                   const struct vitlrp_model *model, json_t **out,
                                   struct vitlrp_error *err);

/* The list for people: a line for each text, and one for each of its tokens. */
void info_texts_append(struct text *out, const json_t *texts);

#endif
