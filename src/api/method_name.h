/* A method's name that somebody gave. */
#ifndef API_METHOD_NAME_H
#define API_METHOD_NAME_H

#include <stddef.h>

#include "base/status.h"
#include "vit/methods/method.h"

/* The method that the first `length` bytes of `name` call; USAGE if there is none, with the one
 * that was meant, under another program's name or with a mistake, or with all. */
enum vitlrp_status method_named(const char *name, size_t length, const struct vit_method **out,
                                struct vitlrp_error *err);

#endif
