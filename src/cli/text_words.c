#include "text_words.h"

#include <string.h>

#include "base/ascii.h"
#include "base/mem.h"
#include "base/settings_json.h"
#include "base/words.h"
#include "explanation.h"
#include "text_prompts.h"

/* ---- The words of a text ---- */

/* The setting for language: gamma 0 throughout, with the attention rule of the method. */
static struct vitlrp_rules rules_of(const struct settings *settings) {
    struct vitlrp_rules rules = {.attention = VITLRP_ATTENTION_ATTNLRP};
    if ((settings->method_info.reads & VITLRP_READS_RULES) != 0) {
        rules.attention = settings->method.rules.attention;
        rules.attention_share = settings->method.rules.attention_share;
    }
    return rules;
}

static enum vitlrp_status allocate(struct text_words *words, size_t width,
                                   struct vitlrp_error *err) {
    size_t tokens = words->info.tokens;
    words->embedding = mem_calloc(width + 2 * tokens, sizeof *words->embedding);
    words->ledger = mem_calloc(words->info.ledger, sizeof *words->ledger);
    if (words->embedding == NULL || words->ledger == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the words of a text");
    }
    words->tokens = words->embedding + width;
    words->words = words->tokens + tokens;
    return VITLRP_OK;
}

/* What was said of the text when the model was made is not said again. */
static enum vitlrp_status open_output(struct text_words *words, const struct settings *settings,
                                      const struct vitlrp_model *model, int32_t output,
                                      struct vitlrp_error *err) {
    const struct vitlrp_text_options options = text_options_of(settings, NULL);
    struct vitlrp_model_info info;
    if (words->words != NULL && words->output == output) { /* all of it is there */
        return VITLRP_OK;
    }
    text_words_close(words);
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(model, &info);
    TRY(vitlrp_text_open(model, output, &options, &words->text, err));
    words->output = output;
    words->rules = rules_of(settings);
    words->logit_bias = info.logit_bias;
    vitlrp_text_info_init(&words->info);
    vitlrp_text_describe(words->text, &words->info);
    return allocate(words, (size_t) info.embed_dim, err);
}

enum vitlrp_status text_words_take(struct text_words *words, const struct settings *settings,
                                   const struct vitlrp_model *model, struct vitlrp_session *session,
                                   int32_t output, struct vitlrp_error *err) {
    struct vitlrp_text_relevance relevance;
    TRY(error_prefix(err, open_output(words, settings, model, output, err), "--words"));
    vitlrp_text_relevance_init(&relevance);
    relevance.tokens = words->tokens;
    relevance.words = words->words;
    relevance.ledger = words->ledger;
    TRY(vitlrp_session_embedding(session, words->embedding, err));
    TRY(vitlrp_text_explain(words->text, words->embedding, &words->rules, &relevance, err));
    words->explained = relevance.explained;
    words->sum = relevance.sum;
    return VITLRP_OK;
}

void text_words_close(struct text_words *words) {
    vitlrp_text_close(words->text);
    mem_free(words->embedding);
    mem_free(words->ledger);
    *words = (struct text_words){0};
}

/* ---- Reports ---- */

struct vitlrp_word text_words_at(const struct text_words *words, size_t number) {
    struct vitlrp_word word;
    return vitlrp_text_word(words->text, number, &word, NULL) == VITLRP_OK
               ? word
               : (struct vitlrp_word){.text = ""};
}

/* The number is in range. */
static struct vitlrp_token token_at(const struct text_words *words, size_t number) {
    struct vitlrp_token token;
    return vitlrp_text_token(words->text, number, &token, NULL) == VITLRP_OK
               ? token
               : (struct vitlrp_token){.piece = ""};
}

/* Appends bytes of a text in one harmless line. */
static void append_shown(struct text *out, const char *bytes) {
    char shown[240];
    text_escape_name(shown, sizeof shown, bytes);
    text_append_string(out, shown);
}

#define MOST_SHOWN 8 /* tokens of a word; a text without blanks is one */

