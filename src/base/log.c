#include "base/log.h"

#include <stdarg.h>

#include "base/print_plain.h"
#include "base/text.h"

void log_message(const struct vitlrp_log *log, enum log_level level, const char *format, ...) {
    if (log == NULL || log->write == NULL) {
        return;
    }
    char message[512];
    char line[sizeof message];
    va_list arguments;
    va_start(arguments, format);
    int length = print_plain_list(message, sizeof message, format, arguments);
    va_end(arguments);
    if (length >= 0) {
        /* One line that a terminal can be given, as the messages of failures are. */
        text_escape_line(line, sizeof line, message);
        log->write(log->user, (int) level, line);
    }
}
