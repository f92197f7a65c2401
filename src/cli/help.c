#include "help.h"

#include <string.h>

#include "base/suggest.h"
#include "vitlrp.h"

#define WIDTH 80
#define INDENT 26 /* column of the explanations */

static const char *const GROUPS[GROUP_COUNT] = {
    [GROUP_MODEL] = "Model",
    [GROUP_TARGET] = "What is explained",
    [GROUP_METHOD] = "How it is explained",
    [GROUP_UNITS] = "Hidden units",
    [GROUP_EVAL] = "Datasets, evaluation and tuning",
    [GROUP_PREPROCESS] = "Preprocessing; overrides the model's own",
    [GROUP_PICTURE] = "Picture",
    [GROUP_DATA] = "Data",
    [GROUP_RUN] = "Arithmetic",
    [GROUP_TALK] = "General",
};

static const char PURPOSE[] =
    "Which pixels made a Vision Transformer decide: relevance maps by AttnLRP.\n\n";

static const char EXAMPLES_EXPLAIN[] =
    "  vitlrp goldfish.jpg                         the top prediction, as goldfish.heat.png\n"
    "  vitlrp cat.jpg --model vit_b_16.pth -c 281  a class of your own model\n"
    "  vitlrp cat.jpg -c 281 --versus 285          what speaks for 281 and against 285\n"
    "  vitlrp cat.jpg -c top:3 -o '{class}.png'    the three most likely classes\n"
    "  vitlrp tabby/1.jpg -c predicted,label       what was said, and what should have been\n"
    "  vitlrp cat.jpg -o cat.html                  a page to look into the image with\n"
    "  vitlrp *.jpg -o maps --style panel          many images, into a folder\n"
    "  vitlrp cat.jpg --level pixel --raw map.npy  the numbers instead of a picture\n";
static const char EXAMPLES_COMPARE[] =
    "  vitlrp compare cat.jpg --methods attnlrp,gradcam,rollout   methods, side by side\n"
    "  vitlrp compare cat.jpg -c top:3 --gammas 0,0.05,0.25 -o gammas.pdf   for a paper\n";
static const char EXAMPLES_NEURONS[] =
    "  vitlrp neurons cat.jpg                      neurons of each block: cat.neurons.png\n"
    "  vitlrp neurons cat.jpg --site head --no-maps   heads, as text\n";
static const char EXAMPLES_BATCH[] =
    "  vitlrp batch imagenet/val -o maps           heat maps of a tree; again: resumes\n"
    "  vitlrp batch val -o maps --shard 0/4        a quarter of it; then vitlrp merge maps\n"
    "  vitlrp batch val -o maps --class label      of each image's own label\n";
static const char EXAMPLES_CONCEPTS[] =
    "  vitlrp concepts imagenet/val -o units       what neurons stand for; again: resumes\n"
    "  vitlrp concepts val -o a --shard 0/2        half of it; then vitlrp merge a b -o units\n";
static const char EXAMPLES_EVAL[] =
    "  vitlrp eval imagenet/val --limit 500 --html r.html   how faithful methods are\n"
    "  vitlrp eval val --methods attnlrp,rise --shard 0/4 --json 0.json   a quarter of it\n";
static const char EXAMPLES_MERGE[] =
    "  vitlrp merge 0.json 1.json 2.json 3.json --html report.html\n"
    "  vitlrp merge maps                           the shards of a batch\n";
static const char EXAMPLES_TUNE[] =
    "  vitlrp tune imagenet/val --limit 200 -o tuned.json   gammas for a model\n"
    "  vitlrp cat.jpg --settings tuned.json                 a heat map with them\n";
static const char EXAMPLES_INFO[] =
    "  vitlrp info vit_b_16.pth                    what is in a weights file\n"
    "  vitlrp info -v other.pth                    its tensors, of a refused one too\n";
static const char EXAMPLES_BENCH[] =
    "  vitlrp bench                                how fast, and where the time goes\n"
    "  vitlrp bench --backend all                  the backends, measured side by side\n"
    "  vitlrp bench --throughput                   images per second by threads\n"
    "  vitlrp bench --eval --model random          an evaluation's forward passes on ViT-B/16\n";

