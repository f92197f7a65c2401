/* decode_image: telling formats apart by content, and the small format PNM, good and bad. */
#include <stdio.h>
#include <string.h>

#include "support/golden.h"
#include "support/pictures.h"
#include "support/unit.h"

#define LITERAL(text) (text), sizeof(text) - 1

static void test_unknown_content(void **state) {
    (void) state;
    picture_assert_refused("", 0, VITLRP_FORMAT, "empty");
    picture_assert_refused(LITERAL("x"), VITLRP_FORMAT, "begins with \"x\"");
    picture_assert_refused(
        LITERAL("A note, named photo.png\n"), VITLRP_FORMAT,
        "not a JPEG, PNG, WebP, BMP or PNM image (it begins with \"A note, named ph\")");
    picture_assert_refused(LITERAL("\0\0\0\0\x1b[2J"), VITLRP_FORMAT, "\"....\\x1B[2J\"");
    picture_assert_refused(LITERAL("<!DOCTYPE html><html>"), VITLRP_FORMAT, "HTML page");
    picture_assert_refused(LITERAL("version https://git-lfs.github.com/spec/v1\n"), VITLRP_FORMAT,
                           "Git LFS pointer");
    picture_assert_refused(LITERAL("\x89PNG\n\x1a\n\0\0\0\rIHDR"), VITLRP_FORMAT, "text-mode");
    picture_assert_refused(LITERAL("BM is also how this text begins"), VITLRP_FORMAT,
                           "begins with");
    picture_assert_refused(LITERAL("P5x"), VITLRP_FORMAT, "begins with");
    picture_assert_refused(LITERAL("\xff\xd8"), VITLRP_FORMAT, "begins with");
}

static void test_formats_not_read(void **state) {
    (void) state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *name;
    } files[] = {
        {LITERAL("GIF89a\1\0\1\0"),
         "GIF files are not read; convert it to PNG or JPEG, for example by: ffm"},
#ifndef VITLRP_TIFF
        {LITERAL("II*\0\10\0\0\0"), "TIFF"},
        {LITERAL("MM\0*\0\0\0\10"), "TIFF"},
#endif
        {LITERAL("\xff\x0a\0\0"),
         "JPEG XL files are not read; convert it to PNG or JPEG, for example by: djxl"},
        {LITERAL("\0\0\0\x0cJXL \r\n\x87\n"), "JPEG XL"},
        {LITERAL("\0\0\0\x0cjP  \r\n\x87\n"), "JPEG 2000"},
        {LITERAL("8BPS\0\1"), "Photoshop"},
        {LITERAL("%PDF-1.7"), "PDF"},
        {LITERAL("P7\nWIDTH 1\n"), "PAM"},
        {LITERAL("PF\n1 1\n-1.0\n"), "PFM"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        picture_assert_refused(files[i].bytes, files[i].size, VITLRP_UNSUPPORTED, files[i].name);
    }
}

