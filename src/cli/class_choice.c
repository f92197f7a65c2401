#include "class_choice.h"

#include <string.h>

#include "base/mem.h"
#include "names.h"
#include "text_words.h"

/* One word of an option's list. */
static enum vitlrp_status read_word(const struct vitlrp_model *model, const char *option,
                                    const char *text, struct class_word *out,
                                    struct vitlrp_error *err) {
    *out = (struct class_word){.kind = CLASS_GIVEN};
    if (strcmp(text, CLASS_WORD_PREDICTED) == 0) {
        out->kind = CLASS_PREDICTED;
        return VITLRP_OK;
    }
    if (strcmp(text, CLASS_WORD_LABEL) == 0) {
        out->kind = CLASS_LABEL;
        return VITLRP_OK;
    }
    return error_prefix(err, vitlrp_model_find_class(model, text, &out->given, err), option);
}

/* What a class is contrasted with. */
static enum vitlrp_status read_versus(const struct settings *settings,
                                      const struct vitlrp_model *model,
                                      const struct vitlrp_model_info *info, struct class_word *out,
                                      struct vitlrp_error *err) {
    const char *text = settings->versus_text;
    *out = (struct class_word){.kind = CLASS_GIVEN};
    if (settings_contrast(settings) != NULL) {
        return vitlrp_model_class(model, info->classes - 1, &out->given, err);
    }
    if (strcmp(text, CONTRAST_OTHERS) == 0) {
        out->kind = CLASS_OTHERS;
        out->given = (struct vitlrp_class){
            .output = OTHERS_OUTPUT, .index = -1, .wnid = "", .label = "the others"};
        return info->classes > 1
                   ? VITLRP_OK
                   : fail(err, VITLRP_USAGE, "--versus others: there is one class, and no other");
    }
    bool is_text = strcmp(text, CONTRAST_EMPTY) == 0 ||
                   strncmp(text, CONTRAST_TEXT, strlen(CONTRAST_TEXT)) == 0;
    if (is_text && info->kind == VITLRP_MODEL_PROMPTS) {
        return fail(err, VITLRP_USAGE,
                    "--versus %s: the model's own text tower reads it, which --text and --prompts "
                    "ask for",
                    strcmp(text, CONTRAST_EMPTY) == 0 ? CONTRAST_EMPTY : "text:...");
    }
    return read_word(model, "--versus", text, out, err);
}

static bool is_same(const struct class_word *a, const struct class_word *b) {
    return a->kind == b->kind && (a->kind != CLASS_GIVEN || a->given.output == b->given.output);
}

static enum vitlrp_status add_word(const struct settings *settings,
                                   const struct vitlrp_model *model, const char *text,
                                   struct class_choice *choice, struct vitlrp_error *err) {
    const char *option = settings->word_text != NULL ? "--word" : "--class";
    struct class_word *word = &choice->words[choice->count];
    *word = (struct class_word){.kind = CLASS_GIVEN};
    TRY(settings->word_text != NULL ? text_words_find(model, text, &word->given, err)
                                    : read_word(model, option, text, word, err));
    for (size_t i = 0; i < choice->count; i++) {
        if (is_same(word, &choice->words[i])) {
            return fail(err, VITLRP_USAGE, "%s names '%s' twice", option, text);
        }
    }
    choice->count++;
    return VITLRP_OK;
}

static enum vitlrp_status read_words(const struct settings *settings,
                                     const struct vitlrp_model *model, struct class_choice *choice,
                                     struct vitlrp_error *err) {
    enum vitlrp_status status = VITLRP_OK;
    char *text = mem_strdup(settings->class_text);
    if (text == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the classes to explain");
    }
    for (char *word = text; word != NULL && status == VITLRP_OK;) {
        char *end = word + class_list_length(word);
        char *next = *end == '\0' ? NULL : end + 1;
        *end = '\0';
        status = add_word(settings, model, word, choice, err);
        word = next;
    }
    mem_free(text);
    return status;
}

static enum vitlrp_status check_contrast(const struct class_choice *choice,
                                         struct vitlrp_error *err) {
    const struct class_word *word = &choice->words[0];
    if (choice->count != 1 || !choice->has_versus || !is_same(word, &choice->versus)) {
        return VITLRP_OK;
    }
    static const char *const WORDS[] = {[CLASS_PREDICTED] = CLASS_WORD_PREDICTED,
                                        [CLASS_LABEL] = CLASS_WORD_LABEL,
                                        [CLASS_OTHERS] = CONTRAST_OTHERS};
    return word->kind == CLASS_GIVEN
               ? fail(err, VITLRP_USAGE, "--class and --versus name the same class %d",
                      word->given.index)
               : fail(err, VITLRP_USAGE, "--class and --versus are both '%s'", WORDS[word->kind]);
}