static const char EXAMPLES_RERUN[] =
    "  vitlrp rerun cat.json                       is every figure the same here and now?\n"
    "  vitlrp rerun maps                           of a batch, by the run.json of its folder\n"
    "  vitlrp rerun cat.json --input-root images   the image lies elsewhere now\n";

static const char EXAMPLES_HELP[] =
    "  vitlrp help models                          weights, and how pictures are prepared\n"
    "  vitlrp help all                             every option\n";

static const char *const EXAMPLES[VERB_COUNT] = {
    [VERB_EXPLAIN] = EXAMPLES_EXPLAIN,   [VERB_COMPARE] = EXAMPLES_COMPARE,
    [VERB_NEURONS] = EXAMPLES_NEURONS,   [VERB_BATCH] = EXAMPLES_BATCH,
    [VERB_CONCEPTS] = EXAMPLES_CONCEPTS, [VERB_EVAL] = EXAMPLES_EVAL,
    [VERB_MERGE] = EXAMPLES_MERGE,       [VERB_TUNE] = EXAMPLES_TUNE,
    [VERB_RERUN] = EXAMPLES_RERUN,       [VERB_INFO] = EXAMPLES_INFO,
    [VERB_BENCH] = EXAMPLES_BENCH,       [VERB_HELP] = EXAMPLES_HELP,
};

static const char USAGE_EXPLAIN[] =
    "  vitlrp [explain] IMAGE... [options]    - is standard input; a float32 .npy of\n"
    "                                         shape (3, height, width) is a model input\n";
static const char USAGE_COMPARE[] =
    "  vitlrp compare IMAGE... [options]      a figure: rows are images and classes,\n"
    "                                         columns methods or gammas\n";
static const char USAGE_NEURONS[] =
    "  vitlrp neurons IMAGE... [options]      what went through hidden neurons or heads\n";
static const char USAGE_BATCH[] =
    "  vitlrp batch DIR -o FOLDER [options]   DIR as for eval; the same command\n"
    "                                         resumes a run that was stopped\n";
static const char USAGE_CONCEPTS[] =
    "  vitlrp concepts DIR -o FOLDER [options]   DIR as for eval; resumes likewise\n"
    "  vitlrp concepts FOLDER --show UNITS       further units on the page of a run\n";
static const char USAGE_EVAL[] =
    "  vitlrp eval DIR [options]              a folder for each class, or one folder with\n"
    "                                         val.txt, or a file with a path (and a tab\n"
    "                                         and a label) on each line; - is such a list\n";
static const char USAGE_MERGE[] =
    "  vitlrp merge JSON... [options]         shards of an evaluation\n"
    "  vitlrp merge FOLDER... [-o FOLDER]     shards of a batch\n";
static const char USAGE_TUNE[] =
    "  vitlrp tune DIR [options]              half of the images tune, the others judge\n";
static const char USAGE_RERUN[] =
    "  vitlrp rerun RECORD [options]          JSON of explain, compare, neurons, eval or tune,\n"
    "                                         or a folder of batch or concepts\n";
static const char USAGE_INFO[] = "  vitlrp info [MODEL] [options]\n";
static const char USAGE_BENCH[] =
    "  vitlrp bench [options]                 ViT-B/16 with random weights, or --model\n";

static const char USAGE_HELP[] =
    "  vitlrp help [TOPIC]                    models, methods, picture, datasets, running,\n"
    "                                         all, or a verb\n";

static const char *const USAGE[VERB_COUNT] = {
    [VERB_EXPLAIN] = USAGE_EXPLAIN,   [VERB_COMPARE] = USAGE_COMPARE,
    [VERB_NEURONS] = USAGE_NEURONS,   [VERB_BATCH] = USAGE_BATCH,
    [VERB_CONCEPTS] = USAGE_CONCEPTS, [VERB_EVAL] = USAGE_EVAL,
    [VERB_MERGE] = USAGE_MERGE,       [VERB_TUNE] = USAGE_TUNE,
    [VERB_RERUN] = USAGE_RERUN,       [VERB_INFO] = USAGE_INFO,
    [VERB_BENCH] = USAGE_BENCH,       [VERB_HELP] = USAGE_HELP,
};

