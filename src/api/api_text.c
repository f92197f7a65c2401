/* The public face of one text in its tower: tokens, words, and what they hold of a score. */
#include <math.h>
#include <string.h>

#include "api/api.h"
#include "api/class_texts.h"
#include "api/growable.h"
#include "api/handles.h"
#include "api/labels.h"
#include "api/text_parts.h"
#include "api/text_source.h"
#include "base/mem.h"
#include "vit/model/derived_model.h"
#include "vit/program/session.h"
#include "vit/program/text_tower.h"

struct vitlrp_text {
    struct text_source *source;      /* owned */
    struct vit_text_options opening; /* of the pass; its backend is `backend` */
    char *backend;                   /* owned; NULL: the default */
    struct vit_text *pass;           /* owned: which has done its forward pass; NULL: not yet */
    struct text_parts parts;         /* owned */
    size_t width;                    /* of an embedding */
    float *embedding, *seed;         /* owned: [2, width] */
    double length;                   /* of the embedding */
    double logit_scale;
};

/* ---- Opening ---- */

/* The text of a class, and how texts of the model are read. */
static enum vitlrp_status find_text(const struct vitlrp_model *model, int32_t output,
                                    const char **out, struct vitlrp_error *err) {
    const struct class_texts *texts = model->texts;
    if (texts == NULL) {
        return fail(err, VITLRP_USAGE, "%s: the model has no texts that could be read: %s",
                    model->vit->name,
                    model->vit->kind == VITLRP_MODEL_PROMPTS ? "their embeddings were given"
                                                             : "its outputs are none of texts");
    }
    if (output < 0 || (size_t) output >= texts->count) {
        return fail(err, VITLRP_USAGE, "output %d is out of range: the model has %zu classes",
                    output, texts->count);
    }
    if (texts->texts[output] == NULL) {
        return fail(err, VITLRP_USAGE,
                    "class %d is the mean of several texts, and words are of one", output);
    }
    *out = texts->texts[output];
    return VITLRP_OK;
}

static enum vitlrp_status choose_options(const struct class_texts *texts,
                                         const struct vitlrp_text_options *options,
                                         struct vitlrp_text_options *out,
                                         struct vitlrp_error *err) {
    struct vitlrp_text_options given;
    TRY(text_options_read(options, &given, err));
    TRY(api_check_threads(given.threads, err));
    *out = texts->options;
    out->threads = given.threads;
    out->backend = given.backend;
    out->log = given.log;
    out->inputs = given.inputs;
    return VITLRP_OK;
}

static enum vitlrp_status read_parts(struct vitlrp_text *text, const char *prompt,
                                     const struct vitlrp_text_options *options,
                                     struct vitlrp_error *err) {
    struct text_reader reader = text_source_reader(text->source, &options->log);
    struct tokens tokens = {0};
    TRY(text_reader_encode(&reader, prompt, &tokens, err));
    enum vitlrp_status status = text_parts_make(reader.tokenizer, &tokens, &text->parts, err);
    tokens_free(&tokens);
    return status;
}

/* What the pass will need. */
static enum vitlrp_status keep_opening(struct vitlrp_text *text,
                                       const struct vitlrp_text_options *options,
                                       struct vitlrp_error *err) {
    text->opening = text_tower_options(options);
    text->opening.keeps = true;
    text->width = (size_t) text->source->tower->config.classes;
    text->embedding = mem_calloc(2 * text->width, sizeof *text->embedding);
    text->backend = options->backend == NULL ? NULL : mem_strdup(options->backend);
    if (text->embedding == NULL || (options->backend != NULL && text->backend == NULL)) {
        return fail(err, VITLRP_NOMEM, "out of memory for an embedding");
    }
    text->opening.backend = text->backend;
    text->seed = text->embedding + text->width;
    return VITLRP_OK;
}

/* The forward pass, unless it is done. */
static enum vitlrp_status run_forward(struct vitlrp_text *text, struct vitlrp_error *err) {
    const struct vit_ids ids = {text->parts.ids, text->parts.token_count};
    struct vit_text *pass = NULL;
    if (text->pass != NULL) {
        return VITLRP_OK;
    }
    TRY(vit_text_open(text->source->tower, &text->opening, &pass, err));
    enum vitlrp_status status = vit_text_forward(pass, &ids, 1, text->embedding, err);
    if (status != VITLRP_OK) {
        vit_text_close(pass);
        return status;
    }
    text->length = row_norm(text->embedding, text->width);
    text->pass = pass;
    return VITLRP_OK;
}

/* The one that made the model's classes, if it was kept. */
static enum vitlrp_status take_source(const struct vitlrp_model *model,
                                      const struct vitlrp_text_options *options,
                                      struct text_source **out, struct vitlrp_error *err) {
    *out = text_source_hold(model->texts->source);
    return *out != NULL ? VITLRP_OK : text_source_open(model->vit->base, options, out, err);
}

