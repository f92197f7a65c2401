/* That the bounds of an input hold: work within them ends well, work beyond them ends the process.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz/bounds.h"

#define MB ((size_t) 1 << 20)

static void spin(void) {
    for (volatile size_t i = 0; i < SIZE_MAX; i++) {
    }
}

static void take(size_t blocks) {
    void *held[200] = {NULL};
    for (size_t i = 0; i < blocks; i++) {
        held[i] = malloc(MB);
        if (held[i] == NULL) {
            exit(2);
        }
        memset(held[i], 1, MB);
    }
    for (size_t i = 0; i < blocks; i++) {
        free(held[i]);
    }
}

/* One block after the other: never much at the same time. */
static void take_in_turn(void) {
    for (size_t i = 0; i < 300; i++) {
        take(1);
    }
}

static void take_60(void) {
    take(60);
}

static void take_100(void) {
    take(100);
}

/* Whether the work in a process of its own ends as it should. */
static bool ends(const char *what, void (*work)(void), size_t input, const struct bounds *more,
                 bool well) {
    int code = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        bounds_begin(input, more);
        work();
        bounds_end();
        _exit(0);
    }
    bool waited = child > 0 && waitpid(child, &code, 0) == child;
    bool held = waited && (well ? WIFEXITED(code) && WEXITSTATUS(code) == 0 : WIFSIGNALED(code));
    printf("%s: %s\n", what, held ? "as it should" : "NOT as it should");
    return held;
}

int main(void) {
    const struct bounds none = {0};
    const struct bounds more = {.bytes = 50 * MB};
    const struct bounds factor = {.bytes_per_byte = 60};
    bool held = ends("work without an end", spin, 1, &none, false);
    held = ends("60 MB", take_60, 1, &none, true) && held;
    held = ends("100 MB", take_100, 1, &none, false) && held;
    held = ends("300 times a MB", take_in_turn, 1, &none, true) && held;
    held = ends("100 MB for an input of 3 MB", take_100, 3 * MB, &none, true) && held;
    held = ends("100 MB by a named limit", take_100, 1, &more, true) && held;
    held = ends("100 MB by a reader's factor", take_100, MB, &factor, true) && held;
    return held ? 0 : 1;
}
