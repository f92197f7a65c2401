/* What is done to a text before it is split: each cleaning of cleanings.def, and the steps of them.
 * Expected values are those of ftfy 6.3 with Python's html.unescape and str.lower, and of
 * tokenizers 0.23. */
#include <string.h>

#include "text/clean.h"
#include "text/unicode.h"

#include "support/unit.h"

static void expect_clean(enum text_cleaning cleaning, const char *from, const char *to) {
    struct text out = {.limit = 1 << 20};
    struct vitlrp_error err;
    if (text_clean(cleaning, from, strlen(from), &out, &err) != VITLRP_OK) {
        fail_msg("\"%s\": %s", from, err.message);
    }
    assert_string_equal(out.data == NULL ? "" : out.data, to);
    text_free(&out);
}

struct pair {
    const char *from, *to;
};

static void expect_pairs(enum text_cleaning cleaning, const struct pair *pairs, size_t count) {
    for (size_t i = 0; i < count; i++) {
        expect_clean(cleaning, pairs[i].from, pairs[i].to);
    }
}

#define EXPECT(cleaning, pairs) expect_pairs(cleaning, pairs, sizeof(pairs) / sizeof *(pairs))

static void test_names(void **state) {
    (void) state;
    assert_string_equal(text_cleaning_name(TEXT_CLEANING_FULL), "full");
    assert_string_equal(text_cleaning_name(TEXT_CLEANING_NFC), "nfc");
    assert_string_equal(text_cleaning_name(TEXT_CLEANING_NONE), "none");
    assert_null(text_cleaning_name(TEXT_CLEANINGS));
}

static void test_full(void **state) {
    (void) state;
    static const struct pair PAIRS[] = {
        {"", ""},
        {"  A  Red\t\nBus ", "a red bus"},
        {"Don\xE2\x80\x99t \xE2\x80\x9Cgo\xE2\x80\x9D \xCA\xBC", "don't \"go\" '"},
        {"\xEF\xAC\x81sh \xC4\xB2 \xC5\x89", "fish ij 'n"},
        {"\xEF\xBC\xA1\xEF\xBC\x82\xE3\x80\x80z", "a\" z"}, /* full width */
        {"\xC2\x85", "\xE2\x80\xA6"},                       /* C1 as Windows-1252 */
        {"a\x01\x7F\xEF\xBB\xBF"
         "b",
         "ab"},
        {"a\r\nb\rc\xE2\x80\xA8"
         "d",
         "a b c d"},
        {"e\xCC\x81", "\xC3\xA9"},
        {"\xC4\xB0", "i\xCC\x87"},
        {"\xCE\xA3\xCE\x91\xCE\xA3", "\xCF\x83\xCE\xB1\xCF\x82"},
        {"\xCE\xA3", "\xCF\x83"},
        {"A\xCE\xA3\xCC\x81"
         "B",
         "a\xCF\x83\xCC\x81"
         "b"},
        {"1\xCE\xA3 \xE2\x85\xA0'\xCE\xA3", "1\xCF\x83 \xE2\x85\xB0'\xCF\x82"},
    };
    EXPECT(TEXT_CLEANING_FULL, PAIRS);
}

