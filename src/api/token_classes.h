/* Rows of token ids -> the rows of a zero-shot classifier, by the text tower of a model. */
#ifndef API_TOKEN_CLASSES_H
#define API_TOKEN_CLASSES_H

#include "api/handles.h"
#include "base/status.h"
#include "vitlrp_words.h"

/* *out [rows->count, embed_dim]: unit vectors, owned: mem_free; *tower has made them, owned:
 * vit_model_free. Both are NULL before the call, and owned after a failure too. */
enum vitlrp_status token_classes_make(const struct vitlrp_model *image,
                                      const struct vitlrp_token_rows *rows,
                                      const struct vitlrp_text_options *options,
                                      struct vit_model **tower, float **out,
                                      struct vitlrp_error *err);

#endif
