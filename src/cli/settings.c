#include "settings.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/text.h"
#include "method_choice.h"

#define DRAWN_SIDE 4096 /* of pictures, unless --max-side says another */
#define MAX_PIXELS_A_SIDE 16384
#define MAX_THREADS 1024
#define MOST_RELEVANCE 1e30 /* that can be drawn */

/* "a,b,c" of an option; each value at least `min`, and above it if min is 0. */
static enum vitlrp_status read_triple(const char *name, const char *value, double min, float out[3],
                                      struct vitlrp_error *err) {
    const char *wanted =
        min < 0.0 ? "three numbers, as 0.5,0.5,0.5" : "three numbers above 0, as 0.5,0.5,0.5";
    const char *next = value;
    for (int i = 0; i < 3; i++) {
        char number[32] = "";
        double parsed;
        size_t length = strcspn(next, ",");
        if (length >= sizeof number || (next[length] == '\0') != (i == 2)) {
            return option_fail(name, value, wanted, err);
        }
        memcpy(number, next, length);
        if (!parse_double(number, min, 1e6, &parsed) || (min >= 0.0 && (float) parsed <= 0.0F)) {
            return option_fail(name, value, wanted, err);
        }
        out[i] = (float) parsed;
        next += length + 1;
    }
    return VITLRP_OK;
}

static enum vitlrp_status read_resize(const char *value, struct preprocess_changes *changes,
                                      struct vitlrp_error *err) {
    static const char WANTED[] = "short:N, squash:N (N from 1 to 16384) or none";
    int64_t size = 0;
    changes->resize_given = true;
    if (strcmp(value, "none") == 0) {
        changes->resize = VITLRP_RESIZE_NONE;
        return VITLRP_OK;
    }
    bool is_short = strncmp(value, "short:", 6) == 0;
    bool is_squash = strncmp(value, "squash:", 7) == 0;
    if ((!is_short && !is_squash) ||
        !parse_int64(value + (is_short ? 6 : 7), 1, MAX_PIXELS_A_SIDE, &size)) {
        return option_fail("--resize", value, WANTED, err);
    }
    changes->resize = is_short ? VITLRP_RESIZE_SHORT : VITLRP_RESIZE_SQUASH;
    changes->resize_to = (int32_t) size;
    return VITLRP_OK;
}

static enum vitlrp_status read_preprocess(const struct args *args,
                                          struct preprocess_changes *changes,
                                          struct vitlrp_error *err) {
    const char *const *value = args->value;
    if (value[OPTION_RESIZE] != NULL) {
        TRY(read_resize(value[OPTION_RESIZE], changes, err));
    }
    int interpolation = 0;
    TRY(option_choice(args, OPTION_INTERPOLATION, &interpolation, err));
    changes->interpolation_given = value[OPTION_INTERPOLATION] != NULL;
    changes->interpolation = (enum vitlrp_interpolation) interpolation;
    if (value[OPTION_MEAN] != NULL) {
        TRY(read_triple("--mean", value[OPTION_MEAN], -1e6, changes->mean, err));
        changes->mean_given = true;
    }
    if (value[OPTION_STD] != NULL) {
        TRY(read_triple("--std", value[OPTION_STD], 0.0, changes->std, err));
        changes->std_given = true;
    }
    return VITLRP_OK;
}

/* A number of the range or "auto", which leaves *out at its default. */
static enum vitlrp_status read_number_or_auto(const struct args *args, enum option_id option,
                                              const struct option_range *range, float *out,
                                              struct vitlrp_error *err) {
    const char *value = args->value[option];
    double number;
    if (value == NULL || strcmp(value, "auto") == 0) {
        return VITLRP_OK;
    }
    if (!parse_double(value, range->min, range->max, &number)) {
        char name[OPTION_NAME_LIMIT];
        option_spell(option, name, sizeof name);
        return option_fail(name, value, range->wanted, err);
    }
    *out = (float) number;
    return VITLRP_OK;
}

