/* PyTorch's containers: what the pickle machine and the zip reader must refuse, with the reason,
 * and the forms of state_dict that they must accept. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "support/load_checks.h"
#include "vit/load/pickle.h"

#include "support/unit.h"

struct made_case {
    struct pth_options options;
    enum vitlrp_status status;
    const char *word;
};

static void test_refused_archives(void **unused) {
    static const struct made_case cases[] = {
        {{.storage_type = "QUInt8Storage"}, VITLRP_UNSUPPORTED, "of torch.QUInt8Storage"},
        {{.storage_type = "\x1B[2JStorage"}, VITLRP_UNSUPPORTED, "\\x1B[2JStorage"},
        {{.storage_type = "DoubleStorage"}, VITLRP_FORMAT, "announced"},
        {{.extra_elements = 1}, VITLRP_FORMAT, "announced"},
        {{.extra_elements = -1}, VITLRP_FORMAT, "beyond its storage"},
        {{.extra_elements = -100}, VITLRP_FORMAT, "persistent id"},
        {{.extra_elements = INT64_C(1) << 61}, VITLRP_FORMAT, "announced"},
        {{.extra_elements = INT64_MAX - 8}, VITLRP_FORMAT, "overflows"},
        {{.offset = 1}, VITLRP_FORMAT, "beyond its storage"},
        {{.offset = -1}, VITLRP_FORMAT, "beyond its storage"},
        {{.offset = INT64_MAX}, VITLRP_FORMAT, "beyond its storage"},
        {{.stride = 2}, VITLRP_UNSUPPORTED, "'cls_token': it is not contiguous"},
        {{.stride = -1}, VITLRP_FORMAT, "strides"},
        {{.share = true}, VITLRP_FORMAT, "beyond its storage"},
        {{.flags = 1}, VITLRP_UNSUPPORTED, "encrypted"},
        {{.flags = 32}, VITLRP_UNSUPPORTED, "of a kind"},
        {{.method = 12}, VITLRP_UNSUPPORTED, "method 12"},
        {{.crc_error = 1}, VITLRP_FORMAT, "checksum"},
        {{.local_disagrees = true}, VITLRP_FORMAT, "local header"},
        {{.duplicate = true}, VITLRP_FORMAT, "twice"},
        {{.record_name = "../evil"}, VITLRP_FORMAT, "points outside of its folder"},
        {{.record_name = "archive/../../evil"}, VITLRP_FORMAT, "points outside of its folder"},
        {{.record_name = "/etc/evil"}, VITLRP_FORMAT, "points outside of its folder"},
        {{.record_name = "..\\evil"}, VITLRP_FORMAT, "points outside of its folder"},
        {{.record_name = "archive/byteorder"}, VITLRP_UNSUPPORTED, "big-endian"},
        {{.drop_bytes = 1}, VITLRP_FORMAT, "no directory"},
        {{.drop_bytes = 5000}, VITLRP_FORMAT, "no directory"},
        {{.wrapper = "model", .second_wrapper = "net"}, VITLRP_OK, NULL},
        {{.wrapper = "first", .second_wrapper = "second"}, VITLRP_UNSUPPORTED, "several sets"},
        {{.wrapper = "optimizer"}, VITLRP_UNSUPPORTED, "no dictionary"},
    };
    (void) unused;
    struct vit_config config = small_config();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pth_list list;
        struct bytes bytes;
        pth_timm(&list, &config);
        pth_make(&list, &cases[i].options, &bytes);
        if (cases[i].status == VITLRP_OK) {
            vit_model_free(expect_loaded_free(&bytes, 2));
        } else {
            expect_refused_free(&bytes, cases[i].status, cases[i].word);
        }
    }
}

static void test_accepted_archives(void **unused) {
    static const struct pth_options cases[] = {
        {.wrapper = NULL},
        {.wrapper = "state_dict"},
        {.wrapper = "model"},
        {.wrapper = "anything"},
        {.parameters = true},
        {.wrapper = "model", .parameters = true},
        {.attributes = true},
        {.attributes = true, .parameters = true},
        {.stride = 1}, /* the last stride of a contiguous tensor */
        {.record_name = "archive/.data/serialization_id"},
        {.record_name = "archive/constants.pkl"},
        /* Names of anything, which stay names. */
        {.global = "posix\nsystem\n"},
        {.global = "builtins\neval\n"},
        {.global = "argparse\nNamespace\n"},
        {.global = "numpy.core.multiarray\nscalar\n"},
        {.global = "torch.storage\n_load_from_bytes\n"},
        {.global = "torch._utils\n_rebuild_tensor_v2x\n"},
        {.global = "torch\n_utils._rebuild_tensor_v2\n"},
        {.global = "\x1B[2J\nx\n"},
        {.global = "\n\n"},
    };
    static const char *const prefixes[] = {"", "module.", "model.", "backbone.", "module.model."};
    (void) unused;
    struct vit_config config = small_config();
    struct pth_list list;
    struct bytes bytes;
    pth_timm(&list, &config);
    safetensors_make(&list, "F32", NULL, &bytes);
    struct vit_model *reference = expect_loaded_free(&bytes, 2);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pth_make(&list, &cases[i], &bytes);
        struct vit_model *model = expect_loaded_free(&bytes, 2);
        assert_true(weights_difference(model, reference) == 0.0);
        assert_string_equal(model->container, "pytorch zip");
        vit_model_free(model);
    }
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        pth_timm(&list, &config);
        pth_prefix(&list, prefixes[i]);
        pth_make(&list, &cases[1], &bytes);
        vit_model_free(expect_loaded_free(&bytes, 2));
    }
    vit_model_free(reference);
}

