#include "base/left_out.h"

#include <stdbool.h>

#include "base/log.h"
#include "base/text.h"

void left_out_warn(const struct left_out *left_out, const struct vitlrp_log *log) {
    if (left_out->unread > 0) {
        char shown[200];
        bool one = left_out->unread == 1;
        text_escape_name(shown, sizeof shown, left_out->first_unread);
        log_message(log, LOG_LEVEL_WARNING,
                    "%zu folder%s left out, since %s must not be read%s: %s", left_out->unread,
                    one ? " is" : "s are", one ? "it" : "they", one ? "" : "; the first", shown);
    }
    if (left_out->skipped > 0) {
        bool one = left_out->skipped == 1;
        log_message(log, LOG_LEVEL_WARNING,
                    "%zu of %zu images %s left out: %s no label that the model knows",
                    left_out->skipped, left_out->found, one ? "is" : "are",
                    one ? "it has" : "they have");
    }
    if (left_out->silent_truth != NULL) {
        char shown[200];
        text_escape_name(shown, sizeof shown, left_out->silent_truth);
        log_message(log, LOG_LEVEL_WARNING,
                    "%s names none of the images, and is not taken for their labels: give the file "
                    "of labels, if there is one, by its name",
                    shown);
    }
    if (left_out->own > 0) {
        log_message(log, LOG_LEVEL_WARNING, "%zu own picture%s passed over", left_out->own,
                    left_out->own == 1 ? "" : "s");
    }
    if (left_out->not_read > 0) {
        log_message(log, LOG_LEVEL_WARNING, "%zu file%s not read: %s", left_out->not_read,
                    left_out->not_read == 1 ? "" : "s", left_out->kinds);
    }
}
