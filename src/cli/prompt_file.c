#include "prompt_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

/* ---- Prompts ---- */

static enum vitlrp_status split_line(char *line, struct vitlrp_prompt *out,
                                     struct vitlrp_error *err) {
    char *tab = strchr(line, '\t');
    *out = (struct vitlrp_prompt){.text = line};
    if (tab == NULL) {
        return VITLRP_OK;
    }
    *tab = '\0';
    *out = (struct vitlrp_prompt){.name = line, .text = tab + 1};
    if (strchr(tab + 1, '\t') != NULL) {
        return fail(err, VITLRP_FORMAT, "the line has more than one tab: it is NAME<TAB>PROMPT");
    }
    if (line[strspn(line, " ")] == '\0' || tab[1 + strspn(tab + 1, " ")] == '\0') {
        return fail(err, VITLRP_FORMAT,
                    "the line has no %s: it is NAME<TAB>PROMPT, or a prompt without a tab",
                    line[strspn(line, " ")] == '\0' ? "name" : "prompt");
    }
    return VITLRP_OK;
}

static int compare_prompts(const void *a, const void *b) {
    const struct vitlrp_prompt *const *first = a;
    const struct vitlrp_prompt *const *second = b;
    int order = strcmp((*first)->text, (*second)->text);
    return order != 0 ? order : (*first > *second) - (*first < *second);
}

/* Two classes of one name are rarely meant: ImageNet's published names have some. */
static enum vitlrp_status fail_twice(const struct prompt_file *file, const char *path,
                                     const struct vitlrp_prompt *first,
                                     const struct vitlrp_prompt *again, struct vitlrp_error *err) {
    char shown[80];
    (void) text_escape_line(shown, sizeof shown, again->text);
    fail(err, VITLRP_FORMAT,
         "'%s' is line %zu too: NAME<TAB>PROMPT tells two classes apart, or joins the prompts of "
         "one",
         shown, (size_t) (first - file->prompts) + 1);
    return text_lines_fail(path, (size_t) (again - file->prompts), err, VITLRP_FORMAT);
}

static enum vitlrp_status check_distinct(const struct prompt_file *file, const char *path,
                                         struct vitlrp_error *err) {
    enum vitlrp_status status = VITLRP_OK;
    size_t count = 0;
    const struct vitlrp_prompt **sorted = mem_calloc(file->count, sizeof *sorted);
    if (sorted == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu prompts", file->count);
    }
    for (size_t i = 0; i < file->count; i++) {
        if (file->prompts[i].name == NULL) {
            sorted[count++] = &file->prompts[i];
        }
    }
    qsort(sorted, count, sizeof *sorted, compare_prompts);
    for (size_t i = 1; i < count && status == VITLRP_OK; i++) {
        if (strcmp(sorted[i - 1]->text, sorted[i]->text) == 0) {
            status = fail_twice(file, path, sorted[i - 1], sorted[i], err);
        }
    }
    mem_free(sorted);
    return status;
}

enum vitlrp_status prompt_file_read(const char *path, struct prompt_file *out,
                                    struct vitlrp_error *err) {
    *out = (struct prompt_file){0};
    TRY(text_lines_read(path, "prompt", &out->lines, err));
    out->prompts = mem_calloc(out->lines.count, sizeof *out->prompts);
    if (out->prompts == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu prompts", out->lines.count);
    }
    for (; out->count < out->lines.count; out->count++) {
        char *line = out->lines.lines[out->count];
        enum vitlrp_status status = split_line(line, &out->prompts[out->count], err);
        if (status != VITLRP_OK) {
            return text_lines_fail(path, out->count, err, status);
        }
    }
    return check_distinct(out, path, err);
}

void prompt_file_close(struct prompt_file *file) {
    text_lines_close(&file->lines);
    mem_free(file->prompts);
    *file = (struct prompt_file){0};
}

/* ---- Templates ---- */

static enum vitlrp_status read_templates(const char *path, struct template_file *out,
                                         struct vitlrp_error *err) {
    TRY(text_lines_read(path, "template", &out->lines, err));
    for (size_t i = 0; i < out->lines.count; i++) {
        if (strstr(out->lines.lines[i], "{}") == NULL) {
            fail(err, VITLRP_FORMAT, "the template has no {}, where a name is put");
            return text_lines_fail(path, i, err, VITLRP_FORMAT);
        }
    }
    out->templates = (const char *const *) out->lines.lines;
    out->count = out->lines.count;
    return VITLRP_OK;
}

enum vitlrp_status template_file_read(const char *name, const struct vitlrp_inputs *inputs,
                                      struct template_file *out, struct vitlrp_error *err) {
    *out = (struct template_file){0};
    if (strcmp(name, "none") == 0 ||
        vitlrp_templates(name, &out->templates, &out->count, NULL) == VITLRP_OK) {
        return VITLRP_OK;
    }
    TRY(file_tell(inputs, name, err));
    enum vitlrp_status status = read_templates(name, out, err);
    return status == VITLRP_IO && err->system_errno == ENOENT
               ? option_fail("--templates", name,
                             "imagenet80, imagenet7, none or the name of a file", err)
               : status;
}

void template_file_close(struct template_file *file) {
    text_lines_close(&file->lines);
    *file = (struct template_file){0};
}