static const char *const SUMMARIES[VERB_COUNT] = {
    [VERB_EXPLAIN] = "heat maps of images; the default verb",
    [VERB_COMPARE] = "methods or gammas side by side, in one figure",
    [VERB_NEURONS] = "the hidden neurons or heads behind a decision",
    [VERB_BATCH] = "heat maps of a dataset, resumable and in shards",
    [VERB_CONCEPTS] = "the images that each hidden neuron or head stands for",
    [VERB_EVAL] = "measure how faithful methods are, over a set of images",
    [VERB_MERGE] = "join the parts of an evaluation, a batch or an index",
    [VERB_TUNE] = "find gammas for a model",
    [VERB_RERUN] = "repeat a run from its record, and compare every figure",
    [VERB_INFO] = "show what is in a weights file",
    [VERB_BENCH] = "measure how fast this machine is",
    [VERB_HELP] = "the options and texts of a topic",
};

static const struct help_entry ENVIRONMENT[] = {
    {"VITLRP_MODEL", "the model, where --model is not given"},
    {"VITLRP_THREADS", "the threads, where --threads is not given"},
    {"VITLRP_BACKEND", "the backend, where --backend is not given"},
    {"VITLRP_LIMITS", "limits; --limits overrides them"},
    {NULL, NULL},
};

static const struct help_entry EXIT_STATUS[] = {
    {"0", "done"},
    {"1", "finished, but some images failed; rerun: not equal"},
    {"2", "wrong usage"},
    {"3", "the model, or the only image, cannot be used"},
    {"4", "an output could not be written, or the system failed"},
    {"5", "a limit, or too little memory"},
    {"70", "an internal error"},
    {"129, 130, 143", "stopped by a signal; what was done is written"},
    {NULL, NULL},
};

static const char CLOSING[] =
    "The last of a repeated option counts; classes and methods are added to the first.\n"
    "-- ends the options. ./info is a file, not the verb.";

void help_short(struct text *out) {
    text_append_string(out,
                       "Usage: vitlrp IMAGE... [-c CLASS] [-m MODEL] [-o FILE] [options]\n"
                       "       vitlrp batch DIR -o FOLDER | eval DIR | merge PART... | tune DIR\n"
                       "       vitlrp info [MODEL] | bench\n"
                       "Writes IMAGE.heat.png, a heat map of what made the model decide.\n"
                       "  -c, --class C    index, WordNet id, label, predicted, or top:K\n"
                       "  -m, --model FILE weights (default: a small built-in model)\n"
                       "More: vitlrp --help; all options: vitlrp help all\n");
}

/* Words in lines from the first column, and an empty line. */
static void append_paragraph(struct text *out, const char *words) {
    size_t column = 0;
    while (*words != '\0') {
        size_t length = strcspn(words, " ");
        bool breaks = column > 0 && column + 1 + length > WIDTH;
        text_append_string(out, breaks ? "\n" : column > 0 ? " " : "");
        text_append(out, words, length);
        column = (breaks || column == 0 ? 0 : column + 1) + length;
        words += length + strspn(words + length, " ");
    }
    text_append_string(out, "\n\n");
}

/* Words of `words` in the column at INDENT; the cursor stands at column `column`. */
static void append_wrapped(struct text *out, size_t column, const char *words) {
    while (*words != '\0') {
        size_t length = strcspn(words, " ");
        bool begins = column <= INDENT;
        if (column >= INDENT && !begins && column + 1 + length > WIDTH) {
            text_append_string(out, "\n");
            column = 0;
            begins = true;
        }
        if (begins) {
            text_printf(out, "%*s", (int) (INDENT - column), "");
            column = INDENT;
        } else {
            text_append_string(out, " ");
            column++;
        }
        text_append(out, words, length);
        column += length;
        words += length + strspn(words + length, " ");
    }
    text_append_string(out, "\n");
}

