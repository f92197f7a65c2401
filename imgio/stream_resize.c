#include "imgio/stream_resize.h"

#include <assert.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "imgio/exif.h"
#include "imgio/preprocess.h"
#include "imgio/resize_kernel.h"

/* Rows of sums that are being made: outputs begin <= y < end, each in slot y % slots. */
struct open_sums {
    int32_t *sums; /* [slots, length], owned */
    size_t length; /* samples of a row */
    int32_t slots, begin, end;
};

struct stream_resize {
    struct stream_source source;
    struct kernel columns, rows; /* of the picture as stored */
    bool begins_with_rows;
    int32_t next;        /* row of the picture */
    struct image strip;  /* rows that wait, a strip's; [KERNEL_STRIP_ROWS, source.width] */
    struct image narrow; /* their wanted columns */
    uint8_t *scratch;    /* owned: of kernel_columns */
    int32_t waiting;
    struct open_sums open;
    struct image made; /* the wanted rows, not turned */
};

/* The axis of stored rows or columns: which of the upright picture it is, and whether backwards. */
/* The kernels of the stored picture: those of the upright one, on the other axis where it is
 * turned, and backwards where that runs backwards. */
static enum vitlrp_status make_kernels(struct stream_resize *stream, const struct resize *resize,
                                       struct vitlrp_error *err) {
    const struct stream_source *source = &stream->source;
    struct resample_part across = {resize->width, resize->left, resize->window_width};
    struct resample_part down = {resize->height, resize->top, resize->window_height};
    bool turned = orientation_is_turned(source->orientation);
    TRY(kernel_make(source->width, turned ? &down : &across, resize->filter, &stream->columns,
                    err));
    TRY(kernel_make(source->height, turned ? &across : &down, resize->filter, &stream->rows, err));
    if (orientation_mirrors_columns(source->orientation)) {
        kernel_mirror(&stream->columns, source->width);
    }
    if (orientation_mirrors_rows(source->orientation)) {
        kernel_mirror(&stream->rows, source->height);
    }
    return VITLRP_OK;
}

/* The most outputs that one row of the picture is part of, or rows between its ends. */
static int32_t count_slots(const struct kernel *rows) {
    int32_t most = 1;
    int32_t end = 0;
    for (int32_t begin = 0; begin < rows->outputs; begin++) {
        while (end < rows->outputs && rows->first[end] < rows->first[begin] + rows->count) {
            end++;
        }
        most = end - begin > most ? end - begin : most;
    }
    return most;
}

static enum vitlrp_status make_room(struct stream_resize *stream, struct vitlrp_error *err) {
    int32_t in_width = stream->source.width;
    int32_t width = stream->begins_with_rows ? in_width : stream->columns.outputs;
    struct open_sums *open = &stream->open;
    size_t count = 0;
    open->length = (size_t) width * 3;
    open->slots = count_slots(&stream->rows);
    if (checked_mul(&count, open->length, (size_t) open->slots)) {
        open->sums = mem_calloc(count, sizeof *open->sums);
    }
    stream->scratch = mem_calloc((size_t) in_width, KERNEL_SCRATCH);
    if (open->sums == NULL || stream->scratch == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for resizing a picture");
    }
    TRY(image_alloc(in_width, (int32_t) KERNEL_STRIP_ROWS, &stream->strip, err));
    TRY(image_alloc(stream->columns.outputs, (int32_t) KERNEL_STRIP_ROWS, &stream->narrow, err));
    return image_alloc(width, stream->rows.outputs, &stream->made, err);
}

enum vitlrp_status stream_resize_open(const struct stream_source *source,
                                      const struct resize *resize, struct stream_resize **out,
                                      struct vitlrp_error *err) {
    struct stream_resize *stream = mem_calloc(1, sizeof *stream);
    if (stream == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for resizing a picture");
    }
    stream->source = *source;
    bool turned = orientation_is_turned(source->orientation);
    bool down_first = resize_begins_with_rows(resize, turned ? source->height : source->width,
                                              turned ? source->width : source->height);
    stream->begins_with_rows = !source->any_order && down_first != turned;
    enum vitlrp_status status = make_kernels(stream, resize, err);
    if (status == VITLRP_OK) {
        status = make_room(stream, err);
    }
    if (status != VITLRP_OK) {
        stream_resize_close(stream);
        return status;
    }
    *out = stream;
    return VITLRP_OK;
}

