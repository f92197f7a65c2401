#include "api/prompt_list.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "text/tokenizer.h"

#define MAX_TEMPLATES ((size_t) 1000)
#define PLACE "{}" /* of a prompt, in a template */

/* ---- What is given ---- */

static enum vitlrp_status check_counts(size_t count, const struct vitlrp_text_options *options,
                                       struct vitlrp_error *err) {
    if (count == 0) {
        return fail(err, VITLRP_USAGE, "no text is given");
    }
    if (count > PROMPT_LIST_MOST) {
        return fail(err, VITLRP_LIMIT, "%zu texts; at most %zu are taken", count, PROMPT_LIST_MOST);
    }
    if (options->template_count > MAX_TEMPLATES) {
        return fail(err, VITLRP_LIMIT, "%zu templates; at most %zu are taken",
                    options->template_count, MAX_TEMPLATES);
    }
    return VITLRP_OK;
}

static enum vitlrp_status check_texts(const struct vitlrp_prompt *prompts, size_t count,
                                      const struct vitlrp_text_options *options,
                                      struct vitlrp_error *err) {
    TRY(check_counts(count, options, err));
    for (size_t i = 0; i < count; i++) {
        if (prompts[i].text == NULL) {
            return fail(err, VITLRP_USAGE, "text %zu is NULL", i);
        }
    }
    for (size_t i = 0; i < options->template_count; i++) {
        const char *template = options->templates == NULL ? NULL : options->templates[i];
        if (template == NULL) {
            return fail(err, VITLRP_USAGE, "template %zu is NULL", i);
        }
        if (strstr(template, PLACE) == NULL) {
            char shown[80];
            (void) text_escape_line(shown, sizeof shown, template);
            return fail(err, VITLRP_USAGE, "the template '%s' has no {}, where a text is put",
                        shown);
        }
    }
    return VITLRP_OK;
}

/* ---- Classes ---- */

struct named {
    const char *name;
    size_t index; /* of the prompt */
};

const char *prompt_name(const struct vitlrp_prompt *prompt) {
    return prompt->name == NULL ? prompt->text : prompt->name;
}

static int compare_names(const void *a, const void *b) {
    const struct named *first = a;
    const struct named *second = b;
    int order = strcmp(first->name, second->name);
    return order != 0 ? order : (first->index > second->index) - (first->index < second->index);
}

/* class_of = the first prompt of the same name, for each. */
static void find_first(struct named *sorted, struct prompt_list *list) {
    qsort(sorted, list->count, sizeof *sorted, compare_names);
    for (size_t i = 0; i < list->count; i++) {
        bool same = i > 0 && strcmp(sorted[i - 1].name, sorted[i].name) == 0;
        list->class_of[sorted[i].index] =
            same ? list->class_of[sorted[i - 1].index] : sorted[i].index;
    }
}

/* Numbers the classes by first appearance, and gathers the prompts of each in their order. */
static void number_classes(struct prompt_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        bool is_first = list->class_of[i] == i;
        list->class_of[i] = is_first ? list->classes : list->class_of[list->class_of[i]];
        if (is_first) {
            list->names[list->classes++] = prompt_name(&list->prompts[i]);
        }
    }
    for (size_t i = 0; i < list->count; i++) {
        list->first[list->class_of[i] + 1]++;
    }
    list->given = list->classes;
    for (size_t c = 0; c < list->given; c++) {
        list->first[c + 1] += list->first[c];
    }
    for (size_t i = 0; i < list->count; i++) {
        list->order[list->first[list->class_of[i]]++] = i;
    }
    for (size_t c = list->given; c > 0; c--) { /* they were moved on to the ends */
        list->first[c] = list->first[c - 1];
    }
    list->first[0] = 0;
}

static enum vitlrp_status group_prompts(struct prompt_list *list, struct vitlrp_error *err) {
    size_t count = list->count;
    struct named *sorted = mem_calloc(count, sizeof *sorted);
    list->names = mem_calloc(count + 1, sizeof *list->names);
    list->class_of = mem_calloc(count, sizeof *list->class_of);
    list->order = mem_calloc(count, sizeof *list->order);
    list->first = mem_calloc(count + 1, sizeof *list->first);
    bool held = sorted != NULL && list->names != NULL && list->class_of != NULL &&
                list->order != NULL && list->first != NULL;
    if (held) {
        for (size_t i = 0; i < count; i++) {
            sorted[i] = (struct named){.name = prompt_name(&list->prompts[i]), .index = i};
        }
        find_first(sorted, list);
        number_classes(list);
    }
    if (held && list->contrast != NULL) {
        list->names[list->classes++] =
            list->contrast[0] == '\0' ? "the empty prompt" : list->contrast;
    }
    mem_free(sorted);
    return held ? VITLRP_OK : fail(err, VITLRP_NOMEM, "out of memory for %zu texts", count);
}

enum vitlrp_status prompt_list_open(const struct vitlrp_prompt *prompts, size_t count,
                                    const struct vitlrp_text_options *options,
                                    struct prompt_list *out, struct vitlrp_error *err) {
    *out =
        (struct prompt_list){.prompts = prompts,
                             .templates = options->template_count > 0 ? options->templates : NULL,
                             .contrast = options->contrast,
                             .count = count,
                             .template_count = size_max(options->template_count, 1)};
    TRY(check_texts(prompts, count, options, err));
    if (!checked_mul(&out->texts, count, out->template_count)) {
        return fail(err, VITLRP_LIMIT, "too many texts");
    }
    out->texts += options->contrast == NULL ? 1 : 2;
    return group_prompts(out, err);
}

void prompt_list_close(struct prompt_list *list) {
    mem_free((void *) list->names);
    mem_free(list->class_of);
    mem_free(list->order);
    mem_free(list->first);
    *list = (struct prompt_list){0};
}

/* ---- Texts ---- */

/* Texts that stand in templates. */
static size_t inside(const struct prompt_list *list) {
    return list->count * list->template_count;
}

size_t prompt_list_class(const struct prompt_list *list, size_t text) {
    if (text >= inside(list)) {
        return list->given + (text - inside(list));
    }
    return list->class_of[list->order[text / list->template_count]];
}

size_t prompt_list_first(const struct prompt_list *list, size_t class) {
    if (class > list->given) {
        return inside(list) + (class - list->given);
    }
    return list->first[class] * list->template_count;
}

enum vitlrp_status prompt_list_text(const struct prompt_list *list, size_t text, struct text *out,
                                    struct vitlrp_error *err) {
    text_free(out);
    *out = (struct text){.limit = TOKENIZER_MAX_TEXT};
    if (text >= inside(list)) {
        bool is_contrast = list->contrast != NULL && text == inside(list);
        text_append_string(out, is_contrast ? list->contrast : "");
        return text_check(out, "a text", err);
    }
    const char *prompt = list->prompts[list->order[text / list->template_count]].text;
    const char *rest =
        list->templates == NULL ? PLACE : list->templates[text % list->template_count];
    for (const char *place = strstr(rest, PLACE); place != NULL; place = strstr(rest, PLACE)) {
        text_append(out, rest, (size_t) (place - rest));
        text_append_string(out, prompt);
        rest = place + strlen(PLACE);
    }
    text_append_string(out, rest);
    return text_check(out, "a text in its template", err);
}
