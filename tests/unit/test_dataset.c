/* Which images a dataset has, in which order, and what is known of them. */
#define _XOPEN_SOURCE 700
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "eval/boxes.h"
#include "eval/dataset.h"
#include "eval/truth.h"
#include "support/scratch.h"

#include "support/unit.h"

/* Classes 0 to 4: n00000001 is output 0, and so on; "7" is index 7, output 4. */
static int32_t find_class(void *user, const char *text) {
    static const char *const WORDS[] = {"n00000001", "n00000002", "n00000003", "tabby, tabby cat",
                                        "7"};
    (void) user;
    for (int32_t i = 0; i < 5; i++) {
        if (strcmp(text, WORDS[i]) == 0) {
            return i;
        }
    }
    return -1;
}

static struct dataset_options options_for(const char *path) {
    return (struct dataset_options){.path = path, .shards = 1, .classes = {.find = find_class}};
}

static struct dataset open_good(const struct dataset_options *options) {
    struct dataset dataset;
    struct vitlrp_error err = {0};
    enum vitlrp_status status = dataset_open(options, &dataset, &err);
    if (status != VITLRP_OK) {
        print_message("%s\n", err.message);
    }
    assert_int_equal(status, VITLRP_OK);
    return dataset;
}

static void assert_refused(const struct dataset_options *options, enum vitlrp_status status,
                           const char *part) {
    struct dataset dataset;
    struct vitlrp_error err = {0};
    assert_int_equal(dataset_open(options, &dataset, &err), status);
    if (strstr(err.message, part) == NULL) {
        fail_msg("'%s' is not in '%s'", part, err.message);
    }
}

static void assert_items(const struct dataset *dataset, const char *const *ids,
                         const int32_t *labels) {
    size_t count = 0;
    for (; ids[count] != NULL; count++) {
        assert_true(count < dataset->count);
        assert_string_equal(dataset->items[count].id, ids[count]);
        assert_int_equal(dataset->items[count].label, labels[count]);
    }
    assert_int_equal(dataset->count, count);
}

static void link_to(const struct scratch *scratch, const char *target, const char *name) {
    char path[256];
    scratch_path(scratch, name, path, sizeof path);
    assert_int_equal(symlink(target, path), 0);
}

static void test_image_folder(void **unused) {
    static const char *const IDS[] = {
        "B.png",           "a.JPEG", "n00000001/images/z.jpg", "n00000001/x.jpg", "n00000002/x.jpg",
        "n00000009/q.bmp", NULL};
    static const int32_t LABELS[] = {-1, -1, 0, 0, 1, -1};
    struct scratch scratch = scratch_open();
    char fifo[128];
    (void) unused;
    for (size_t i = 0; IDS[i] != NULL; i++) {
        scratch_text(&scratch, IDS[i], "x");
    }
    scratch_text(&scratch, "notes.md", "x");
    scratch_text(&scratch, ".hidden.jpg", "x");
    scratch_text(&scratch, ".git/y.jpg", "x");
    scratch_path(&scratch, "pipe.jpg", fifo, sizeof fifo);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    link_to(&scratch, "nowhere", "dangling.jpg");
    struct dataset_options options = options_for(scratch.path);
    struct dataset dataset = open_good(&options);
    assert_items(&dataset, IDS, LABELS);
    assert_int_equal(dataset.found, 6);
    assert_int_equal(dataset.labelled, 3);
    dataset_close(&dataset);

    options.target = VITLRP_EVAL_LABEL;
    dataset = open_good(&options);
    assert_items(&dataset, (const char *const[]){IDS[2], IDS[3], IDS[4], NULL},
                 (const int32_t[]){0, 0, 1});
    assert_int_equal(dataset.skipped, 3);
    assert_int_equal(dataset.items[2].index, 2);
    dataset_close(&dataset);
    scratch_close(&scratch);
}

/* Our own pictures, by their name or by the comment that they carry, and pictures of kinds that are
 * not read are passed over and counted. An array of bytes may be a photograph. */
