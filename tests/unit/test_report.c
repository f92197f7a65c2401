/* Reports: the page is whole and safe, the spreadsheet has its rows, the table its numbers. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "eval/merge.h"
#include "eval/report.h"
#include "eval/report_private.h"
#include "imgio/encode.h"
#include "support/pictures.h"
#include "support/sample_record.h"

#include "support/unit.h"

static const struct sample_shape SHAPE = {
    .images = 40, .methods = 6, .steps = 28, .grid = 8, .shards = 1};

static struct text make_page(const struct record *record) {
    struct text text = {.limit = (size_t) 1 << 28};
    struct summary summary;
    struct vitlrp_error err = {0};
    assert_int_equal(summary_make(&record->evaluation, record->reference, 2, &summary, &err),
                     VITLRP_OK);
    assert_int_equal(report_html(record, &summary, &text, &err), VITLRP_OK);
    summary_free(&summary);
    return text;
}

static size_t count_of(const struct text *text, const char *part) {
    size_t count = 0;
    for (const char *found = strstr(text->data, part); found != NULL;
         found = strstr(found + 1, part)) {
        count++;
    }
    return count;
}

static void replace(char **string, const char *by) {
    mem_free(*string);
    *string = mem_strdup(by);
    assert_non_null(*string);
}

/* Every link within the page leads somewhere, and no anchor is there twice. */
static void assert_links(const struct text *page) {
    char anchor[64];
    size_t links = 0;
    for (const char *found = strstr(page->data, "href=\"#"); found != NULL;
         found = strstr(found + 1, "href=\"#")) {
        const char *name = found + strlen("href=\"#");
        snprintf(anchor, sizeof anchor, "id=\"%.*s\"", (int) strcspn(name, "\""), name);
        assert_int_equal(count_of(page, anchor), 1);
        links++;
    }
    assert_true(links > 50);
}

/* Elements close in the order in which they were opened. */
static void assert_nesting(const struct text *page) {
    static const char *const VOID[] = {"!doctype", "meta", "img", "line", "circle", "input"};
    char open[64][16];
    size_t depth = 0;
    const char *body = strstr(page->data, "<body>");
    for (const char *tag = strchr(body, '<'); tag != NULL; tag = strchr(tag + 1, '<')) {
        char name[16];
        const char *end = strchr(tag, '>');
        bool closes = tag[1] == '/';
        bool is_void = end[-1] == '/';
        size_t length = strcspn(tag + 1 + closes, " >/");
        assert_true(length > 0 && length < sizeof name);
        memcpy(name, tag + 1 + closes, length);
        name[length] = '\0';
        for (size_t i = 0; i < sizeof VOID / sizeof VOID[0]; i++) {
            is_void = is_void || strcmp(VOID[i], name) == 0;
        }
        if (closes && strcmp(name, "html") == 0) {
            break;
        }
        if (closes) {
            assert_true(depth > 0);
            assert_string_equal(open[--depth], name);
        } else if (!is_void) {
            assert_true(depth < 64);
            memcpy(open[depth++], name, length + 1);
        }
    }
    assert_int_equal(depth, 0);
}

static void test_page(void **unused) {
    struct record record = sample_record(&SHAPE);
    struct text page = make_page(&record);
    (void) unused;
    assert_links(&page);
    assert_nesting(&page);
    assert_int_equal(count_of(&page, "<script"), 0);
    assert_int_equal(count_of(&page, "http:") + count_of(&page, "https:"), 0); /* base64 has no : */
    assert_int_equal(count_of(&page, "src=\""), count_of(&page, "src=\"data:image/jpeg;base64,"));
    assert_int_equal(count_of(&page, "url("), 0);
    assert_int_equal(count_of(&page, "@import"), 0);
    assert_int_equal(count_of(&page, "alt=\"\""), 0);
    assert_int_equal(count_of(&page, "<img "), count_of(&page, " alt=\""));
    assert_non_null(strstr(page.data, "24 of 39 images are shown"));
    assert_int_equal(count_of(&page, "<h2>Images to look at</h2>"), 1);
    assert_int_equal(count_of(&page, "<h3>Looked beside the box</h3>"), 1);
    assert_int_equal(count_of(&page, "<h3>Methods disagree</h3>"), 1);
    assert_non_null(strstr(page.data, ">picture_0.jpg</span> "));
    assert_non_null(strstr(page.data, "truncated JPEG after 1834 bytes"));
    assert_non_null(strstr(page.data, "data/&lt;b&gt;.jpg"));
    assert_non_null(strstr(page.data, "tench &amp; &quot;co&quot;"));
    assert_int_equal(count_of(&page, "<polyline"), 4 * 6);
    assert_int_equal(count_of(&page, "under the first replacement"), 0); /* there is one */
    text_free(&page);
    record_free(&record);
}

