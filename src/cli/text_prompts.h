/* --text, --prompts and --templates: texts that images are compared with, by the text tower of the
 * model. */
#ifndef CLI_TEXT_PROMPTS_H
#define CLI_TEXT_PROMPTS_H

#include "console.h"
#include "prompt_file.h"
#include "settings.h"
#include "vitlrp.h"
#include "vitlrp_words.h"

/* The texts as the options give them. */
struct text_prompts {
    struct prompt_file file;         /* of --prompts */
    struct template_file templates;  /* of --templates */
    struct vitlrp_prompt *own;       /* of --text; owned */
    const struct vitlrp_prompt *all; /* [count]: one of both; none if nothing is given */
    size_t count;
};

/* Reads the files, which takes less time than a model. text_prompts_close, after a failure too. */
enum vitlrp_status text_prompts_read(const struct settings *settings, struct text_prompts *out,
                                     struct vitlrp_error *err);

void text_prompts_close(struct text_prompts *prompts);

/* How the settings say that texts are read; with a console, what is to be said of them is. */
struct vitlrp_text_options text_options_of(const struct settings *settings,
                                           const struct console *console);

/* Makes, of a model of images and texts, the one whose classes are these texts; *model is replaced
 * by it. Where their rows will be saved, those that are done are kept beside that file. USAGE for a
 * model without a text tower. Warns of a text that is cut, and says how far longer work is. */
enum vitlrp_status text_prompts_choose(const struct text_prompts *prompts,
                                       const struct settings *settings,
                                       const struct console *console, struct vitlrp_model **model,
                                       struct vitlrp_error *err);

/* The path of what is kept; "" where no rows will be saved. *out: text_free. */
enum vitlrp_status text_prompts_journal(const struct settings *settings, struct text *out,
                                        struct vitlrp_error *err);

/* Writes the rows of that model to the settings' file, and removes what was kept beside it. */
enum vitlrp_status text_prompts_save(const struct settings *settings,
                                     const struct vitlrp_model *model, struct vitlrp_error *err);

#endif
