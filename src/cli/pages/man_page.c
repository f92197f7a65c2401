/* vitlrp(1) in the man(7) macros, which groff and mandoc both read. */
#include <ctype.h>
#include <string.h>

#include "cli/help.h"
#include "page.h"
#include "vitlrp.h"

#define WIDTH 70 /* without the backslashes that are added */
#define ENTRY_LIMIT ((size_t) 1 << 12)

/* Bytes as they are, whatever they would mean to roff; "-" as the one that is typed. */
static void append_plain(struct text *out, const char *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) {
        switch (bytes[i]) {
        case '\\':
            text_append_string(out, "\\e");
            break;
        case '-':
            text_append_string(out, "\\-");
            break;
        case '\'':
            text_append_string(out, "\\(aq");
            break;
        case '`':
            text_append_string(out, "\\(ga");
            break;
        case '^':
            text_append_string(out, "\\(ha");
            break;
        case '~':
            text_append_string(out, "\\(ti");
            break;
        default:
            text_append(out, &bytes[i], 1);
        }
    }
}

static void append_font(struct text *out, char font, const char *bytes, size_t length) {
    text_printf(out, "\\f%c", font);
    append_plain(out, bytes, length);
    text_append_string(out, "\\fR");
}

/* A word of a sentence; names of options are bold. */
static void append_word(struct text *out, const char *word, size_t length) {
    size_t name = 0;
    if (length > 2 && strncmp(word, "--", 2) == 0 && islower((unsigned char) word[2])) {
        while (name < length && (islower((unsigned char) word[name]) || word[name] == '-' ||
                                 isdigit((unsigned char) word[name]))) {
            name++;
        }
        append_font(out, 'B', word, name);
    } else if (word[0] == '.') {
        text_append_string(out, "\\&"); /* a line that begins with a full stop is a macro */
    }
    append_plain(out, word + name, length - name);
}

/* Words, which blanks and newlines part, in lines; a sentence begins a line of its own. */
static void append_sentences(struct text *out, const char *words, size_t length) {
    size_t column = 0;
    bool ended = false;
    for (size_t i = 0; i < length;) {
        size_t size = 0;
        while (i + size < length && words[i + size] != ' ' && words[i + size] != '\n') {
            size++;
        }
        if (size == 0) {
            i++;
            continue;
        }
        if (column > 0) {
            bool sentence = ended && isupper((unsigned char) words[i]);
            bool breaks = sentence || column + 1 + size > WIDTH;
            text_append_string(out, breaks ? "\n" : " ");
            column = breaks ? 0 : column + 1;
        }
        append_word(out, words + i, size);
        column += size;
        ended = words[i + size - 1] == '.';
        i += size;
    }
    text_append_string(out, "\n");
}

static void append_paragraph(struct text *out, const char *words) {
    append_sentences(out, words, strlen(words));
}

static bool is_name_byte(char byte) {
    return isalnum((unsigned char) byte) || byte == '-' || byte == '_' || byte == '/';
}

/* A line of the usage: what is to be filled in is slanted, what is typed as it stands is bold. */
static void append_usage(struct text *out, const char *line, size_t length) {
    for (size_t i = 0; i < length;) {
        size_t size = 0;
        while (i + size < length && is_name_byte(line[i + size])) {
            size++;
        }
        if (size == 0) {
            append_plain(out, &line[i++], 1);
            continue;
        }
        bool fill_in = isupper((unsigned char) line[i]) || strncmp(line + i, "options", size) == 0;
        append_font(out, fill_in ? 'I' : 'B', line + i, size);
        i += size;
    }
}

/* An entry of a text in the form of help_verb_usage. */
struct entry {
    const char *typed;
    size_t typed_length;
    const char *explanation; /* with the blanks and newlines that it has there */
    size_t explanation_length;
};

/* Takes the next entry off the text; false at its end. */
static bool next_entry(const char **text, struct entry *entry) {
    const char *line = *text + strspn(*text, " ");
    if (*line == '\0') {
        return false;
    }
    const char *end = line + strcspn(line, "\n");
    const char *gap = strstr(line, "  ");
    gap = gap == NULL || gap > end ? end : gap;
    while (strncmp(end, "\n   ", 4) == 0) {
        end += 1 + strcspn(end + 1, "\n");
    }
    *entry = (struct entry){line, (size_t) (gap - line), gap, (size_t) (end - gap)};
    *text = *end == '\n' ? end + 1 : end;
    return true;
}

