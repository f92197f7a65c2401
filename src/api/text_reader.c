#include "api/text_reader.h"

#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

#define MAX_PROMPT ((size_t) 4096)         /* bytes */
#define CUTS_TOLD ((size_t) 3)             /* texts */
#define BUILT_IN_VOCABULARY INT32_C(49408) /* tokens of CLIP's */

/* ---- The vocabulary ---- */

static enum vitlrp_status open_told(const char *path, const struct vitlrp_text_options *options,
                                    struct tokenizer **out, struct vitlrp_error *err) {
    TRY(file_tell(&options->inputs, path, err));
    return tokenizer_open(path, out, err);
}

/* What lies beside the weights; nothing is no failure. */
static enum vitlrp_status open_beside(const char *weights,
                                      const struct vitlrp_text_options *options,
                                      struct tokenizer **out, struct vitlrp_error *err) {
    char *path;
    TRY(tokenizer_find(weights, false, &path, err));
    enum vitlrp_status status = path == NULL ? VITLRP_OK : open_told(path, options, out, err);
    mem_free(path);
    return status;
}

static enum vitlrp_status open_tokenizer(const struct vit_model *tower,
                                         const struct vitlrp_text_options *options,
                                         struct tokenizer **out, struct vitlrp_error *err) {
    int32_t vocabulary = tower->config.vocabulary;
    if (options->tokenizer != NULL) {
        TRY(open_told(options->tokenizer, options, out, err));
    } else if (!tower->openai_clip) { /* whose archive needs nothing beside it */
        TRY(open_beside(tower->name, options, out, err));
    }
    if (*out == NULL && vocabulary == BUILT_IN_VOCABULARY) {
        TRY(tokenizer_open_builtin(out, err));
    }
    if (*out == NULL) {
        fail(err, VITLRP_UNSUPPORTED,
             "%s: no tokenizer lies beside the weights, and the vocabulary of %d tokens is not "
             "CLIP's of %d: state its file",
             tower->name, vocabulary, BUILT_IN_VOCABULARY);
        return error_topic(err, VITLRP_UNSUPPORTED, VITLRP_TOPIC_TOKENIZER);
    }
    const struct tokenizer_info info = tokenizer_describe(*out);
    if (info.vocabulary == vocabulary) {
        return VITLRP_OK;
    }
    fail(err, VITLRP_MISMATCH,
         "%s: the text tower has %d tokens, and the tokenizer %d: it is another model's",
         tower->name, vocabulary, info.vocabulary);
    return error_topic(err, VITLRP_MISMATCH, VITLRP_TOPIC_TOKENIZER);
}

/* ---- The cleaning ---- */