void help_append_verbs(struct text *out, unsigned verbs) {
    const char *join = "(";
    for (enum verb i = 0; i < VERB_COUNT; i++) {
        if ((verbs & 1U << i) != 0) {
            text_printf(out, "%s%s", join, verb_name(i));
            join = ", ";
        }
    }
    text_append_string(out, ") ");
}

/* "  -m, --model FILE" */
static void append_names(struct text *out, enum option_id option) {
    const struct option_entry *entry = &option_table()[option];
    if (entry->letter != 0) {
        text_printf(out, "  -%c", entry->letter);
    } else {
        text_append_string(out, "    ");
    }
    if (entry->name != NULL) {
        text_printf(out, entry->letter != 0 ? ", --%s" : "  --%s", entry->name);
    }
    if (entry->argument != NULL) {
        text_printf(out, " %s", entry->argument);
    }
}

static void append_option(struct text *out, enum option_id option, bool name_verbs) {
    const struct option_entry *entry = &option_table()[option];
    size_t start = out->length;
    append_names(out, option);
    size_t column = out->length - start;
    if (column >= INDENT) {
        text_append_string(out, "\n");
        column = 0;
    }
    struct text words = {.limit = 2048};
    if (name_verbs && (entry->verbs & FOR_EXPLAIN) == 0) {
        help_append_verbs(&words, entry->verbs);
    }
    option_append_help(option, &words);
    append_wrapped(out, column, words.failed ? entry->help : words.data);
    text_free(&words);
}

static void append_group(struct text *out, enum help_group group, unsigned verbs) {
    const struct option_entry *table = option_table();
    bool named = false;
    for (enum option_id i = 0; i < OPTION_COUNT; i++) {
        if (table[i].group != group || (table[i].verbs & verbs) == 0) {
            continue;
        }
        if (!named) {
            text_printf(out, "%s\n", GROUPS[group]);
            named = true;
        }
        append_option(out, i, verbs == FOR_ALL);
    }
    if (named) {
        text_append_string(out, "\n");
    }
}

/* A name and, in the column of the explanations, what it is. */
static void append_entry(struct text *out, const char *name, const char *words) {
    size_t start = out->length;
    text_printf(out, "  %s", name);
    append_wrapped(out, out->length - start, words);
}

static void append_methods(struct text *out) {
    text_append_string(out, "Methods (--method, --methods)\n");
    for (size_t i = 0; i < vitlrp_method_count(); i++) {
        struct vitlrp_method_info info;
        vitlrp_method_info_init(&info);
        if (vitlrp_method_describe(vitlrp_method_name(i), &info, NULL) == VITLRP_OK) {
            append_entry(out, info.name, info.summary);
        }
    }
    text_append_string(out, "\n");
}

/* The parts of `texts` that belong to the verbs, under a title. */
static void append_parts(struct text *out, const char *title, const char *const *texts,
                         unsigned verbs) {
    text_printf(out, "%s\n", title);
    for (int i = 0; i < VERB_COUNT; i++) {
        if ((verbs & 1U << i) != 0) {
            text_append_string(out, texts[i]);
        }
    }
    text_append_string(out, "\n");
}

static void append_entries(struct text *out, const char *title, const struct help_entry *entry) {
    text_printf(out, "%s\n", title);
    for (; entry->name != NULL; entry++) {
        append_entry(out, entry->name, entry->text);
    }
    text_append_string(out, "\n");
}

/* ---- Topics ---- */

struct topic {
    const char *name, *summary;
    const char *words; /* what there is to know before the options */
    unsigned groups;   /* 1 << enum help_group */
    unsigned verbs;    /* whose usage and examples belong to it */
    bool lists_methods, lists_codes;
};

