#define _POSIX_C_SOURCE 200809L
#include "base/print_plain.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

/* The calling thread's locale is C from here to plain_end. Of the C locale alone the system has one
 * ready, so that nothing is allocated; a system that has none keeps the locale that is there. */
struct plain {
    locale_t own;
    locale_t before;
};

static struct plain plain_begin(void) {
    struct plain plain = {.own = newlocale(LC_ALL_MASK, "C", (locale_t) 0)};
    if (plain.own != (locale_t) 0) {
        plain.before = uselocale(plain.own);
    }
    return plain;
}

static void plain_end(const struct plain *plain) {
    if (plain->own != (locale_t) 0) {
        uselocale(plain->before);
        freelocale(plain->own);
    }
}

int print_plain_list(char *out, size_t size, const char *format, va_list arguments) {
    struct plain plain = plain_begin();
    int length = vsnprintf(out, size, format, arguments);
    plain_end(&plain);
    return length;
}

int print_plain(char *out, size_t size, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = print_plain_list(out, size, format, arguments);
    va_end(arguments);
    return length;
}

void print_errno(char *out, size_t size, int system_errno) {
    struct plain plain = plain_begin();
    /* strerror_r, since strerror shares a buffer between threads. */
    if (strerror_r(system_errno, out, size) != 0) {
        snprintf(out, size, "error %d", system_errno);
    }
    plain_end(&plain);
}
