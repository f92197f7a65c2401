/* Files that are found under a checkpoint's name by mistake get a message that says what they are.
 */
#include <stdio.h>
#include <string.h>

#include "support/load_checks.h"
#include "vit/load/checkpoint.h"

#include "support/unit.h"

#define FILE_OF(text) text, sizeof text - 1

static const struct {
    const char *bytes;
    size_t size;
    enum vitlrp_status status;
    const char *word;
} FILES[] = {
    {FILE_OF(""), VITLRP_FORMAT, "is empty"},
    {FILE_OF("x"), VITLRP_FORMAT, "too short"},
    {FILE_OF("<!DOCTYPE html>\n<html><head><title>404</title>"), VITLRP_FORMAT, "HTML"},
    {FILE_OF("\n\n  <html lang=en>"), VITLRP_FORMAT, "HTML"},
    {FILE_OF("\xEF\xBB\xBF<?xml version='1.0'?>"), VITLRP_FORMAT, "HTML or XML"},
    {FILE_OF("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 346\n"),
     VITLRP_FORMAT, "Git LFS pointer"},
    {FILE_OF("{\"architectures\": [\"ViT\"]}"), VITLRP_FORMAT, "JSON"},
    {FILE_OF("\x1F\x8B\x08\x00\x00\x00\x00\x00\x00\x03"), VITLRP_FORMAT, "gzip"},
    {FILE_OF("BZh91AY&SY"), VITLRP_FORMAT, "bzip2"},
    {FILE_OF("\xFD"
             "7zXZ\0\0\4"),
     VITLRP_FORMAT, "xz"},
    {FILE_OF("\x28\xB5\x2F\xFD\x24\x00\x01\x00"), VITLRP_FORMAT, "zstd"},
    {FILE_OF("\x89HDF\r\n\x1A\n\x00\x00"), VITLRP_FORMAT, "HDF5"},
    {FILE_OF("\x1C\x00\x00\x00TFL3\x14\x00"), VITLRP_FORMAT, "TensorFlow Lite"},
    {FILE_OF("\x82\xA6params\x81\xA3vit"), VITLRP_FORMAT, "Flax (msgpack)"},
    {FILE_OF("\xDE\x00\x10\xA6params\x81"), VITLRP_FORMAT, "Flax (msgpack)"},
    {FILE_OF("GGUF\x03\x00\x00\x00\x00"), VITLRP_FORMAT, "GGUF"},
    {FILE_OF("\xFF\xD8\xFF\xE0\x00\x10JFIF"), VITLRP_FORMAT, "JPEG"},
    {FILE_OF("\x89PNG\r\n\x1A\n\x00\x00"), VITLRP_FORMAT, "PNG"},
    {FILE_OF("\x93NUMPY\x01\x00\x76\x00{'descr'"), VITLRP_FORMAT, "single .npy"},
    {FILE_OF("\x08\x07\x12\x07pytorch\x1A\x05"
             "1.13."),
     VITLRP_FORMAT, "ONNX"},
    {FILE_OF("\x08\x01\x12\x0Bsaved_model\x22\x05"), VITLRP_FORMAT, "TensorFlow"},
    {FILE_OF("\x80\x04\x95\x10\x00\x00\x00\x00\x00"), VITLRP_UNSUPPORTED, "bare pickle"},
    {FILE_OF("PK\x03\x04\x14\x00\x00\x00\x00\x00"), VITLRP_FORMAT, "zip"},
    {FILE_OF("PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), VITLRP_FORMAT, "empty zip"},
    {FILE_OF("just some text, not weights"), VITLRP_FORMAT, "neither safetensors"},
    {FILE_OF("\xDE\xAD\xBE\xEF\xDE\xAD\xBE\xEF\xDE\xAD"), VITLRP_FORMAT, "neither safetensors"},
    {FILE_OF("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), VITLRP_FORMAT, "safetensors header"},
};

static void test_hints(void **unused) {
    (void) unused;
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
        struct bytes bytes = {(unsigned char *) (uintptr_t) FILES[i].bytes, FILES[i].size};
        expect_refused(&bytes, FILES[i].status, FILES[i].word);
    }
}

static void test_tar(void **unused) {
    unsigned char tar[1024] = "weights.pth";
    (void) unused;
    memcpy(tar + 257, "ustar", 5);
    struct bytes bytes = {tar, sizeof tar};
    expect_refused(&bytes, VITLRP_FORMAT, "tar archive");
}

/* A safetensors header may have a length whose first byte looks like text. */
static void test_lengths_that_look_like_text(void **unused) {
    static const char LOOKS[] = "{<\n\x08";
    (void) unused;
    for (size_t i = 0; LOOKS[i] != '\0'; i++) {
        char header[512];
        struct bytes bytes;
        memset(header, ' ', sizeof header);
        header[0] = '{';
        header[1] = '}';
        header[256 + (unsigned char) LOOKS[i]] = '\0';
        safetensors_of_header(header, 0, &bytes);
        assert_int_equal(bytes.data[0], LOOKS[i]);
        expect_refused_free(&bytes, VITLRP_FORMAT, "no tensors");
    }
}

static void test_paths(void **unused) {
    static const struct {
        const char *path;
        enum vitlrp_status status;
        const char *word;
    } paths[] = {
        {TEST_DATA "/nothing.safetensors", VITLRP_IO, "cannot open"},
        {"", VITLRP_IO, ""},
        {TEST_DATA "/unit", VITLRP_FORMAT, "neither model.safetensors"},
        {"/dev/null", VITLRP_IO, "not a regular file"},
        {"/dev/zero", VITLRP_IO, "not a regular file"},
        {PROJECT_DATA "/panda.jpg", VITLRP_FORMAT, "JPEG"},
        {TEST_DATA "/golden/parity/expected.json", VITLRP_FORMAT, "JSON"},
    };
    (void) unused;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct vit_model *model = NULL;
        struct vitlrp_error err = {0};
        struct vit_load_options options = {.heads = 4};
        enum vitlrp_status status = vit_model_load(paths[i].path, &options, &model, &err);
        if (status != paths[i].status || strstr(err.message, paths[i].word) == NULL) {
            fail_msg("%s: status %d, %s", paths[i].path, status, err.message);
        }
        assert_null(model);
        /* The path stands in the message once. */
        const char *first = paths[i].path[0] == '\0' ? NULL : strstr(err.message, paths[i].path);
        assert_true(first == NULL || strstr(first + 1, paths[i].path) == NULL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hints),
        cmocka_unit_test(test_tar),
        cmocka_unit_test(test_lengths_that_look_like_text),
        cmocka_unit_test(test_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
