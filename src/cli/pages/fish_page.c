/* The completion for fish 3. */
#include <string.h>

#include "cli/help.h"
#include "page.h"

/* What has a meaning between single quotes. */
#define QUOTED "\\'"

static void append_description(struct text *out, const char *words) {
    text_append_string(out, " -d '");
    page_append_quoted(out, words, help_brief_length(words), QUOTED);
    text_append_string(out, "'");
}

/* The functions that find the verb: as the command does, the first word that is neither an option
 * nor the value of one. */
static void append_functions(struct text *out) {
    text_append_string(out, "# The verb before the cursor; explain after an operand without one; "
                            "nothing before any.\n"
                            "function __vitlrp_verb\n"
                            "    set -l words (commandline -opc)\n"
                            "    set -l skip 1 # the command itself\n"
                            "    for word in $words\n"
                            "        if test $skip = 1\n"
                            "            set skip 0\n"
                            "            continue\n"
                            "        end\n"
                            "        switch $word\n"
                            "            case");
    for (enum option_id i = 0; i < OPTION_COUNT; i++) {
        const struct option_entry *entry = &option_table()[i];
        if (entry->argument != NULL && entry->name != NULL) {
            text_printf(out, " --%s", entry->name);
        }
        if (entry->argument != NULL && entry->letter != 0) {
            text_printf(out, " -%c", entry->letter);
        }
    }
    text_append_string(out, "\n"
                            "                set skip 1\n"
                            "            case --\n"
                            "                echo explain\n"
                            "                return\n"
                            "            case '-?*'\n"
                            "            case ");
    page_append_verbs(out, FOR_ALL, " ");
    text_append_string(out, "\n"
                            "                echo $word\n"
                            "                return\n"
                            "            case '*'\n"
                            "                echo explain\n"
                            "                return\n"
                            "        end\n"
                            "    end\n"
                            "end\n\n"
                            "function __vitlrp_is\n"
                            "    set -l verb (__vitlrp_verb)\n"
                            "    test -n \"$verb\"; or set verb explain\n"
                            "    contains -- $verb $argv\n"
                            "end\n\n"
                            "function __vitlrp_has_no_verb\n"
                            "    test -z \"$(__vitlrp_verb)\"\n"
                            "end\n\n");
}

static void append_verbs(struct text *out) {
    for (enum verb verb = 0; verb < VERB_COUNT; verb++) {
        text_printf(out, "complete -c vitlrp -n __vitlrp_has_no_verb -a %s", verb_name(verb));
        append_description(out, help_verb_summary(verb));
        text_append_string(out, "\n");
    }
}

static void append_topics(struct text *out) {
    text_append_string(out, "complete -c vitlrp -n '__vitlrp_is help' -f -a '");
    page_append_topics(out, " ");
    text_append_string(out, "'\n");
}

/* A function that prints an option's words, each with what it means if that is known. */
static void append_choices(struct text *out, enum option_id option) {
    const char *word;
    const char *summary;
    text_printf(out, "function __vitlrp_%s\n    printf '%%s\\t%%s\\n'",
                option_table()[option].name);
    for (size_t i = 0; (word = page_choice(option, i, &summary)) != NULL; i++) {
        text_printf(out, " \\\n        %s '", word);
        if (summary != NULL) {
            page_append_quoted(out, summary, strlen(summary), QUOTED);
        }
        text_append_string(out, "'");
    }
    const struct more_choices *more = option_more_choices(option);
    if (more->verbs != 0) {
        text_append_string(out, "\n    __vitlrp_is ");
        page_append_verbs(out, more->verbs, " ");
        text_append_string(out, "; and printf '%s\\n'");
        for (size_t i = 0; more->words[i] != NULL; i++) {
            text_printf(out, " %s", more->words[i]);
        }
    }
    text_append_string(out, "\nend\n\n");
}

static void append_option(struct text *out, enum option_id option) {
    const struct option_entry *entry = &option_table()[option];
    enum page_value value = page_value_of(option);
    text_append_string(out, "complete -c vitlrp");
    if (entry->verbs != FOR_ALL) {
        text_append_string(out, " -n '__vitlrp_is ");
        page_append_verbs(out, entry->verbs, " ");
        text_append_string(out, "'");
    }
    if (entry->letter != 0) {
        text_printf(out, " -s %c", entry->letter);
    }
    if (entry->name != NULL) {
        text_printf(out, " -l %s", entry->name);
    }
    if (value == PAGE_FILE) {
        text_append_string(out, " -r");
    } else if (value != PAGE_NO_VALUE) {
        text_append_string(out, " -x");
    }
    if (value == PAGE_WORD) {
        text_printf(out, " -a '(__vitlrp_%s)'", entry->name);
    } else if (value == PAGE_LIST) {
        text_printf(out, " -a '(__fish_append , (__vitlrp_%s))'", entry->name);
    }
    append_description(out, entry->help);
    text_append_string(out, "\n");
}

void page_fish(struct text *out) {
    text_append_string(out, "# Completion of vitlrp for fish, made from its option table: change "
                            "that.\n\n");
    append_functions(out);
    for (enum option_id i = 0; i < OPTION_COUNT; i++) {
        if (option_choices(i) != NULL) {
            append_choices(out, i);
        }
    }
    append_verbs(out);
    append_topics(out);
    for (enum option_id i = 0; i < OPTION_COUNT; i++) {
        append_option(out, i);
    }
}
