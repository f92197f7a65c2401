/* The class names that lie beside a model's weights: Hugging Face's id2label, timm's label_names.
 */
#ifndef API_LABEL_WORDS_H
#define API_LABEL_WORDS_H

#include <jansson.h>
#include <stddef.h>

struct label_words {
    const json_t *names;        /* a list, or an object by the outputs' numbers; NULL: none */
    const json_t *descriptions; /* an object by names; NULL: none */
    const char *key;            /* under which the names stand, a constant */
};

/* Those of a config.json (may be NULL). Hugging Face's are preferred where both are there. */
struct label_words label_words_of(const json_t *config);

/* The name of an output, or NULL; Hugging Face's placeholder "LABEL_7" is none. */
const char *label_words_name(const struct label_words *words, size_t output);

/* What timm says a name means, or NULL. */
const char *label_words_description(const struct label_words *words, const char *name);

#endif
