/* What the handles of the public headers are inside. For src/api only. */
#ifndef API_HANDLES_H
#define API_HANDLES_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "api/model_preprocess.h"
#include "eval/dataset.h"
#include "eval/record.h"
#include "eval/summary.h"
#include "imgio/photograph.h"
#include "vit/methods/method.h"
#include "vit/model/model.h"
#include "vitlrp_eval.h"

struct class_texts;
struct label_list;
struct labels;
struct model_hash;
struct text_identity;

/* The weights, and what turns photographs into inputs and outputs into class names. Immutable. */
struct vitlrp_model {
    struct vit_model *vit;
    struct model_preprocess preprocess;
    struct labels *labels;
    struct model_hash *hash;       /* held: of the weights, when it has been asked for */
    struct class_texts *texts;     /* owned: which its classes were made of; NULL: of none */
    struct text_identity *made_of; /* owned: those, for records; NULL likewise */
    json_t *edits;                 /* owned: names of the edits of its units; NULL: of none */
    json_t *text_facts;            /* owned: of the tower that read texts; NULL: none has */
    float *empty_text;             /* owned: [embed_dim], of the empty text; NULL: not known */
};

/* A model around what vit has made of the weights of `base`, which it takes over, failing or not,
 * without labels. *out is owned: vitlrp_model_close. */
enum vitlrp_status model_begin(const struct vitlrp_model *base, struct vit_model *vit,
                               struct vitlrp_model **out, struct vitlrp_error *err);

/* Likewise, with its labels. */
enum vitlrp_status model_around(const struct vitlrp_model *base, struct vit_model *vit,
                                const struct label_list *names, struct vitlrp_model **out,
                                struct vitlrp_error *err);

/* Keeps the facts of the text tower that read the model's texts. NOMEM. */
enum vitlrp_status model_keep_text_facts(struct vitlrp_model *model, const struct vit_model *tower,
                                         struct vitlrp_error *err);

/* NUMERIC unless every value of a model input [channels, height, width] is finite. A size of 0 is
 * the model's own. */
enum vitlrp_status api_check_input(const struct vit_model *model, int32_t height, int32_t width,
                                   const float *input, struct vitlrp_error *err);

/* Its format may be "rgb" or "input" too. */
struct vitlrp_image {
    struct photograph photograph;
};

struct vitlrp_session {
    struct vit_attributor *attributor;
    struct vit_session *vit; /* the attributor's */
    float *input; /* [channels, input_height, input_width]: of the last forward, since some methods
                     move the inner session on to other inputs */
    float *patches; /* [grid_height, grid_width] */
    size_t classes, pixels, patch_count;
};

/* What a session's options say, checked, but for its methods. The texts stay the caller's. */
enum vitlrp_status api_session_options(const struct vitlrp_session_options *options,
                                       struct vit_attributor_options *out,
                                       struct vitlrp_error *err);

/* What an attribution is asked for. */
struct session_request {
    const struct vit_method *method;
    struct vitlrp_method_options options;
    struct vit_method_request request; /* points to options: stays where it is made */
};

/* Reads and checks the options; the request is for the session's last forward, without arrays. */
enum vitlrp_status session_request_make(struct vitlrp_session *session,
                                        const struct vitlrp_target *targets, size_t target_count,
                                        const struct vitlrp_method_options *options,
                                        struct session_request *out, struct vitlrp_error *err);

/* Runs it into the caller's record. */
enum vitlrp_status session_request_run(struct vitlrp_session *session,
                                       struct session_request *request,
                                       struct vitlrp_relevance *relevance,
                                       struct vitlrp_error *err);

struct vitlrp_dataset {
    struct dataset dataset;
    char *path; /* owned; as it was opened, like the next ones */
    enum vitlrp_eval_target target;
    size_t limit;
    int32_t shards;
};

struct vitlrp_evaluation {
    struct record record;
    struct summary summary; /* of the record */
};

#endif
