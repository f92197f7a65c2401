/* The index finds what labels_find finds, and nothing else (row f07 of the table of bad inputs;
 * that it is fast is shown by cli/texts). */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "api/handles.h"
#include "api/label_index.h"
#include "vitlrp.h"

#include "support/unit.h"

static void assert_same(const struct labels *labels, const struct label_index *index,
                        const char *text) {
    size_t output = 0;
    bool known = labels_find(labels, text, &output, NULL) == VITLRP_OK;
    assert_int_equal(label_index_find(index, text), known ? (int32_t) output : -1);
}

static void assert_same_variants(const struct labels *labels, const struct label_index *index,
                                 const char *text) {
    char changed[256];
    assert_same(labels, index, text);
    snprintf(changed, sizeof changed, "%s", text);
    for (char *next = changed; *next != '\0'; next++) {
        *next = (char) toupper((unsigned char) *next);
    }
    assert_same(labels, index, changed);
    snprintf(changed, sizeof changed, "%s ", text);
    assert_same(labels, index, changed);
    snprintf(changed, sizeof changed, "%s", text);
    for (size_t length = strlen(changed); length > 0; length--) {
        changed[length] = '\0';
        assert_same(labels, index, changed);
    }
}

static void test_f07_index_finds_the_same(void **unused) {
    static const char *const WORDS[] = {
        "",          " ",     ",",       "0",         "999",
        "1000",      "-1",    "007",     "n01440764", "n0",
        "N01440764", "crane", "maillot", "tench,",    "99999999999999999999"};
    struct vitlrp_model *model = NULL;
    struct label_index *index = NULL;
    struct vitlrp_error err;
    (void) unused;
    assert_int_equal(vitlrp_model_open_builtin(NULL, &model, &err), VITLRP_OK);
    assert_int_equal(label_index_open(model->labels, &index, &err), VITLRP_OK);
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
        assert_same(model->labels, index, WORDS[i]);
    }
    for (size_t i = 0; i < model->labels->classes.count; i++) {
        const struct class_entry *entry = &model->labels->classes.items[i];
        assert_same(model->labels, index, entry->wnid);
        assert_same_variants(model->labels, index, entry->name);
        const char *comma = strrchr(entry->name, ',');
        if (comma != NULL) {
            assert_same_variants(model->labels, index, comma + 2);
        }
    }
    label_index_close(index);
    vitlrp_model_close(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_f07_index_finds_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
