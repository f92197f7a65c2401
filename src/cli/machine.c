#define _POSIX_C_SOURCE 200809L
#include "machine.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The model name in /proc/cpuinfo, if there is such a file; file_read refuses it, as its size is
 * told as 0, and its beginning is all that is needed. */
void machine_cpu(char *out, size_t size) {
    char head[4096];
    int descriptor = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
    out[0] = '\0';
    if (descriptor < 0) {
        return;
    }
    ssize_t got = read(descriptor, head, sizeof head - 1);
    close(descriptor);
    if (got <= 0) {
        return;
    }
    head[got] = '\0';
    const char *line = strstr(head, "model name");
    const char *colon = line != NULL ? strchr(line, ':') : NULL;
    if (colon != NULL) {
        colon += 1 + strspn(colon + 1, " \t");
        snprintf(out, size, "%.*s", (int) strcspn(colon, "\n"), colon);
    }
}