static const struct topic TOPICS[] = {
    {.name = "models",
     .summary = "weights, texts, class names, how images are prepared",
     .words = "Without --model (or the variable VITLRP_MODEL) a small demonstration model answers: "
              "it knows 200 classes of ImageNet, at 64 x 64 pixels, and is often wrong about "
              "photographs. Weights of torchvision, timm, Hugging Face, open_clip, JAX and of many "
              "authors are read as "
              "they are; "
              "`vitlrp info FILE` says what is in a file, what is guessed and how to correct it. "
              "docs/MODELS.md says where to download models.",
     .groups = 1U << GROUP_MODEL | 1U << GROUP_PREPROCESS},
    {.name = "methods",
     .summary = "the methods, the class to explain, gammas",
     .words = "attnlrp is the default and a good first choice: signed, exact and fast. Use eval to "
              "find out which method is most faithful for your model.",
     .groups = 1U << GROUP_TARGET | 1U << GROUP_METHOD,
     .lists_methods = true},
    {.name = "picture",
     .summary = "names of outputs, styles, colours, arrays and JSON",
     .words =
         "In names of outputs {stem} is the image's name, {class} the number of the class, {label} "
         "its name, {prob} its probability in percent and {method} the method: "
         "-o 'maps/{stem}-{label}-{prob}.png'.",
     .groups = 1U << GROUP_PICTURE | 1U << GROUP_DATA},
    {.name = "datasets",
     .summary = "batches, evaluations, tuning, shards",
     .words =
         "A dataset is a folder with a folder for each class, a folder of images with a file of "
         "labels (val.txt), or a list of files.",
     .groups = 1U << GROUP_EVAL,
     .verbs = FOR_BATCH | FOR_EVAL | FOR_MERGE | FOR_TUNE},
    {.name = "running",
     .summary = "time, threads, limits, messages, exit codes, the environment",
     .groups = 1U << GROUP_RUN | 1U << GROUP_TALK,
     .lists_codes = true},
    {.name = "all",
     .summary = "every example, verb, option and method",
     .groups = (1U << GROUP_COUNT) - 1,
     .verbs = FOR_ALL,
     .lists_methods = true,
     .lists_codes = true},
};

#define TOPIC_COUNT (sizeof TOPICS / sizeof TOPICS[0])

/* Of the options of `verbs` (FOR_ALL: each that is not explain's names its verbs). */
static void append_topic(struct text *out, const struct topic *topic, unsigned verbs) {
    if (topic->words != NULL) {
        append_paragraph(out, topic->words);
    }
    if (topic->verbs != 0) {
        append_parts(out, "Examples", EXAMPLES, topic->verbs);
        append_parts(out, "Usage", USAGE, topic->verbs);
    }
    for (enum help_group i = 0; i < GROUP_COUNT; i++) {
        if ((topic->groups & 1U << i) != 0) {
            append_group(out, i, verbs);
        }
        if (i == GROUP_METHOD && topic->lists_methods) {
            append_methods(out);
        }
    }
    if (topic->lists_codes) {
        append_entries(out, "Environment", ENVIRONMENT);
        append_entries(out, "Exit status", EXIT_STATUS);
        text_printf(out, "%s\n", CLOSING);
    }
}

static void append_verb(struct text *out, enum verb verb) {
    struct topic topic = TOPICS[TOPIC_COUNT - 1];
    topic.verbs = 1U << verb;
    topic.lists_methods = (topic.verbs & (FOR_MAPS | FOR_EVAL)) != 0;
    append_topic(out, &topic, topic.verbs);
}

/* An option in a line: what its help begins with. */
static void append_brief(struct text *out, enum option_id option) {
    const char *help = option_table()[option].help;
    struct text words = {.limit = 512};
    size_t start = out->length;
    append_names(out, option);
    text_append(&words, help, help_brief_length(help));
    append_wrapped(out, out->length - start, words.failed ? help : words.data);
    text_free(&words);
}

/* The page that leads to the rest: what fits on a screen. */
static void append_page(struct text *out) {
    static const enum option_id OFTEN[] = {OPTION_MODEL, OPTION_CLASS, OPTION_METHOD, OPTION_OUTPUT,
                                           OPTION_STYLE, OPTION_RAW,   OPTION_JSON,   OPTION_QUIET};
    text_append_string(out, PURPOSE);
    append_parts(out, "Examples", EXAMPLES, FOR_EXPLAIN);
    text_append_string(out, "Verbs (vitlrp VERB --help has all options of one)\n");
    for (enum verb i = 0; i < VERB_COUNT; i++) {
        append_entry(out, verb_name(i), SUMMARIES[i]);
    }
    text_append_string(out, "\nOptions that are used most\n");
    for (size_t i = 0; i < sizeof OFTEN / sizeof OFTEN[0]; i++) {
        append_brief(out, OFTEN[i]);
    }
    text_append_string(out, "\nTopics (vitlrp help TOPIC; an option or a method is one too)\n");
    for (size_t i = 0; i < TOPIC_COUNT; i++) {
        append_entry(out, TOPICS[i].name, TOPICS[i].summary);
    }
}

