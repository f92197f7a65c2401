#include "base/sha256.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define READ_STEP ((size_t) 1 << 16) /* fresh memory costs more than further reads */
#define SHA256_BYTES 32U

static void write_digits(const unsigned char digest[SHA256_BYTES], char out[SHA256_TEXT]) {
    for (size_t i = 0; i < SHA256_BYTES; i++) {
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
    }
}

struct sha256 sha256_begin(void) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool failed = context == NULL || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1;
    return (struct sha256){context, failed};
}

void sha256_add(struct sha256 *hash, const void *data, size_t size) {
    hash->failed = hash->failed || EVP_DigestUpdate(hash->context, data, size) != 1;
}

enum vitlrp_status sha256_end(struct sha256 *hash, char out[SHA256_TEXT],
                              struct vitlrp_error *err) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    bool complete = !hash->failed && EVP_DigestFinal_ex(hash->context, digest, &length) == 1 &&
                    length == SHA256_BYTES;
    EVP_MD_CTX_free(hash->context);
    *hash = (struct sha256){0};
    if (!complete) {
        return fail(err, VITLRP_NOMEM, "out of memory for a SHA-256");
    }
    write_digits(digest, out);
    return VITLRP_OK;
}

enum vitlrp_status sha256_finish(struct sha256 *hash, enum vitlrp_status status,
                                 char out[SHA256_TEXT], struct vitlrp_error *err) {
    if (status == VITLRP_OK) {
        return sha256_end(hash, out, err);
    }
    EVP_MD_CTX_free(hash->context);
    *hash = (struct sha256){0};
    return status;
}

enum vitlrp_status sha256_bytes(const void *data, size_t size, char out[SHA256_TEXT],
                                struct vitlrp_error *err) {
    struct sha256 hash = sha256_begin();
    sha256_add(&hash, data, size);
    return sha256_end(&hash, out, err);
}

static enum vitlrp_status add_file(struct sha256 *hash, const struct source *source,
                                   struct vitlrp_error *err) {
    enum vitlrp_status status = VITLRP_OK;
    unsigned char *buffer = mem_calloc(READ_STEP, 1);
    if (buffer == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a SHA-256");
    }
    for (uint64_t offset = 0; offset < source->size && status == VITLRP_OK;) {
        uint64_t left = source->size - offset;
        size_t step = left < READ_STEP ? (size_t) left : READ_STEP;
        status = source_read(source, offset, buffer, step, err);
        if (status == VITLRP_OK) {
            sha256_add(hash, buffer, step);
        }
        offset += step;
    }
    mem_free(buffer);
    return status;
}

static enum vitlrp_status sha256_file(const struct source *source, char out[SHA256_TEXT],
                                      struct vitlrp_error *err) {
    struct sha256 hash = sha256_begin();
    return sha256_finish(&hash, add_file(&hash, source, err), out, err);
}

bool sha256_file_differs(const char *path, const char *digest) {
    char found[SHA256_TEXT];
    struct source source;
    if (source_open(path, &source, NULL) != VITLRP_OK) {
        return false;
    }
    bool differs = sha256_source(&source, found, NULL) == VITLRP_OK && strcmp(found, digest) != 0;
    source_close(&source);
    return differs;
}

bool sha256_is_text(const char *text) {
    return strlen(text) == SHA256_TEXT - 1 && strspn(text, "0123456789abcdef") == SHA256_TEXT - 1;
}

enum vitlrp_status sha256_source(const struct source *source, char out[SHA256_TEXT],
                                 struct vitlrp_error *err) {
    return source->memory != NULL ? sha256_bytes(source->memory, (size_t) source->size, out, err)
                                  : sha256_file(source, out, err);
}