/* "A,B", of rising numbers. */
static enum vitlrp_status read_range(const char *value, struct vitlrp_render_options *render,
                                     struct vitlrp_error *err) {
    const char *comma = value == NULL ? NULL : strchr(value, ',');
    char number[32] = "";
    double low;
    double high;
    if (value == NULL) {
        return VITLRP_OK;
    }
    if (comma != NULL && (size_t) (comma - value) < sizeof number) {
        memcpy(number, value, (size_t) (comma - value));
    }
    if (comma == NULL || !parse_double(number, -MOST_RELEVANCE, MOST_RELEVANCE, &low) ||
        !parse_double(comma + 1, -MOST_RELEVANCE, MOST_RELEVANCE, &high) ||
        !((float) low < (float) high)) {
        return option_fail("--range", value, "two numbers, the smaller first, as -0.1,0.1", err);
    }
    render->range_low = (float) low;
    render->range_high = (float) high;
    return VITLRP_OK;
}

/* What the pictures of one command have in common. */
static enum vitlrp_status read_scale(const struct args *args, struct settings *settings,
                                     struct vitlrp_error *err) {
    static const struct option_range SCALE = {FLT_MIN, MOST_RELEVANCE,
                                              "a number above 0, auto or shared"};
    const char *value = args->value[OPTION_SCALE];
    if (value != NULL && args->value[OPTION_RANGE] != NULL) {
        return fail(err, VITLRP_USAGE, "--scale and --range: use one of them");
    }
    TRY(read_range(args->value[OPTION_RANGE], &settings->render, err));
    settings->shares_scale = value != NULL && strcmp(value, "shared") == 0;
    if (settings->shares_scale && args->verb == VERB_BATCH) {
        return fail(
            err, VITLRP_USAGE,
            "--scale shared: a batch can be resumed and divided, so it never sees all of its "
            "maps; use --scale NUMBER");
    }
    return settings->shares_scale
               ? VITLRP_OK
               : read_number_or_auto(args, OPTION_SCALE, &SCALE, &settings->render.scale, err);
}

static enum vitlrp_status read_top(const struct args *args, struct settings *settings,
                                   struct vitlrp_error *err) {
    const char *value = args->value[OPTION_TOP_PERCENT];
    double percent = 0.0;
    if (value == NULL && args->value[OPTION_TOP_AS] != NULL) {
        return fail(err, VITLRP_USAGE, "--top-as needs --top-percent");
    }
    if (value == NULL) {
        return VITLRP_OK;
    }
    if (!parse_double(value, 0.0, 100.0, &percent) || !((float) percent > 0.0F)) {
        return option_fail("--top-percent", value, "a number above 0, up to 100", err);
    }
    if (settings->render.style == VITLRP_STYLE_HEAT) {
        return fail(err, VITLRP_USAGE,
                    "--top-percent: --style heat has no photograph to show a part of");
    }
    settings->render.top_percent = (float) percent;
    return VITLRP_OK;
}

static enum vitlrp_status read_render(const struct args *args, struct settings *settings,
                                      struct vitlrp_error *err) {
    static const struct option_range OPACITY = {0.0, 1.0, "a number from 0 to 1, or auto"};
    struct vitlrp_render_options *render = &settings->render;
    int colormap = 0;
    TRY(option_choice(args, OPTION_CMAP, &colormap, err));
    TRY(read_number_or_auto(args, OPTION_OPACITY, &OPACITY, &render->opacity, err));
    TRY(read_scale(args, settings, err));
    TRY(read_top(args, settings, err));
    render->colormap = option_choices(OPTION_CMAP)[colormap];
    return VITLRP_OK;
}

static enum vitlrp_status read_norm_eps(const struct args *args, double *out,
                                        struct vitlrp_error *err) {
    const char *value = args->value[OPTION_NORM_EPS];
    if (value == NULL || parse_double(value, DBL_MIN, 0.99, out)) {
        return VITLRP_OK;
    }
    return option_fail("--norm-eps", value, "a number above 0 and below 1", err);
}

/* What makes logits of cosines with texts, and needs texts. */
static enum vitlrp_status read_logits(const struct args *args, struct settings *settings,
                                      struct vitlrp_error *err) {
    const char *scale = args->value[OPTION_LOGIT_SCALE];
    const char *bias = args->value[OPTION_LOGIT_BIAS];
    settings->logit_bias = NAN;
    if (scale != NULL && !parse_double(scale, 1e-6, 1e6, &settings->logit_scale)) {
        return option_fail("--logit-scale", scale, "a number from 0.000001 to 1000000", err);
    }
    if (bias != NULL && !parse_double(bias, -1e6, 1e6, &settings->logit_bias)) {
        return option_fail("--logit-bias", bias, "a number from -1000000 to 1000000", err);
    }
    if ((scale != NULL || bias != NULL) && settings->text_path == NULL &&
        settings->token_ids_path == NULL && !settings_has_prompts(settings)) {
        return fail(err, VITLRP_USAGE, "%s is of --text, --prompts and --text-embeddings",
                    scale != NULL ? "--logit-scale" : "--logit-bias");
    }
    return VITLRP_OK;
}