static void append_head(struct text *out) {
    text_printf(out,
                ".\\\" Made from the option table of vitlrp: change that.\n"
                ".TH VITLRP 1 %s \"vitlrp %s\" \"User Commands\"\n"
                ".SH NAME\n"
                "vitlrp \\- relevance maps of Vision Transformers by AttnLRP\n"
                ".SH SYNOPSIS\n"
                ".nf\n",
                VITLRP_DATE, vitlrp_version());
    for (enum verb verb = 0; verb < VERB_COUNT; verb++) {
        struct entry entry;
        const char *usage = help_verb_usage(verb);
        while (next_entry(&usage, &entry)) {
            append_usage(out, entry.typed, entry.typed_length);
            text_append_string(out, "\n");
        }
    }
    text_append_string(out, ".fi\n.SH DESCRIPTION\n");
    append_paragraph(
        out, "Which pixels made a Vision Transformer decide? vitlrp draws the answer: a "
             "class-specific heat map by AttnLRP with the gamma rule (Achtibat et al., ICML 2024), "
             "or by one of the methods below. Without a class, the most likely one is explained; "
             "without an output, the picture is written to the current folder, under the image's "
             "name with .heat.png at its end. Without a model, the command uses a small built-in "
             "one, a demonstration for 200 classes of ImageNet.");
}

/* Every verb with its lines of the usage; where one says nothing beyond the synopsis, it is left
 * out. */
static void append_verbs(struct text *out) {
    text_append_string(out, ".SH VERBS\n");
    for (enum verb verb = 0; verb < VERB_COUNT; verb++) {
        struct entry entry;
        const char *usage = help_verb_usage(verb);
        text_printf(out, ".TP\n\\fB%s\\fR\n", verb_name(verb));
        append_paragraph(out, help_verb_summary(verb));
        while (next_entry(&usage, &entry)) {
            if (entry.explanation_length > 0) {
                text_append_string(out, ".br\n");
                append_usage(out, entry.typed, entry.typed_length);
                text_append_string(out, ":\n");
                append_sentences(out, entry.explanation, entry.explanation_length);
            }
        }
    }
}

static void append_option(struct text *out, enum option_id option) {
    const struct option_entry *entry = &option_table()[option];
    text_append_string(out, ".TP\n");
    if (entry->letter != 0) {
        text_printf(out, "\\fB\\-%c\\fR%s", entry->letter, entry->name != NULL ? ", " : "");
    }
    if (entry->name != NULL) {
        text_append_string(out, "\\fB\\-\\-");
        append_plain(out, entry->name, strlen(entry->name));
        text_append_string(out, "\\fR");
    }
    if (entry->argument != NULL) {
        text_append_string(out, " ");
        append_font(out, 'I', entry->argument, strlen(entry->argument));
    }
    struct text words = {.limit = ENTRY_LIMIT};
    if ((entry->verbs & FOR_EXPLAIN) == 0) {
        help_append_verbs(&words, entry->verbs);
    }
    option_append_help(option, &words);
    text_append_string(out, "\n");
    append_sentences(out, words.data, words.failed ? 0 : words.length);
    out->failed = out->failed || words.failed;
    text_free(&words);
}

static void append_options(struct text *out) {
    const struct option_entry *table = option_table();
    text_append_string(out, ".SH OPTIONS\n");
    for (enum help_group group = 0; group < GROUP_COUNT; group++) {
        text_printf(out, ".SS %s\n", help_group_title(group));
        for (enum option_id i = 0; i < OPTION_COUNT; i++) {
            if (table[i].group == group) {
                append_option(out, i);
            }
        }
    }
}

static void append_methods(struct text *out) {
    const char *name;
    const char *summary;
    text_append_string(out, ".SH METHODS\n");
    for (size_t i = 0; (name = page_choice(OPTION_METHOD, i, &summary)) != NULL; i++) {
        text_append_string(out, ".TP\n");
        append_font(out, 'B', name, strlen(name));
        text_append_string(out, "\n");
        append_paragraph(out, summary);
    }
}

static void append_examples(struct text *out) {
    text_append_string(out, ".SH EXAMPLES\n");
    for (enum verb verb = 0; verb < VERB_COUNT; verb++) {
        struct entry entry;
        const char *examples = help_verb_examples(verb);
        while (next_entry(&examples, &entry)) {
            bool explained = entry.explanation_length > 0;
            text_append_string(out, explained ? ".TP\n" : ".PP\n");
            append_font(out, 'B', entry.typed, entry.typed_length);
            text_append_string(out, "\n");
            if (explained) {
                append_sentences(out, entry.explanation, entry.explanation_length);
            }
        }
    }
}

static void append_entries(struct text *out, const char *title, const struct help_entry *entry) {
    text_printf(out, ".SH %s\n", title);
    for (; entry->name != NULL; entry++) {
        text_printf(out, ".TP\n\\fB%s\\fR\n", entry->name);
        append_paragraph(out, entry->text);
    }
}

void page_man(struct text *out) {
    append_head(out);
    append_verbs(out);
    append_options(out);
    append_methods(out);
    append_examples(out);
    append_entries(out, "ENVIRONMENT", help_environment());
    append_entries(out, "EXIT STATUS", help_exit_status());
    text_append_string(out, ".SH NOTES\n");
    append_paragraph(out, help_closing());
}
