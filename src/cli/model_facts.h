/* What is known of a model beside its weights, for people and for programs. */
#ifndef CLI_MODEL_FACTS_H
#define CLI_MODEL_FACTS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/text.h"
#include "console.h"
#include "settings.h"
#include "vitlrp.h"

/* Of a model, or of the text tower that has read its texts. */
enum facts_of { FACTS_OF_MODEL, FACTS_OF_TEXTS };

/* Says what was guessed, with the option that corrects it, unless quiet. cropped: --crop is given,
 * which makes a guess about the size of inputs idle. */
void model_facts_tell(const struct vitlrp_model *model, enum facts_of of, bool cropped,
                      const struct console *console);

/* A line each: title, value, where it comes from. */
void model_facts_append(struct text *out, const struct vitlrp_model *model, enum facts_of of);

/* The same as an array of objects; NULL without memory. */
json_t *model_facts_json(const struct vitlrp_model *model, enum facts_of of);

/* The model's fact of that name; false if it has none. */
bool model_facts_find(const struct vitlrp_model *model, const char *name, struct vitlrp_fact *out);

/* The value of the model's fact of that name, which lives as long as the model; NULL if it has
 * none. */
const char *model_facts_value(const struct vitlrp_model *model, const char *name);

/* How many registers the model has: the last of its tokens in front of the patches. */
int32_t model_facts_registers(const struct vitlrp_model *model);

/* A line about the model that answers: that it is the built-in one and how to take another, or its
 * name and architecture. */
void model_line_append(struct text *out, const struct vitlrp_model *model, bool is_builtin);

/* That line on standard output, unless quiet, before work on many images: whoever meant another
 * model can stop it. */
enum vitlrp_status model_tell(const struct settings *settings, const struct vitlrp_model *model,
                              const struct console *console, struct vitlrp_error *err);

#endif