/* An archive of which other parts seem to be missing, by its end record or by a directory entry. */
static void test_archive_in_parts(void **unused) {
    struct vit_config config = small_config();
    struct pth_list list;
    struct pth_options sound = {0};
    struct bytes bytes;
    (void) unused;
    pth_timm(&list, &config);
    const size_t end_fields[] = {4, 6, 8};
    for (size_t i = 0; i < 3; i++) {
        pth_make(&list, &sound, &bytes);
        bytes.data[bytes.size - 22 + end_fields[i]] ^= 1;
        expect_refused_free(&bytes, VITLRP_UNSUPPORTED, "several parts");
    }
    pth_make(&list, &sound, &bytes);
    size_t at = bytes.size - 22;
    while (memcmp(bytes.data + at, "PK\1\2", 4) != 0) {
        at--;
    }
    bytes.data[at + 34] = 1;
    expect_refused_free(&bytes, VITLRP_UNSUPPORTED, "another part");
}

/* Tensors that share one storage, each with its offset, are fine: here all but the first see its
 * beginning, so they must not be larger. */
static void test_shared_storage(void **unused) {
    (void) unused;
    struct vit_config config = small_config();
    struct pth_list list;
    struct bytes bytes;
    struct pth_options shared = {.share = true};
    pth_timm(&list, &config);
    struct pth_tensor largest = list.items[0];
    size_t at = 0;
    for (size_t i = 0; i < list.count; i++) {
        if (strstr(list.items[i].name, "patch_embed.proj.weight") != NULL) {
            largest = list.items[i];
            at = i;
        }
    }
    list.items[at] = list.items[0];
    list.items[0] = largest;
    pth_make(&list, &shared, &bytes);
    struct vit_model *model = expect_loaded_free(&bytes, 2);
    assert_true(model->weights.cls_token[3] == pth_value("patch_embed.proj.weight", 3));
    vit_model_free(model);
}

struct pickle_case {
    const char *bytes;
    size_t size;
    enum vitlrp_status status;
    const char *word;
};

#define PICKLE(text) text, sizeof text - 1