/* The major brand decides, or the first compatible one that says how the pictures are coded. */
static void test_i09_brands_of_heif(void **state) {
    (void) state;
    static const struct {
        const char *brands; /* major, version, compatible */
        const char *message;
    } files[] = {
#ifndef VITLRP_AVIF
        {"avif....mif1miaf",
         "AVIF files are not read; convert it to PNG or JPEG, for example by: avifdec IN "},
        {"avis....avifmsf1", "AVIF sequence files"},
        {"mif1....avif", "AVIF files"},
        {"msf1....avis", "AVIF sequence files"},
#endif
        {"heic....mif1",
         "HEIC files are not read; convert it to PNG or JPEG, for example by: heif-convert "},
        {"heix....", "HEIC files"},
        {"heim....", "HEIC files"},
        {"heis....", "HEIC files"},
        {"hevc....msf1hevcheic", "HEIC sequence files"},
        {"hevx....", "HEIC sequence files"},
        {"mif1....heic", "HEIC files"},
        {"mif1....miafheixhevc", "HEIC files"},
        {"msf1....hevcmp42", "HEIC sequence files"},
        {"avci....mif1", "HEIF (AVC) files"},
        {"avcs....", "HEIF (AVC) sequence files"},
        {"mif1....jpeg", "HEIF (JPEG) files"},
        {"vvic....", "HEIF (VVC) files"},
        {"j2ki....", "HEIF (JPEG 2000) files"},
        {"mif1....", "HEIF files"},
        {"msf1....iso8", "HEIF sequence files"},
        {"iso8....mif1", "HEIF files"},
        {"isom....mp42", "MP4 film files"},
        {"crx ....", "CR3 (raw) files"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char file[64] = "\0\0\0\0ftyp";
        size_t size = 8 + strlen(files[i].brands);
        file[3] = (char) size;
        memcpy(file + 8, files[i].brands, size - 8);
        picture_assert_refused(file, size, VITLRP_UNSUPPORTED, files[i].message);
        /* The next box is none of its brands. */
        memcpy(file + size, "avcsavcs", 8);
        picture_assert_refused(file, size + 8, VITLRP_UNSUPPORTED, files[i].message);
    }
    picture_assert_refused(LITERAL("\0\0\0\xff"
                                   "ftypabcd....wxyz"),
                           VITLRP_FORMAT, "begins with");
    picture_assert_refused(LITERAL("\0\0\0\x10"
                                   "ftypheic"),
                           VITLRP_FORMAT, "begins with");
}

/* "DICM" stands behind 128 bytes of anything. */
static void test_k06_dicom_is_named(void **state) {
    uint8_t file[140] = {0};
    (void) state;
    memcpy(file + 128, "DICM", 4);
    picture_assert_refused(file, sizeof file, VITLRP_UNSUPPORTED, "DICOM files are not read");
    picture_assert_refused(file, sizeof file, VITLRP_UNSUPPORTED, "dcmj2pnm +on IN OUT.png");
    picture_assert_refused(file, 131, VITLRP_FORMAT, "begins with");
}

/* An .npy file of that type and shape, followed by `size` bytes. */
static size_t npy_make(char *out, const char *descr, const char *shape, const void *data,
                       size_t size) {
    int length = snprintf(out + 10, 118, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }",
                          descr, shape);
    memcpy(out, "\x93NUMPY\1\0\x76\0", 10);
    memset(out + 10 + length, ' ', (size_t) (118 - length));
    memcpy(out + 128, data, size);
    return 128 + size;
}

static void test_k06_bytes_of_numpy(void **state) {
    char file[256];
    (void) state;
    size_t size = npy_make(file, "|u1", "1, 2, 3", "\1\2\3\4\5\6", 6);
    picture_assert_decodes(file, size, "npy", "\1\2\3\4\5\6", 2, 1);
    size = npy_make(file, "|u1", "2, 1, 1", "\7\x80", 2);
    picture_assert_decodes(file, size, "npy", "\7\7\7\x80\x80\x80", 1, 2);
    size = npy_make(file, "|u1", "2, 1", "\7\x80", 2);
    picture_assert_decodes(file, size, "npy", "\7\7\7\x80\x80\x80", 1, 2);
    picture_assert_refused(file, size - 1, VITLRP_FORMAT, "truncated");
    size = npy_make(file, "|u1", "1, 2, 4", "12345678", 8);
    picture_assert_refused(file, size, VITLRP_UNSUPPORTED, "(height, width, 3)");
    size = npy_make(file, "<u2", "1, 2, 3", "123456789abc", 12);
    picture_assert_refused(file, size, VITLRP_UNSUPPORTED, "uint8");
    size = npy_make(file, "|u1", "0, 2, 3", "", 0);
    picture_assert_refused(file, size, VITLRP_UNSUPPORTED, "uint8");
    size = npy_make(file, "|u1", "1, 9999999999, 1", "", 0);
    picture_assert_refused(file, size, VITLRP_FORMAT, "longer than its file");
}

