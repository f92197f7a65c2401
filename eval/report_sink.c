#include "eval/report_sink.h"

enum vitlrp_status report_pass_on(const struct report_sink *sink, struct text *text,
                                  const char *what, struct vitlrp_error *err) {
    return text->failed || text->length >= REPORT_PIECE ? report_pass_rest(sink, text, what, err)
                                                        : VITLRP_OK;
}

enum vitlrp_status report_pass_rest(const struct report_sink *sink, struct text *text,
                                    const char *what, struct vitlrp_error *err) {
    TRY(text_check(text, what, err));
    if (sink == NULL || text->length == 0) {
        return VITLRP_OK;
    }
    size_t length = text->length;
    text->length = 0;
    return sink->write(sink->user, text->data, length, err);
}