void help_option(const struct args *args, struct text *out) {
    if (args->verb_given) {
        text_append_string(out, PURPOSE);
        append_verb(out, args->verb);
    } else {
        append_page(out);
    }
}

/* The option or the method of that name; false if there is neither. */
static bool append_single(struct text *out, const char *name, struct suggestion *suggestion) {
    struct vitlrp_method_info info;
    vitlrp_method_info_init(&info);
    if (vitlrp_method_describe(name, &info, NULL) == VITLRP_OK) {
        append_entry(out, info.name, info.summary);
        return true;
    }
    for (enum option_id i = 0; i < OPTION_COUNT; i++) {
        const char *option = option_table()[i].name;
        if (option != NULL && strcmp(option, name) == 0) {
            append_option(out, i, true);
            return true;
        }
        if (option != NULL) {
            suggest_word(suggestion, option);
        }
    }
    return false;
}

/* The verb, the topic, the option or the method of that name. */
static enum vitlrp_status append_named(struct text *out, const char *name,
                                       struct vitlrp_error *err) {
    struct suggestion suggestion = suggest_for(name, strlen(name));
    for (enum verb i = 0; i < VERB_COUNT; i++) {
        if (strcmp(verb_name(i), name) == 0) {
            append_verb(out, i);
            return VITLRP_OK;
        }
        suggest_word(&suggestion, verb_name(i));
    }
    for (size_t i = 0; i < TOPIC_COUNT; i++) {
        if (strcmp(TOPICS[i].name, name) == 0) {
            append_topic(out, &TOPICS[i], FOR_ALL);
            return VITLRP_OK;
        }
        suggest_word(&suggestion, TOPICS[i].name);
    }
    if (append_single(out, name, &suggestion)) {
        return VITLRP_OK;
    }
    if (suggestion.nearest != NULL) {
        return fail(err, VITLRP_USAGE, "no help on '%s' (did you mean %s?)", name,
                    suggestion.nearest);
    }
    return fail(err, VITLRP_USAGE, "no help on '%s' (see vitlrp help)", name);
}

enum vitlrp_status help_of(const struct args *args, struct text *out, struct vitlrp_error *err) {
    if (args->operand_count == 0) {
        append_page(out);
    }
    for (size_t i = 0; i < args->operand_count; i++) {
        TRY(append_named(out, args->operands[i], err));
    }
    return VITLRP_OK;
}

const char *help_topic(size_t index, const char **summary) {
    if (index >= TOPIC_COUNT) {
        return NULL;
    }
    *summary = TOPICS[index].summary;
    return TOPICS[index].name;
}

size_t help_brief_length(const char *help) {
    int depth = 0;
    size_t i = 0;
    for (; help[i] != '\0'; i++) {
        depth += help[i] == '(';
        depth -= help[i] == ')';
        bool ends = help[i] == ';' || ((help[i] == ':' || help[i] == '.') && help[i + 1] == ' ');
        if (ends && depth == 0) {
            break;
        }
    }
    return i;
}

const char *help_group_title(enum help_group group) {
    return GROUPS[group];
}

const char *help_verb_summary(enum verb verb) {
    return SUMMARIES[verb];
}

const char *help_verb_usage(enum verb verb) {
    return USAGE[verb];
}

const char *help_verb_examples(enum verb verb) {
    return EXAMPLES[verb];
}

const struct help_entry *help_environment(void) {
    return ENVIRONMENT;
}

const struct help_entry *help_exit_status(void) {
    return EXIT_STATUS;
}

const char *help_closing(void) {
    return CLOSING;
}