/* Of the verbs, those that look at units read an index without edits too. */
static enum vitlrp_status check_concepts(const struct args *args, const struct settings *settings,
                                         struct vitlrp_error *err) {
    bool is_read = settings->edit != NULL || ((FOR_NEURONS | FOR_EVAL) & 1U << args->verb) != 0;
    return settings->concepts_count == 0 || is_read
               ? VITLRP_OK
               : fail(err, VITLRP_USAGE,
                      "--concepts: an index has the values of --edit UNIT=mean, and nothing is "
                      "edited");
}

/* Texts come from one place, and name themselves. */
static enum vitlrp_status check_texts(const struct settings *settings, struct vitlrp_error *err) {
    const struct {
        const char *option;
        bool given;
    } ways[] = {{"--text", settings->text_count > 0},
                {"--prompts", settings->prompts_path != NULL},
                {"--token-ids", settings->token_ids_path != NULL},
                {"--text-embeddings", settings->text_path != NULL}};
    bool has_prompts = settings_has_prompts(settings);
    const char *texts = NULL;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        if (ways[i].given && texts != NULL) {
            return fail(err, VITLRP_USAGE, "%s and %s are two ways to give texts: choose one",
                        texts, ways[i].option);
        }
        texts = ways[i].given ? ways[i].option : texts;
    }
    if (has_prompts && settings->labels_path != NULL) {
        return fail(err, VITLRP_USAGE,
                    "--labels names the classes of a model, and texts of %s have their names",
                    texts);
    }
    if (texts != NULL && settings->like_path != NULL) {
        return fail(err, VITLRP_USAGE,
                    "%s compares an image with texts, --like with images: choose one", texts);
    }
    return VITLRP_OK;
}

/* Words are of texts that the model's text tower reads. */
static enum vitlrp_status check_words(const struct args *args, const struct settings *settings,
                                      struct vitlrp_error *err) {
    bool has_word = settings->word_text != NULL;
    const char *option = has_word ? "--word" : "--words";
    if (!has_word && !settings->words) {
        return VITLRP_OK;
    }
    if (!settings_has_prompts(settings)) {
        return fail(err, VITLRP_USAGE, "%s is of texts of --text%s", option,
                    settings->text_path != NULL ? ": ready-made embeddings have no words" : "");
    }
    if (has_word && settings->words) {
        return fail(err, VITLRP_USAGE,
                    "--words looks at all words of a text, --word explains one: choose one");
    }
    if (has_word && settings->text_count != 1) {
        return fail(err, VITLRP_USAGE, "--word is a word of one text: give one --text, not %s",
                    settings->text_count > 1 ? "several" : "--prompts");
    }
    if (has_word && settings->templates != NULL && strcmp(settings->templates, "none") != 0) {
        return fail(err, VITLRP_USAGE,
                    "--word is a word of a text as it stands: write what the template makes of it "
                    "instead of --templates");
    }
    if (has_word && (args->value[OPTION_CLASS] != NULL || settings->versus_text != NULL)) {
        return fail(err, VITLRP_USAGE,
                    "%s chooses among texts, and --word explains a part of one: leave it out",
                    settings->versus_text != NULL ? "--versus" : "--class");
    }
    return VITLRP_OK;
}

enum vitlrp_status settings_set_word_rules(const struct settings *settings,
                                           struct vitlrp_method_options *method,
                                           struct vitlrp_error *err) {
    if (settings->word_text == NULL) {
        return VITLRP_OK;
    }
    if (method->rules.epsilon != 0.0F) {
        return fail(err, VITLRP_USAGE,
                    "--word: with --epsilon the maps of words do not add up to that of their text");
    }
    method->rules.gamma[VITLRP_ROLE_HEAD] = 0.0F;
    return VITLRP_OK;
}

