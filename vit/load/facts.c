/* The table of facts as data, and what joins statements of several origins. */
#include "vit/load/facts.h"

#include <math.h>

#include "base/words.h"

#define FACT_WORD(constant, word) word,
static const char *const POSITIONS[] = {FACT_LIST_POSITIONS(FACT_WORD) NULL};
static const char *const RESAMPLING[] = {FACT_LIST_RESAMPLING(FACT_WORD) NULL};
static const char *const NORM[] = {FACT_LIST_NORM(FACT_WORD) NULL};
static const char *const FINAL_NORM[] = {FACT_LIST_FINAL_NORM(FACT_WORD) NULL};
static const char *const BLOCK[] = {FACT_LIST_BLOCK(FACT_WORD) NULL};
static const char *const ACTIVATION[] = {FACT_LIST_ACTIVATION(FACT_WORD) NULL};
static const char *const GATE[] = {FACT_LIST_GATE(FACT_WORD) NULL};
static const char *const ROPE[] = {FACT_LIST_ROPE(FACT_WORD) NULL};
static const char *const ROPE_ORDER[] = {FACT_LIST_ROPE_ORDER(FACT_WORD) NULL};
static const char *const ROPE_PAIRING[] = {FACT_LIST_ROPE_PAIRING(FACT_WORD) NULL};
static const char *const POOL[] = {FACT_LIST_POOL(FACT_WORD) NULL};
static const char *const TEXT_END[] = {FACT_LIST_TEXT_END(FACT_WORD) NULL};
static const char *const HEAD[] = {FACT_LIST_HEAD(FACT_WORD) NULL};
static const char *const PROBABILITY[] = {FACT_LIST_PROBABILITY(FACT_WORD) NULL};
#undef FACT_WORD
static const char *const YES_NO[] = {"no", "yes", NULL};

/* The last word's number: the list ends with NULL. */
#define WORDS_OF(list) ((int32_t) (sizeof(list) / sizeof(list)[0]) - 2)
#define OFFSET(member) offsetof(struct model_facts, member)
static const struct fact_row ROWS[] = {
#define COUNT(member, title, least) {#member, title, OFFSET(member), NULL, least, INT32_MAX},
#define NUMBER(member, title, least, most) {#member, title, OFFSET(member), NULL, least, most},
#define FLAG(member, title) {#member, title, OFFSET(member), YES_NO, 0, 1},
#define CHOICE(member, title, LIST)                                                                \
    {#member, title, OFFSET(member), LIST, 0, (double) WORDS_OF(LIST)},
#include "vit/load/facts.def"
};

const struct fact_row *fact_rows(size_t *count) {
    *count = sizeof ROWS / sizeof ROWS[0];
    return ROWS;
}

/* Counts are those rows whose largest value is that of an int32_t. */
static bool is_count(const struct fact_row *row) {
    return row->most == INT32_MAX;
}

bool fact_fits(const struct fact_row *row, const json_t *value) {
    double number = json_number_value(value);
    return json_is_number(value) && number >= row->least && number <= row->most &&
           (!is_count(row) || number == floor(number));
}

const char *fact_number_words(const struct fact_row *row) {
    return is_count(row) ? "a whole number" : "a number";
}

const struct fact *fact_of(const struct model_facts *facts, const struct fact_row *row) {
    return (const struct fact *) ((const char *) facts + row->offset);
}

void fact_state(struct fact *fact, double value, enum fact_source source, const char *file,
                const char *key) {
    if (!fact_known(fact)) {
        *fact = (struct fact){value, source, file, key};
    }
}

void fact_show(struct fact *fact, double value) {
    fact_state(fact, value, FACT_TENSORS, NULL, NULL);
}

void fact_guess(struct fact *fact, double value) {
    fact_state(fact, value, FACT_GUESS, NULL, NULL);
}

void fact_append_value(struct text *out, const struct fact_row *row, const struct fact *fact) {
    if (row->words != NULL) {
        text_append_string(out, row->words[(size_t) fact->value]);
    } else {
        text_printf(out, "%.9g", fact->value);
    }
}

void fact_append_origin(struct text *out, const struct fact *fact) {
    static const char *const SOURCES[] = {[FACT_UNKNOWN] = "nobody",
                                          [FACT_USER] = "your option",
                                          [FACT_FILE] = "a file",
                                          [FACT_CLASS] = "default of",
                                          [FACT_TABLE] = "table of published models",
                                          [FACT_TENSORS] = "tensors",
                                          [FACT_GUESS] = "guessed"};
    bool by_name = fact->file != NULL && (fact->source == FACT_FILE || fact->source == FACT_USER);
    text_append_string(out, by_name ? fact->file : SOURCES[fact->source]);
    if (fact->key != NULL) {
        text_printf(out, "%s%s", fact->source == FACT_CLASS ? " " : ", ", fact->key);
    }
}

enum vitlrp_status fact_contradiction(const struct fact_row *row, const struct fact *one,
                                      const struct fact *other, struct vitlrp_error *err) {
    struct text text = {.limit = 1 << 12};
    text_printf(&text, "%s: ", row->title);
    fact_append_value(&text, row, one);
    text_append_string(&text, " (");
    fact_append_origin(&text, one);
    text_append_string(&text, "), but ");
    fact_append_value(&text, row, other);
    text_append_string(&text, " (");
    fact_append_origin(&text, other);
    text_append_string(&text, ")");
    enum vitlrp_status status =
        fail(err, VITLRP_MISMATCH, "%s", text.failed ? row->title : text.data);
    text_free(&text);
    return status;
}

/* A text that was appended, as JSON; NULL without memory. */
static json_t *take_text(struct text *text) {
    json_t *string = text->failed ? NULL : json_string(text->data);
    text_free(text);
    return string;
}

static json_t *json_fact(const struct fact_row *row, const struct fact *fact) {
    struct text value = {.limit = 1 << 12};
    struct text origin = {.limit = 1 << 12};
    fact_append_value(&value, row, fact);
    fact_append_origin(&origin, fact);
    json_t *value_text = take_text(&value);
    json_t *origin_text = take_text(&origin);
    return json_pack("{s:s, s:s, s:o, s:s, s:o}", "name", row->name, "title", row->title, "value",
                     value_text, "source", word_of(WORDS_FACT_SOURCE, fact->source - 1), "origin",
                     origin_text);
}

json_t *facts_json(const struct model_facts *facts) {
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        const struct fact *fact = fact_of(facts, &ROWS[i]);
        if (fact_known(fact) && json_array_append_new(list, json_fact(&ROWS[i], fact)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}
