/* What of an explained class goes into names of files. */
#ifndef CLI_CLASS_NAMES_H
#define CLI_CLASS_NAMES_H

#include "base/text.h"
#include "explanation.h"
#include "names.h"

/* The texts behind the values. */
struct class_names {
    char number[16];
    char probability[32];
    struct text label; /* owned; failed without memory */
};

/* A label that others have too, or that is no part of a file's name as it is, gets its number. The
 * values live as long as *names, which is owned: class_names_close. */
struct name_values class_names_open(const struct explanation *explanation,
                                    struct class_names *names);

void class_names_close(struct class_names *names);

#endif