/* What a word of several tokens is made of. */
static void append_tokens(struct text *out, const struct text_words *words,
                          const struct vitlrp_word *word) {
    for (int32_t i = 0; i < word->tokens; i++) {
        size_t place = (size_t) word->first + (size_t) i;
        struct text piece = {.limit = 1024};
        text_append_escaped(&piece, token_at(words, place).piece);
        text_append_string(out, i == 0 ? "  (" : " + ");
        append_shown(out, piece.failed || piece.length == 0 ? "" : piece.data);
        text_printf(out, " %.4g", (double) words->tokens[place]);
        text_free(&piece);
    }
    text_append_string(out, ")");
}

void text_words_report(struct text *out, const struct text_words *words) {
    text_append_string(out, "words of \"");
    append_shown(out, words->info.text);
    text_printf(out, "\": logit%s %.4g = words %.4g + absorbed %.4g (%s, gamma 0)\n",
                words->logit_bias != 0.0 ? " less its bias" : "", words->explained, words->sum,
                words->explained - words->sum,
                word_of(WORDS_ATTENTION_RULE, words->rules.attention));
    for (size_t i = 0; i < words->info.words; i++) {
        const struct vitlrp_word word = text_words_at(words, i);
        text_printf(out, "  %9.4g  ", (double) words->words[i]);
        append_shown(out, word.text);
        if (word.is_special == 0 && word.tokens > 1 && word.tokens <= MOST_SHOWN) {
            append_tokens(out, words, &word);
        } else if (word.tokens > 1) {
            text_printf(out, "  (%d tokens)", word.tokens);
        }
        text_append_string(out, "\n");
    }
    text_append_string(out, "  the map and the words are two accounts of one logit: as shares of "
                            "it, take half of each\n");
}

/* True of the lead bytes of Hebrew, Arabic and what else is written from the right: U+0590 to
 * U+08FF, U+FB1D to U+FEFF with some ligatures of Latin, and the scripts from U+10800 on. */
static bool turns_direction(const char *text) {
    for (const unsigned char *byte = (const unsigned char *) text; *byte != '\0'; byte++) {
        if ((*byte >= 0xD6 && *byte <= 0xDF) || (*byte == 0xE0 && byte[1] <= 0xA3) ||
            (*byte == 0xEF && byte[1] >= 0xAC && byte[1] <= 0xBB) ||
            (*byte == 0xF0 && (byte[1] == 0x90 || byte[1] == 0x9E))) {
            return true;
        }
    }
    return false;
}

/* A word from the right would take the number behind it, and the words that follow, along to its
 * left: it ends a line of its own, which begins with a word from the left. */
void text_words_caption(struct text *out, const struct text_words *words) {
    bool alone = false;
    text_append_string(out, "\nwords: ");
    for (size_t i = 0; i < words->info.words; i++) {
        const struct vitlrp_word word = text_words_at(words, i);
        bool turns = turns_direction(word.text);
        if (i > 0) {
            text_append_string(out, turns || alone ? "\n" : ",  ");
        }
        if (turns) {
            text_printf(out, "logit %.3g  ", (double) words->words[i]);
        }
        append_shown(out, word.text);
        if (!turns) {
            text_printf(out, " %.3g", (double) words->words[i]);
        }
        alone = turns;
    }
    text_printf(out, "%sabsorbed %.3g", alone ? "\n" : "; ", words->explained - words->sum);
}

static json_t *json_tokens(const struct text_words *words, bool *complete) {
    json_t *list = json_array();
    for (size_t i = 0; i < words->info.tokens; i++) {
        const struct vitlrp_token token = token_at(words, i);
        json_t *entry = json_object();
        json_set(entry, "text", json_text(token.piece), complete);
        json_set(entry, "id", json_integer(token.id), complete);
        json_set(entry, "word", json_integer(token.word), complete);
        json_set(entry, "relevance", json_number((double) words->tokens[i]), complete);
        json_add(list, entry, complete);
    }
    return list;
}

