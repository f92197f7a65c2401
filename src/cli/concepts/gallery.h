/* The gallery of an index of hidden units: for some units of each block, the images for which they
 * are most relevant and those that activate them most, each cut to what the unit reads there; what
 * the model loses without the unit; and whether that is what its images show. It is a record
 * (gallery.json), pictures (crops/), and a page that is made of both (index.html).
 *
 * What is known of a unit does not depend on the other units of the gallery, on threads or on the
 * order of images. So a record that is there already is used again, as are pictures. */
#ifndef CLI_GALLERY_H
#define CLI_GALLERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/class_rows.h"
#include "base/journal.h"
#include "base/json.h"
#include "base/status.h"
#include "base/text.h"
#include "base/unit_index.h"
#include "cli/batch/batch_plan.h"
#include "cli/explain_session.h"
#include "vitlrp_eval.h"
#include "vitlrp_units.h"

#define GALLERY_ROW 9
#define GALLERY_RECORD "gallery.json"
#define GALLERY_PAGE "index.html"
#define GALLERY_CROPS "crops"

struct gallery_choice {
    int32_t units;       /* of each block: those of the largest mean relevance (or activation) */
    int32_t test_images; /* on which units are taken away; 0: none */
    bool has_pictures;
    const char *show; /* names of further units, with commas; NULL: none */
};

/* Reads the options that are the gallery's alone. USAGE names the option. */
enum vitlrp_status gallery_choose(const struct args *args, struct gallery_choice *choice,
                                  struct vitlrp_error *err);

/* An image of a unit. */
struct gallery_entry {
    struct topk_entry of;
    int32_t output;  /* of its class */
    bool wants_crop; /* there is none yet */
    double drop;     /* of that class's logit in this image without the unit; NAN: not known */
};

struct gallery_row {
    struct gallery_entry entries[GALLERY_ROW];
    size_t count;
};

#define GALLERY_MEANS 10

/* A unit's share of its block's relevance in the images of a class. */
struct gallery_mean {
    double mean;
    size_t output, images;
};

struct gallery_unit {
    struct vitlrp_unit unit;
    char name[VITLRP_UNIT_NAME];
    bool is_ranked; /* it is here by its relevance, and not since it was asked for */
    size_t number;  /* among those of all blocks */
    struct gallery_row rows[UNIT_INDEX_KINDS];
    uint32_t random[GALLERY_ROW]; /* as many images by chance */
    size_t random_count;
    const json_t *known; /* its object in the record that was there; NULL: there is none */
    int64_t *sums; /* [classes], of logits that fell, * GALLERY_SCALE; of the gallery's block */
    size_t tested; /* images in the sums */
    struct gallery_mean means[GALLERY_MEANS]; /* by class, the largest first */
    size_t mean_count;
};

#define GALLERY_SCALE 16777216.0 /* 2^24 */

struct gallery_class {
    int32_t index;
    const char *label; /* of the model; "" if unknown */
};

/* What a gallery is made of; all of it stays the caller's. */
struct gallery_source {
    const struct gallery_choice *choice;
    const struct batch_plan *plan; /* of the whole list */
    const struct unit_index *index;
    struct class_rows *rows;       /* NULL: relevance is not added up by class */
    const struct journal *journal; /* of all images */
    const json_t *config;          /* run.json */
    const char *identity;          /* unit_index_run_identity of it */
    int folder;                    /* of the run */
    enum vitlrp_site site;
    struct explain_session *first; /* with the model; its session is given up */
    size_t threads;
    struct vitlrp_eval_observer observer; /* progress, and whether to end early */
};

struct gallery {
    struct gallery_source of;
    struct gallery_class *classes; /* owned: [class_count] by output */
    size_t class_count;
    struct gallery_unit *units; /* owned: [unit_count], the last block first */
    size_t unit_count;
    uint32_t *done; /* owned: [done_count] images of the index */
    size_t done_count;
    uint32_t *test; /* owned: [test_count], in order: on which units are taken away */
    size_t test_count;
    int64_t *sums;  /* owned: of all units */
    json_t *before; /* owned: the record that was there; NULL: none of this run */
    bool has_drops; /* units of the site can be taken away */
};

/* Which units and which images, and what is known of them. *out is owned: gallery_close, after a
 * failure too. gallery_plan.c. */
enum vitlrp_status gallery_open(const struct gallery_source *source, struct gallery *out,
                                struct vitlrp_error *err);
void gallery_close(struct gallery *gallery);

/* True unless the unit's images may not be measured on it: those that the index keeps for it, and
 * those of its random row. */
bool gallery_may_test(const struct gallery *gallery, const struct gallery_unit *unit,
                      uint32_t image);

/* "4-fc1-65.relevance.12.jpg" of the unit "4:fc1:65". */
void gallery_crop_name(const char *unit, enum unit_index_kind kind, uint32_t image,
                       struct text *out);

/* Passes over the images: pictures, and what falls without units. CANCELLED where the observer ends
 * it; pictures that are there by then stay. gallery_work.c. */
enum vitlrp_status gallery_work(struct gallery *gallery, struct vitlrp_error *err);

/* The record. *out is owned: json_decref. gallery_record.c. */
enum vitlrp_status gallery_record(const struct gallery *gallery, json_t **out,
                                  struct vitlrp_error *err);

/* The page of a record, with the pictures of the run's folder. gallery_page.c. */
enum vitlrp_status gallery_page(const json_t *record, int folder, struct text *out,
                                struct vitlrp_error *err);

/* Makes all of it, in the run's folder. gallery_make.c. */
enum vitlrp_status gallery_make(const struct gallery_source *source, struct vitlrp_error *err);

/* The script and the style, which end with a zero byte: gallery_files.S. */
extern const char GALLERY_SCRIPT[];
extern const char GALLERY_STYLE[];

#endif
