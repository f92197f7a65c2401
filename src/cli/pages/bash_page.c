/* The completion for bash 4 and later. Needs nothing of the package bash-completion; what is not
 * completed here, names of files among it, is left to readline. */
#include "page.h"

/* "--model|-m" */
static void append_names(struct text *out, const struct option_entry *entry, const char *join) {
    if (entry->name != NULL) {
        text_printf(out, "--%s", entry->name);
    }
    if (entry->letter != 0) {
        text_printf(out, "%s-%c", entry->name != NULL ? join : "", entry->letter);
    }
}

/* A branch of a case: the pattern of all options whose value is completed in this way. A table
 * without any makes a pattern that nothing matches. */
static void append_pattern(struct text *out, enum page_value value) {
    bool any = false;
    for (enum option_id i = 0; i < OPTION_COUNT; i++) {
        if (page_value_of(i) == value) {
            text_append_string(out, any ? "|" : "    ");
            append_names(out, &option_table()[i], "|");
            any = true;
        }
    }
    text_append_string(out, any ? ")\n" : "    '')\n");
}

/* The function that finds the verb: as the command does, the first word that is neither an option
 * nor the value of one. */
static void append_verb_function(struct text *out) {
    text_append_string(
        out, "# The verb before the cursor; explain after an operand without one; nothing "
             "before any.\n"
             "_vitlrp_verb() {\n"
             "    local i word\n"
             "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
             "        word=${COMP_WORDS[i]}\n"
             "        if _vitlrp_takes_value \"$word\"; then\n"
             "            # --model=FILE is three words here.\n"
             "            [[ ${COMP_WORDS[i + 1]} == '=' ]] && ((i++))\n"
             "            ((i++))\n"
             "            continue\n"
             "        fi\n"
             "        case $word in\n"
             "        --) echo explain && return ;;\n"
             "        -?*) ;;\n"
             "        ");
    page_append_verbs(out, FOR_ALL, "|");
    text_append_string(out, ") echo \"$word\" && return ;;\n"
                            "        *) echo explain && return ;;\n"
                            "        esac\n"
                            "    done\n"
                            "}\n\n");
}

static void append_value_function(struct text *out) {
    static const enum page_value TAKING[] = {PAGE_FILE, PAGE_WORD, PAGE_LIST, PAGE_OTHER};
    text_append_string(out, "_vitlrp_takes_value() {\n    case $1 in\n");
    for (size_t i = 0; i < sizeof TAKING / sizeof TAKING[0]; i++) {
        append_pattern(out, TAKING[i]);
        text_append_string(out, "        return 0\n        ;;\n");
    }
    text_append_string(out, "    esac\n    return 1\n}\n\n");
}

/* What an option takes with some verbs only. */
static void append_more_choices(struct text *out, const struct more_choices *more) {
    text_append_string(out, " && case $2 in ");
    page_append_verbs(out, more->verbs, "|");
    text_append_string(out, ") echo '");
    for (size_t i = 0; more->words[i] != NULL; i++) {
        text_printf(out, i == 0 ? "%s" : " %s", more->words[i]);
    }
    text_append_string(out, "' ;; esac");
}

/* The function that knows the words of each option, with a verb. */
static void append_choice_function(struct text *out) {
    text_append_string(out, "_vitlrp_choices() {\n    case $1 in\n");
    for (enum option_id i = 0; i < OPTION_COUNT; i++) {
        if (option_choices(i) != NULL) {
            text_append_string(out, "    ");
            append_names(out, &option_table()[i], "|");
            text_append_string(out, ") echo '");
            page_append_choices(out, i);
            text_append_string(out, "'");
            if (option_more_choices(i)->verbs != 0) {
                append_more_choices(out, option_more_choices(i));
            }
            text_append_string(out, " ;;\n");
        }
    }
    text_append_string(out, "    esac\n}\n\n");
}

