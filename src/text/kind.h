/* A family of tokenizers behind text/tokenizer.h. A new one is files of its own with one
 * `const struct tokenizer_kind TOKENIZER_NAME`, and a row of kinds.def; nothing else changes. */
#ifndef TEXT_KIND_H
#define TEXT_KIND_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/tokenizer.h"

/* Bytes of memory that the values of a tokenizer.json may take (base/json.h); those of CLIP take
 * 30 MB. */
#define TOKENIZER_MAX_JSON_MEMORY ((size_t) 256 << 20)

struct tokenizer_source {
    const struct tokenizer_file *file;
    bool is_json;       /* it begins as an object of JSON does */
    const json_t *json; /* the object, after no kind took its bytes; else NULL */
};

/* A text that is to be encoded, cleaned. */
struct tokenize_text {
    const char *bytes; /* UTF-8 */
    size_t length;
    enum text_cleaning cleaning; /* that it has had */
};

struct tokenizer_kind {
    const char *name;

    /* True for a file of this kind, sound or not, by what it holds: cheap, of any bytes. The first
     * row of kinds.def that says so opens it. */
    bool (*recognizes)(const struct tokenizer_source *source);

    /* *state is what the other functions get, and *info what tokenizer_describe says, but for the
     * kind's name. */
    enum vitlrp_status (*open)(const struct tokenizer_source *source, void **state,
                               struct tokenizer_info *info, struct vitlrp_error *err);

    /* Appends the tokens of a text by tokens_append: all of them, without start, end, padding. May
     * run in several threads at a time. USAGE for texts that spell a special token. */
    enum vitlrp_status (*encode)(const void *state, const struct tokenize_text *text,
                                 struct tokens *out, struct vitlrp_error *err);

    /* As tokenizer_token_text, of a regular id: not start, end or padding, and below vocabulary. */
    void (*token_text)(const void *state, int32_t id, struct text *out);

    void (*close)(void *state);
};

/* Appends one token; NOMEM. */
enum vitlrp_status tokens_append(struct tokens *tokens, const struct token *token,
                                 struct vitlrp_error *err);

/* What tokenizer_encode does before the kind's tokens: start; and behind them: cut, end, padding.
 */
enum vitlrp_status tokens_begin(struct tokens *tokens, const struct tokenizer_info *info,
                                struct vitlrp_error *err);
enum vitlrp_status tokens_finish(struct tokens *tokens, const struct tokenizer_info *info,
                                 const struct tokenize_options *options, struct vitlrp_error *err);

/* A tokenizer around a state that is there already; takes it, and closes it on failure. */
enum vitlrp_status tokenizer_make(const struct tokenizer_kind *kind, void *state,
                                  const struct tokenizer_info *info, struct tokenizer **out,
                                  struct vitlrp_error *err);

#endif