/* Claims of the page to know the best method: under two replacements if there are `levelled`
 * curves, those of the first two methods being equal under the second. */
static size_t claims(size_t images, uint32_t replacements, bool levelled) {
    struct sample_shape shape = SHAPE;
    shape.images = images;
    shape.replacements = replacements;
    struct record record = sample_record(&shape);
    for (size_t i = 0; levelled && i < record.evaluation.image_count; i++) {
        struct eval_method_result *methods = record.evaluation.images[i].methods;
        for (size_t c = 0; methods != NULL && methods[1].valid && c < EVAL_CURVES; c++) {
            memcpy(methods[1].curves[1].of[c], methods[0].curves[1].of[c],
                   ((size_t) shape.steps + 1) * sizeof(float));
        }
    }
    struct text page = make_page(&record);
    size_t count = count_of(&page, "attnlrp-masked explains best of 6 methods") +
                   count_of(&page, ">best</span>");
    assert_int_equal(count_of(&page, "attnlrp-masked has the highest Δ of 6 methods") +
                         count_of(&page, "No method is first under all 2 replacements"),
                     count > 0 ? 0 : 1);
    assert_int_equal(count_of(&page, "It is ahead of every other method"), count > 0 ? 1 : 0);
    assert_int_equal(count_of(&page, "It is not better than attnlrp under blur"), levelled ? 1 : 0);
    text_free(&page);
    record_free(&record);
    return count;
}

/* The page calls a method the best where it passes every test against every other method, under
 * every replacement, over enough images. */
static void test_claim(void **unused) {
    uint32_t two =
        VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_ZERO) | VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_BLUR);
    (void) unused;
    assert_int_equal(claims(40, 0, false), 2);
    assert_int_equal(claims(40, two, false), 2);
    assert_int_equal(claims(40, two, true), 0);
    assert_int_equal(claims(15, 0, false), 0);
}

/* Where a control leads, table and page say so, and neither calls it better. */
static void test_control_leads(void **unused) {
    struct sample_shape shape = SHAPE;
    struct text table = {.limit = 1 << 20};
    struct summary summary;
    struct vitlrp_error err = {0};
    (void) unused;
    shape.replacements =
        VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_ZERO) | VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_BLUR);
    struct record record = sample_record(&shape);
    replace(&record.evaluation.methods[5], "libra");
    replace(&record.evaluation.methods[0], "centre");
    assert_int_equal(summary_make(&record.evaluation, NULL, 1, &summary, &err), VITLRP_OK);
    report_table(&record, &summary, &table);
    assert_int_equal(count_of(&table, "is better than every other method"), 0);
    assert_int_equal(count_of(&table, "\nno method is called better: centre is ahead of all others "
                                      "under every replacement, and it is a control (10 tests, "),
                     1);
    struct text page = make_page(&record);
    assert_int_equal(count_of(&page, "centre has the highest Δ of 6 methods"), 1);
    assert_int_equal(count_of(&page, "for 10 tests; it is a control, so none is called better."),
                     1);
    assert_int_equal(count_of(&page, ">best</span>"), 0);
    text_free(&page);
    text_free(&table);
    summary_free(&summary);
    record_free(&record);
}

