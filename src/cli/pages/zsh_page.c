/* The completion for zsh 5: a function _vitlrp for the shell's own _arguments. */
#include <string.h>

#include "cli/help.h"
#include "page.h"

/* Text inside single quotes: one of its own ends them, is quoted, and begins them again. */
static void append_text(struct text *out, const char *words, size_t length, const char *special) {
    for (size_t i = 0; i < length; i++) {
        if (words[i] == '\'') {
            text_append_string(out, "'\\''");
        } else {
            page_append_quoted(out, &words[i], 1, special);
        }
    }
}

static void append_brief(struct text *out, const char *words, const char *special) {
    append_text(out, words, help_brief_length(words), special);
}

/* The functions that find the verb: as the command does, the first word that is neither an option
 * nor the value of one. */
static void append_verb_function(struct text *out) {
    const char *join = "        ";
    text_append_string(out, "# Sets verb and its place among the words. Where none is written the "
                            "place is 0, and verb\n"
                            "# explain if it is too late for one, else empty.\n"
                            "_vitlrp_find_verb() {\n"
                            "    integer i\n"
                            "    verb= place=0\n"
                            "    for ((i = 2; i < CURRENT; i++)); do\n"
                            "        case $words[i] in\n");
    for (enum option_id i = 0; i < OPTION_COUNT; i++) {
        const struct option_entry *entry = &option_table()[i];
        if (entry->argument != NULL && entry->name != NULL) {
            text_printf(out, "%s--%s", join, entry->name);
            join = "|";
        }
        if (entry->argument != NULL && entry->letter != 0) {
            text_printf(out, "%s-%c", join, entry->letter);
            join = "|";
        }
    }
    text_append_string(out, ") ((i++)) ;;\n"
                            "        --) verb=explain && return ;;\n"
                            "        -?*) ;;\n"
                            "        ");
    page_append_verbs(out, FOR_ALL, "|");
    text_append_string(out, ") verb=$words[i] place=$i && return ;;\n"
                            "        *) verb=explain && return ;;\n"
                            "        esac\n"
                            "    done\n"
                            "    ((i == CURRENT)) || verb=explain # the value of an option\n"
                            "}\n\n");
}

/* A function that offers an option's words, each with what it means if that is known; called where
 * $verb is the verb. */
static void append_choice_function(struct text *out, enum option_id option) {
    const char *word;
    const char *summary;
    text_printf(out, "_vitlrp_%s() {\n    local -a choices=(\n", option_table()[option].name);
    for (size_t i = 0; (word = page_choice(option, i, &summary)) != NULL; i++) {
        text_printf(out, "        '%s", word);
        if (summary != NULL) {
            text_append_string(out, ":");
            append_text(out, summary, strlen(summary), "\\:");
        }
        text_append_string(out, "'\n");
    }
    text_append_string(out, "    )\n");
    const struct more_choices *more = option_more_choices(option);
    if (more->verbs != 0) {
        text_append_string(out, "    [[ $verb == (");
        page_append_verbs(out, more->verbs, "|");
        text_append_string(out, ") ]] && choices+=(");
        for (size_t i = 0; more->words[i] != NULL; i++) {
            text_printf(out, i == 0 ? "%s" : " %s", more->words[i]);
        }
        text_append_string(out, ")\n");
    }
    text_printf(out,
                "    _describe -t choices '%s' choices \"$@\"\n"
                "}\n\n",
                option_table()[option].name);
}

/* ":FILE:_files", what _arguments needs to know about an option's value. */
static void append_value(struct text *out, enum option_id option) {
    const struct option_entry *entry = &option_table()[option];
    enum page_value value = page_value_of(option);
    if (value == PAGE_NO_VALUE) {
        return;
    }
    text_printf(out, ":%s:", entry->argument);
    if (value == PAGE_FILE) {
        text_append_string(out, "_files");
    } else if (value == PAGE_WORD) {
        text_printf(out, "_vitlrp_%s", entry->name);
    } else if (value == PAGE_LIST) {
        text_printf(out, "_sequence _vitlrp_%s", entry->name);
    }
}

/* "'(-m --model)'{-m+,--model=}'[weights]:FILE:_files'" */
static void append_option(struct text *out, enum option_id option) {
    const struct option_entry *entry = &option_table()[option];
    bool takes = entry->argument != NULL;
    text_append_string(out, "            ");
    if (entry->letter != 0 && entry->name != NULL) {
        text_printf(out, "'(-%c --%s)'{-%c%s,--%s%s}'", entry->letter, entry->name, entry->letter,
                    takes ? "+" : "", entry->name, takes ? "=" : "");
    } else if (entry->letter != 0) {
        text_printf(out, "'-%c%s", entry->letter, takes ? "+" : "");
    } else {
        text_printf(out, "'--%s%s", entry->name, takes ? "=" : "");
    }
    text_append_string(out, "[");
    append_brief(out, entry->help, "\\[]");
    text_append_string(out, "]");
    append_value(out, option);
    text_append_string(out, "'\n");
}

static void append_main(struct text *out) {
    text_append_string(out, "_vitlrp() {\n"
                            "    local verb\n"
                            "    integer place\n"
                            "    local -a verbs=(\n");
    for (enum verb verb = 0; verb < VERB_COUNT; verb++) {
        text_printf(out, "        '%s:", verb_name(verb));
        append_brief(out, help_verb_summary(verb), "\\:");
        text_append_string(out, "'\n");
    }
    text_append_string(out, "    )\n"
                            "    local -a specs\n"
                            "    local operands='*:file:_files'\n"
                            "    _vitlrp_find_verb\n"
                            "    if [[ -z $verb && $PREFIX != -* ]]; then\n"
                            "        _describe -t verbs verb verbs\n"
                            "        _files\n"
                            "        return\n"
                            "    fi\n"
                            "    case ${verb:-explain} in\n");
    for (enum verb verb = 0; verb < VERB_COUNT; verb++) {
        text_printf(out, "    %s)\n        specs=(\n", verb_name(verb));
        for (enum option_id i = 0; i < OPTION_COUNT; i++) {
            if ((option_table()[i].verbs & 1U << verb) != 0) {
                append_option(out, i);
            }
        }
        text_append_string(out, "        )\n        ;;\n");
    }
    text_append_string(out, "    esac\n"
                            "    [[ $verb == help ]] && operands='*:topic:(");
    page_append_topics(out, " ");
    text_append_string(out, ")'\n"
                            "    if ((place > 0)); then\n"
                            "        words[place]=()\n"
                            "        ((CURRENT--))\n"
                            "    fi\n"
                            "    _arguments -s -S : $specs $operands\n"
                            "}\n\n"
                            "_vitlrp \"$@\"\n");
}

void page_zsh(struct text *out) {
    text_append_string(out, "#compdef vitlrp\n"
                            "# Completion of vitlrp for zsh, made from its option table: change "
                            "that.\n\n");
    append_verb_function(out);
    for (enum option_id i = 0; i < OPTION_COUNT; i++) {
        if (option_choices(i) != NULL) {
            append_choice_function(out, i);
        }
    }
    append_main(out);
}
