/* Command lines from standard input, one a line, words separated by tabs: parsed and given their
 * meaning as the command does. Prints a line for each: what the parser said of it, nothing where it
 * took all of its words. One process for check_options.py, which asks a thousand. */
#define _POSIX_C_SOURCE 200809L
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/settings.h"

enum { MOST_WORDS = 16 };

static int split(char *line, char *words[MOST_WORDS + 1]) {
    int count = 1;
    char *next = line;
    words[0] = (char[]){"vitlrp"};
    line[strcspn(line, "\n")] = '\0';
    while (next != NULL && count < MOST_WORDS) {
        words[count++] = next;
        next = strchr(next, '\t');
        if (next != NULL) {
            *next++ = '\0';
        }
    }
    words[count] = NULL;
    return count;
}

static void parse(char *line) {
    struct args args;
    struct settings settings;
    struct vitlrp_error err;
    char *words[MOST_WORDS + 1];
    int count = split(line, words);
    optind = 0; /* glibc: begin anew */
    if (args_parse(count, words, &args, &err) != VITLRP_OK) {
        puts(err.message);
    } else {
        (void) settings_read(&args, &settings, &err); /* a value may be wrong: it was taken */
        puts("");
    }
    args_free(&args);
}

int main(void) {
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, stdin) >= 0) {
        parse(line);
    }
    free(line);
    return 0;
}
