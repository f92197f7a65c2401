/* What the classes of a model of texts were made of: hashes for records, so that what two sets of
 * texts gave is never taken for one's. The embeddings are no part of it: their last bits are the
 * machine's. */
#ifndef API_TEXT_IDENTITY_H
#define API_TEXT_IDENTITY_H

#include <jansson.h>
#include <stdbool.h>

#include "api/prompt_list.h"
#include "api/text_reader.h"
#include "base/sha256.h"

struct text_identity {
    char prompts[SHA256_TEXT];         /* of a line for each: name, tab, text */
    char templates[SHA256_TEXT];       /* of a line for each; "": there are none */
    char tokenizer[SHA256_TEXT];       /* of its file or files; "": CLIP's, which the library has */
    const char *cleaning, *activation; /* constants */
    int32_t heads;                     /* of the text tower, as eps */
    float norm_eps;
    bool causal;
    const char *read; /* which token of a text is: a constant */
};

enum vitlrp_status text_identity_take(const struct prompt_list *list,
                                      const struct text_reader *reader,
                                      const struct vit_model *tower, struct text_identity *out,
                                      struct vitlrp_error *err);

/* The identity as an object; *complete becomes false without memory. */
json_t *json_text_identity(const struct text_identity *identity, bool *complete);

#endif