static int32_t *slot_of(const struct open_sums *open, int32_t output) {
    return open->sums + (size_t) (output % open->slots) * open->length;
}

/* Adds row `y` to every output that it is part of, and finishes those that it is the last of. */
static void add_to_sums(struct stream_resize *stream, int32_t y, const uint8_t *row) {
    const struct kernel *rows = &stream->rows;
    struct open_sums *open = &stream->open;
    while (open->end < rows->outputs && rows->first[open->end] <= y) {
        kernel_sums_begin(slot_of(open, open->end++), open->length);
    }
    for (int32_t i = open->begin; i < open->end; i++) {
        int32_t weight =
            rows->weight[(size_t) i * (size_t) rows->count + (size_t) (y - rows->first[i])];
        if (weight != 0) {
            kernel_sums_add(slot_of(open, i), weight, row, open->length);
        }
    }
    while (open->begin < open->end && rows->first[open->begin] + rows->count - 1 <= y) {
        kernel_sums_end(slot_of(open, open->begin),
                        stream->made.rgb + (size_t) open->begin * open->length, open->length);
        open->begin++;
    }
}

/* The strip's rows, narrowed together, to the sums. */
static void strip_flush(struct stream_resize *stream) {
    int32_t rows = stream->waiting;
    struct image narrow = stream->narrow;
    narrow.height = rows;
    kernel_columns(&stream->columns, &stream->strip, 0, stream->scratch, &narrow);
    for (int32_t i = 0; i < rows; i++) {
        add_to_sums(stream, stream->next - rows + i, narrow.rgb + (size_t) i * stream->open.length);
    }
    stream->waiting = 0;
}

void stream_resize_add(struct stream_resize *stream, const uint8_t *row) {
    const struct kernel *rows = &stream->rows;
    size_t length = (size_t) stream->source.width * 3;
    int32_t end = rows->first[rows->outputs - 1] + rows->count;
    int32_t y = stream->next++;
    assert(y < stream->source.height);
    if (y < rows->first[0] || y >= end) {
        return;
    }
    uint8_t *kept = stream->strip.rgb + (size_t) stream->waiting * length;
    if (stream->source.in_grey) {
        preprocess_grey_row(row, (size_t) stream->source.width, kept);
    } else {
        memcpy(kept, row, length);
    }
    if (stream->begins_with_rows) {
        add_to_sums(stream, y, kept);
        return;
    }
    stream->waiting++;
    if (stream->waiting == (int32_t) KERNEL_STRIP_ROWS || y + 1 == end) {
        strip_flush(stream);
    }
}

enum vitlrp_status stream_resize_take(struct stream_resize *stream, struct image *out,
                                      struct vitlrp_error *err) {
    struct image made = stream->made;
    assert(stream->open.begin == stream->rows.outputs);
    if (stream->begins_with_rows) {
        TRY(image_alloc(stream->columns.outputs, stream->rows.outputs, &made, err));
        kernel_columns(&stream->columns, &stream->made, 0, stream->scratch, &made);
        image_free(&stream->made);
    }
    stream->made = (struct image){0};
    enum vitlrp_status status = image_orient(&made, stream->source.orientation, err);
    if (status != VITLRP_OK) {
        image_free(&made);
        return status;
    }
    *out = made;
    return VITLRP_OK;
}

void stream_resize_close(struct stream_resize *stream) {
    if (stream != NULL) {
        kernel_free(&stream->columns);
        kernel_free(&stream->rows);
        image_free(&stream->strip);
        image_free(&stream->narrow);
        image_free(&stream->made);
        mem_free(stream->scratch);
        mem_free(stream->open.sums);
        mem_free(stream);
    }
}
