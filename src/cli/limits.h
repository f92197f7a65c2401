/* What inputs may cost, with the changes of --limits and VITLRP_LIMITS: "weights=8GiB,side=20000",
 * in words of one table. */
#ifndef CLI_LIMITS_H
#define CLI_LIMITS_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/text.h"
#include "vitlrp.h"

struct limits {
    struct vitlrp_image_limits image;
    struct vitlrp_model_limits model;
    size_t memory; /* of a session or an evaluation; 0: what is left when it begins */
};

/* The library's defaults, and no more weights than there is memory for: who asks for more than can
 * be had gets a message, and is not stopped by the system in the middle. */
void limits_init(struct limits *limits);

/* Changes what `text` names: NAME=NUMBER with a comma between two of them, bytes also in KiB, MiB
 * or GiB; NULL changes nothing. USAGE, beginning with `option`, for anything else. */
enum vitlrp_status limits_change(const char *option, const char *text, struct limits *limits,
                                 struct vitlrp_error *err);

/* The limit on memory, from now on: what was asked for, else what is left; not 0. `left` is a
 * number of machine_room. */
size_t limits_memory(const struct limits *limits, uint64_t left);

/* All of them as limits_change reads them. */
void limits_append(const struct limits *limits, struct text *out);

#endif