/* Every pair of rankings under two replacements has its cell, each with itself beside it. */
static void test_agreement_of_rankings(void **unused) {
    struct sample_shape shape = SHAPE;
    (void) unused;
    shape.replacements =
        VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_ZERO) | VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_BLUR);
    struct record record = sample_record(&shape);
    struct text page = make_page(&record);
    const char *section = strstr(page.data, "<h3>Agreement of the rankings</h3>");
    assert_non_null(section);
    const char *row = strstr(section, "<th class=\"pin\" scope=\"row\">zero</th>");
    assert_non_null(row);
    const char *itself = strstr(row, "data-of=\"zero\"><span class=\"level\">itself</span>");
    const char *other = strstr(row, "data-of=\"blur\">");
    assert_true(itself != NULL && other != NULL && itself < other && other < strstr(row, "</tr>"));
    assert_int_equal(count_of(&page, ">itself</span>"), 2);
    text_free(&page);
    record_free(&record);
}

/* The values of a curve are told at each of its points, of more than 41 at every second one. */
static void test_told_values(void **unused) {
    struct sample_shape shape = {.images = 2, .methods = 2, .grid = 8, .shards = 1};
    (void) unused;
    for (shape.steps = 40; shape.steps <= 41; shape.steps++) {
        struct record record = sample_record(&shape);
        struct text page = make_page(&record);
        size_t curves = count_of(&page, "role=\"radiogroup\"");
        assert_int_equal(curves, 4);
        assert_int_equal(count_of(&page, "<input type=\"radio\" name=\"at-"),
                         curves * (shape.steps == 40 ? 41 : 21));
        text_free(&page);
        record_free(&record);
    }
}

/* At each point the share of the regions that is replaced, whatever k / K is: of four, none at the
 * points 0 to 3 of 28, one at 4 to 10. */
static void test_shares_of_regions(void **unused) {
    struct sample_shape shape = SHAPE;
    (void) unused;
    shape.regions = 4;
    struct record record = sample_record(&shape);
    struct text page = make_page(&record);
    size_t plots = count_of(&page, "role=\"radiogroup\"");
    static const char *const SHARES[] = {"0 %", "25 %", "50 %", "75 %", "100 %"};
    static const size_t POINTS[] = {4, 7, 7, 7, 4};
    for (size_t i = 0; i < 5; i++) {
        char told[64];
        char row[64];
        snprintf(told, sizeof told, "<b>%s replaced</b>", SHARES[i]);
        snprintf(row, sizeof row, "<tr><th scope=\"row\">%s</th>", SHARES[i]);
        assert_int_equal(count_of(&page, told), POINTS[i] * plots);
        assert_int_equal(count_of(&page, row), POINTS[i] * plots);
    }
    text_free(&page);
    record_free(&record);
}

/* Of few images there is a warning, and nothing that rests on intervals. */
static void test_few_images(void **unused) {
    struct sample_shape shape = SHAPE;
    (void) unused;
    for (size_t images = 12; images <= 40; images += 28) {
        bool few = images < REPORT_INTERVAL_LEAST;
        shape.images = images;
        struct record record = sample_record(&shape);
        struct text page = make_page(&record);
        assert_int_equal(count_of(&page, "11 images: too few to tell methods apart"), few ? 1 : 0);
        assert_int_equal(count_of(&page, "Too few images for intervals"), few ? 2 : 0);
        assert_int_equal(count_of(&page, "95 % interval "), few ? 0 : 1);
        assert_int_equal(count_of(&page, "class=\"ci\""), few ? 0 : 6);
        assert_int_equal(count_of(&page, "num ahead\"") + count_of(&page, "num behind\""),
                         few ? 0 : 10); /* against the reference, and the leader's tests */
        text_free(&page);
        record_free(&record);
    }
}

/* A page goes to other people: no folder of this machine is on it. */
static void test_paths(void **unused) {
    struct record record = sample_record(&SHAPE);
    (void) unused;
    replace(&record.evaluation.model_name, "/home/ann/secret/google_vit/model.bin");
    replace(&record.dataset, "/home/ann/secret/val/");
    replace(&record.evaluation.images[0].id, "/home/ann/secret/val/n1/x.jpg");
    struct text page = make_page(&record);
    assert_int_equal(count_of(&page, "secret"), 0);
    assert_non_null(strstr(page.data, ">google_vit/model.bin<"));
    assert_non_null(strstr(page.data, "<dd>val/</dd>"));
    text_free(&page);
    record_free(&record);
}