static void test_f10_what_is_passed_over(void **unused) {
    static const char PNG_OF_OURS[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR.................\0\0\0\x10"
                                      "tEXtComment\0vitlrp 0.2.0; class 7";
    static const char JPEG_OF_OURS[] = "\xff\xd8\xff\xe0\0\4..\xff\xfe\0\x10vitlrp 0.1.0; class 7";
    static const char JPEG_OF_OTHERS[] = "\xff\xd8\xff\xfe\0\x10"
                                         "a vitlrp";
    static const char BYTES[] = "\x93NUMPY\1\0\x3f\0{'descr': '|u1', 'fortran_order': False, "
                                "'shape': (1, 1, 3)}   abc";
    static const char *const IDS[] = {"a.webp",       "b.JPG",       "d.npy",
                                      "x.heater.png", "y.heat1.png", NULL};
    static const int32_t NONE[] = {-1, -1, -1, -1, -1};
    struct scratch scratch = scratch_open();
    (void) unused;
    static const char *const EMPTY[] = {
        "a.webp", "x.heat.png", "x.heat.281.JPG", "x.heat.jpeg", "x.heater.png", "y.heat1.png",
        "1.HEIC", "2.heic",     "3.gif",          "notes.csv",   "x.heat.json"};
    for (size_t i = 0; i < sizeof EMPTY / sizeof *EMPTY; i++) {
        scratch_text(&scratch, EMPTY[i], "x 1\n");
    }
    scratch_write(&scratch, "own.png", PNG_OF_OURS, sizeof PNG_OF_OURS);
    scratch_write(&scratch, "own.jpg", JPEG_OF_OURS, sizeof JPEG_OF_OURS);
    scratch_write(&scratch, "b.JPG", JPEG_OF_OTHERS, sizeof JPEG_OF_OTHERS);
    scratch_write(&scratch, "d.npy", BYTES, sizeof BYTES);
    scratch_text(&scratch, "floats.npy", "x");
    struct dataset_options options = options_for(scratch.path);
    struct dataset dataset = open_good(&options);
    assert_items(&dataset, IDS, NONE);
    assert_int_equal(dataset.passed_over.own, 5);
    assert_int_equal(picture_file_not_read(&dataset.passed_over), 4);
    assert_string_equal(dataset.not_read.data, "2 heic, 1 gif, 1 npy");
    dataset_close(&dataset);
    scratch_close(&scratch);
    scratch = scratch_open();
    scratch_text(&scratch, "x.heat.png", "x");
    scratch_text(&scratch, "y.heic", "x");
    options = options_for(scratch.path);
    assert_refused(&options, VITLRP_FORMAT,
                   "no images but 1 picture of our own, not read, and 1 heic");
    scratch_close(&scratch);
}

/* The folder behind several links, and a ring of links, is there once, by its own name. */
static void test_links(void **unused) {
    struct scratch scratch = scratch_open();
    (void) unused;
    scratch_text(&scratch, "z/n00000001/x.jpg", "x");
    scratch_text(&scratch, "elsewhere.png", "x");
    link_to(&scratch, "z", "a");
    link_to(&scratch, "..", "z/up");
    link_to(&scratch, "../elsewhere.png", "z/linked.png");
    struct dataset_options options = options_for(scratch.path);
    struct dataset dataset = open_good(&options);
    assert_items(&dataset,
                 (const char *const[]){"elsewhere.png", "z/linked.png", "z/n00000001/x.jpg", NULL},
                 (const int32_t[]){-1, -1, -1});
    dataset_close(&dataset);

    /* Of two links to one folder outside, the first by name is followed. */
    struct scratch outside = scratch_open();
    scratch_text(&outside, "y.jpg", "x");
    link_to(&scratch, outside.path, "n00000003");
    link_to(&scratch, outside.path, "n00000002");
    dataset = open_good(&options);
    assert_int_equal(dataset.count, 4);
    assert_string_equal(dataset.items[1].id, "n00000002/y.jpg");
    assert_int_equal(dataset.items[1].label, 1);
    dataset_close(&dataset);
    scratch_close(&outside);
    scratch_close(&scratch);
}

static void test_label_files(void **unused) {
    static const struct {
        const char *name, *text;
        int32_t labels[3]; /* of a.jpg, b.jpg, c.jpg */
    } FILES[] = {
        {"val.txt", "a.jpg 7\nb.jpg 8\n", {4, -1, -1}},
        {"labels.csv",
         "\xEF\xBB\xBF"
         "file,label\r\na.jpg,\"tabby, tabby cat\"\r\nb.jpg,n00000002\r\n",
         {3, 1, -1}},
        {"val_annotations.txt",
         "a.jpg\tn00000001\t0\t0\t9\t9\n\nc.jpg\tn00000003\t1\t1\t2\t2",
         {0, -1, 2}},
        {"labels.csv", "a.jpg , n00000001 \nb.jpg, \"tabby, tabby cat\" \nc.jpg,  7\n", {0, 3, 4}},
        {"labels.txt", "a.jpg\t n00000002 \nb.jpg\t7\n", {1, 4, -1}},
        {"LOC_val_solution.csv",
         "ImageId,PredictionString\nb,n00000003 85 1 499 272\nc,n00000001 1 1 2 2 n00000001 3 3 4 "
         "4\n",
         {-1, 2, 0}},
    };
    (void) unused;
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
        struct scratch scratch = scratch_open();
        scratch_text(&scratch, "a.jpg", "x");
        scratch_text(&scratch, "b.jpg", "x");
        scratch_text(&scratch, "c.jpg", "x");
        scratch_text(&scratch, FILES[i].name, FILES[i].text);
        struct dataset_options options = options_for(scratch.path);
        struct dataset dataset = open_good(&options);
        assert_items(&dataset, (const char *const[]){"a.jpg", "b.jpg", "c.jpg", NULL},
                     FILES[i].labels);
        dataset_close(&dataset);
        scratch_close(&scratch);
    }
}

