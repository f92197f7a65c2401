/* Animated PNG: frames of one size, each of which is a whole PNG file. Viewers that know no
 * animation show the first. */
#ifndef CLI_APNG_H
#define CLI_APNG_H

#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "base/status.h"

struct apng_frame {
    struct bytes png;  /* the caller's */
    uint16_t delay_ms; /* how long it is shown */
};

/* The frames as one file, shown again and again. *out is owned: bytes_free. INTERNAL for frames
 * that are no PNG files of one size and kind, LIMIT beyond 1 GiB. */
enum vitlrp_status apng_join(const struct apng_frame *frames, size_t count, struct bytes *out,
                             struct vitlrp_error *err);

#endif
