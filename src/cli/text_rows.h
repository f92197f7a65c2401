/* --text-embeddings and --token-ids: texts that images are compared with. */
#ifndef CLI_TEXT_ROWS_H
#define CLI_TEXT_ROWS_H

#include "console.h"
#include "settings.h"
#include "vitlrp.h"

/* Makes, of an image tower, the model whose classes are the texts of the settings' file of
 * embeddings, called as --labels says; *model is replaced by it. Says which scale is taken where
 * nothing states one. MISMATCH for rows of another width, and for more or fewer names. */
enum vitlrp_status text_rows_choose(const struct settings *settings, const struct console *console,
                                    struct vitlrp_model **model, struct vitlrp_error *err);

/* Likewise of the settings' file of token ids, which the model's text tower reads. */
enum vitlrp_status token_rows_choose(const struct settings *settings, const struct console *console,
                                     struct vitlrp_model **model, struct vitlrp_error *err);

/* Puts a model of texts in the place of *model, of which it was made. Says which scale is taken
 * where nothing states one, and what is a guess of the text tower. */
void text_model_take(struct vitlrp_model *texts, const struct console *console,
                     struct vitlrp_model **model);

#endif