static enum vitlrp_status open_text(const struct vitlrp_model *model, int32_t output,
                                    const struct vitlrp_text_options *options,
                                    struct vitlrp_text **out, struct vitlrp_error *err) {
    struct vitlrp_text_options chosen;
    const char *prompt = NULL;
    TRY(find_text(model, output, &prompt, err));
    TRY(choose_options(model->texts, options, &chosen, err));
    struct vitlrp_text *text = mem_calloc(1, sizeof *text);
    if (text == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a text");
    }
    text->logit_scale = model->vit->logit_scale;
    enum vitlrp_status status = take_source(model, &chosen, &text->source, err);
    if (status == VITLRP_OK) {
        status = read_parts(text, prompt, &chosen, err);
    }
    if (status == VITLRP_OK) {
        status = keep_opening(text, &chosen, err);
    }
    if (status != VITLRP_OK) {
        vitlrp_text_close(text);
        return status;
    }
    *out = text;
    return VITLRP_OK;
}

enum vitlrp_status vitlrp_text_open(const struct vitlrp_model *model, int32_t output,
                                    const struct vitlrp_text_options *options,
                                    struct vitlrp_text **text, struct vitlrp_error *error) {
    API_NEEDS(model != NULL && text != NULL, error);
    return open_text(model, output, options, text, error);
}

void vitlrp_text_close(struct vitlrp_text *text) {
    if (text != NULL) {
        vit_text_close(text->pass);
        text_source_close(text->source);
        text_parts_free(&text->parts);
        mem_free(text->backend);
        mem_free(text->embedding);
        mem_free(text);
    }
}

/* ---- Its words ---- */

void vitlrp_text_describe(const struct vitlrp_text *text, struct vitlrp_text_info *info) {
    if (text == NULL || info == NULL) {
        return;
    }
    const struct vitlrp_text_info known = {.text = text->parts.text,
                                           .tokens = text->parts.token_count,
                                           .words = text->parts.word_count,
                                           .ledger = vit_ledger_length(text->source->tower)};
    text_info_write(&known, info);
}

enum vitlrp_status vitlrp_text_token(const struct vitlrp_text *text, size_t number,
                                     struct vitlrp_token *token, struct vitlrp_error *error) {
    API_NEEDS(text != NULL && token != NULL, error);
    if (number >= text->parts.token_count) {
        return fail(error, VITLRP_USAGE, "no token %zu: the text has %zu", number,
                    text->parts.token_count);
    }
    *token = text->parts.tokens[number];
    return VITLRP_OK;
}

enum vitlrp_status vitlrp_text_word(const struct vitlrp_text *text, size_t number,
                                    struct vitlrp_word *word, struct vitlrp_error *error) {
    API_NEEDS(text != NULL && word != NULL, error);
    if (number >= text->parts.word_count) {
        return fail(error, VITLRP_USAGE, "no word %zu: the text has %zu", number,
                    text->parts.word_count);
    }
    *word = text->parts.words[number];
    return VITLRP_OK;
}

/* ---- Relevance ---- */

static const struct vitlrp_rules LANGUAGE = {.attention = VITLRP_ATTENTION_ATTNLRP};

/* G of the text's embedding v: scale u / (|u| |v|). */
static enum vitlrp_status make_seed(struct vitlrp_text *text, const float *embedding,
                                    struct vitlrp_error *err) {
    double length = row_norm(embedding, text->width);
    if (!(length > 0.0) || isinf(length)) {
        return fail(err, VITLRP_NUMERIC,
                    "the image's embedding has no direction: it is 0 or not finite");
    }
    for (size_t d = 0; d < text->width; d++) {
        text->seed[d] =
            (float) (text->logit_scale * (double) embedding[d] / (length * text->length));
    }
    return VITLRP_OK;
}

/* words [count] = the sums of their tokens. */
static void add_words(const struct text_parts *parts, const float *tokens, float *words) {
    for (size_t i = 0; i < parts->word_count; i++) {
        double sum = 0.0;
        for (int32_t k = 0; k < parts->words[i].tokens; k++) {
            sum += (double) tokens[parts->words[i].first + k];
        }
        words[i] = (float) sum;
    }
}

static enum vitlrp_status explain(struct vitlrp_text *text, const float *embedding,
                                  const struct vitlrp_rules *rules,
                                  struct vitlrp_text_relevance *out, struct vitlrp_error *err) {
    const struct vitlrp_rules *chosen = rules == NULL ? &LANGUAGE : rules;
    TRY(api_check_rules(chosen, err));
    TRY(run_forward(text, err));
    TRY(make_seed(text, embedding, err));
    float *tokens = mem_calloc(text->parts.token_count, sizeof *tokens);
    if (tokens == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the relevance of a text");
    }
    struct vit_text_relevance relevance = {.tokens = tokens, .ledger = out->ledger};
    enum vitlrp_status status = vit_text_relevance(text->pass, text->seed, chosen, &relevance, err);
    if (status == VITLRP_OK && out->tokens != NULL) {
        memcpy(out->tokens, tokens, text->parts.token_count * sizeof *tokens);
    }
    if (status == VITLRP_OK && out->words != NULL) {
        add_words(&text->parts, tokens, out->words);
    }
    out->explained = relevance.explained;
    out->sum = relevance.sum;
    mem_free(tokens);
    return status;
}