/* Names that would be markup, or would break out of an attribute. */
static void test_hostile_names(void **unused) {
    struct record record = sample_record(&SHAPE);
    (void) unused;
    replace(&record.evaluation.methods[3], "\"><i>x");
    replace(&record.evaluation.images[0].id, "'\"><img src=x>\x1B[31m");
    replace(&record.evaluation.images[3].message, "</dd><script>alert(1)</script>");
    replace(&record.evaluation.model_name, "<b>\n");
    replace(&record.dataset, "</title><b>");
    replace(&record.version, "0\"<");
    struct text page = make_page(&record);
    assert_nesting(&page);
    assert_int_equal(count_of(&page, "<script"), 0);
    assert_int_equal(count_of(&page, "<i>"), 0);
    assert_int_equal(count_of(&page, "<img src=x"), 0);
    assert_int_equal(count_of(&page, "\x1B"), 0);
    assert_int_equal(count_of(&page, "</title>"), 1 + count_of(&page, "</title></polyline>"));
    assert_non_null(strstr(page.data, "&#39;&quot;&gt;&lt;img src=x&gt;\\x1B[31m"));
    text_free(&page);
    record_free(&record);
}

/* A page without images, and one whose only method has no reference, are pages too. */
static void test_little(void **unused) {
    static const struct sample_shape SHAPES[] = {
        {.images = 0, .methods = 3, .steps = 1, .grid = 2, .shards = 1},
        {.images = 1, .methods = 1, .steps = 1, .grid = 2, .shards = 1},
        {.images = 9, .methods = 2, .steps = 3, .grid = 2, .shard = 3, .shards = 7}};
    (void) unused;
    for (size_t i = 0; i < 3; i++) {
        struct record record = sample_record(&SHAPES[i]);
        struct text page = make_page(&record);
        assert_nesting(&page);
        assert_int_equal(count_of(&page, "nan"), 0);
        text_free(&page);
        record_free(&record);
    }
}

/* The page of merged shards is that of the whole run. */
static void test_merged_page(void **unused) {
    struct sample_shape shape = SHAPE;
    shape.precision = VITLRP_PRECISION_BF16;
    struct record shards[3];
    const struct record *parts[3];
    struct record merged;
    struct vitlrp_error err = {0};
    struct record whole = sample_record(&shape);
    (void) unused;
    shape.shards = 3;
    for (int32_t i = 0; i < 3; i++) {
        shape.shard = i;
        struct record shard = sample_record(&shape);
        struct text json = sample_json(&shard);
        assert_int_equal(record_read(json.data, json.length, &shards[i], &err), VITLRP_OK);
        parts[i] = &shards[i];
        text_free(&json);
        record_free(&shard);
    }
    assert_int_equal(record_merge(parts, 3, &merged, &err), VITLRP_OK);
    struct text expected = make_page(&whole);
    struct text page = make_page(&merged);
    assert_true(page.length == expected.length &&
                memcmp(page.data, expected.data, page.length) == 0);
    text_free(&page);
    text_free(&expected);
    record_free(&merged);
    record_free(&whole);
    for (size_t i = 0; i < 3; i++) {
        record_free(&shards[i]);
    }
}

/* Every report tells of curves in fewer bits, and of nothing where there are none. */
static void test_audit(void **unused) {
    struct sample_shape shape = SHAPE;
    (void) unused;
    for (int precision = VITLRP_PRECISION_FP32; precision <= VITLRP_PRECISION_BF16; precision++) {
        bool fewer_bits = precision == VITLRP_PRECISION_BF16;
        struct summary summary;
        struct vitlrp_error err = {0};
        struct text table = {.limit = (size_t) 1 << 20};
        shape.precision = (enum vitlrp_precision) precision;
        struct record record = sample_record(&shape);
        struct text page = make_page(&record);
        assert_nesting(&page);
        assert_int_equal(count_of(&page, "id=\"audit\""), fewer_bits ? 1 : 0);
        assert_int_equal(count_of(&page, "The seed chose 2 images,"), fewer_bits ? 1 : 0);
        assert_int_equal(count_of(&page, "fp32 throughout"),
                         precision == VITLRP_PRECISION_FP32 ? 1 : 0);
        assert_int_equal(summary_make(&record.evaluation, NULL, 1, &summary, &err), VITLRP_OK);
        report_table(&record, &summary, &table);
        assert_int_equal(count_of(&table, "\naudit: the curves of 2 images"), fewer_bits ? 1 : 0);
        assert_int_equal(count_of(&table, "; curves in bf16\n"), fewer_bits ? 1 : 0);
        assert_int_equal(count_of(&table, "; attributions in mixed\n"),
                         precision == VITLRP_PRECISION_MIXED ? 1 : 0);
        assert_int_equal(count_of(&table, "\nrollout "), fewer_bits ? 2 : 1);
        assert_int_equal(count_of(&table, " (0.0"), fewer_bits ? 6 * 4 : 0);
        text_free(&table);
        summary_free(&summary);
        text_free(&page);
        record_free(&record);
    }
}

