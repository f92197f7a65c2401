/* printf into memory as in the C locale, whatever locale the program around us has chosen: decimal
 * points, and reasons in English. */
#ifndef BASE_PRINT_PLAIN_H
#define BASE_PRINT_PLAIN_H

#include <stdarg.h>
#include <stddef.h>

/* As vsnprintf and snprintf. */
int print_plain_list(char *out, size_t size, const char *format, va_list arguments);
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
int print_plain(char *out, size_t size, const char *format, ...);

/* What an errno means, cut to `size` (> 0). */
void print_errno(char *out, size_t size, int system_errno);

#endif
