/* Datasets through the public header: order, labels, shards, refusals. */
#include <stdio.h>
#include <string.h>

#include "support/scratch.h"
#include "vitlrp_eval.h"

#include "support/unit.h"

static struct vitlrp_dataset *open_good(const struct vitlrp_model *model,
                                        const struct vitlrp_dataset_options *options) {
    struct vitlrp_dataset *dataset = NULL;
    assert_int_equal(vitlrp_dataset_open(model, options, &dataset, NULL), VITLRP_OK);
    return dataset;
}

static void assert_image(const struct vitlrp_dataset *dataset, size_t place, const char *id,
                         size_t index, const char *wnid, const struct vitlrp_model *model) {
    struct vitlrp_dataset_image image;
    struct vitlrp_class label;
    assert_int_equal(vitlrp_dataset_image_at(dataset, place, &image, NULL), VITLRP_OK);
    assert_string_equal(image.id, id);
    assert_int_equal(image.index, index);
    assert_string_equal(image.path + strlen(image.path) - strlen(id), id);
    if (wnid == NULL) {
        assert_int_equal(image.label, -1);
    } else {
        assert_int_equal(vitlrp_model_class(model, image.label, &label, NULL), VITLRP_OK);
        assert_string_equal(label.wnid, wnid);
    }
}

static void test_datasets(void **unused) {
    struct scratch scratch = scratch_open();
    struct vitlrp_model *model = NULL;
    struct vitlrp_dataset_options options;
    struct vitlrp_dataset_info info;
    struct vitlrp_dataset_image image;
    struct vitlrp_dataset *dataset;
    struct vitlrp_error error;
    (void) unused;
    scratch_text(&scratch, "n01443537/b.png", "x");
    scratch_text(&scratch, "n01443537/a.jpg", "x");
    scratch_text(&scratch, "n01629819/c.jpg", "x");
    scratch_text(&scratch, "other/d.jpg", "x");
    assert_int_equal(vitlrp_model_open_builtin(NULL, &model, NULL), VITLRP_OK);
    vitlrp_dataset_options_init(&options);
    options.path = scratch.path;
    vitlrp_dataset_info_init(&info);

    dataset = open_good(model, &options);
    vitlrp_dataset_describe(dataset, &info);
    assert_int_equal(info.images, 4);
    assert_int_equal(info.skipped, 0);
    assert_int_equal(strlen(info.sha256), 64);
    assert_image(dataset, 0, "n01443537/a.jpg", 0, "n01443537", model);
    assert_image(dataset, 2, "n01629819/c.jpg", 2, "n01629819", model);
    assert_image(dataset, 3, "other/d.jpg", 3, NULL, model);
    assert_int_equal(vitlrp_dataset_image_at(dataset, 4, &image, &error), VITLRP_USAGE);
    vitlrp_dataset_close(dataset);

    options.target = VITLRP_EVAL_LABEL;
    options.shard = 1;
    options.shards = 2;
    dataset = open_good(model, &options);
    vitlrp_dataset_describe(dataset, &info);
    assert_int_equal(info.images, 1);
    assert_int_equal(info.manifest, 3);
    assert_int_equal(info.found, 4);
    assert_int_equal(info.skipped, 1);
    assert_image(dataset, 0, "n01443537/b.png", 1, "n01443537", model);
    vitlrp_dataset_close(dataset);
    vitlrp_dataset_close(NULL);

    dataset = NULL;
    options.path = NULL;
    assert_int_equal(vitlrp_dataset_open(model, &options, &dataset, &error), VITLRP_USAGE);
    options.path = "/nonexistent";
    assert_int_equal(vitlrp_dataset_open(model, &options, &dataset, &error), VITLRP_IO);
    options.struct_size = 1;
    assert_int_equal(vitlrp_dataset_open(model, &options, &dataset, &error), VITLRP_USAGE);
    assert_null(dataset);
    vitlrp_model_close(model);
    scratch_close(&scratch);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_datasets)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
