#include "model_facts.h"

#include <string.h>

#include "base/words.h"

#define LINE_LIMIT ((size_t) 4096)

/* The facts that an option states. */
static const struct {
    const char *fact, *option;
} OPTIONS[] = {
    {"heads", "--heads"},
    {"activation", "--activation"},
    {"pool", "--pool"},
    {"norm_eps", "--norm-eps"},
    {"image_height", "--crop"},
    {"image_width", "--crop"},
    {"probability", "--probability"},
};

static const char *option_of(const char *fact) {
    for (size_t i = 0; i < sizeof OPTIONS / sizeof OPTIONS[0]; i++) {
        if (strcmp(OPTIONS[i].fact, fact) == 0) {
            return OPTIONS[i].option;
        }
    }
    return NULL;
}

static size_t fact_count(const struct vitlrp_model *model) {
    struct vitlrp_model_info info;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(model, &info);
    return info.facts;
}

/* A guess that nothing else has decided: --crop sets the size of inputs, and not of the model. */
static bool is_open_guess(const struct vitlrp_fact *fact, bool cropped) {
    const char *option = option_of(fact->name);
    return fact->source == VITLRP_FACT_GUESS && option != NULL &&
           !(cropped && strcmp(option, "--crop") == 0);
}

void model_facts_tell(const struct vitlrp_model *model, bool cropped,
                      const struct console *console) {
    struct text text = {.limit = LINE_LIMIT};
    size_t count = fact_count(model);
    for (size_t i = 0; i < count; i++) {
        struct vitlrp_fact fact;
        if (vitlrp_model_fact(model, i, &fact, NULL) == VITLRP_OK &&
            is_open_guess(&fact, cropped)) {
            text_printf(&text, "%s%s %s (%s)", text.length == 0 ? "" : ", ", fact.title, fact.value,
                        option_of(fact.name));
        }
    }
    if (text.length > 0 && !text.failed) {
        console_warn(console, "the model's files do not state, so it is a guess: %s", text.data);
    }
    text_free(&text);
}

void model_facts_append(struct text *out, const struct vitlrp_model *model) {
    size_t count = fact_count(model);
    for (size_t i = 0; i < count; i++) {
        struct vitlrp_fact fact;
        if (vitlrp_model_fact(model, i, &fact, NULL) == VITLRP_OK) {
            const char *option = fact.source == VITLRP_FACT_GUESS ? option_of(fact.name) : NULL;
            text_printf(out, "%-30s  %-20s  %s%s%s\n", fact.title, fact.value, fact.origin,
                        option == NULL ? "" : ": ", option == NULL ? "" : option);
        }
    }
}

json_t *model_facts_json(const struct vitlrp_model *model) {
    json_t *list = json_array();
    size_t count = fact_count(model);
    for (size_t i = 0; i < count; i++) {
        struct vitlrp_fact fact;
        if (vitlrp_model_fact(model, i, &fact, NULL) != VITLRP_OK) {
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
