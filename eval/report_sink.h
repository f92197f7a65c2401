/* Where a report goes that is too long to be in memory whole. */
#ifndef EVAL_REPORT_SINK_H
#define EVAL_REPORT_SINK_H

#include <stddef.h>

#include "base/status.h"
#include "base/text.h"

struct report_sink {
    enum vitlrp_status (*write)(void *user, const void *data, size_t size,
                                struct vitlrp_error *err);
    void *user;
};

/* Passes on what has become REPORT_PIECE bytes long. Without a sink (NULL) the text grows. Fails as
 * the sink or the text does, which `what` names. */
#define REPORT_PIECE ((size_t) 1 << 20)
enum vitlrp_status report_pass_on(const struct report_sink *sink, struct text *text,
                                  const char *what, struct vitlrp_error *err);

/* Likewise the last piece, however short. */
enum vitlrp_status report_pass_rest(const struct report_sink *sink, struct text *text,
                                    const char *what, struct vitlrp_error *err);

#endif