static const struct pickle_case BAD_PICKLES[] = {
    {PICKLE(""), VITLRP_FORMAT, "truncated"},
    {PICKLE("\x80"), VITLRP_FORMAT, "truncated"},
    {PICKLE("\x80\x02"), VITLRP_FORMAT, "truncated"},
    {PICKLE("\x80\x01."), VITLRP_UNSUPPORTED, "protocol 1"},
    {PICKLE("\x80\x06."), VITLRP_UNSUPPORTED, "protocol 6"},
    {PICKLE("\x80\x02."), VITLRP_FORMAT, "ends in the middle"},
    {PICKLE("\x80\x02NN."), VITLRP_FORMAT, "ends in the middle"},
    {PICKLE("\x80\x02(N."), VITLRP_FORMAT, "ends in the middle"},
    {PICKLE("\x80\x02N."), VITLRP_UNSUPPORTED, "no dictionary"},
    {PICKLE("\x80\x02}."), VITLRP_UNSUPPORTED, "no dictionary"},
    {PICKLE("\x80\x02\xFF."), VITLRP_FORMAT, "opcode 0xFF"},
    {PICKLE("\x80\x02I1\n."), VITLRP_FORMAT, "opcode 0x49"},
    {PICKLE("\x80\x02X\x02\x00\x00\x00\xC3\xFF."), VITLRP_FORMAT, "not UTF-8"},
    {PICKLE("\x80\x04\x8C\x01\x80."), VITLRP_FORMAT, "not UTF-8"},
    {PICKLE("\x80\x02U\x01\x80."), VITLRP_UNSUPPORTED, "no dictionary"},
    {PICKLE("\x80\x02\x82\x01."), VITLRP_FORMAT, "opcode 0x82"},
    {PICKLE("\x80\x02"
            "cposix\nsystem\nX\x04\x00\x00\x00true\x85R."),
     VITLRP_UNSUPPORTED, "posix.system, of which nothing is run"},
    {PICKLE("\x80\x04\x95\x17\x00\x00\x00\x00\x00\x00\x00\x8C\x05posix\x94\x8C\x06system\x94"
            "\x93\x94N\x85R."),
     VITLRP_UNSUPPORTED, "posix.system, of which nothing is run"},
    {PICKLE("\x80\x02"
            "c\x1B[2J\nx\n)R."),
     VITLRP_UNSUPPORTED, "\\x1B[2J.x"},
    {PICKLE("\x80\x02"
            "cposix\nsystem\n."),
     VITLRP_UNSUPPORTED, "no dictionary"},
    {PICKLE("\x80\x02(iposix\nsystem\n."), VITLRP_UNSUPPORTED, "posix.system"},
    {PICKLE("\x80\x02(NNiposix\nsystem\n."), VITLRP_UNSUPPORTED, "posix.system"},
    {PICKLE("\x80\x02iposix\nsystem\n."), VITLRP_FORMAT, "mark is missing"},
    {PICKLE("\x80\x02("
            "cposix\nsystem\nNo}b."),
     VITLRP_UNSUPPORTED, "posix.system"},
    {PICKLE("\x80\x02(o."), VITLRP_FORMAT, "without a class"},
    {PICKLE("\x80\x02No."), VITLRP_FORMAT, "mark is missing"},
    {PICKLE("\x80\x02"
            "cposix\nsystem\n)}\x92}b."),
     VITLRP_UNSUPPORTED, "posix.system"},
    {PICKLE("\x80\x02"
            "cposix\nsystem\n)R)R(NNu(NNe."),
     VITLRP_UNSUPPORTED, "posix.system"},
    {PICKLE("\x80\x02"
            "cposix\nsystem\n)RNs."),
     VITLRP_FORMAT, "no container"},
    {PICKLE("\x80\x02"
            "cposix\nsystem\n)R(Nu."),
     VITLRP_FORMAT, "key without a value"},
    {PICKLE("\x80\x02"
            "ccollections\nOrderedDict\n)\x81."),
     VITLRP_UNSUPPORTED, "no dictionary"},
    {PICKLE("\x80\x02"
            "cos"),
     VITLRP_FORMAT, "truncated"},
    {PICKLE("\x80\x02NN\x93."), VITLRP_FORMAT, "global without a name"},
    {PICKLE("\x80\x02\x93."), VITLRP_FORMAT, "stack is empty"},
    {PICKLE("\x80\x02"
            "0."),
     VITLRP_FORMAT, "stack is empty"},
    {PICKLE("\x80\x02R."), VITLRP_FORMAT, "stack is empty"},
    {PICKLE("\x80\x02NNR."), VITLRP_FORMAT, "not callable"},
    {PICKLE("\x80\x02"
            "ctorch\nFloatStorage\n)R."),
     VITLRP_FORMAT, "strange arguments"},
    {PICKLE("\x80\x02"
            "ctorch\nSize\nN\x85R."),
     VITLRP_FORMAT, "strange arguments"},
    {PICKLE("\x80\x02"
            "ccollections\nOrderedDict\nN\x85R."),
     VITLRP_FORMAT, "strange"},
    {PICKLE("\x80\x02"
            "ctorch._utils\n_rebuild_tensor_v2\n)R."),
     VITLRP_FORMAT, "strange"},
    {PICKLE("\x80\x02"
            "ctorch._utils\n_rebuild_parameter\n)R."),
     VITLRP_FORMAT, "strange"},
    {PICKLE("\x80\x02"
            "ctorch._tensor\n_rebuild_from_type_v2\n)R."),
     VITLRP_UNSUPPORTED, "an object"},
    {PICKLE("\x80\x02"
            "ctorch._tensor\n_rebuild_from_type_v2\n"
            "ctorch._tensor\n_rebuild_from_type_v2\nN)\x87R."),
     VITLRP_UNSUPPORTED, "an object"},
    {PICKLE("\x80\x02"
            "ctorch._tensor\n_rebuild_from_type_v2\n"
            "ctorch._utils\n_rebuild_tensor_v2\nN)\x87R."),
     VITLRP_FORMAT, "strange"},
    {PICKLE("\x80\x02T\x08\0\0\0abc."), VITLRP_FORMAT, "truncated"},
    {PICKLE("\x80\x02NQ."), VITLRP_FORMAT, "persistent id"},
    {PICKLE("\x80\x02)Q."), VITLRP_FORMAT, "persistent id"},
    {PICKLE("\x80\x02U\x06moduleN\x86Q."), VITLRP_FORMAT, "persistent id"},
    {PICKLE("\x80\x02U\x06module"
            "cposix\nsystem\n\x86Q)\x81."),
     VITLRP_UNSUPPORTED, "posix.system"},
    {PICKLE("\x80\x02t."), VITLRP_FORMAT, "mark is missing"},
    {PICKLE("\x80\x02u."), VITLRP_FORMAT, "mark is missing"},
    {PICKLE("\x80\x02N(0."), VITLRP_FORMAT, "stack is empty"},
    {PICKLE("\x80\x02N(\x85."), VITLRP_FORMAT, "stack is empty"},
    {PICKLE("\x80\x02N(Nu."), VITLRP_FORMAT, "no container"},
    {PICKLE("\x80\x02}(Nu."), VITLRP_FORMAT, "key without a value"},
    {PICKLE("\x80\x02]}NNs0(NNs."), VITLRP_FORMAT, "no container"},
    {PICKLE("\x80\x02Na."), VITLRP_FORMAT, "no container"},
    {PICKLE("\x80\x02"
            "a."),
     VITLRP_FORMAT, "stack is empty"},
    {PICKLE("\x80\x02s."), VITLRP_FORMAT, "stack is empty"},
    {PICKLE("\x80\x02h\x05."), VITLRP_FORMAT, "never remembered"},
    {PICKLE("\x80\x02Nq\x05h\x04."), VITLRP_FORMAT, "never remembered"},
    {PICKLE("\x80\x02j\xFF\xFF\xFF\xFF."), VITLRP_FORMAT, "never remembered"},
    {PICKLE("\x80\x02q\x00."), VITLRP_FORMAT, "nothing to remember"},
    {PICKLE("\x80\x02Nr\xFF\xFF\xFF\xFF."), VITLRP_LIMIT, "remembers"},
    {PICKLE("\x80\x02Nb."), VITLRP_FORMAT, "stack is empty"},
    {PICKLE("\x80\x02N}b."), VITLRP_FORMAT, "has none"},
    {PICKLE("\x80\x02X\xFF\xFF\xFF\xFF"
            "abc."),
     VITLRP_FORMAT, "truncated"},
    {PICKLE("\x80\x04\x8D\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF."), VITLRP_FORMAT, "truncated"},
    {PICKLE("\x80\x04\x95\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F."), VITLRP_FORMAT, "frame"},
    {PICKLE("\x80\x02\x8B\xFF\xFF\xFF\xFF."), VITLRP_FORMAT, "truncated"},
    {PICKLE("\x80\x02G."), VITLRP_FORMAT, "truncated"},
    {PICKLE("\x80\x02]q\x00h\x00"
            "ah\x00"
            "a."),
     VITLRP_UNSUPPORTED, "no dictionary"},
    {PICKLE("\x80\x02}q\x00K\x01h\x00s."), VITLRP_UNSUPPORTED, "no dictionary"},
};