static void test_bad_picture(void **unused) {
    struct record record = sample_record(&SHAPE);
    struct text text = {.limit = (size_t) 1 << 28};
    struct summary summary;
    struct vitlrp_error err = {0};
    (void) unused;
    record.pictures[2].jpeg.size /= 2;
    assert_int_equal(summary_make(&record.evaluation, NULL, 1, &summary, &err), VITLRP_OK);
    assert_int_equal(report_html(&record, &summary, &text, &err), VITLRP_FORMAT);
    assert_non_null(strstr(err.message, "a picture of the gallery"));
    text_free(&text);
    summary_free(&summary);
    record_free(&record);
}

/* f03 (kind): a picture of a record is small. A few kB of an empty one would take 300 MB. */
static void test_f03_large_picture(void **unused) {
    struct record record = sample_record(&SHAPE);
    struct text text = {.limit = (size_t) 1 << 28};
    struct image pixels = picture_make(RECORD_PICTURE_SIDE + 1, 8);
    struct summary summary;
    struct vitlrp_error err = {0};
    (void) unused;
    bytes_free(&record.pictures[2].jpeg);
    assert_int_equal(encode_jpeg(&pixels, NULL, &record.pictures[2].jpeg, &err), VITLRP_OK);
    assert_int_equal(summary_make(&record.evaluation, NULL, 1, &summary, &err), VITLRP_OK);
    assert_int_equal(report_html(&record, &summary, &text, &err), VITLRP_LIMIT);
    assert_non_null(strstr(err.message, "a picture of the gallery"));
    text_free(&text);
    image_free(&pixels);
    summary_free(&summary);
    record_free(&record);
}

static void test_csv(void **unused) {
    struct sample_shape shape = {.images = 6, .methods = 2, .steps = 2, .grid = 2, .shards = 1};
    struct record record = sample_record(&shape);
    struct text csv = {.limit = (size_t) 1 << 20};
    struct vitlrp_error err = {0};
    (void) unused;
    replace(&record.evaluation.images[0].id, "=cmd|' /C calc'!A0");
    assert_int_equal(report_csv(&record, NULL, &csv, &err), VITLRP_OK);
    /* Five images with two methods, a failed one, a header, and the newline in the name of 1. */
    assert_int_equal(count_of(&csv, "\n"), 1 + 5 * 2 + 1 + 2);
    assert_non_null(strstr(csv.data, "\n0,\"'=cmd|' /C calc'!A0\",ok,,"));
    assert_non_null(strstr(csv.data, "<script>&\"\"1'\n.jpg\",ok,"));
    assert_non_null(strstr(csv.data, "3,n01440767/picture_3.jpg,failed,\"data/<b>.jpg: truncated "
                                     "JPEG after 1834 bytes\",21,,,,,"));
    /* Method 1 failed on image 5: its numbers are empty. */
    assert_non_null(
        strstr(csv.data, ",0.100000001,attnlrp,zero,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,\n"));
    assert_non_null(strstr(csv.data, "index,id,status,message,label,class,predicted,logit,"
                                     "probability,method,replace,block,delta_logit,"));
    text_free(&csv);
    record_free(&record);
    shape.replacements =
        VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_MEAN) | VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_BLUR);
    record = sample_record(&shape);
    assert_int_equal(report_csv(&record, NULL, &csv, &err), VITLRP_OK);
    assert_int_equal(count_of(&csv, "\n"), 1 + 5 * 2 * 2 + 1 + 4);
    assert_int_equal(count_of(&csv, ",attnlrp-masked,mean,"), 5);
    assert_int_equal(count_of(&csv, ",attnlrp-masked,blur,"), 5);
    text_free(&csv);
    record_free(&record);
}