static enum vitlrp_status read_texts(const struct args *args, struct settings *settings,
                                     struct vitlrp_error *err) {
    static const enum option_id NEED_TEXTS[] = {OPTION_TOKENIZER,  OPTION_TEXT_CLEANING,
                                                OPTION_TEXT_HEADS, OPTION_TEXT_TOWER,
                                                OPTION_TEMPLATES,  OPTION_SAVE_TEXT_EMBEDDINGS};
    int cleaning = 0;
    TRY(option_choice(args, OPTION_TEXT_CLEANING, &cleaning, err));
    settings->text_cleaning = option_choice_word(args, OPTION_TEXT_CLEANING, cleaning);
    for (size_t i = 0; i < sizeof NEED_TEXTS / sizeof NEED_TEXTS[0]; i++) {
        bool is_of_tower = NEED_TEXTS[i] == OPTION_TEXT_HEADS || NEED_TEXTS[i] == OPTION_TEXT_TOWER;
        bool reads_ids = is_of_tower && settings->token_ids_path != NULL;
        if (args->value[NEED_TEXTS[i]] != NULL && !settings_has_prompts(settings) && !reads_ids) {
            char name[OPTION_NAME_LIMIT];
            option_spell(NEED_TEXTS[i], name, sizeof name);
            return fail(err, VITLRP_USAGE, "%s is of --text and --prompts", name);
        }
    }
    TRY(check_concepts(args, settings, err));
    TRY(check_texts(settings, err));
    TRY(check_words(args, settings, err));
    return read_logits(args, settings, err);
}

#define TEXT_OF(value) #value
#define AS_TEXT(value) TEXT_OF(value)

size_t class_list_length(const char *text) {
    size_t length = 0;
    while (text[length] != '\0' && (text[length] != ',' || text[length + 1] == ' ')) {
        length++;
    }
    return length;
}

static bool is_word(const char *text, size_t length, const char *word) {
    return strlen(word) == length && strncmp(text, word, length) == 0;
}

static enum vitlrp_status read_class(const struct args *args, struct settings *settings,
                                     struct vitlrp_error *err) {
    const char *option = settings->word_text != NULL ? "--word" : "--class";
    const char *value =
        settings->word_text != NULL ? settings->word_text : args->value[OPTION_CLASS];
    const char *versus = args->value[OPTION_VERSUS];
    settings->wants_label = versus != NULL && strcmp(versus, CLASS_WORD_LABEL) == 0;
    if (value != NULL && strncmp(value, "top:", 4) == 0) {
        return option_int(settings->word_text != NULL ? "--word top:" : "--class top:", value + 4,
                          1, TOP_MAX, &settings->top, err);
    }
    settings->class_text = value;
    for (const char *word = value; word != NULL;) {
        size_t length = class_list_length(word);
        if (++settings->class_count > CLASS_WORDS_MAX || length == 0) {
            return option_fail(
                option, value,
                settings->word_text != NULL
                    ? "a word, or up to " AS_TEXT(CLASS_WORDS_MAX) " of them, as red,bus"
                    : "a class, or up to " AS_TEXT(CLASS_WORDS_MAX) " of them, as 281,285",
                err);
        }
        settings->wants_label |=
            settings->word_text == NULL && is_word(word, length, CLASS_WORD_LABEL);
        word = word[length] == '\0' ? NULL : word + length + 1;
    }
    return VITLRP_OK;
}

const char *settings_contrast(const struct settings *settings) {
    const char *versus = settings_has_prompts(settings) ? settings->versus_text : NULL;
    if (versus != NULL && strncmp(versus, CONTRAST_TEXT, strlen(CONTRAST_TEXT)) == 0) {
        return versus + strlen(CONTRAST_TEXT);
    }
    return versus != NULL && strcmp(versus, CONTRAST_EMPTY) == 0 ? "" : NULL;
}

bool settings_has_prompts(const struct settings *settings) {
    return settings->text_count > 0 || settings->prompts_path != NULL;
}

int32_t settings_classes(const struct settings *settings) {
    return settings->top > 0           ? settings->top
           : settings->class_count > 0 ? settings->class_count
                                       : 1;
}

/* The option's value, or else that of the variable, with the name to blame for it. An empty
 * variable is as good as none. A record states by itself what decides about its figures. */
static const char *option_or_variable(const struct args *args, enum option_id option,
                                      const char *option_name, const char *variable,
                                      const char **name) {
    const char *value = args->value[option];
    *name = option_name;
    if (value == NULL && (!args->of_record || option_is_apart(option, args->verb))) {
        value = getenv(variable);
        *name = variable;
    }
    return value != NULL && value[0] == '\0' && *name == variable ? NULL : value;
}

