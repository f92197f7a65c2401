/* What the options mean: typed values, each checked for its range. Reads nothing but the command
 * line and three environment variables; files and models come later. */
#ifndef CLI_SETTINGS_H
#define CLI_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "args.h"
#include "base/status.h"
#include "limits.h"
#include "method_choice.h"
#include "vitlrp.h"

/* Words in the place of a class: the most likely one, and the image's label. */
#define CLASS_WORD_PREDICTED "predicted"
#define CLASS_WORD_LABEL "label"

/* What --versus takes beyond a class. */
#define CONTRAST_OTHERS "others"
#define CONTRAST_EMPTY "empty"
#define CONTRAST_TEXT "text:" /* before a text */

/* Longest list of classes. */
#define CLASS_WORDS_MAX 32

/* Longest class list that --class top:K may ask for; a model's own number is checked later. */
#define TOP_MAX 100000

/* Classes on one page. */
#define PAGE_CLASSES_MAX 12

enum level { LEVEL_PATCH, LEVEL_PIXEL };

enum caption { CAPTION_AUTO, CAPTION_NONE };

enum progress { PROGRESS_AUTO, PROGRESS_ALWAYS, PROGRESS_NEVER, PROGRESS_JSON };

/* Changes to the model's own preprocessing. */
struct preprocess_changes {
    bool resize_given;
    enum vitlrp_resize resize;
    int32_t resize_to;
    int32_t crop; /* 0: not given */
    bool interpolation_given;
    enum vitlrp_interpolation interpolation;
    bool mean_given, std_given;
    float mean[3], std[3];
    bool ignore_exif;
};

struct settings {
    const struct args *args;     /* what it was read from, for records; NULL: nothing */
    const char *model_path;      /* NULL: the built-in model */
    bool model_is_variable;      /* VITLRP_MODEL names it */
    const char *like_path;       /* NULL: nothing is compared */
    const char *edit;            /* of --edit, a list or a path; NULL: no unit is edited */
    const char *const *concepts; /* [concepts_count] of --concepts, folders; of args */
    size_t concepts_count;       /* 0: none */
    const char *const *texts;    /* [text_count] of --text; of args */
    size_t text_count;           /* 0: none */
    const char *prompts_path;    /* of --prompts; NULL: none */
    const char *templates;       /* of --templates, a name or a path; NULL: none */
    const char *token_ids_path;  /* NULL: no texts are given as ids */
    const char *save_rows_path;  /* NULL: embeddings of texts are not written */
    const char *tokenizer_path;  /* NULL: what lies beside the weights */
    const char *text_cleaning;   /* a word of --text-cleaning */
    int32_t text_heads;          /* 0: the model's files state it */
    enum vitlrp_text_tower text_tower;
    const char *text_path; /* NULL: no embeddings of texts are compared with */
    double logit_scale;    /* 0: the model's files state it */
    double logit_bias;     /* NAN: likewise */
    const char *head_path; /* NULL: the model's own head */
    const char *head_activation;
    const char *labels_path;
    enum vitlrp_weights weights;
    int32_t heads; /* 0: the model's files state it; so with the next four */
    enum vitlrp_activation activation;
    enum vitlrp_pool pool;
    enum vitlrp_probability probability;
    double norm_eps;
    const char *ignore_tensors; /* NULL: none */
    const char *adapter_path;   /* NULL: none */
    int32_t threads;
    const char *backend;
    enum vitlrp_precision precision;
    bool every_precision; /* bench: all of them, compared */

    const char *class_text; /* a list of class_count; NULL: the most likely class, or top */
    const char *word_text;  /* of --word: classes are words of the one text; NULL: they are not */
    int32_t class_count;
    int32_t top; /* K of --class top:K, 0 otherwise */
    const char *versus_text;
    bool wants_label; /* a class is each image's own label */

    bool method_given;
    struct vitlrp_method_info method_info;
    struct vitlrp_method_options method; /* its defaults with the options over them */
    const char *method_names;            /* of a list for a page; NULL: that one alone */
    bool many_maps; /* an attribution is followed by others of the same forward pass */
    const struct method_list *methods; /* of a page: the verb's */
    bool without_drops;                /* of a page, and the next one too */
    enum vitlrp_replacement replacement;

    struct preprocess_changes preprocess;

    enum level level;
    enum progress progress;
    struct vitlrp_render_options render;
    enum caption caption;
    bool shares_scale; /* all pictures have one range, which a first pass finds */
    bool ledger;
    bool words;        /* the words of the text that is explained are reported */
    bool lists_tokens; /* of every text; the command's own choice */
    int32_t runs;
    struct limits limits;
    int32_t max_side;                  /* of the photographs that are drawn on */
    struct vitlrp_image_options image; /* its limits, and the EXIF of the changes above */
    struct vitlrp_inputs inputs;       /* gets the names of the files that are read; the verb's */
    struct vitlrp_tensor_list tensors; /* gets the list of the model's tensors; the verb's */
};

/* The one replacement of a verb that has a single image, for which donor is refused. */
enum vitlrp_status replacement_read(const struct args *args, enum vitlrp_replacement *out,
                                    struct vitlrp_error *err);

/* The meaning of parsed arguments. USAGE names the option, the value and the range. Strings stay
 * owned by args and the environment. */
enum vitlrp_status settings_read(const struct args *args, struct settings *settings,
                                 struct vitlrp_error *err);

/* The length of the first word of a list of classes: it ends before a comma without a blank behind
 * it, or with the text. */
size_t class_list_length(const char *text);

/* The text that --versus names beyond those of the model: "" of `empty`, T of `text:T`; NULL: none.
 */
const char *settings_contrast(const struct settings *settings);

/* Whether texts are given for the model's text tower to read. */
bool settings_has_prompts(const struct settings *settings);

/* How many classes of an image are explained, at most. */
int32_t settings_classes(const struct settings *settings);

/* Makes the rules of a method linear in what they explain, as maps of words need it: gamma 0 of the
 * head. USAGE for an epsilon, which are not then. Nothing without --word. */
enum vitlrp_status settings_set_word_rules(const struct settings *settings,
                                           struct vitlrp_method_options *method,
                                           struct vitlrp_error *err);

/* The model's preprocessing with the changes over it. */
void preprocess_change(const struct preprocess_changes *changes,
                       struct vitlrp_preprocess *preprocess);

/* True if any option of the preprocessing was given. */
bool preprocess_is_changed(const struct preprocess_changes *changes);

#endif
