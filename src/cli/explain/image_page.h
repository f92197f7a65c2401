/* A page for one image (-o NAME.html): what it collects while the image's classes are explained,
 * and what it then computes itself. The page is written by image_page_html.c; data/FORMATS.md
 * describes the data in it. */
#ifndef CLI_IMAGE_PAGE_H
#define CLI_IMAGE_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/page_frame.h"
#include "base/status.h"
#include "base/text.h"
#include "cli/explain_session.h"
#include "cli/explanation.h"

/* Two more classes and a difference may join those that were asked for. */
#define PAGE_TARGETS (PAGE_CLASSES_MAX + 3)

/* A class that the page shows something of. */
struct page_class {
    struct vitlrp_class found;
    bool is_named; /* by the user */
};

/* A column of maps: a class, or its difference to another. Places in the list of classes. */
struct page_target {
    size_t class, versus;
    bool has_versus;
};

/* A part of the model whose relevance a map shows. Today only the whole model has one; views of
 * blocks and heads are further parts: rows of PAGE_PARTS, and who fills their maps. */
struct page_part {
    const char *name, *title;
};

#define PAGE_PART_COUNT 1
extern const struct page_part PAGE_PARTS[PAGE_PART_COUNT];

struct page_map {
    bool is_there;
    float *values; /* [patches]; owned by the page's block */
    double explained, sum;
};

/* Patches that suffice for a target's class, or flip it. */
struct page_set {
    size_t target;
    enum vitlrp_patch_goal goal;
    struct vitlrp_patch_search search; /* with what was found */
    uint8_t *patches;                  /* [patches]; owned by the page's block */
    int32_t top;                       /* the output that is the largest then */
    double logit, probability;         /* of the target's class */
};

/* What the model says without each patch. */
struct page_drops {
    float *logits;         /* [classes of the page, patches] */
    double *probabilities; /* likewise */
    int32_t *top;          /* [patches]: the largest output */
};

struct image_page {
    const struct explain_session *state;
    const struct explanation *explanation; /* of the image; its target is the last one's */
    size_t patches;
    struct page_class classes[PAGE_CLASSES_MAX + 2];
    size_t class_count;
    struct page_target targets[PAGE_TARGETS];
    size_t target_count;
    size_t kept;           /* targets that the command itself has explained: the first ones */
    struct page_map *maps; /* [methods, targets, parts] */
    struct text words;     /* of explained texts, as HTML; owned */
    float *values;         /* of all maps */

    bool has_removal;
    size_t forwards; /* passes without patches, all together */
    struct page_drops drops;
    struct page_set *sets; /* [2 * PAGE_TARGETS] */
    size_t set_count;
    uint8_t *set_patches;
};

/* Before an image's classes are explained. Both pointers outlive the page. image_page_free releases
 * it, after a failure too. */
enum vitlrp_status image_page_open(const struct explain_session *state,
                                   const struct explanation *explanation, struct image_page *page,
                                   struct vitlrp_error *err);

void image_page_free(struct image_page *page);

/* The map of the explanation's target, by the first method: state->map. */
void image_page_keep(struct image_page *page, const struct explanation *explanation);

/* The words of its target's text, which are there. */
void image_page_keep_words(struct image_page *page, const struct explanation *explanation);

/* All words that were kept, as a section; nothing without them. */
void image_page_append_words(const struct image_page *page, struct text *out);

/* Computes what is missing: maps of further classes and methods, and what the model says without
 * patches, which is announced on the console where it takes long. */
enum vitlrp_status image_page_complete(struct image_page *page, struct explain_session *state,
                                       struct vitlrp_error *err);

/* True of the likeliest class; of words, none is likelier than another. */
bool image_page_predicts(const struct image_page *page, int32_t output);

/* The file's name without its folders, which are nobody's business. */
const char *image_page_name(const struct image_page *page);

/* The map of a target by a method, of a part of the model. */
struct page_map *image_page_map(const struct image_page *page, size_t method, size_t target,
                                size_t part);

/* What the model says without patches: single ones, and sets. image_page_removal.c. */
enum vitlrp_status image_page_remove(struct image_page *page, struct explain_session *state,
                                     struct vitlrp_error *err);

/* The page as text. */
enum vitlrp_status image_page_html(const struct image_page *page, struct text *out,
                                   struct vitlrp_error *err);

/* The data of the page's script. *out is owned: json_decref. `width` and `height` are those of its
 * picture. */
enum vitlrp_status image_page_data(const struct image_page *page, int32_t width, int32_t height,
                                   json_t **out, struct vitlrp_error *err);

/* The script and the style, which end with a zero byte: image_page_files.S. */
extern const char IMAGE_PAGE_SCRIPT[];
extern const char IMAGE_PAGE_STYLE[];

#endif