/* A list of classes that is called like a file of labels takes no label away, and hides no file
 * behind it. */
static void test_silent_label_file(void **unused) {
    static const char *const IDS[] = {"n00000001/a.jpg", "n00000002/b.jpg", NULL};
    static const int32_t OF_FOLDERS[] = {0, 1};
    static const int32_t OF_FILE[] = {2, -1};
    struct scratch scratch = scratch_open();
    char path[128];
    (void) unused;
    scratch_text(&scratch, IDS[0], "x");
    scratch_text(&scratch, IDS[1], "x");
    scratch_text(&scratch, "labels.txt", "n00000001 n00000001\nn00000002 n00000002\n");
    scratch_path(&scratch, "labels.txt", path, sizeof path);
    struct dataset_options options = options_for(scratch.path);
    struct dataset dataset = open_good(&options);
    assert_items(&dataset, IDS, OF_FOLDERS);
    assert_string_equal(dataset.truth_sha256, "");
    assert_string_equal(dataset.silent_truth, path);
    dataset_close(&dataset);

    scratch_text(&scratch, "labels.csv", "a.jpg,n00000003\n");
    dataset = open_good(&options);
    assert_items(&dataset, IDS, OF_FILE);
    assert_null(dataset.silent_truth);
    dataset_close(&dataset);

    scratch_text(&scratch, "labels.csv", "a.jpg,unheard of\n");
    options.target = VITLRP_EVAL_LABEL;
    assert_refused(&options, VITLRP_MISMATCH, "labels.csv: names 1 of the images, but the model");
    options.truth_path = path;
    assert_refused(&options, VITLRP_MISMATCH, "labels.txt: names none of the 2 images");
    scratch_close(&scratch);
}

static void test_bad_label_files(void **unused) {
    static const struct {
        const char *text, *part;
    } FILES[] = {
        {"a.jpg\n", "line 1: a file name and a label"},
        {"a.jpg,1\nb.jpg\n", "line 2: a file name and a label"},
        {"a.jpg,7\na.jpg,n00000001\n", "two labels for a.jpg"},
        {"", "has no labels"},
        {"name,label\n", "has no labels"},
    };
    struct scratch scratch = scratch_open();
    char path[128];
    (void) unused;
    scratch_text(&scratch, "a.jpg", "x");
    scratch_path(&scratch, "truth", path, sizeof path);
    struct dataset_options options = options_for(scratch.path);
    options.truth_path = path;
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
        scratch_text(&scratch, "truth", FILES[i].text);
        assert_refused(&options, VITLRP_FORMAT, FILES[i].part);
    }
    scratch_write(&scratch, "truth", "a.jpg,7\0", 8);
    assert_refused(&options, VITLRP_FORMAT, "truth: has zero bytes");
    scratch_close(&scratch);
}

