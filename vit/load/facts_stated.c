/* What the caller knows of a model: an object of JSON with the names and words of facts.def. */
#include <string.h>

#include "base/json.h"
#include "vit/load/facts_keys.h"

#define STATED "what was stated"

static const struct fact_row *find_row(const char *name) {
    size_t count;
    const struct fact_row *rows = fact_rows(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

/* A flag may be true or false, or the word that vitlrp_model_fact has for it. */
static bool read_word(const struct fact_row *row, const json_t *value, double *out) {
    bool is_flag = strcmp(row->words[0], "no") == 0;
    const char *word = json_string_value(value);
    if (is_flag && json_is_boolean(value)) {
        *out = json_is_true(value);
        return true;
    }
    for (size_t i = 0; word != NULL && row->words[i] != NULL; i++) {
        if (strcmp(row->words[i], word) == 0) {
            *out = (double) i;
            return true;
        }
    }
    return false;
}

static enum vitlrp_status fail_value(const struct fact_row *row, struct vitlrp_error *err) {
    struct text known = {.limit = 1 << 12};
    if (row->words == NULL) {
        return fail(err, VITLRP_USAGE, STATED ": \"%s\" must be %s from %.9g to %.9g", row->name,
                    fact_number_words(row), row->least, row->most);
    }
    for (size_t i = 0; row->words[i] != NULL; i++) {
        text_printf(&known, "%s%s", i == 0 ? "" : ", ", row->words[i]);
    }
    enum vitlrp_status status = fail(err, VITLRP_USAGE, STATED ": \"%s\" must be one of: %s",
                                     row->name, known.failed ? "" : known.data);
    text_free(&known);
    return status;
}

static enum vitlrp_status state_all(const json_t *object, struct model_facts *out,
                                    struct vitlrp_error *err) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *) (uintptr_t) object, key, value) {
        const struct fact_row *row = find_row(key);
        double number = json_number_value(value);
        if (row == NULL) {
            char shown[80];
            text_escape_line(shown, sizeof shown, key);
            return fail(err, VITLRP_USAGE, STATED ": there is no fact \"%s\"", shown);
        }
        if (row->words != NULL ? !read_word(row, value, &number) : !fact_fits(row, value)) {
            return fail_value(row, err);
        }
        fact_state(fact_member(out, row->offset), number, FACT_USER, STATED, NULL);
    }
    return VITLRP_OK;
}

enum vitlrp_status facts_stated(const char *text, struct model_facts *out,
                                struct vitlrp_error *err) {
    json_t *object = NULL;
    if (text == NULL) {
        return VITLRP_OK;
    }
    enum vitlrp_status status = json_parse_object(text, strlen(text), &object, err);
    if (status != VITLRP_OK) {
        return error_prefix(err, status, STATED);
    }
    status = state_all(object, out, err);
    json_decref(object);
    return status;
}