enum vitlrp_status class_choice_open(const struct settings *settings,
                                     const struct vitlrp_model *model, struct class_choice *out,
                                     struct vitlrp_error *err) {
    struct vitlrp_model_info info;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(model, &info);
    *out = (struct class_choice){.top = settings->top};
    if (settings->class_text != NULL) {
        TRY(read_words(settings, model, out, err));
    } else if (settings->top == 0) {
        out->words[out->count++].kind = CLASS_PREDICTED;
    }
    if (settings->versus_text != NULL) {
        out->has_versus = true;
        TRY(read_versus(settings, model, &info, &out->versus, err));
    }
    TRY(check_contrast(out, err));
    int32_t classes = info.classes - (settings_contrast(settings) != NULL ? 1 : 0);
    if (settings->top > classes && settings->word_text != NULL) {
        return fail(err, VITLRP_USAGE, "--word top:%d: the text has only %d words", settings->top,
                    classes);
    }
    if (settings->top > classes) {
        return fail(err, VITLRP_USAGE, "--class top:%d: the model has only %d class%s",
                    settings->top, classes, classes == 1 ? "" : "es");
    }
    return VITLRP_OK;
}

bool class_choice_is_fixed(const struct class_choice *choice) {
    bool fixed = choice->count > 0 && (!choice->has_versus || choice->versus.kind == CLASS_GIVEN);
    for (size_t i = 0; i < choice->count; i++) {
        fixed = fixed && choice->words[i].kind == CLASS_GIVEN;
    }
    return fixed;
}

int32_t class_choice_ranks(const struct class_choice *choice) {
    return choice->count > 0 ? (int32_t) choice->count : choice->top;
}

static enum vitlrp_status take_word(const struct class_word *word, const struct class_image *image,
                                    struct vitlrp_class *out, struct vitlrp_error *err) {
    if (word->kind == CLASS_GIVEN || word->kind == CLASS_OTHERS) {
        *out = word->given;
        return VITLRP_OK;
    }
    int32_t output = word->kind == CLASS_LABEL ? image->label : image->prediction->order[0];
    return vitlrp_model_class(image->model, output, out, err);
}

enum vitlrp_status class_choice_take(const struct class_choice *choice,
                                     const struct class_image *image, int32_t rank,
                                     struct class_taken *out, struct vitlrp_error *err) {
    *out = (struct class_taken){0};
    if (choice->has_versus) {
        TRY(take_word(&choice->versus, image, &out->versus, err));
    }
    if (choice->count == 0) {
        return vitlrp_model_class(image->model, image->prediction->order[rank], &out->target, err);
    }
    TRY(take_word(&choice->words[rank], image, &out->target, err));
    for (int32_t i = 0; i < rank; i++) {
        struct vitlrp_class earlier;
        TRY(take_word(&choice->words[i], image, &earlier, err));
        out->again = out->again || earlier.output == out->target.output;
    }
    return VITLRP_OK;
}

enum vitlrp_status class_of_folder(const struct vitlrp_model *model, const char *path,
                                   struct vitlrp_class *out, struct vitlrp_error *err) {
    struct text name = {.limit = NAME_LIMIT};
    const char *end = strrchr(path, '/');
    const char *begin = end;
    while (begin != NULL && begin > path && begin[-1] != '/') {
        begin--;
    }
    if (end == NULL || begin == end || strncmp(begin, "./", 2) == 0 ||
        strncmp(begin, "../", 3) == 0) {
        return fail(
            err, VITLRP_MISMATCH,
            "its label is the name of its folder, and its path has none (in batch, lists and "
            "files of labels state it too)");
    }
    text_append(&name, begin, (size_t) (end - begin));
    enum vitlrp_status status = text_check(&name, "the name of a folder", err);
    if (status == VITLRP_OK && vitlrp_model_find_class(model, name.data, out, err) != VITLRP_OK) {
        char shown[120];
        text_escape_name(shown, sizeof shown, name.data);
        status = fail(err, VITLRP_MISMATCH, "its folder '%s' has the name of no class", shown);
    }
    text_free(&name);
    return status;
}
