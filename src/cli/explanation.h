/* One explained class, and its reports for people and for programs. */
#ifndef CLI_EXPLANATION_H
#define CLI_EXPLANATION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/settings_json.h"
#include "base/status.h"
#include "base/text.h"
#include "model_record.h"
#include "photo.h"
#include "settings.h"
#include "vitlrp.h"

/* Likeliest classes that are reported, at least. */
#define TOP_REPORTED 5

struct timing {
    double decode, preprocess, forward, backward, render; /* milliseconds */
};

struct text_words;

struct explanation {
    const char *image_path;
    const struct photo *photo;
    const struct vitlrp_model *model;
    const struct vitlrp_preprocess *preprocess;
    const struct settings *settings;
    const struct prediction *prediction;
    const struct prediction *before;   /* of the model before edits; NULL: it has none */
    const struct model_record *record; /* of the model; NULL unless there will be a report */
    const char *image_sha256;          /* of the file's bytes */
    enum vitlrp_precision precision;   /* in use */
    const struct vitlrp_session_info *session; /* that computed it */
    struct vitlrp_class target;
    bool has_versus;
    struct vitlrp_class versus;
    bool has_label; /* it was asked for */
    struct vitlrp_class label;
    double explained; /* the logit, or the difference of logits */
    double sum;       /* of the map */
    const struct vitlrp_ledger_entry *ledger;
    size_t ledger_length;
    const struct text_words *words; /* of the target's text; NULL where nobody wants them */
    struct timing timing;
};

/* One explained class as an object. *out is owned: json_decref. */
enum vitlrp_status json_report(const struct explanation *explanation, json_t **out,
                               struct vitlrp_error *err);

/* The same of several classes that were asked for as a list: the first is the record, and the
 * others are added to its list "further". *record is NULL before the first; owned: json_decref. */
enum vitlrp_status json_report_add(const struct explanation *explanation, json_t **record,
                                   struct vitlrp_error *err);

/* Two classes of an image, and what the model says of one less what it says of the other. */
struct class_pair {
    const struct prediction *prediction;
    struct vitlrp_class class, versus;
};

/* What every record of an explained image begins with: its format, the model's name, the image. */
void json_record_begin(json_t *object, const struct explanation *explanation, const char *format,
                       bool *complete);

/* And what it ends with: what the model saw, the version, and the model's identity. */
void json_record_end(json_t *object, const struct explanation *explanation, bool *complete);

/* The method and what it reads. */
void json_set_method(json_t *object, const struct explanation *explanation, bool *complete);

/* What a class is contrasted with: the index of another one, or "others". */
json_t *json_versus(const struct vitlrp_class *versus);

/* The difference as an object. */
json_t *json_difference(const struct class_pair *pair);

/* What the method reads, as an object; precision always. */
json_t *json_method_parameters(const struct vitlrp_method_info *info,
                               const struct vitlrp_method_options *options,
                               enum vitlrp_precision precision);

/* How an image became the model input, and which part of it the map covers. NULL: it was a model
 * input already. */
json_t *json_seen(const struct vitlrp_geometry *geometry,
                  const struct vitlrp_preprocess *preprocess, bool *complete);

/* Where objects go: to one file at its end, or at once to standard output. */
struct json_sink {
    bool lines;       /* one compact object a line, for several of them */
    char *path;       /* owned; of the file that text belongs to, NULL if none */
    struct text text; /* owned */
};

void json_sink_init(struct json_sink *sink, bool lines);

/* Adds the object to the file of that name. Another name than last time ends the last file. */
enum vitlrp_status json_sink_add(struct json_sink *sink, const char *path, const json_t *object,
                                 struct vitlrp_error *err);

/* Writes what is left. */
enum vitlrp_status json_sink_finish(struct json_sink *sink, struct vitlrp_error *err);

void json_sink_free(struct json_sink *sink);

/* The image and the model's most likely classes. */
void report_prediction(struct text *out, const struct explanation *explanation);

/* What a value of the map is: "logit" or "score"; of outputs that are no classes, "output" in the
 * place of "logit". */
const char *explanation_unit(const struct explanation *explanation);

/* What explanation->explained is: "logit", or "sum of logits" of another score. */
const char *explanation_sum(const struct explanation *explanation);

/* What was explained, and how much of it the map holds. */
void report_class(struct text *out, const struct explanation *explanation);

/* What the model says of one class less what it says of the other. */
void report_difference(struct text *out, const struct class_pair *pair);

/* Where relevance was absorbed, one line a block, and whether the sums close. */
void report_ledger(struct text *out, const struct explanation *explanation);

#endif