static void test_lists(void **unused) {
    struct scratch scratch = scratch_open();
    char path[128];
    (void) unused;
    scratch_text(&scratch, "list",
                 "b, c.jpg\r\n\n\"a\".jpg\t7\nn00000002/d.jpg\nb, c.jpg\nno such.jpg\tn00000009\n");
    scratch_path(&scratch, "list", path, sizeof path);
    struct dataset_options options = options_for(path);
    struct dataset dataset = open_good(&options);
    assert_items(
        &dataset,
        (const char *const[]){"\"a\".jpg", "b, c.jpg", "n00000002/d.jpg", "no such.jpg", NULL},
        (const int32_t[]){4, -1, -1, -1});
    assert_string_equal(dataset.items[1].path, "b, c.jpg");
    dataset_close(&dataset);
    scratch_text(&scratch, "list", "a.jpg\t7\na.jpg\tn00000001\n");
    assert_refused(&options, VITLRP_FORMAT, "two labels for a.jpg");
    scratch_close(&scratch);
}

/* A folder is a class directly under the dataset's folder, and nowhere else; in a list never. */
static void test_folders_that_are_no_classes(void **unused) {
    static const char *const IDS[] = {"7/images/z.jpg", "photos/7/x.jpg", "photos/n00000001/y.jpg",
                                      NULL};
    struct scratch scratch = scratch_open();
    char text[600];
    char path[128];
    (void) unused;
    for (size_t i = 0; IDS[i] != NULL; i++) {
        scratch_text(&scratch, IDS[i], "x");
    }
    struct dataset_options options = options_for(scratch.path);
    struct dataset dataset = open_good(&options);
    assert_items(&dataset, IDS, (const int32_t[]){4, -1, -1});
    dataset_close(&dataset);

    snprintf(text, sizeof text, "/7/a.jpg\nn00000001/b.jpg\n%s/7/images/z.jpg\tn00000002\n",
             scratch.path);
    scratch_text(&scratch, "list", text);
    scratch_path(&scratch, "list", path, sizeof path);
    options = options_for(path);
    dataset = open_good(&options);
    assert_int_equal(dataset.count, 3);
    assert_int_equal(dataset.labelled, 1);
    options.target = VITLRP_EVAL_LABEL;
    dataset_close(&dataset);
    dataset = open_good(&options);
    assert_int_equal(dataset.count, 1);
    assert_int_equal(dataset.items[0].label, 1);
    dataset_close(&dataset);
    scratch_close(&scratch);
}

static void test_refusals(void **unused) {
    struct scratch scratch = scratch_open();
    (void) unused;
    struct dataset_options options = options_for(scratch.path);
    assert_refused(&options, VITLRP_FORMAT, "no images");
    scratch_text(&scratch, "a.jpg", "x");
    options.target = VITLRP_EVAL_LABEL;
    assert_refused(&options, VITLRP_MISMATCH, "none of its 1 image has a label");
    options.shard = 1;
    assert_refused(&options, VITLRP_USAGE, "shard 1 of 1");
    options = options_for("/nonexistent/folder");
    assert_refused(&options, VITLRP_IO, "/nonexistent/folder: cannot open");
    scratch_close(&scratch);
}

/* A folder of `count` images "000.jpg" and so on. */
static struct scratch numbered_images(int count) {
    struct scratch scratch = scratch_open();
    for (int i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "%03d.jpg", i);
        scratch_text(&scratch, name, "x");
    }
    return scratch;
}

static void test_limit(void **unused) {
    struct scratch scratch = numbered_images(100);
    (void) unused;
    struct dataset_options options = options_for(scratch.path);
    for (size_t limit = 1; limit <= 101; limit++) {
        options.limit = limit;
        struct dataset dataset = open_good(&options);
        size_t expected = limit < 100 ? limit : 100;
        assert_int_equal(dataset.count, expected);
        for (size_t i = 0; i < expected; i++) {
            char name[32];
            snprintf(name, sizeof name, "%03d.jpg",
                     (int) floor(((double) i + 0.5) * 100 / (double) expected));
            assert_string_equal(dataset.items[i].id, name);
            assert_int_equal(dataset.items[i].index, i);
        }
        dataset_close(&dataset);
    }
    scratch_close(&scratch);
}

