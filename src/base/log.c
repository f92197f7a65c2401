#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

void log_message(const struct vitlrp_log *log, enum log_level level, const char *format, ...) {
    if (log == NULL || log->write == NULL) {
        return;
    }
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (length >= 0) {
        log->write(log->user, (int) level, message);
    }
}