/* Row f21 of the table of bad inputs: whichever separator a spreadsheet is told, a name is one text
 * and no formula. */
static void test_f21_csv_of_any_spreadsheet(void **unused) {
    static const struct {
        const char *name, *cell;
    } CASES[] = {{"a;=1+1.jpg", "\"a;'=1+1.jpg\""},     {"a;b.jpg", "\"a;b.jpg\""},
                 {"a|@b.jpg", "\"a|'@b.jpg\""},         {"a\tb.jpg", "\"a\tb.jpg\""},
                 {"a\r-b.jpg", "\"a\r'-b.jpg\""},       {"a;\"=1\".jpg", "\"a;'\"\"=1\"\".jpg\""},
                 {"\"=1\".jpg", "\"'\"\"=1\"\".jpg\""}, {"plain-1.jpg", "plain-1.jpg"}};
    struct sample_shape shape = {.images = 1, .methods = 1, .steps = 2, .grid = 2, .shards = 1};
    struct record record = sample_record(&shape);
    (void) unused;
    struct vitlrp_error err = {0};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char expected[64];
        struct text csv = {.limit = (size_t) 1 << 20};
        replace(&record.evaluation.images[0].id, CASES[i].name);
        assert_int_equal(report_csv(&record, NULL, &csv, &err), VITLRP_OK);
        snprintf(expected, sizeof expected, "\n0,%s,", CASES[i].cell);
        assert_non_null(strstr(csv.data, expected));
        text_free(&csv);
    }
    record_free(&record);
}

static void test_table(void **unused) {
    struct record record = sample_record(&SHAPE);
    struct summary summary;
    struct vitlrp_error err = {0};
    struct text table = {.limit = (size_t) 1 << 20};
    (void) unused;
    replace(&record.evaluation.methods[5], "r\x1Bnd");
    assert_int_equal(summary_make(&record.evaluation, "rollout", 1, &summary, &err), VITLRP_OK);
    report_table(&record, &summary, &table);
    assert_non_null(strstr(
        table.data, "39 images, 1 more failed; 2 left out, without a label that "
                    "the model knows; 28 steps, replaced by zero, predicted class, seed 7\n"));
    assert_non_null(strstr(table.data, "\nattnlrp-masked "));
    assert_non_null(strstr(table.data, "\nr\\x1Bnd "));
    const char *best = strstr(table.data, "\nattnlrp-masked ");
    assert_true(best < strstr(table.data, "\nrollout "));
    assert_true(strstr(table.data, "\nrollout ") < strstr(table.data, "\nr\\x1Bnd "));
    assert_non_null(strstr(table.data, "- rollout"));
    text_free(&table);
    summary_free(&summary);
    record_free(&record);
}

/* A method that failed on every image has no place in a ranking. */
static void test_table_of_an_unmeasured_method(void **unused) {
    struct sample_shape shape = SHAPE;
    struct summary summary;
    struct vitlrp_error err = {0};
    struct text table = {.limit = (size_t) 1 << 20};
    (void) unused;
    shape.replacements =
        VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_ZERO) | VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_BLUR);
    struct record record = sample_record(&shape);
    for (size_t i = 0; i < record.evaluation.image_count; i++) {
        if (record.evaluation.images[i].methods != NULL) {
            record.evaluation.images[i].methods[5].valid = false;
        }
    }
    assert_int_equal(summary_make(&record.evaluation, "rollout", 1, &summary, &err), VITLRP_OK);
    report_table(&record, &summary, &table);
    assert_non_null(
        strstr(table.data, "\nthe table above is under zero; delta logit, and the rank"));
    assert_null(strstr(table.data, "nan"));
    text_free(&table);
    summary_free(&summary);
    record_free(&record);
}

