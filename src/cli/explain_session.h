/* What a run of explain keeps from image to image: the model, a session of the right size, and room
 * for the results. */
#ifndef CLI_EXPLAIN_SESSION_H
#define CLI_EXPLAIN_SESSION_H

#include "base/status.h"
#include "console.h"
#include "json_report.h"
#include "outputs.h"
#include "prediction.h"
#include "settings.h"
#include "vitlrp.h"

struct explain_session {
    const struct settings *settings;
    struct console *console;
    struct vitlrp_model *model;
    bool owns_model;
    struct vitlrp_session *session; /* owned; NULL before the first image */
    struct vitlrp_session_info info;
    struct vitlrp_preprocess preprocess;
    char weights_sha256[65]; /* "" unless the JSON report needs it */

    bool has_class; /* one class was asked for, for every image */
    struct vitlrp_class target;
    bool has_versus;
    struct vitlrp_class versus;

    struct prediction prediction;
    float *pixels; /* owned: [3, height, width]; NULL at --level patch */
    float *map;    /* owned: what is drawn and written, map_height x width */
    int32_t map_height, map_width;
    struct vitlrp_ledger_entry *ledger; /* owned */
    size_t ledger_length;
    bool without_ledger; /* nobody reads it */
    int32_t passes;      /* forward passes to come, about; 0: few */

    struct outputs outputs;
    struct json_sink sink;
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

/* What a session for inputs of this size takes; opens none. */
enum vitlrp_status explain_session_bytes(const struct explain_session *state, int32_t height,
                                         int32_t width, size_t *bytes, struct vitlrp_error *err);

/* Makes the session fit inputs of this size. */
enum vitlrp_status explain_session_fit(struct explain_session *state, int32_t height, int32_t width,
                                       struct vitlrp_error *err);

#endif
