/* The one path from a photograph to explanations: the model, a session of the right size, room for
 * results, and the work on each class. */
#ifndef CLI_EXPLAIN_SESSION_H
#define CLI_EXPLAIN_SESSION_H

#include "base/npy.h"
#include "base/status.h"
#include "class_choice.h"
#include "console.h"
#include "explanation.h"
#include "model_choice.h"
#include "model_record.h"
#include "outputs.h"
#include "pass_watch.h"
#include "photo.h"
#include "settings.h"
#include "text_words.h"
#include "unedited.h"
#include "vitlrp.h"
#include "vitlrp_units.h"

/* Session options with the settings' threads and backend, for an input of the given size (0: as
 * trained). USAGE, naming the option to change, unless it is a multiple of the model's patch. */
enum vitlrp_status session_choose(const struct settings *settings, const struct vitlrp_model *model,
                                  int32_t input_height, int32_t input_width,
                                  struct vitlrp_session_options *options, struct vitlrp_error *err);

struct image_page;

struct explain_session {
    const struct settings *settings;
    struct console *console;
    struct vitlrp_model *model;
    bool owns_model;
    struct unedited unedited;       /* the model before edits, of the same owner */
    struct vitlrp_session *session; /* owned; NULL before the first image */
    struct vitlrp_session_info info;
    struct vitlrp_preprocess preprocess;
    const struct model_record *record; /* of the model; NULL unless a record names it */

    struct class_choice choice;
    struct prediction prediction;
    float *pixels; /* owned: [3, height, width]; NULL at --level patch */
    float *map;    /* owned: what is drawn and written, map_height x width */
    int32_t map_height, map_width;
    struct vitlrp_ledger_entry *ledger; /* owned */
    size_t ledger_length;
    struct text_words words; /* of the class at hand, where they are wanted */
    bool reads_ledger;       /* somebody does: it costs some per cent */
    bool told_model;         /* model_line_append has been called */
    bool told_input;         /* model_input_warn has been called */
    bool tells_work;         /* a warning where an image takes more than a second */
    double forward_s;        /* the last forward pass took */
    struct pass_watch watch; /* the session's observer, where it is enabled */
    int32_t passes;          /* forward passes to come, about; 0: few */

    struct vitlrp_session_observer observer; /* where the watch is not enabled; zeroed: none */
    struct vitlrp_unit_values *units; /* whose activations a forward pass fills; NULL: nobody's */

    struct image_page *page; /* of the image at hand, which collects its maps; NULL without one */
    struct outputs outputs;
    struct json_sink sink;
    json_t *record_of_list; /* owned: of an image, while its classes are added; NULL without one */
};

/* Opens the model and checks what can be checked against it: the classes asked for and the input
 * size. explain_session_close releases it, after a failure too. */
enum vitlrp_status explain_session_open(const struct settings *settings, struct console *console,
                                        struct explain_session *state, struct vitlrp_error *err);

/* As explain_session_open, on a model that the caller keeps: one session of several. */
enum vitlrp_status explain_session_open_on(const struct settings *settings, struct console *console,
                                           struct vitlrp_model *model,
                                           struct explain_session *state, struct vitlrp_error *err);

void explain_session_close(struct explain_session *state);

/* Gives the session's memory back, until explain_session_fit opens it again. */
void explain_session_release(struct explain_session *state);

/* Says what is wrong with a photograph that was read nevertheless, and if most of it is cropped
 * away. */
void explain_warn(const struct explain_session *state, const struct photo *photo, const char *path);

/* Before the images: where a file of records waits for the last of several, a signal ends the run
 * in order, within a pass. */
void explain_listen(struct explain_session *state, size_t images);

/* What a session for inputs of this size takes; opens none. */
enum vitlrp_status explain_session_bytes(const struct explain_session *state, int32_t height,
                                         int32_t width, size_t *bytes, struct vitlrp_error *err);

/* After a forward pass: how the image fits a text without words, into state->prediction, of a model
 * of texts. */
enum vitlrp_status explain_cosine(struct explain_session *state, struct vitlrp_error *err);

/* A forward pass; logits into state->prediction. Where units are edited, one more of the model
 * without that, and its prediction. */
enum vitlrp_status explain_forward(struct explain_session *state, const float *input,
                                   struct vitlrp_error *err);

/* What the model says of the image at hand before edits; NULL: it has none. */
const struct prediction *explain_before(const struct explain_session *state);

/* What is known of an image when its explanation begins: all but its class. The pointers outlive
 * it; sha256 is of the file's bytes, "" where nobody asks. */
struct explanation explain_begin(const struct explain_session *state, const char *path,
                                 const struct photo *photo, const char *sha256);

/* The image at hand, to choose a class for. Where units are edited and no class is asked for, it is
 * the likeliest one before that. label: its output, or -1. */
struct class_image explain_class_image(const struct explain_session *state, int32_t label);

/* Makes the session fit inputs of this size. */
enum vitlrp_status explain_session_fit(struct explain_session *state, int32_t height, int32_t width,
                                       struct vitlrp_error *err);

/* Computes the relevance of explanation->target (against its versus) into the session's map and
 * ledger; fills what it finds out into *explanation. */
enum vitlrp_status explain_relevance(struct explain_session *state, struct explanation *explanation,
                                     struct vitlrp_error *err);

/* Draws the map. The bytes are released with vitlrp_free. */
enum vitlrp_status explain_render(const struct explain_session *state,
                                  struct explanation *explanation, unsigned char **data,
                                  size_t *size, struct vitlrp_error *err);

/* Writes the files of this class, the picture (`data`, NULL without one) among them, and adds their
 * names to *report. One that fails is reported and does not keep the others back. */
enum exit_code explain_write(struct explain_session *state, const struct explanation *explanation,
                             const unsigned char *data, size_t size, struct text *report);

/* Ends the record of an image whose classes were asked for as a list; those of two get their
 * difference, which is said in *report too. */
enum vitlrp_status explain_end_list(struct explain_session *state,
                                    const struct explanation *explanation, struct text *report,
                                    struct vitlrp_error *err);

/* The two classes of a list of two, for an image. */
enum vitlrp_status explain_pair(const struct explain_session *state, int32_t label,
                                struct class_pair *out, struct vitlrp_error *err);

/* Whose files are written, and where it is said. */
struct output_place {
    const char *image_path;
    const struct name_values *of_class; /* NULL: they do not depend on the class */
    struct text *report;
};

/* Writes the bytes of one kind of output, which is wanted. */
enum vitlrp_status explain_write_bytes(const struct explain_session *state, enum output_kind kind,
                                       const struct output_place *place, const struct bytes *bytes,
                                       struct vitlrp_error *err);

/* Adds an object to the file of --json, which is wanted. of_class as of output_place. */
enum vitlrp_status explain_add_record(struct explain_session *state, const char *image_path,
                                      const struct name_values *of_class, const json_t *record,
                                      struct vitlrp_error *err);

/* Writes a page of the image. */
enum vitlrp_status explain_write_page(const struct explain_session *state,
                                      const struct output_place *place, const struct text *page,
                                      struct vitlrp_error *err);

/* Writes one array that belongs to the image or the class, if that kind of output is wanted. */
enum vitlrp_status explain_write_array(const struct explain_session *state, enum output_kind kind,
                                       const struct output_place *place,
                                       const struct npy_view *array, struct vitlrp_error *err);

#endif
