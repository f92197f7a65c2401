#include "vit/load/facts_keys.h"

#include <string.h>

const struct key_word PROBLEM_WORDS[] = {
    {"single_label_classification", FACT_PROBABILITY_SOFTMAX},
    {"multi_label_classification", FACT_PROBABILITY_SIGMOID},
    {"regression", FACT_PROBABILITY_NONE},
    {NULL, 0},
};

struct fact *fact_member(struct model_facts *facts, size_t offset) {
    return (struct fact *) ((char *) facts + offset);
}

/* The row of facts.def at an offset. */
static const struct fact_row *row_at(size_t offset) {
    size_t count;
    const struct fact_row *rows = fact_rows(&count);
    for (size_t i = 0; i < count; i++) {
        if (rows[i].offset == offset) {
            return &rows[i];
        }
    }
    return rows;
}

void facts_state_all(struct model_facts *facts, const struct fact_statement *statements,
                     size_t count, enum fact_source source, const char *file, const char *key) {
    for (size_t i = 0; i < count; i++) {
        fact_state(fact_member(facts, statements[i].fact), statements[i].value, source, file, key);
    }
}

void facts_state_plain(struct model_facts *facts, enum fact_source source, const char *key) {
    static const struct fact_statement PLAIN[] = {
        {FACT_AT(norm), FACT_NORM_LAYER},
        {FACT_AT(activation), FACT_GELU_ERF},
        {FACT_AT(gate), FACT_GATE_NONE},
        {FACT_AT(block), FACT_BLOCK_PRE_NORM},
        {FACT_AT(differential), 0},
        {FACT_AT(class_token), 1},
        {FACT_AT(distillation_token), 0},
        {FACT_AT(registers), 0},
        {FACT_AT(positions), FACT_POSITIONS_ALL},
        {FACT_AT(embed_norm), 0},
        {FACT_AT(pre_norm), 0},
        {FACT_AT(qk_norm), 0},
        {FACT_AT(attention_norm), 0},
        {FACT_AT(mlp_norm), 0},
        {FACT_AT(relative_positions), 0},
        {FACT_AT(rope), FACT_ROPE_NONE},
        {FACT_AT(pool), FACT_POOL_TOKEN},
        {FACT_AT(pool_prefix), 0},
    };
    facts_state_all(facts, PLAIN, sizeof PLAIN / sizeof PLAIN[0], source, NULL, key);
}

void fact_from_key(struct fact *fact, double value, const char *file, const char *key) {
    fact_state(fact, value, FACT_FILE, file, key);
}

enum vitlrp_status key_state(struct model_facts *facts, size_t offset, double value,
                             const char *file, const char *key, struct vitlrp_error *err) {
    struct fact *fact = fact_member(facts, offset);
    const struct fact other = {value, FACT_FILE, file, key};
    if (fact->source == FACT_FILE && fact->value != value) {
        return fact_contradiction(row_at(offset), fact, &other, err);
    }
    fact_state(fact, value, FACT_FILE, file, key);
    return VITLRP_OK;
}

static enum vitlrp_status state_number(const struct fact_key *key, size_t offset,
                                       const json_t *value, const char *file,
                                       struct model_facts *facts, struct vitlrp_error *err) {
    const struct fact_row *row = row_at(offset);
    if (!fact_fits(row, value)) {
        return fail(err, VITLRP_MISMATCH, "%s: \"%s\" must be %s from %.9g to %.9g", file, key->key,
                    fact_number_words(row), row->least, row->most);
    }
    return key_state(facts, offset, json_number_value(value), file, key->key, err);
}

/* "image_size": 224, or [height, width]. */
static enum vitlrp_status state_pair(const struct fact_key *key, const json_t *value,
                                     const char *file, struct model_facts *facts,
                                     struct vitlrp_error *err) {
    bool is_pair = json_is_array(value);
    if (is_pair && json_array_size(value) != 2) {
        return fail(err, VITLRP_MISMATCH, "%s: \"%s\" must be a size, or [height, width]", file,
                    key->key);
    }
    for (size_t i = 0; i < 2; i++) {
        const json_t *side = is_pair ? json_array_get(value, i) : value;
        size_t offset = key->fact + i * sizeof(struct fact);
        TRY(state_number(key, offset, side, file, facts, err));
    }
    return VITLRP_OK;
}

