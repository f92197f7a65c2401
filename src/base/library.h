/* Functions of a shared library that is loaded when it is needed first, for what few runs need:
 * linking Pango would add 1.5 ms to every start of the command, linking cairo 2.2 ms. */
#ifndef BASE_LIBRARY_H
#define BASE_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

/* Why Pango cannot work in this process, in a few words; NULL: it can. It works in threads of its
 * own, and GLib ends the process where the system gives it no thread or no memory, so this is asked
 * before the first call of a text. */
const char *library_pango_obstacle(void);

/* Loads the library of that soname with what it needs, for the rest of the process, and fills
 * `table`, which is `count` pointers to functions and nothing else, with the functions of these
 * names; those of the libraries that it needs are found too. False, with an undefined table, if the
 * machine has no such library, or an older one without some of them. Any thread; a second call
 * costs microseconds. */
bool library_load(const char *soname, const char *const *names, size_t count, void *table);

#endif