static bool find_cleaning(const char *word, enum text_cleaning *out) {
    for (enum text_cleaning i = 0; i < TEXT_CLEANINGS; i++) {
        if (strcmp(text_cleaning_name(i), word) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

/* What open_clip's configuration says of its tokenizer; NULL: nothing. */
static const char *stated_clean(const struct vit_model *tower) {
    const json_t *text =
        json_object_get(json_object_get(tower->open_clip, "model_cfg"), "text_cfg");
    return json_get_string(json_object_get(text, "tokenizer_kwargs"), "clean");
}

/* open_clip's own: CLIP's tokenizer has "lower", unless the configuration states another. */
static enum vitlrp_status open_clip_cleaning(const struct vit_model *tower, bool is_clip,
                                             const struct vitlrp_log *log, enum text_cleaning *out,
                                             struct vitlrp_error *err) {
    const char *word = stated_clean(tower);
    if (word == NULL && !is_clip) {
        log_message(log, LOG_LEVEL_WARNING,
                    "nothing states how texts are cleaned: \"canonical\" is taken, that of "
                    "open_clip's SigLIP; state another cleaning if that is wrong");
        word = "canonicalize";
    }
    if (word == NULL || strcmp(word, "lower") == 0) {
        *out = TEXT_CLEANING_FULL;
        return VITLRP_OK;
    }
    if (strcmp(word, "canonicalize") == 0) {
        *out = TEXT_CLEANING_CANONICAL;
        return VITLRP_OK;
    }
    fail(err, VITLRP_UNSUPPORTED,
         "%s: texts are cleaned by open_clip's \"%s\", which is not there: state another",
         tower->name, word);
    return error_topic(err, VITLRP_UNSUPPORTED, VITLRP_TOPIC_TEXT_CLEANING);
}

/* transformers': a vocabulary that pads with its end is SigLIP's, another SigLIP 2's. */
static enum text_cleaning transformers_cleaning(const struct tokenizer_info *info, bool is_clip) {
    return is_clip                      ? TEXT_CLEANING_NFC
           : info->padding == info->end ? TEXT_CLEANING_SIGLIP
                                        : TEXT_CLEANING_LOWER;
}

static enum vitlrp_status choose_cleaning(const struct vit_model *tower,
                                          const struct vitlrp_text_options *options,
                                          const struct tokenizer_info *info,
                                          enum text_cleaning *out, struct vitlrp_error *err) {
    bool is_clip = strcmp(info->kind, "clip-bpe") == 0;
    if (options->cleaning != NULL && strcmp(options->cleaning, "auto") != 0) {
        return find_cleaning(options->cleaning, out)
                   ? VITLRP_OK
                   : fail(err, VITLRP_USAGE, "there is no cleaning of texts called '%s'",
                          options->cleaning);
    }
    if (strcmp(tower->layout, "open_clip") == 0) {
        return open_clip_cleaning(tower, is_clip, &options->log, out, err);
    }
    *out = transformers_cleaning(info, is_clip);
    return VITLRP_OK;
}

/* ---- Both ---- */

enum vitlrp_status text_reader_open(const struct vit_model *tower,
                                    const struct vitlrp_text_options *options,
                                    struct text_reader *out, struct vitlrp_error *err) {
    *out = (struct text_reader){.log = &options->log};
    TRY(open_tokenizer(tower, options, &out->tokenizer, err));
    const struct tokenizer_info info = tokenizer_describe(out->tokenizer);
    out->options = (struct tokenize_options){.context = (size_t) tower->config.grid_width,
                                             .max_bytes = MAX_PROMPT,
                                             .pads = !tower->config.causal};
    if (out->options.pads && info.padding < 0) {
        (void) fail(err, VITLRP_MISMATCH,
                    "the text tower reads all of its %zu positions, but the tokenizer has no token "
                    "to fill them with",
                    out->options.context);
        return error_topic(err, VITLRP_MISMATCH, VITLRP_TOPIC_TOKENIZER);
    }
    return choose_cleaning(tower, options, &info, &out->options.cleaning, err);
}

void text_reader_close(struct text_reader *reader) {
    tokenizer_close(reader->tokenizer);
    *reader = (struct text_reader){0};
}

enum vitlrp_status text_reader_encode(struct text_reader *reader, const char *text,
                                      struct tokens *out, struct vitlrp_error *err) {
    char shown[80];
    TRY(tokenizer_encode(reader->tokenizer, text, strlen(text), &reader->options, out, err));
    reader->cuts += out->cut > 0 ? 1 : 0;
    if (out->cut > 0 && reader->cuts <= CUTS_TOLD) {
        (void) text_escape_line(shown, sizeof shown, out->text + out->kept);
        log_message(reader->log, LOG_LEVEL_WARNING,
                    "a text is cut: the model reads %zu tokens, and %zu have no room: '%s'",
                    reader->options.context, out->cut, shown);
    }
    return VITLRP_OK;
}

void text_reader_tell(const struct text_reader *reader) {
    if (reader->cuts > CUTS_TOLD) {
        log_message(reader->log, LOG_LEVEL_WARNING, "%zu texts are cut in all", reader->cuts);
    }
}