static enum vitlrp_status state_flag(const struct fact_key *key, const json_t *value,
                                     const char *file, struct model_facts *facts,
                                     struct vitlrp_error *err) {
    if (!json_is_boolean(value)) {
        return fail(err, VITLRP_MISMATCH, "%s: \"%s\" must be true or false", file, key->key);
    }
    return key_state(facts, key->fact, json_is_true(value), file, key->key, err);
}

static enum vitlrp_status state_word(const struct fact_key *key, const json_t *value,
                                     const char *file, struct model_facts *facts,
                                     struct vitlrp_error *err) {
    const char *word = json_string_value(value);
    for (const struct key_word *row = key->words; word != NULL && row->word != NULL; row++) {
        if (strcmp(row->word, word) == 0) {
            return key_state(facts, key->fact, row->value, file, key->key, err);
        }
    }
    struct text known = {.limit = 1 << 12};
    char shown[80];
    for (const struct key_word *row = key->words; row->word != NULL; row++) {
        text_printf(&known, " %s", row->word);
    }
    text_escape_line(shown, sizeof shown, word == NULL ? "something that is no string" : word);
    enum vitlrp_status status =
        fail(err, VITLRP_UNSUPPORTED, "%s: \"%s\" is %s, which is not supported; known are:%s",
             file, key->key, shown, known.failed ? "" : known.data);
    text_free(&known);
    return status;
}

/* What is understood only where it is off. */
static enum vitlrp_status check_off(const struct fact_key *key, const json_t *value,
                                    const char *file, struct vitlrp_error *err) {
    bool is_off = json_is_false(value) ||
                  (json_is_number(value) && json_number_value(value) == 0.0) ||
                  (json_is_string(value) && json_string_length(value) == 0) ||
                  (json_is_object(value) && json_object_size(value) == 0);
    return is_off ? VITLRP_OK
                  : fail(err, VITLRP_UNSUPPORTED, "%s: \"%s\" is not supported", file, key->key);
}

static enum vitlrp_status state_key(const struct fact_key *key, const json_t *value,
                                    const char *file, struct model_facts *facts,
                                    struct vitlrp_error *err) {
    switch (key->kind) {
    case KEY_NUMBER:
        return state_number(key, key->fact, value, file, facts, err);
    case KEY_PAIR:
        return state_pair(key, value, file, facts, err);
    case KEY_FLAG:
        return state_flag(key, value, file, facts, err);
    case KEY_WORD:
        return state_word(key, value, file, facts, err);
    case KEY_ONLY_OFF:
        return check_off(key, value, file, err);
    case KEY_IGNORED:
    case KEY_OWN:
        break;
    }
    return VITLRP_OK;
}

static const struct fact_key *find_key(const struct keys_read *from, const char *key) {
    for (size_t list = 0; list < from->list_count; list++) {
        for (size_t i = 0; i < from->lists[list].count; i++) {
            if (strcmp(from->lists[list].rows[i].key, key) == 0) {
                return &from->lists[list].rows[i];
            }
        }
    }
    return NULL;
}

enum vitlrp_status keys_read(const struct keys_read *from, struct model_facts *facts,
                             struct vitlrp_error *err) {
    void *place = json_object_iter((json_t *) (uintptr_t) from->object);
    for (; place != NULL;
         place = json_object_iter_next((json_t *) (uintptr_t) from->object, place)) {
        const json_t *value = json_object_iter_value(place);
        const char *name = json_object_iter_key(place);
        const struct fact_key *key = find_key(from, name);
        char shown[80];
        bool is_private = name[0] == '_'; /* a comment, or a library's note to itself */
        if (json_is_null(value) || (key == NULL && (from->ignores_unknown || is_private))) {
            continue;
        }
        if (key == NULL) {
            text_escape_line(shown, sizeof shown, name);
            return fail(err, VITLRP_UNSUPPORTED,
                        "%s: nothing is known of the key \"%s\", and it may change the model",
                        from->file, shown);
        }
        TRY(state_key(key, value, from->file, facts, err));
    }
    return VITLRP_OK;
}

enum vitlrp_status key_flag(const json_t *object, const char *key, const char *file, bool *is_there,
                            bool *value, struct vitlrp_error *err) {
    const json_t *found = json_object_get(object, key);
    if (found == NULL || json_is_null(found)) {
        return VITLRP_OK;
    }
    if (!json_is_boolean(found)) {
        return fail(err, VITLRP_MISMATCH, "%s: \"%s\" must be true or false", file, key);
    }
    *is_there = true;
    *value = json_is_true(found);
    return VITLRP_OK;
}
