/* Class names in config.json. Decides nothing about what a name means. */
#include "api/label_words.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"

const char *label_words_name(const struct label_words *words, size_t output) {
    char key[24];
    char placeholder[32];
    snprintf(key, sizeof key, "%zu", output);
    snprintf(placeholder, sizeof placeholder, "LABEL_%zu", output);
    const char *name = json_is_array(words->names)
                           ? json_string_value(json_array_get(words->names, output))
                           : json_get_string(words->names, key);
    return name == NULL || strcmp(name, placeholder) == 0 ? NULL : name;
}

const char *label_words_description(const struct label_words *words, const char *name) {
    return json_get_string(words->descriptions, name);
}

/* Whether any output has a name: transformers writes a list of placeholders where there are none.
 */
static bool has_names(const struct label_words *words) {
    size_t count = json_is_array(words->names) ? json_array_size(words->names)
                                               : json_object_size(words->names);
    for (size_t i = 0; i < count; i++) {
        if (label_words_name(words, i) != NULL) {
            return true;
        }
    }
    return false;
}

struct label_words label_words_of(const json_t *config) {
    static const struct {
        const char *key, *descriptions;
    } PLACES[] = {{"id2label", NULL},
                  {"label_names", "label_descriptions"},
                  {"labels", "label_descriptions"}}; /* timm's older name of label_names */
    const json_t *nested = json_object_get(config, "pretrained_cfg");
    const json_t *objects[] = {config, nested};
    for (size_t i = 0; i < sizeof PLACES / sizeof PLACES[0]; i++) {
        for (size_t k = 0; k < 2; k++) {
            struct label_words words = {
                .names = json_object_get(objects[k], PLACES[i].key),
                .descriptions = PLACES[i].descriptions == NULL
                                    ? NULL
                                    : json_object_get(objects[k], PLACES[i].descriptions),
                .key = PLACES[i].key};
            if (has_names(&words)) {
                return words;
            }
        }
    }
    return (struct label_words){0};
}
