#include "support/photo_set.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/attribution.h"
#include "support/golden.h"

#include "support/unit.h"

enum { WIDTH = 40, HEIGHT = 36, HEADER = 13, MOST_SAMPLES = 16 };

static void write_photo(struct photo_set *set, size_t index) {
    struct test_random random = {index + 1};
    unsigned char file[HEADER + 3 * WIDTH * HEIGHT + 1];
    double x = 20.0 + 15.0 * test_uniform(&random);
    double y = 18.0 + 12.0 * test_uniform(&random);
    double phase = 3.0 * test_uniform(&random);
    int length = snprintf((char *) file, sizeof file, "P6\n%d %d\n255\n", WIDTH, HEIGHT);
    assert_int_equal(length, HEADER);
    for (size_t i = 0; i < 3 * WIDTH * HEIGHT; i++) {
        double u = (double) (i / 3 % WIDTH) - x;
        double v = (double) (i / 3 / WIDTH) - y;
        double value = 128.0 + 90.0 * exp(-(u * u + v * v) / 60.0) * cos(phase * (double) (i % 3));
        file[HEADER + i] = (unsigned char) (value + 30.0 * test_uniform(&random));
    }
    snprintf(set->ids[index], sizeof set->ids[index], "photo_%02zu.ppm", index);
    scratch_write(&set->scratch, set->ids[index], file, HEADER + 3 * WIDTH * HEIGHT);
    scratch_path(&set->scratch, set->ids[index], set->paths[index], sizeof set->paths[index]);
    set->boxes[index] = (struct eval_box){x - 6.0, y - 6.0, x + 6.0, y + 6.0};
    set->items[index] = (struct eval_item){.path = set->paths[index],
                                           .id = set->ids[index],
                                           .index = index,
                                           .label = (int32_t) (index % PARITY_CLASSES),
                                           .boxes = &set->boxes[index],
                                           .box_count = 1};
}

void photo_set_open(struct photo_set *set, size_t count) {
    memset(set, 0, sizeof *set);
    assert_in_range(count, 0, PHOTO_SET_MOST);
    set->scratch = scratch_open();
    set->count = count;
    for (size_t i = 0; i < count; i++) {
        write_photo(set, i);
    }
    set->model = parity_model();
    set->preprocess = (struct vitlrp_preprocess){.resize = VITLRP_RESIZE_SHORT,
                                                 .resize_to = 32,
                                                 .interpolation = VITLRP_BILINEAR,
                                                 .crop_height = 32,
                                                 .crop_width = 32,
                                                 .mean = {0.5F, 0.5F, 0.5F},
                                                 .std = {0.25F, 0.25F, 0.25F}};
}

void photo_set_close(struct photo_set *set) {
    vit_model_free(set->model);
    scratch_close(&set->scratch);
}

struct eval_run_options photo_set_options(struct photo_set *set, const char *const *methods) {
    struct eval_run_options options = eval_run_options_default();
    size_t count = 0;
    for (; methods[count] != NULL; count++) {
        const struct vit_method *method = vit_method_find(methods[count]);
        assert_non_null(method);
        assert_in_range(count, 0, PHOTO_SET_METHODS - 1);
        set->methods[count] = (struct eval_run_method){.name = methods[count], .method = method};
        vit_method_defaults(method, &set->methods[count].options);
        if (set->methods[count].options.samples > MOST_SAMPLES) {
            set->methods[count].options.samples = MOST_SAMPLES;
        }
    }
    options.model = set->model;
    options.preprocess = &set->preprocess;
    options.methods = set->methods;
    options.method_count = count;
    options.protocol.steps = 8;
    return options;
}