/* A word of --backend, or of VITLRP_BACKEND. */
static enum vitlrp_status read_backend(const struct args *args, struct settings *settings,
                                       struct vitlrp_error *err) {
    const char *name;
    const char *value =
        option_or_variable(args, OPTION_BACKEND, "--backend", "VITLRP_BACKEND", &name);
    int choice = 0;
    if (args->value[OPTION_BACKEND] != NULL || value == NULL) {
        TRY(option_choice(args, OPTION_BACKEND, &choice, err));
        settings->backend = option_choice_word(args, OPTION_BACKEND, choice);
        return VITLRP_OK;
    }
    while ((settings->backend = option_choice_word(args, OPTION_BACKEND, choice)) != NULL &&
           strcmp(settings->backend, value) != 0) {
        choice++;
    }
    return settings->backend != NULL ? VITLRP_OK
                                     : option_fail(name, value, "a word of --backend", err);
}

/* The variable's changes first: the option's go over them, name by name. */
static enum vitlrp_status read_limits(const struct args *args, struct settings *settings,
                                      struct vitlrp_error *err) {
    const char *variable = getenv("VITLRP_LIMITS");
    limits_init(&settings->limits);
    if (variable != NULL && variable[0] != '\0') {
        TRY(limits_change("VITLRP_LIMITS", variable, &settings->limits, err));
    }
    TRY(limits_change("--limits", args->value[OPTION_LIMITS], &settings->limits, err));
    vitlrp_image_options_init(&settings->image);
    settings->image.ignore_exif = settings->preprocess.ignore_exif ? 1 : 0;
    settings->image.limits = settings->limits.image;
    settings->image.max_side = settings->max_side;
    return VITLRP_OK;
}

static void set_defaults(const struct args *args, struct settings *settings) {
    *settings = (struct settings){
        .args = args, .runs = args->value[OPTION_BATCH] != NULL ? 1 : 7, .max_side = DRAWN_SIDE};
    vitlrp_render_options_init(&settings->render);
    settings->render.upsample = VITLRP_UPSAMPLE_BICUBIC;
}

