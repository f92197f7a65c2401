/* --prompts and --templates: files of prompts and of templates. */
#ifndef CLI_PROMPT_FILE_H
#define CLI_PROMPT_FILE_H

#include <stddef.h>

#include "base/status.h"
#include "text_lines.h"
#include "vitlrp_words.h"

struct prompt_file {
    struct text_lines lines;
    struct vitlrp_prompt *prompts; /* [count]: into the lines; owned */
    size_t count;
};

/* A line is a prompt, which is its class's name too, or NAME<TAB>PROMPT; lines of one name are one
 * class. FORMAT, with the number of the line, for one that text_lines_read refuses, that has an
 * empty name or prompt or more than one tab, and for a prompt without a name that stands there
 * twice. prompt_file_close, after a failure too. */
enum vitlrp_status prompt_file_read(const char *path, struct prompt_file *out,
                                    struct vitlrp_error *err);

void prompt_file_close(struct prompt_file *file);

struct template_file {
    struct text_lines lines;      /* of a file */
    const char *const *templates; /* [count]; NULL: none */
    size_t count;
};

/* The list of a name that the library knows ("none": none), else of a file, a template a line.
 * FORMAT, with the number of the line, for one that text_lines_read refuses and for one without {}.
 * `inputs` is told of the file. template_file_close, after a failure too. */
enum vitlrp_status template_file_read(const char *name, const struct vitlrp_inputs *inputs,
                                      struct template_file *out, struct vitlrp_error *err);

void template_file_close(struct template_file *file);

#endif