static void test_refused_pickles(void **unused) {
    (void) unused;
    static const struct pth_list empty;
    for (size_t i = 0; i < sizeof BAD_PICKLES / sizeof BAD_PICKLES[0]; i++) {
        struct bytes bytes;
        struct pth_options options = {.pickle = (const unsigned char *) BAD_PICKLES[i].bytes,
                                      .pickle_size = BAD_PICKLES[i].size};
        pth_make(&empty, &options, &bytes);
        expect_refused_free(&bytes, BAD_PICKLES[i].status, BAD_PICKLES[i].word);
    }
}

/* The pickle of `head`, then `repeated` `count` times, then STOP. */
static void expect_pickle_refused(const char *head, const char *repeated, size_t count,
                                  enum vitlrp_status wanted, const char *word) {
    struct text pickle = {.limit = (size_t) 1 << 26};
    struct pickle parsed;
    struct vitlrp_error err = {0};
    size_t consumed = 0;
    text_append(&pickle, "\x80\x02", 2);
    text_append_string(&pickle, head);
    for (size_t i = 0; i < count; i++) {
        text_append_string(&pickle, repeated);
    }
    text_append_string(&pickle, ".");
    enum vitlrp_status status = pickle_parse((const unsigned char *) pickle.data, pickle.length,
                                             1000000, &consumed, &parsed, &err);
    pickle_free(&parsed);
    text_free(&pickle);
    if (status != wanted || strstr(err.message, word) == NULL) {
        fail_msg("%s%s x %zu: status %d, %s", head, repeated, count, status, err.message);
    }
}