static json_t *json_words(const struct text_words *words, bool *complete) {
    json_t *list = json_array();
    for (size_t i = 0; i < words->info.words; i++) {
        const struct vitlrp_word word = text_words_at(words, i);
        json_t *entry = json_object();
        json_set(entry, "text", json_text(word.text), complete);
        json_set(entry, "special", json_boolean(word.is_special != 0), complete);
        json_set(entry, "relevance", json_number((double) words->words[i]), complete);
        json_add(list, entry, complete);
    }
    return list;
}

json_t *text_words_json(const struct text_words *words, bool *complete) {
    json_t *object = json_object();
    json_set(object, "text", json_text(words->info.text), complete);
    json_set(object, "attention",
             json_string(word_of(WORDS_ATTENTION_RULE, words->rules.attention)), complete);
    json_set(object, "explained", json_number(words->explained), complete);
    json_set(object, "relevance_sum", json_number(words->sum), complete);
    json_set(object, "tokens", json_tokens(words, complete), complete);
    json_set(object, "words", json_words(words, complete), complete);
    return object;
}

/* ---- Words as classes ---- */

enum vitlrp_status text_words_choose(const struct settings *settings, const struct console *console,
                                     struct vitlrp_model **model, struct vitlrp_error *err) {
    const struct vitlrp_text_options options = text_options_of(settings, console);
    const struct vitlrp_rules rules = rules_of(settings);
    struct vitlrp_model *words = NULL;
    enum vitlrp_status status = vitlrp_model_with_words(*model, 0, &options, &rules, &words, err);
    TRY(error_prefix(err, status, "--word"));
    vitlrp_model_close(*model);
    *model = words;
    return VITLRP_OK;
}

/* As names of classes are compared: most tokenizers take any case. */
static bool is_alike(const char *name, const char *word, size_t length) {
    size_t i = 0;
    while (i < length &&
           ascii_lower((unsigned char) name[i]) == ascii_lower((unsigned char) word[i])) {
        i++;
    }
    return i == length;
}

/* Whether a name is that of the word, as it is or as one of several. */
static bool is_named(const char *name, const char *word, bool *is_one_of) {
    size_t length = strlen(word);
    bool begins = is_alike(name, word, length);
    *is_one_of = begins && name[length] == '#';
    return begins && name[length] == '\0';
}

static enum vitlrp_status fail_word(const struct vitlrp_model *model, const char *word,
                                    size_t occurrences, struct vitlrp_error *err) {
    struct vitlrp_model_info info;
    char shown[80];
    char list[160];
    struct text words = {.limit = 4096};
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(model, &info);
    for (int32_t i = 0; i < info.classes; i++) {
        struct vitlrp_class found;
        bool is_one_of = false;
        if (vitlrp_model_class(model, i, &found, NULL) != VITLRP_OK) {
            continue;
        }
        (void) is_named(found.label, word, &is_one_of);
        if (occurrences == 0 || is_one_of) {
            text_printf(&words, "%s%s", words.length > 0 ? " " : "", found.label);
        }
    }
    text_escape_name(shown, sizeof shown, word);
    (void) text_escape_line(list, sizeof list, words.length > 0 ? words.data : "");
    text_free(&words);
    return occurrences == 0
               ? fail(err, VITLRP_USAGE, "--word: the text has no word '%s'; its words are: %s",
                      shown, list)
               : fail(err, VITLRP_USAGE, "--word: the text has '%s' %zu times: choose one of %s",
                      shown, occurrences, list);
}

enum vitlrp_status text_words_find(const struct vitlrp_model *model, const char *word,
                                   struct vitlrp_class *out, struct vitlrp_error *err) {
    struct vitlrp_model_info info;
    size_t occurrences = 0;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(model, &info);
    for (int32_t i = 0; i < info.classes; i++) {
        bool is_one_of = false;
        TRY(vitlrp_model_class(model, i, out, err));
        if (is_named(out->label, word, &is_one_of)) {
            return VITLRP_OK;
        }
        occurrences += is_one_of ? 1 : 0;
    }
    return fail_word(model, word, occurrences, err);
}