/* The options whose member and range stand in options.def. */
static enum vitlrp_status read_members(const struct args *args, struct settings *settings,
                                       struct vitlrp_error *err) {
    int64_t number;
    int choice;
#define TEXT(identifier, member) settings->member = args->value[OPTION_##identifier];
#define REPEATED(identifier, list, number_of)                                                      \
    settings->list = args->repeated[REPEATED_##identifier].values;                                 \
    settings->number_of = args->repeated[REPEATED_##identifier].count;
#define FLAG(identifier, member) settings->member = args->value[OPTION_##identifier] != NULL;
#define WHOLE(identifier, member, low, high)                                                       \
    number = settings->member;                                                                     \
    TRY(option_whole(args, OPTION_##identifier, low, high, &number, err));                         \
    settings->member = (int32_t) number;
#define CHOICE(identifier, type, member)                                                           \
    choice = (int) settings->member;                                                               \
    TRY(option_choice(args, OPTION_##identifier, &choice, err));                                   \
    settings->member = (type) choice;
#include "options.def"
    return VITLRP_OK;
}

/* The first method; that the others are there is found out now. */
static enum vitlrp_status read_methods(const struct args *args, struct settings *settings,
                                       struct vitlrp_error *err) {
    struct method_list *list = NULL;
    TRY(method_list_open(args, &list, err));
    settings->method_info = list->info[0];
    settings->method = list->options[0];
    settings->method_names = args->verb == VERB_EXPLAIN ? args->value[OPTION_METHODS] : NULL;
    mem_free(list);
    return VITLRP_OK;
}

enum vitlrp_status replacement_read(const struct args *args, enum vitlrp_replacement *out,
                                    struct vitlrp_error *err) {
    int choice = VITLRP_REPLACE_ZERO;
    TRY(option_choice(args, OPTION_REPLACE, &choice, err));
    *out = (enum vitlrp_replacement) choice;
    return *out != VITLRP_REPLACE_DONOR
               ? VITLRP_OK
               : fail(
                     err, VITLRP_USAGE,
                     "--replace donor: patches of another image of a set, which eval and tune have "
                     "and %s has not",
                     verb_name(args->verb));
}

enum vitlrp_status settings_read(const struct args *args, struct settings *settings,
                                 struct vitlrp_error *err) {
    const char *name;
    int precision = 0;
    set_defaults(args, settings);
    settings->model_path = option_or_variable(args, OPTION_MODEL, "--model", "VITLRP_MODEL", &name);
    settings->model_is_variable = settings->model_path != NULL && args->value[OPTION_MODEL] == NULL;
    const char *threads =
        option_or_variable(args, OPTION_THREADS, "--threads", "VITLRP_THREADS", &name);
    TRY(option_int(name, threads, 1, MAX_THREADS, &settings->threads, err));
    TRY(read_members(args, settings, err));
    TRY(read_norm_eps(args, &settings->norm_eps, err));
    TRY(read_texts(args, settings, err));
    TRY(read_backend(args, settings, err));
    TRY(option_choice(args, OPTION_PRECISION, &precision, err));
    settings->every_precision = precision > VITLRP_PRECISION_BF16X3;
    settings->precision =
        settings->every_precision ? VITLRP_PRECISION_FP32 : (enum vitlrp_precision) precision;
    TRY(read_class(args, settings, err));
    TRY(read_preprocess(args, &settings->preprocess, err));
    TRY(read_limits(args, settings, err));
    TRY(read_render(args, settings, err));
    if (((FOR_EVAL | FOR_TUNE | FOR_COMPARE) & 1U << args->verb) != 0) {
        return VITLRP_OK; /* eval_choice and compare read their methods and replacements */
    }
    TRY(replacement_read(args, &settings->replacement, err));
    settings->method_given = args->value[OPTION_METHOD] != NULL;
    TRY(read_methods(args, settings, err));
    if (settings->word_text != NULL && args->value[OPTION_GAMMA_HEAD] != NULL) {
        return fail(err, VITLRP_USAGE,
                    "--gamma-head: --word takes 0, with which the maps of words add up");
    }
    TRY(settings_set_word_rules(settings, &settings->method, err));
    settings->render.kind = settings->method_info.kind;
    if (settings->level == LEVEL_PIXEL && !settings->method_info.has_pixels) {
        return fail(err, VITLRP_USAGE, "--level pixel: %s has a map of patches only",
                    settings->method_info.name);
    }
    return VITLRP_OK;
}

void preprocess_change(const struct preprocess_changes *changes,
                       struct vitlrp_preprocess *preprocess) {
    if (changes->crop > 0) {
        /* The crop stays the same part of the resized image, as timm's crop_pct keeps it. */
        int32_t old = preprocess->crop_height > 0
                          ? preprocess->crop_height + preprocess->unread_height
                          : preprocess->resize_to;
        int32_t old_width = preprocess->crop_width > 0
                                ? preprocess->crop_width + preprocess->unread_width
                            : preprocess->resize_width > 0 ? preprocess->resize_width
                                                           : old;
        if (!changes->resize_given && old > 0) {
            preprocess->resize_to =
                (int32_t) ((int64_t) preprocess->resize_to * changes->crop / old);
            preprocess->resize_width =
                (int32_t) ((int64_t) preprocess->resize_width * changes->crop / old_width);
        }
        preprocess->crop_height = changes->crop;
        preprocess->crop_width = changes->crop;
        preprocess->unread_height = 0;
        preprocess->unread_width = 0;
    }
    if (changes->resize_given) {
        preprocess->resize = changes->resize;
        preprocess->resize_to = changes->resize_to;
        preprocess->resize_width = 0;
        if (changes->resize == VITLRP_RESIZE_SQUASH && changes->crop == 0) {
            preprocess->crop_height = 0;
            preprocess->crop_width = 0;
            preprocess->unread_height = 0;
            preprocess->unread_width = 0;
        }
    }
    if (changes->interpolation_given) {
        preprocess->interpolation = changes->interpolation;
    }
    if (changes->mean_given) {
        memcpy(preprocess->mean, changes->mean, sizeof preprocess->mean);
    }
    if (changes->std_given) {
        memcpy(preprocess->std, changes->std, sizeof preprocess->std);
    }
}

bool preprocess_is_changed(const struct preprocess_changes *changes) {
    return changes->resize_given || changes->crop > 0 || changes->interpolation_given ||
           changes->mean_given || changes->std_given || changes->ignore_exif;
}