static void test_entities(void **state) {
    (void) state;
    static const struct pair PAIRS[] = {
        {"&amp;&eacute;&EACUTE;&nbsp;&NBSP;x", "&\xC3\xA9\xC3\xA9 x"},
        {"&amp;amp;amp;amp;lt;", "<"}, /* until nothing changes */
        {"&rsquo;", "'"},
        {"<b>&rsquo;</b>", "<b>\xE2\x80\x99</b>"}, /* HTML: unescaped, but not made straight */
        {"&rsquo;\n<b>&rsquo;", "' <b>\xE2\x80\x99"},
        {"<b>\n&rsquo;", "<b> \xE2\x80\x99"},
        {"&copy 2020 &notit; &notin;", "\xC2\xA9 2020 \xC2\xACit; \xE2\x88\x89"},
        {"&GTDOT;", ">dot;"},
        {"&NewLine;a&Tab;b", "a b"},
        {"&ThickSpace;a&nGt;b", "a\xE2\x89\xAB\xE2\x83\x92"
                                "b"},
        {"&#65;&#x42;&#X43;", "abc"},
        {"&#59;&#0;&#128;&#xD800;&#1114112;&#99999999999999999999;&#1;&#xFFFE;",
         ";\xEF\xBF\xBD\xE2\x82\xAC\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"&#65 &#x &# &; & &&amp &unknown; &#12ab;", "a &#x &# &; & && &unknown; ab;"},
        {"&SZLIG;", "ss"},
    };
    EXPECT(TEXT_CLEANING_FULL, PAIRS);
    expect_clean(TEXT_CLEANING_NFC, "&amp;", "&amp;");
}

static void test_nfc(void **state) {
    (void) state;
    static const struct pair PAIRS[] = {
        {"", ""},
        {"  A \xC2\x85 Red ", " a red "},
        {"\xE2\x80\x99\xEF\xBC\xA1", "\xE2\x80\x99\xEF\xBD\x81"},
        {"\xCE\x91\xCE\xA3", "\xCE\xB1\xCF\x83"},
        {"E\xCC\x81 \xE2\x84\xAB \xE1\x84\x80\xE1\x85\xA1", "\xC3\xA9 \xC3\xA5 \xEA\xB0\x80"},
        /* marks in the order of their classes, and those of one class as they stand */
        {"q\xCC\x87\xCC\xA3\xCC\x81\xCC\x80", "q\xCC\xA3\xCC\x87\xCC\x81\xCC\x80"},
    };
    EXPECT(TEXT_CLEANING_NFC, PAIRS);
    expect_clean(TEXT_CLEANING_NONE, " A&amp;\xE2\x80\x99 ", " A&amp;\xE2\x80\x99 ");
}

static void test_refused(void **state) {
    (void) state;
    struct text out = {.limit = 100};
    struct vitlrp_error err;
    for (int i = 0; i < TEXT_CLEANINGS; i++) {
        assert_int_equal(text_clean((enum text_cleaning) i, "a\xC3", 2, &out, &err), VITLRP_USAGE);
        assert_int_equal(out.length, 0);
    }
    assert_int_equal(text_clean(TEXT_CLEANINGS, "a", 1, &out, &err), VITLRP_USAGE);
    out.limit = 3;
    assert_int_equal(text_clean(TEXT_CLEANING_NFC, "abcd", 4, &out, &err), VITLRP_LIMIT);
    text_free(&out);
}

/* Entities within entities to the limit, and beyond it. */
static void test_nested(void **state) {
    (void) state;
    struct text from = {.limit = 1000};
    struct text out = {.limit = 1000};
    struct vitlrp_error err;
    text_append_string(&from, "&");
    for (size_t depth = 1; depth <= 40; depth++) {
        text_append_string(&from, "amp;");
        enum vitlrp_status status =
            text_clean(TEXT_CLEANING_FULL, from.data, from.length, &out, &err);
        assert_int_equal(status, depth < 32 ? VITLRP_OK : VITLRP_LIMIT);
    }
    assert_non_null(strstr(err.message, "entities within entities"));
    text_free(&from);
    text_free(&out);
}

/* A million marks that stand in the wrong order: time in proportion (CTest's limit would end it).
 */
static void test_many_marks(void **state) {
    (void) state;
    struct text from = {.limit = 4 << 20};
    struct text out = {.limit = 8 << 20};
    struct vitlrp_error err;
    for (size_t i = 0; i < 250000; i++) {
        text_append_string(&from, "\xCC\x87\xCC\xA3");
    }
    for (int i = 0; i < TEXT_CLEANINGS; i++) {
        out.length = 0;
        assert_int_equal(text_clean((enum text_cleaning) i, from.data, from.length, &out, &err),
                         VITLRP_OK);
        assert_int_equal(out.length, from.length);
    }
    text_free(&from);
    text_free(&out);
}

static void test_classes(void **state) {
    (void) state;
    size_t spaces = 0;
    for (int32_t code = 0; code < 0x110000; code++) {
        spaces += character_class(code) == CHARACTER_SPACE;
    }
    assert_int_equal(spaces, 25);
    assert_int_equal(character_class('z'), CHARACTER_LETTER);
    assert_int_equal(character_class(0x3042), CHARACTER_LETTER);
    assert_int_equal(character_class(0x2168), CHARACTER_NUMBER); /* Roman numeral nine */
    assert_int_equal(character_class(0xBD), CHARACTER_NUMBER);
    assert_int_equal(character_class(0x345), CHARACTER_OTHER);
    assert_int_equal(character_class(0x378), CHARACTER_OTHER); /* not assigned */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),      cmocka_unit_test(test_full),
        cmocka_unit_test(test_entities),   cmocka_unit_test(test_nfc),
        cmocka_unit_test(test_refused),    cmocka_unit_test(test_nested),
        cmocka_unit_test(test_many_marks), cmocka_unit_test(test_classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
