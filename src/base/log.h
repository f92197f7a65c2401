/* Messages for people go through a callback of the caller's; the library itself never writes to a
 * stream. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "vitlrp_types.h"

enum log_level { LOG_LEVEL_WARNING = 1, LOG_LEVEL_INFO = 2, LOG_LEVEL_DEBUG = 3 };

/* One line, without its newline. NULL log: dropped. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
void log_message(const struct vitlrp_log *log, enum log_level level, const char *format, ...);

#endif