/* The function that knows the options of each verb. */
static void append_option_function(struct text *out) {
    text_append_string(out, "_vitlrp_options() {\n    case $1 in\n");
    for (enum verb verb = 0; verb < VERB_COUNT; verb++) {
        const char *join = "";
        text_printf(out, "    %s) echo '", verb_name(verb));
        for (enum option_id i = 0; i < OPTION_COUNT; i++) {
            const struct option_entry *entry = &option_table()[i];
            if ((entry->verbs & 1U << verb) != 0) {
                text_append_string(out, join);
                append_names(out, entry, " ");
                join = " ";
            }
        }
        text_append_string(out, "' ;;\n");
    }
    text_append_string(out, "    esac\n}\n\n");
}

/* The branches for the value of the option in $option. */
static void append_values(struct text *out) {
    text_append_string(out, "    verb=$(_vitlrp_verb)\n"
                            "    words=$(_vitlrp_choices \"$option\" \"${verb:-explain}\")\n"
                            "    case $option in\n");
    append_pattern(out, PAGE_FILE);
    text_append_string(out, "        return\n        ;;\n");
    append_pattern(out, PAGE_WORD);
    text_append_string(out,
                       "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
                       "        compopt +o default +o bashdefault\n"
                       "        return\n"
                       "        ;;\n");
    append_pattern(out, PAGE_LIST);
    text_append_string(out,
                       "        [[ $current == *,* ]] && before=${current%,*},\n"
                       "        mapfile -t COMPREPLY < <(compgen -P \"$before\" -W \"$words\" -- "
                       "\"${current##*,}\")\n"
                       "        compopt -o nospace +o default +o bashdefault\n"
                       "        return\n"
                       "        ;;\n");
    append_pattern(out, PAGE_OTHER);
    text_append_string(out, "        compopt +o default +o bashdefault\n"
                            "        return\n"
                            "        ;;\n"
                            "    esac\n");
}

static void append_main(struct text *out) {
    text_append_string(out, "_vitlrp() {\n"
                            "    local current=${COMP_WORDS[COMP_CWORD]}\n"
                            "    local option=${COMP_WORDS[COMP_CWORD - 1]}\n"
                            "    local before='' verb words\n"
                            "    COMPREPLY=()\n"
                            "    # --style=panel is three words here.\n"
                            "    if [[ $current == '=' ]]; then\n"
                            "        current=''\n"
                            "    elif [[ $option == '=' ]]; then\n"
                            "        option=${COMP_WORDS[COMP_CWORD - 2]}\n"
                            "    fi\n");
    append_values(out);
    text_append_string(
        out,
        "    if [[ $current == -* ]]; then\n"
        "        mapfile -t COMPREPLY < <(compgen -W \"$(_vitlrp_options \"${verb:-explain}\")\" "
        "-- \"$current\")\n"
        "        compopt +o default +o bashdefault\n"
        "    elif [[ $verb == help ]]; then\n"
        "        mapfile -t COMPREPLY < <(compgen -W '");
    page_append_topics(out, " ");
    text_append_string(out, "' -- \"$current\")\n"
                            "        compopt +o default +o bashdefault\n"
                            "    elif [[ -z $verb ]]; then\n"
                            "        mapfile -t COMPREPLY < <(compgen -W '");
    page_append_verbs(out, FOR_ALL, " ");
    text_append_string(out,
                       "' -- \"$current\")\n"
                       "        # Files too, unless no verb begins like this: then readline "
                       "completes them alone.\n"
                       "        if ((${#COMPREPLY[@]} > 0)); then\n"
                       "            mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "
                       "\"$current\")\n"
                       "            compopt -o filenames\n"
                       "        fi\n"
                       "    fi\n"
                       "}\n\n"
                       "complete -o bashdefault -o default -F _vitlrp vitlrp\n");
}

void page_bash(struct text *out) {
    text_append_string(out, "# Completion of vitlrp for bash, made from its option table: change "
                            "that.\n\n");
    append_value_function(out);
    append_verb_function(out);
    append_choice_function(out);
    append_option_function(out);
    append_main(out);
}