static void test_shards(void **unused) {
    struct scratch scratch = numbered_images(11);
    char whole[65];
    (void) unused;
    struct dataset_options options = options_for(scratch.path);
    struct dataset dataset = open_good(&options);
    memcpy(whole, dataset.manifest_sha256, sizeof whole);
    dataset_close(&dataset);
    for (options.shards = 1; options.shards < 14; options.shards++) {
        size_t total = 0;
        for (options.shard = 0; options.shard < options.shards; options.shard++) {
            dataset = open_good(&options);
            for (size_t i = 0; i < dataset.count; i++) {
                assert_int_equal(dataset.items[i].index % (size_t) options.shards, options.shard);
            }
            total += dataset.count;
            assert_int_equal(dataset.manifest_count, 11);
            assert_string_equal(dataset.manifest_sha256, whole);
            dataset_close(&dataset);
        }
        assert_int_equal(total, 11);
    }
    options.shard = 0;
    options.shards = 1;
    options.limit = 10;
    dataset = open_good(&options);
    assert_string_not_equal(dataset.manifest_sha256, whole);
    dataset_close(&dataset);
    scratch_close(&scratch);
}

static void test_boxes(void **unused) {
    static const char *const TEXTS[] = {
        "path,wnid,xmin,ymin,xmax,ymax\na/x.jpg,n1,3,4,5,63\nb.jpg,n1,0,0,0,0\na/"
        "x.jpg,n1,1,1,2,2\n",
        "a/x.jpg,n1,3,4,5,63\nb.jpg,n1,0,0,0,0\na/x.jpg,n1,1,1,2,2\n",
        "path,class,xmin,ymin,xmax,ymax,score\na/x.jpg,7,3,4,5,63,1\nb.jpg,7,0,0,0,0,1\na/"
        "x.jpg,7,1,1,2,2,1\n",
        "ymax\txmax\tymin\txmin\tImage\n63\t5\t4\t3\ta/x.jpg\n0\t0\t0\t0\tb.jpg\n2\t2\t1\t1\ta/"
        "x.jpg\n",
    };
    struct scratch scratch = scratch_open();
    char path[128];
    (void) unused;
    scratch_path(&scratch, "boxes", path, sizeof path);
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        struct box_list list;
        struct vitlrp_error err = {0};
        size_t count = 99;
        scratch_text(&scratch, "boxes", TEXTS[i]);
        assert_int_equal(boxes_open(path, &list, &err), VITLRP_OK);
        const struct eval_box *boxes = boxes_find(&list, "a/x.jpg", &count);
        assert_int_equal(count, 2);
        assert_true(boxes[0].left == 3 && boxes[0].top == 4 && boxes[0].right == 6 &&
                    boxes[0].bottom == 64);
        assert_true(boxes[1].left == 1 && boxes[1].right == 3);
        assert_non_null(boxes_find(&list, "deep/folder/b.jpg", &count));
        assert_int_equal(count, 1);
        assert_null(boxes_find(&list, "c.jpg", &count));
        assert_int_equal(count, 0);
        boxes_close(&list);
    }
    scratch_close(&scratch);
}

static void test_bad_boxes(void **unused) {
    static const struct {
        const char *text, *part;
    } FILES[] = {
        {"a.jpg,1,2,3\n", "line 1: a file name and four numbers"},
        {"a.jpg,1,2,3,4\nb.jpg,1,2,3,x\n", "line 2: a file name and four numbers"},
        {"a.jpg,1,2,3,inf\n", "four numbers"},
        {"a.jpg,7,1,2,3,4\n",
         "line 1: 5 numbers, and a box has four: begin the file with a header"},
        {"a.jpg,n1,1,2,3,4\na.jpg,n1,1,2,3,4,0.5\n", "line 2: 5 numbers"},
        {"a.jpg,5,2,4,4\n", "line 1: the box ends before it begins"},
        {"path,xmin,ymin,xmax,ymax\n", "has no boxes"},
    };
    struct scratch scratch = scratch_open();
    char path[128];
    (void) unused;
    scratch_path(&scratch, "boxes", path, sizeof path);
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
        struct box_list list;
        struct vitlrp_error err = {0};
        scratch_text(&scratch, "boxes", FILES[i].text);
        assert_int_equal(boxes_open(path, &list, &err), VITLRP_FORMAT);
        assert_non_null(strstr(err.message, FILES[i].part));
    }
    scratch_close(&scratch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_f10_what_is_passed_over),
        cmocka_unit_test(test_image_folder),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_label_files),
        cmocka_unit_test(test_silent_label_file),
        cmocka_unit_test(test_bad_label_files),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_folders_that_are_no_classes),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_shards),
        cmocka_unit_test(test_boxes),
        cmocka_unit_test(test_bad_boxes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
