/* Reports of evaluations for vitlrp_eval.h. */
#include "api/api.h"
#include "api/handles.h"
#include "eval/report.h"

/* Hands a report over to the caller. */
static enum vitlrp_status report_hand_over(enum vitlrp_status status, struct text *text,
                                           char **data, size_t *size, struct vitlrp_error *error) {
    if (status == VITLRP_OK) {
        status = text_check(text, "the report", error);
    }
    if (status == VITLRP_OK) {
        *data = text->data;
        *size = text->length;
    } else {
        text_free(text);
    }
    return status;
}

enum vitlrp_status vitlrp_evaluation_json(const struct vitlrp_evaluation *evaluation, char **data,
                                          size_t *size, struct vitlrp_error *error) {
    API_NEEDS(evaluation != NULL && data != NULL && size != NULL, error);
    struct text text = {.limit = RECORD_TEXT_LIMIT};
    enum vitlrp_status status =
        record_write(&evaluation->record, &evaluation->summary, NULL, &text, error);
    return report_hand_over(status, &text, data, size, error);
}

enum vitlrp_status vitlrp_evaluation_csv(const struct vitlrp_evaluation *evaluation, char **data,
                                         size_t *size, struct vitlrp_error *error) {
    API_NEEDS(evaluation != NULL && data != NULL && size != NULL, error);
    struct text text = {.limit = RECORD_TEXT_LIMIT};
    enum vitlrp_status status = report_csv(&evaluation->record, NULL, &text, error);
    return report_hand_over(status, &text, data, size, error);
}

enum vitlrp_status vitlrp_evaluation_html(const struct vitlrp_evaluation *evaluation, char **data,
                                          size_t *size, struct vitlrp_error *error) {
    API_NEEDS(evaluation != NULL && data != NULL && size != NULL, error);
    struct text text = {.limit = RECORD_TEXT_LIMIT};
    enum vitlrp_status status =
        report_html(&evaluation->record, &evaluation->summary, &text, error);
    return report_hand_over(status, &text, data, size, error);
}

enum vitlrp_status vitlrp_evaluation_table(const struct vitlrp_evaluation *evaluation, char **data,
                                           size_t *size, struct vitlrp_error *error) {
    API_NEEDS(evaluation != NULL && data != NULL && size != NULL, error);
    struct text text = {.limit = RECORD_TEXT_LIMIT};
    report_table(&evaluation->record, &evaluation->summary, &text);
    return report_hand_over(VITLRP_OK, &text, data, size, error);
}

/* ---- Piece by piece ---- */

static enum vitlrp_status write_piece(void *user, const void *data, size_t size,
                                      struct vitlrp_error *err) {
    const struct vitlrp_sink *sink = user;
    return sink->write(sink->user, data, size) == 0
               ? VITLRP_OK
               : fail(err, VITLRP_IO, "the report could not be written");
}

enum vitlrp_status vitlrp_evaluation_json_to(const struct vitlrp_evaluation *evaluation,
                                             const struct vitlrp_sink *sink,
                                             struct vitlrp_error *error) {
    API_NEEDS(evaluation != NULL && sink != NULL && sink->write != NULL, error);
    struct text text = {.limit = RECORD_TEXT_LIMIT};
    const struct report_sink pieces = {.write = write_piece, .user = (void *) sink};
    enum vitlrp_status status =
        record_write(&evaluation->record, &evaluation->summary, &pieces, &text, error);
    text_free(&text);
    return status;
}

enum vitlrp_status vitlrp_evaluation_csv_to(const struct vitlrp_evaluation *evaluation,
                                            const struct vitlrp_sink *sink,
                                            struct vitlrp_error *error) {
    API_NEEDS(evaluation != NULL && sink != NULL && sink->write != NULL, error);
    struct text text = {.limit = RECORD_TEXT_LIMIT};
    const struct report_sink pieces = {.write = write_piece, .user = (void *) sink};
    enum vitlrp_status status = report_csv(&evaluation->record, &pieces, &text, error);
    text_free(&text);
    return status;
}