static void test_pickle_limits(void **unused) {
    (void) unused;
    expect_pickle_refused("", "N", 10001, VITLRP_LIMIT, "stacks");
    expect_pickle_refused("", "(", 1000000, VITLRP_LIMIT, "nests");
    expect_pickle_refused("", "N0", 600000, VITLRP_LIMIT, "opcodes");
    expect_pickle_refused("]q\x01", "j\x01\x01\x01\x01", 1, VITLRP_FORMAT, "never remembered");
    expect_pickle_refused("N", "\x94", 100001, VITLRP_LIMIT, "remembers");
    /* A list that holds itself a hundred thousand times is walked once. */
    expect_pickle_refused("]q\x01",
                          "h\x01"
                          "a",
                          100000, VITLRP_OK, "");
}

static void test_values(void **unused) {
    static const unsigned char PICKLED[] = "\x80\x04(J\xFE\xFF\xFF\xFF\x8A\x02\x00\x80\x8A\x00"
                                           "\x8B\x01\x00\x00\x00\x05M\x01\x02\x88\x89NG\x3F\xF0\x00"
                                           "\x00\x00\x00\x00\x00U\x01xC\x01y\x8F(K\x01\x90t.";
    (void) unused;
    struct pickle pickle;
    struct vitlrp_error err = {0};
    size_t consumed = 0;
    assert_int_equal(pickle_parse(PICKLED, sizeof PICKLED - 1, 10000, &consumed, &pickle, &err),
                     VITLRP_OK);
    assert_int_equal(consumed, sizeof PICKLED - 1);
    const struct pickle_value *tuple = pickle.root;
    assert_int_equal(tuple->kind, PICKLE_TUPLE);
    assert_int_equal(tuple->count, 12);
    assert_int_equal(tuple->items[0]->integer, -2);
    assert_int_equal(tuple->items[1]->integer, -32768);
    assert_int_equal(tuple->items[2]->integer, 0);
    assert_int_equal(tuple->items[3]->integer, 5);
    assert_int_equal(tuple->items[4]->integer, 513);
    assert_int_equal(tuple->items[5]->kind, PICKLE_BOOL);
    assert_int_equal(tuple->items[5]->integer, 1);
    assert_int_equal(tuple->items[6]->kind, PICKLE_BOOL);
    assert_int_equal(tuple->items[6]->integer, 0);
    assert_int_equal(tuple->items[7]->kind, PICKLE_NONE);
    assert_int_equal(tuple->items[8]->kind, PICKLE_FLOAT);
    assert_true(pickle_is_string(tuple->items[9], "x"));
    assert_int_equal(tuple->items[10]->kind, PICKLE_BYTES);
    assert_int_equal(tuple->items[11]->kind, PICKLE_LIST);
    assert_int_equal(tuple->items[11]->count, 1);
    pickle_free(&pickle);
}

