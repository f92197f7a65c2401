#include "base/jpeg_frame.h"

#include <stdbool.h>
#include <stddef.h>

#include "base/window.h"

#define SEGMENT_BYTES 9 /* 0xff, its marker, its length; of a frame also bits, height and width */
#define START_OF_IMAGE 2
#define FIRST_RESTART 0xd0
#define END_OF_IMAGE 0xd9
#define START_OF_SCAN 0xda

static int32_t u16_at(const uint8_t *at) {
    return at[0] << 8 | at[1];
}

static bool is_frame(uint8_t marker) { /* not C4, C8 and CC, which are tables */
    return marker == 0xc0 || (marker > 0xc0 && marker < 0xd0 && marker % 4 != 0);
}

static enum vitlrp_status walk(const struct source *source, struct window *window,
                               struct jpeg_frame *out, struct vitlrp_error *err) {
    uint64_t at = START_OF_IMAGE;
    while (at + SEGMENT_BYTES <= source->size) {
        const uint8_t *here = NULL;
        size_t held = 0;
        TRY(window_look(window, at, SEGMENT_BYTES, &here, &held, err));
        uint8_t marker = here[1];
        bool is_bare = marker == 0x01 || (marker >= FIRST_RESTART && marker <= FIRST_RESTART + 8);
        int32_t length = u16_at(here + 2);
        if (here[0] != 0xff || marker == 0xff || marker == 0) {
            at++;
        } else if (is_bare) {
            at += 2;
        } else if (is_frame(marker)) {
            *out = (struct jpeg_frame){marker, here[4], u16_at(here + 7), u16_at(here + 5)};
            return VITLRP_OK;
        } else if (marker == END_OF_IMAGE || marker == START_OF_SCAN || length < 2) {
            return VITLRP_OK;
        } else {
            at += 2 + (uint64_t) length;
        }
    }
    return VITLRP_OK;
}

enum vitlrp_status jpeg_frame_find(const struct source *source, struct jpeg_frame *out,
                                   struct vitlrp_error *err) {
    struct window window;
    *out = (struct jpeg_frame){0};
    TRY(window_open(source, &window, err));
    enum vitlrp_status status = walk(source, &window, out, err);
    window_close(&window);
    return status;
}