static void test_pnm(void **state) {
    (void) state;
    picture_assert_decodes(LITERAL("P5 2 1 255\n\7\x80"), "pnm", "\7\7\7\x80\x80\x80", 2, 1);
    picture_assert_decodes(LITERAL("P6\n# comment\n1 2\r\n255 \1\2\3\4\5\6"), "pnm", "\1\2\3\4\5\6",
                           1, 2);
    picture_assert_decodes(LITERAL("P5 3 1 100\n\0\x32\x64"), "pnm",
                           "\0\0\0\x80\x80\x80\xff\xff\xff", 3, 1);
    picture_assert_decodes(LITERAL("P5 2 1 100\n\x64\xff"), "pnm", "\xff\xff\xff\xff\xff\xff", 2,
                           1);
    picture_assert_decodes(LITERAL("P5 2 1 65535\n\x01\x01\xff\xff"), "pnm", "\1\1\1\xff\xff\xff",
                           2, 1);
    picture_assert_decodes(
        LITERAL("P4 9 2\n\x80\x80\x01\x00"), "pnm",
        "\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
        "\xff\xff\xff\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
        "\xff\xff\xff\xff\xff\xff\0\0\0\xff\xff\xff",
        9, 2);
    picture_assert_decodes(LITERAL("P1 3 1 01#c\n0"), "pnm", "\xff\xff\xff\0\0\0\xff\xff\xff", 3,
                           1);
    picture_assert_decodes(LITERAL("P2 2 1 3 # x\n0 3"), "pnm", "\0\0\0\xff\xff\xff", 2, 1);
    picture_assert_decodes(LITERAL("P3 1 1 255 9 8 7 and more"), "pnm", "\11\10\7", 1, 1);
}

static void test_bad_pnm(void **state) {
    (void) state;
    picture_assert_refused(LITERAL("P5 2 2 255\n\1\2\3"), VITLRP_FORMAT, "truncated PNM");
    picture_assert_refused(LITERAL("P5 2 1 256\n\1\2\3"), VITLRP_FORMAT, "truncated PNM");
    picture_assert_refused(LITERAL("P4 9 1\n\1"), VITLRP_FORMAT, "truncated PNM");
    picture_assert_refused(LITERAL("P6 9"), VITLRP_FORMAT, "truncated PNM");
    picture_assert_refused(LITERAL("P5 2 1 255"), VITLRP_FORMAT, "no space");
    picture_assert_refused(LITERAL("P5 2 1 0\n\1\2"), VITLRP_FORMAT, "largest value 0");
    picture_assert_refused(LITERAL("P5 2 1 65536\n\1\2\3\4"), VITLRP_FORMAT, "largest value");
    picture_assert_refused(LITERAL("P5 0 1 255\n"), VITLRP_FORMAT, "0 x 1");
    picture_assert_refused(LITERAL("P5 -2 1 255\n\1\2"), VITLRP_FORMAT, "no number at byte 3");
    picture_assert_refused(LITERAL("P2 2 1 3 0 4"), VITLRP_FORMAT, "the value 4");
    picture_assert_refused(LITERAL("P2 2 1 3 0 x"), VITLRP_FORMAT, "no number");
    picture_assert_refused(LITERAL("P1 2 1 02"), VITLRP_FORMAT, "the value 2");
    picture_assert_refused(LITERAL("P3 1 1 255 1 2"), VITLRP_FORMAT, "truncated PNM");
    picture_assert_refused(LITERAL("P5 262145 1 255\n"), VITLRP_LIMIT, "262145 x 1");
    picture_assert_refused(LITERAL("P5 10001 10000 255\n"), VITLRP_LIMIT,
                           "is 100000000 for all but");
    picture_assert_refused(LITERAL("P5 99999999999999999999 1 255\n"), VITLRP_LIMIT, "digits");
    picture_assert_refused(LITERAL("P2 16000 6000 255\n1 2 3"), VITLRP_FORMAT, "truncated PNM");
}

static void test_limits_are_kept(void **state) {
    (void) state;
    struct vitlrp_image_limits limits = image_limits_default();
    limits.max_side = 10;
    limits.max_pixels = 20;
    static const struct {
        uint64_t width, height;
        enum vitlrp_status status;
    } sizes[] = {
        {10, 2, VITLRP_OK},    {2, 10, VITLRP_OK},
        {11, 1, VITLRP_LIMIT}, {1, 11, VITLRP_LIMIT},
        {7, 3, VITLRP_LIMIT},  {0, 3, VITLRP_FORMAT},
        {3, 0, VITLRP_FORMAT}, {UINT64_MAX, 2, VITLRP_LIMIT},
        {5, 4, VITLRP_OK},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_int_equal(image_check_size(&limits, sizes[i].width, sizes[i].height, NULL),
                         sizes[i].status);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown_content),
        cmocka_unit_test(test_formats_not_read),
        cmocka_unit_test(test_i09_brands_of_heif),
        cmocka_unit_test(test_k06_dicom_is_named),
        cmocka_unit_test(test_k06_bytes_of_numpy),
        cmocka_unit_test(test_pnm),
        cmocka_unit_test(test_bad_pnm),
        cmocka_unit_test(test_limits_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