enum vitlrp_status vitlrp_text_explain(struct vitlrp_text *text, const float *embedding,
                                       const struct vitlrp_rules *rules,
                                       struct vitlrp_text_relevance *relevance,
                                       struct vitlrp_error *error) {
    struct vitlrp_text_relevance known;
    API_NEEDS(text != NULL && embedding != NULL && relevance != NULL, error);
    TRY(text_relevance_read(relevance, &known, error));
    TRY(explain(text, embedding, rules, &known, error));
    text_relevance_write(&known, relevance);
    return VITLRP_OK;
}

/* ---- A model of its words ---- */

#define REST "[rest]" /* what no token carries */

#define NAMES_LIMIT ((size_t) 1 << 22)

/* Names of the outputs: one for each word, and the rest. */
struct word_names {
    const char **names; /* [words + 1]; owned; into text */
    struct text text;   /* each with its end */
};

static size_t count_alike(const struct text_parts *parts, const char *word, size_t end) {
    size_t count = 0;
    for (size_t i = 0; i < end; i++) {
        count += strcmp(parts->words[i].text, word) == 0 ? 1 : 0;
    }
    return count;
}

static enum vitlrp_status word_names_make(const struct text_parts *parts, struct word_names *out,
                                          struct vitlrp_error *err) {
    *out = (struct word_names){.text = {.limit = NAMES_LIMIT}};
    out->names = mem_calloc(parts->word_count + 1, sizeof *out->names);
    if (out->names == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the words of a text");
    }
    for (size_t i = 0; i < parts->word_count; i++) {
        const char *word = parts->words[i].text;
        text_append_string(&out->text, word);
        if (count_alike(parts, word, parts->word_count) > 1) {
            text_printf(&out->text, "#%zu", count_alike(parts, word, i) + 1);
        }
        text_append(&out->text, "", 1);
    }
    TRY(text_check(&out->text, "the words of a text", err));
    const char *next = out->text.data;
    for (size_t i = 0; i < parts->word_count; i++, next += strlen(next) + 1) {
        out->names[i] = next;
    }
    out->names[parts->word_count] = REST;
    return VITLRP_OK;
}

static void word_names_free(struct word_names *names) {
    mem_free((void *) names->names);
    text_free(&names->text);
}

/* rows [words + 1, width]: of each word, and what is left of the text's embedding. */
static enum vitlrp_status make_rows(struct vitlrp_text *text, const struct vitlrp_rules *rules,
                                    float *rows, struct vitlrp_error *err) {
    const struct vit_words words = {text->parts.of_token, text->parts.word_count};
    float *rest = rows + words.count * text->width;
    TRY(vit_text_words(text->pass, &words, rules, rows, err));
    for (size_t d = 0; d < text->width; d++) {
        double left = (double) text->embedding[d];
        for (size_t i = 0; i < words.count; i++) {
            left -= (double) rows[i * text->width + d];
        }
        rest[d] = (float) left;
    }
    return VITLRP_OK;
}

static enum vitlrp_status make_words(const struct vitlrp_model *model, struct vitlrp_text *text,
                                     const struct vitlrp_rules *rules, struct vitlrp_model **out,
                                     struct vitlrp_error *err) {
    struct vit_model *vit = NULL;
    struct vitlrp_model *made = NULL;
    struct word_names names = {0};
    size_t count = text->parts.word_count + 1;
    float *rows = mem_calloc(count, text->width * sizeof *rows);
    enum vitlrp_status status =
        rows == NULL ? fail(err, VITLRP_NOMEM, "out of memory for the words of a text")
                     : make_rows(text, rules == NULL ? &LANGUAGE : rules, rows, err);
    if (status == VITLRP_OK) {
        status = word_names_make(&text->parts, &names, err);
    }
    if (status == VITLRP_OK) {
        status = vit_model_words(model->vit->base, rows, count, text->length, &vit, err);
    }
    if (status == VITLRP_OK) {
        const struct label_list list = {.names = names.names};
        status = model_around(model, vit, &list, &made, err);
    }
    if (status == VITLRP_OK) {
        status = model_keep_text_facts(made, text->source->tower, err);
    }
    word_names_free(&names);
    mem_free(rows);
    if (status != VITLRP_OK) {
        vitlrp_model_close(made);
        return status;
    }
    *out = made;
    return VITLRP_OK;
}

enum vitlrp_status vitlrp_model_with_words(const struct vitlrp_model *model, int32_t output,
                                           const struct vitlrp_text_options *options,
                                           const struct vitlrp_rules *rules,
                                           struct vitlrp_model **words,
                                           struct vitlrp_error *error) {
    struct vitlrp_text *text = NULL;
    API_NEEDS(model != NULL && words != NULL, error);
    TRY(rules == NULL ? VITLRP_OK : api_check_rules(rules, error));
    TRY(open_text(model, output, options, &text, error));
    enum vitlrp_status status = run_forward(text, error);
    if (status == VITLRP_OK) {
        status = make_words(model, text, rules, words, error);
    }
    vitlrp_text_close(text);
    return status;
}
