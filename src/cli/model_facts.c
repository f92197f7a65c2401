#include "model_facts.h"

#include <string.h>

#include "base/parse.h"
#include "base/words.h"
#include "vitlrp_words.h"

#define LINE_LIMIT ((size_t) 4096)

/* What states a fact: an option, mostly; of the model, and of its text tower. */
static const struct {
    const char *fact, *option, *of_texts;
} OPTIONS[] = {
    {"heads", "--heads", "--text-heads"},
    {"activation", "--activation", "--activation"},
    {"pool", "--pool", NULL},
    {"norm_eps", "--norm-eps", "--norm-eps"},
    {"image_height", "--crop", NULL},
    {"image_width", "--crop", NULL},
    {"probability", "--probability", NULL},
    {"causal", NULL, "--text-tower"},
    {"text_end", NULL, "--text-tower"},
};

static const char *option_of(enum facts_of of, const char *fact) {
    for (size_t i = 0; i < sizeof OPTIONS / sizeof OPTIONS[0]; i++) {
        if (strcmp(OPTIONS[i].fact, fact) == 0) {
            return of == FACTS_OF_TEXTS ? OPTIONS[i].of_texts : OPTIONS[i].option;
        }
    }
    return NULL;
}

static size_t fact_count(const struct vitlrp_model *model, enum facts_of of) {
    struct vitlrp_model_info info;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(model, &info);
    return of == FACTS_OF_TEXTS ? info.text_facts : info.facts;
}

static bool fact_at(const struct vitlrp_model *model, enum facts_of of, size_t number,
                    struct vitlrp_fact *out) {
    return (of == FACTS_OF_TEXTS ? vitlrp_model_text_fact(model, number, out, NULL)
                                 : vitlrp_model_fact(model, number, out, NULL)) == VITLRP_OK;
}

/* The option that corrects a guess that nothing else has decided: --crop sets the size of inputs,
 * and not of the model. NULL: it is no such guess. */
static const char *option_open(const struct vitlrp_fact *fact, enum facts_of of, bool cropped) {
    const char *option = fact->source == VITLRP_FACT_GUESS ? option_of(of, fact->name) : NULL;
    return option != NULL && cropped && strcmp(option, "--crop") == 0 ? NULL : option;
}

void model_facts_tell(const struct vitlrp_model *model, enum facts_of of, bool cropped,
                      const struct console *console) {
    struct text text = {.limit = LINE_LIMIT};
    size_t count = fact_count(model, of);
    for (size_t i = 0; i < count; i++) {
        struct vitlrp_fact fact;
        const char *option = fact_at(model, of, i, &fact) ? option_open(&fact, of, cropped) : NULL;
        if (option != NULL) {
            text_printf(&text, "%s%s %s (%s)", text.length == 0 ? "" : ", ", fact.title, fact.value,
                        option);
        }
    }
    if (text.length > 0 && !text.failed) {
        console_warn(console, "the model's files do not state%s, so it is a guess: %s",
                     of == FACTS_OF_TEXTS ? " of the text tower" : "", text.data);
    }
    text_free(&text);
}

void model_facts_append(struct text *out, const struct vitlrp_model *model, enum facts_of of) {
    size_t count = fact_count(model, of);
    for (size_t i = 0; i < count; i++) {
        struct vitlrp_fact fact;
        if (fact_at(model, of, i, &fact)) {
            const char *option = option_open(&fact, of, false);
            text_printf(out, "%-30s  %-20s  %s%s%s\n", fact.title, fact.value, fact.origin,
                        option == NULL ? "" : ": ", option == NULL ? "" : option);
        }
    }
}

json_t *model_facts_json(const struct vitlrp_model *model, enum facts_of of) {
    json_t *list = json_array();
    size_t count = fact_count(model, of);
    for (size_t i = 0; i < count; i++) {
        struct vitlrp_fact fact;
        if (!fact_at(model, of, i, &fact)) {
            continue;
        }
        json_t *entry =
            json_pack("{s:s, s:s, s:s, s:s}", "name", fact.name, "value", fact.value, "source",
                      word_of(WORDS_FACT_SOURCE, fact.source), "origin", fact.origin);
        if (json_array_append_new(list, entry) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* What the model's outputs are, in the number of `classes`. */
static const char *outputs_word(const struct vitlrp_model_info *info) {
    if (info->outputs == VITLRP_OUTPUTS_CLASSES) {
        return info->classes == 1 ? "class" : "classes";
    }
    return info->classes == 1 ? "output" : "outputs";
}

bool model_facts_find(const struct vitlrp_model *model, const char *name, struct vitlrp_fact *out) {
    size_t count = fact_count(model, FACTS_OF_MODEL);
    for (size_t i = 0; i < count && fact_at(model, FACTS_OF_MODEL, i, out); i++) {
        if (strcmp(out->name, name) == 0) {
            return true;
        }
    }
    return false;
}

const char *model_facts_value(const struct vitlrp_model *model, const char *name) {
    struct vitlrp_fact fact;
    return model_facts_find(model, name, &fact) ? fact.value : NULL;
}

int32_t model_facts_registers(const struct vitlrp_model *model) {
    const char *value = model_facts_value(model, "registers");
    int64_t registers = 0;
    return value != NULL && parse_int64(value, 0, INT32_MAX, &registers) ? (int32_t) registers : 0;
}

void model_line_append(struct text *out, const struct vitlrp_model *model, bool is_builtin) {
    char name[200];
    struct vitlrp_model_info info;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(model, &info);
    text_escape_name(name, sizeof name, is_builtin ? "built-in demonstration" : info.name);
    text_printf(out, "model: %s (%d %s, %d x %d", name, info.classes, outputs_word(&info),
                info.image_width, info.image_height);
    if (is_builtin) {
        text_append_string(out, "); your own: --model FILE, see vitlrp help models\n");
    } else {
        text_printf(out, " in patches of %d x %d, %d blocks of %d)\n", info.patch_width,
                    info.patch_height, info.depth, info.dim);
    }
}

enum vitlrp_status model_tell(const struct settings *settings, const struct vitlrp_model *model,
                              const struct console *console, struct vitlrp_error *err) {
    struct text line = {.limit = LINE_LIMIT};
    if (console->verbosity == 0 || console->stdout_taken) {
        return VITLRP_OK;
    }
    model_line_append(&line, model, settings->model_path == NULL);
    enum vitlrp_status status = console_write(&line, err);
    text_free(&line);
    return status;
}