static void assert_text(const struct pickle_value *value, enum pickle_kind kind, const char *text) {
    assert_int_equal(value->kind, kind);
    assert_int_equal(value->length, strlen(text));
    assert_memory_equal(value->text, text, strlen(text));
}

static void assert_wholes(const struct pickle_value *tuple, size_t count) {
    assert_int_equal(tuple->kind, PICKLE_TUPLE);
    assert_int_equal(tuple->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(tuple->items[i]->integer, i + 1);
    }
}

/* Texts with lengths of every size, numbers that are remembered and read again, small tuples. */
static void test_sizes_and_memory(void **unused) {
    static const unsigned char PICKLED[] = {
        0x80, 5,   '(', 'X', 1,   0,    0,   0,   'a', 0x8C, 1,   'b', 0x8D, 1,   0,   0,   0,   0,
        0,    0,   0,   'c', 'B', 2,    0,   0,   0,   'd',  'e', 'K', 7,    'q', 2,   '0', 'h', 2,
        'K',  8,   'r', 0,   1,   0,    0,   '0', 'j', 0,    1,   0,   0,    ']', ')', '}', 'K', 1,
        0x85, 'K', 1,   'K', 2,   0x86, 'K', 1,   'K', 2,    'K', 3,   0x87, 't', '.'};
    struct pickle pickle;
    struct vitlrp_error err = {0};
    size_t consumed = 0;
    (void) unused;
    if (pickle_parse(PICKLED, sizeof PICKLED, 10000, &consumed, &pickle, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    struct pickle_value *const *items = pickle.root->items;
    assert_int_equal(pickle.root->count, 12);
    assert_text(items[0], PICKLE_STRING, "a");
    assert_text(items[1], PICKLE_STRING, "b");
    assert_text(items[2], PICKLE_STRING, "c");
    assert_text(items[3], PICKLE_BYTES, "de");
    assert_int_equal(items[4]->integer, 7);
    assert_int_equal(items[5]->integer, 8);
    assert_int_equal(items[6]->kind, PICKLE_LIST);
    assert_int_equal(items[6]->count, 0);
    assert_wholes(items[7], 0);
    assert_int_equal(items[8]->kind, PICKLE_DICT);
    assert_wholes(items[9], 1);
    assert_wholes(items[10], 2);
    assert_wholes(items[11], 3);
    pickle_free(&pickle);
}

static struct bytes legacy_file(void) {
    struct bytes bytes;
    struct vitlrp_error err = {0};
    assert_int_equal(file_read(TEST_DATA "/golden/parity/torchvision_legacy_container.pth",
                               (size_t) 1 << 24, &bytes, &err),
                     VITLRP_OK);
    return bytes;
}

/* The older container: every truncation, and a storage count that is not the announced one. */
static void test_legacy_damage(void **unused) {
    struct bytes bytes = legacy_file();
    (void) unused;
    size_t whole = bytes.size;
    for (size_t size = 8; size < whole; size += 509) {
        struct bytes cut = {mem_calloc(size, 1), size};
        assert_non_null(cut.data);
        memcpy(cut.data, bytes.data, size);
        expect_refused_free(&cut, size < 14 ? VITLRP_UNSUPPORTED : VITLRP_FORMAT, "");
    }
    bytes.data[6095] ^= 1; /* the first storage's count follows the five pickles */
    expect_refused(&bytes, VITLRP_FORMAT, "announced");
    bytes.data[6095] ^= 1;
    unsigned char *little = memchr(bytes.data + 53, '\x88', 100);
    assert_non_null(little);
    *little = 0x89;
    expect_refused(&bytes, VITLRP_UNSUPPORTED, "big-endian");
    *little = 0x88;
    bytes.data[18] = 0;
    expect_refused(&bytes, VITLRP_UNSUPPORTED, "unknown version");
    bytes_free(&bytes);
}

/* The last of the 44 storages, whose key is the last 16 bytes of the list of keys, is in neither
 * the list nor the file; a tensor is in it nevertheless. */
static void test_legacy_without_a_storage(void **unused) {
    enum { KEY = 6077, KEY_SIZE = 16, STORAGE_SIZE = 8 + 4 * 4096 };
    struct bytes bytes = legacy_file();
    (void) unused;
    bytes.size -= STORAGE_SIZE;
    memmove(bytes.data + KEY, bytes.data + KEY + KEY_SIZE, bytes.size - KEY - KEY_SIZE);
    bytes.size -= KEY_SIZE;
    expect_refused_free(&bytes, VITLRP_FORMAT, "its storage is missing in the file");
}

static void test_truncated_archive(void **unused) {
    (void) unused;
    struct vit_config config = small_config();
    struct pth_list list;
    struct bytes bytes;
    struct pth_options sound = {0};
    pth_timm(&list, &config);
    pth_make(&list, &sound, &bytes);
    for (size_t size = 8; size < bytes.size; size += 211) {
        struct bytes cut = {mem_calloc(size, 1), size};
        assert_non_null(cut.data);
        memcpy(cut.data, bytes.data, size);
        expect_refused_free(&cut, VITLRP_FORMAT, "truncated");
    }
    bytes_free(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_archives),
        cmocka_unit_test(test_accepted_archives),
        cmocka_unit_test(test_archive_in_parts),
        cmocka_unit_test(test_shared_storage),
        cmocka_unit_test(test_refused_pickles),
        cmocka_unit_test(test_pickle_limits),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_sizes_and_memory),
        cmocka_unit_test(test_legacy_damage),
        cmocka_unit_test(test_legacy_without_a_storage),
        cmocka_unit_test(test_truncated_archive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