/* The number of images stands apart from the longest interval that counts of units have. */
static void test_table_of_units(void **unused) {
    struct record record = sample_record(&SHAPE);
    struct summary summary;
    struct vitlrp_error err = {0};
    struct text table = {.limit = (size_t) 1 << 20};
    (void) unused;
    assert_int_equal(summary_make(&record.evaluation, "rollout", 1, &summary, &err), VITLRP_OK);
    record.evaluation.protocol.units = VITLRP_UNITS_FC1;
    record.evaluation.unit_count = 36864;
    summary.methods[0].metrics[EVAL_UNITS_TO_LOSE] =
        (struct vitlrp_statistic){.mean = 36864.0, .lo = 36864.0, .hi = 36864.0, .n = 20};
    report_table(&record, &summary, &table);
    assert_non_null(strstr(table.data, "36864.0 [36864.0, 36864.0]  20\n"));
    text_free(&table);
    summary_free(&summary);
    record_free(&record);
}

static struct text table_of(const struct sample_shape *shape) {
    struct record record = sample_record(shape);
    struct summary summary;
    struct text table = {.limit = (size_t) 1 << 20};
    struct vitlrp_error err = {0};
    assert_int_equal(summary_make(&record.evaluation, "rollout", 1, &summary, &err), VITLRP_OK);
    report_table(&record, &summary, &table);
    summary_free(&summary);
    record_free(&record);
    return table;
}

/* Correlations with what patches are worth, and how well that is known; of one image no interval.
 */
static void test_agreement(void **unused) {
    struct sample_shape shape = SHAPE;
    (void) unused;
    shape.coalitions = 1024;
    shape.regions = 3;
    struct text table = table_of(&shape);
    assert_non_null(strstr(table.data, ", coalitions 1024, regions 3\n"));
    const char *section = strstr(table.data, "\nrank correlation (Spearman)");
    assert_non_null(section);
    assert_non_null(strstr(section, "\nattnlrp-masked    0.33 [0.33, 0.33]"));
    assert_non_null(strstr(section, "\nShapley values: standard error of one 0.010 ["));
    assert_non_null(strstr(section, "; rank correlation of two halves of the samples 0.50 ["));
    text_free(&table);
    shape.images = 1;
    table = table_of(&shape);
    assert_non_null(strstr(table.data, "\nShapley values: standard error of one 0.100; rank "
                                       "correlation of two halves of the samples 0.70\n"));
    assert_non_null(strstr(table.data, "\nfewer than 20 images: too few to tell methods apart\n"));
    text_free(&table);
    table = table_of(&SHAPE);
    assert_null(strstr(table.data, "Shapley"));
    text_free(&table);
}

/* Of the checks the report has what was asked for. */
static void test_sanity(void **unused) {
    struct sample_shape shape = SHAPE;
    (void) unused;
    shape.randomized = 3;
    struct text table = table_of(&shape);
    assert_non_null(strstr(table.data, ", randomized 3\n"));
    assert_non_null(strstr(table.data, "\nsanity: rank correlation with the map"));
    assert_non_null(strstr(table.data, "  randomised model      n\n"));
    assert_non_null(strstr(table.data, "\nattnlrp-masked    -0.25 [-0.25, -0.25]  "));
    text_free(&table);
    shape.sensitivity = 10;
    table = table_of(&shape);
    assert_non_null(strstr(table.data, "  randomised model      Max-Sensitivity       n\n"));
    assert_non_null(
        strstr(table.data, "\nattnlrp-masked    -0.25 [-0.25, -0.25]  1.12 [1.12, 1.12]"));
    text_free(&table);
    table = table_of(&SHAPE);
    assert_null(strstr(table.data, "sanity"));
    text_free(&table);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page),
        cmocka_unit_test(test_told_values),
        cmocka_unit_test(test_shares_of_regions),
        cmocka_unit_test(test_agreement_of_rankings),
        cmocka_unit_test(test_claim),
        cmocka_unit_test(test_control_leads),
        cmocka_unit_test(test_few_images),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_hostile_names),
        cmocka_unit_test(test_little),
        cmocka_unit_test(test_merged_page),
        cmocka_unit_test(test_bad_picture),
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_table_of_an_unmeasured_method),
        cmocka_unit_test(test_table_of_units),
        cmocka_unit_test(test_agreement),
        cmocka_unit_test(test_sanity),
        cmocka_unit_test(test_audit),
        cmocka_unit_test(test_f21_csv_of_any_spreadsheet),
        cmocka_unit_test(test_f03_large_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
