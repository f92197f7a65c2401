/* The texts of a zero-shot classifier: prompts by class, each put into every template. */
#ifndef API_PROMPT_LIST_H
#define API_PROMPT_LIST_H

#include <stddef.h>

#include "base/status.h"
#include "base/text.h"
#include "vitlrp_words.h"

#define PROMPT_LIST_MOST ((size_t) 200000) /* prompts */

/* Texts are numbered class by class, then by prompt, then by template. Behind them come those that
 * stand in no template: the contrast, if there is one, which is a class of its own, and the empty
 * text, which is none. */
struct prompt_list {
    const struct vitlrp_prompt *prompts; /* [count]: the caller's */
    const char *const *templates;        /* [template_count]: the caller's; NULL: none */
    size_t count, template_count;        /* 1 without templates */
    const char *contrast;                /* the caller's; NULL: none */
    const char **names; /* [classes]: the prompts' own, by first appearance; owned */
    size_t given;       /* classes of prompts */
    size_t classes, texts;
    size_t *class_of; /* [count]: of each prompt; owned */
    size_t *order;    /* [count]: the prompts class by class; owned */
    size_t *first;    /* [classes + 1]: where those of each class begin; owned */
};

/* Prompts of one name are one class. USAGE for none, for one that is NULL and for a template
 * without {}; LIMIT for too many. prompt_list_close, after a failure too. */
enum vitlrp_status prompt_list_open(const struct vitlrp_prompt *prompts, size_t count,
                                    const struct vitlrp_text_options *options,
                                    struct prompt_list *out, struct vitlrp_error *err);

void prompt_list_close(struct prompt_list *list);

/* What the class of a prompt is called: its name, or the text of one without. */
const char *prompt_name(const struct vitlrp_prompt *prompt);

/* The class of text number `text`, and the first text of a class; that of the empty text is
 * `classes`. */
size_t prompt_list_class(const struct prompt_list *list, size_t text);
size_t prompt_list_first(const struct prompt_list *list, size_t class);

/* *out = text number `text`; what was in it is gone. */
enum vitlrp_status prompt_list_text(const struct prompt_list *list, size_t text, struct text *out,
                                    struct vitlrp_error *err);

#endif
