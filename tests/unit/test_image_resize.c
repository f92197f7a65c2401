/* image_resize against Pillow 13.0, frozen as hashes, and windows of it against the whole. The
 * hashes are those of
 *
 *   y, x, c = numpy.mgrid[0:h, 0:w, 0:3]
 *   picture = Image.fromarray(((7*x*x + 13*y*y + 5*x*y + 101*c) % 256).astype(numpy.uint8))
 *   hashlib.sha256(picture.resize((W, H), Image.BILINEAR or Image.BICUBIC).tobytes()).hexdigest()
 */
#include <string.h>

#include "imgio/resize.h"
#include "support/golden.h"
#include "support/pictures.h"
#include "support/unit.h"

static const struct {
    int32_t width, height, new_width, new_height;
    enum resample_filter filter;
    const char *sha256;
} pillow[] = {
    {15, 15, 224, 224, RESAMPLE_BILINEAR,
     "b8240c66dd60dd566674c1b0c9b3adfce48f82a20d02175b62830b8807b8279c"},
    {15, 15, 224, 224, RESAMPLE_BICUBIC,
     "e013858ca8fcb94a3ea1d6df17b34c87a3c902130208d16bedc4184868b3dc37"},
    {223, 225, 256, 258, RESAMPLE_BILINEAR,
     "8d6047be587d7b69ddc6a1f3e18a2a76d62d2172d588c1bdd2213b5ad8a62b70"},
    {223, 225, 256, 258, RESAMPLE_BICUBIC,
     "3fbaa00ac0afe7780d5efcc4a97843854fcddfcdd992a72a67c931be7a03b6fc"},
    {1, 1, 64, 64, RESAMPLE_BILINEAR,
     "6419f13551125c93184f003f6fb3aa36d4e78a4129d1fe5f0febf5ef5ee30d12"},
    {1, 1, 64, 64, RESAMPLE_BICUBIC,
     "6419f13551125c93184f003f6fb3aa36d4e78a4129d1fe5f0febf5ef5ee30d12"},
    {1, 37, 5, 64, RESAMPLE_BILINEAR,
     "8c436a528c72cc73ebf7189dad8497a396ff434a431922b5dc7348ca3698ee32"},
    {1, 37, 5, 64, RESAMPLE_BICUBIC,
     "219039ad0bb956ca1480a28779e9038df06eaec7e2a88dcaae3a80caa1e139a0"},
    {37, 1, 64, 5, RESAMPLE_BILINEAR,
     "ff047a73a0f79f5a6cd499efef01f71c741bcda566c44112bfb874d26976d30b"},
    {37, 1, 64, 5, RESAMPLE_BICUBIC,
     "654f0d29c48fccde93f638e586c1a1ce6d58a8eb35834d85e45a0bf5bdcf2dc0"},
    {10000, 1, 32, 3, RESAMPLE_BILINEAR,
     "6942bce9b8a2ee3b6658d9141b1dc26286ff48e9c2f43f65564138539e7d1be6"},
    {10000, 1, 32, 3, RESAMPLE_BICUBIC,
     "641f358bed73986ef2b1cba677a899d3efafefafa0d78faa35099eef5fdb5f71"},
    {333, 7, 13, 91, RESAMPLE_BILINEAR,
     "52399446fedde0bb9f4a5b98820134b5c2e43e1c3896a7a7fd9ddefd3c9d0c88"},
    {333, 7, 13, 91, RESAMPLE_BICUBIC,
     "5b6f33ad75a57e14a2dc1fdfd2cf5efacb1b893997650eb2cd5c07fe50fa7f6c"},
    {64, 48, 64, 20, RESAMPLE_BILINEAR,
     "e2f2dc472c9e1f6b783b1d30afdcdf28613aeff38a3b0e5d99c1f50064c53d1e"},
    {64, 48, 64, 20, RESAMPLE_BICUBIC,
     "6895dce0156247153a779249eeefa9fc63e321ad8ca6f1e8d6a8dac4e8599d6a"},
    {64, 48, 21, 48, RESAMPLE_BILINEAR,
     "16d87a791100604e6d6e6556f88a4ab8928bc9ab7a576823b7b99f0ad1a8d82f"},
    {64, 48, 21, 48, RESAMPLE_BICUBIC,
     "9ebbb5a80e2bd9abf796dc9342cf09a4aa40c12d47ec4f5a44151c3e06c68a0c"},
    {200, 150, 199, 151, RESAMPLE_BILINEAR,
     "b74f292092a660e54066b6ae625bb658cd7b9bd0217004f74e138bd855e7d425"},
    {200, 150, 199, 151, RESAMPLE_BICUBIC,
     "8995c6371bedabe6dcf60fcf9207ffeef26bfc8b9f3a47c4e71bd455c06b7267"},
    {3, 500, 2, 9, RESAMPLE_BILINEAR,
     "5be1c46b2c82993bd767f3f0156598b6f825a79e20a3226a60d459cc8120c42b"},
    {3, 500, 2, 9, RESAMPLE_BICUBIC,
     "6c9358da3631d6549b35c924896541aeb67e7375062a6552e4d61f7dbcb3e971"},
    {64, 48, 64, 48, RESAMPLE_BILINEAR,
     "4b65b6ff5c8afc20a0c6325fe56a6f7916fc660b5c6cf32fae7651fc0c1ef800"},
    {64, 48, 64, 48, RESAMPLE_BICUBIC,
     "4b65b6ff5c8afc20a0c6325fe56a6f7916fc660b5c6cf32fae7651fc0c1ef800"},
};

static struct image resized(const struct image *image, const struct resize *resize) {
    struct image out = {0};
    assert_int_equal(image_resize(image, resize, &out, NULL), VITLRP_OK);
    assert_int_equal(out.width, resize->window_width);
    assert_int_equal(out.height, resize->window_height);
    return out;
}

static struct resize whole(int32_t width, int32_t height, enum resample_filter filter) {
    return (struct resize){.width = width,
                           .height = height,
                           .window_width = width,
                           .window_height = height,
                           .filter = filter};
}

static void test_equals_pillow(void **state) {
    (void) state;
    for (size_t i = 0; i < sizeof pillow / sizeof *pillow; i++) {
        struct image image = picture_make(pillow[i].width, pillow[i].height);
        struct resize resize = whole(pillow[i].new_width, pillow[i].new_height, pillow[i].filter);
        struct image out = resized(&image, &resize);
        picture_assert_sha256(&out, pillow[i].sha256);
        image_free(&image);
        image_free(&out);
    }
}

static void assert_window(const struct image *window, const struct image *all,
                          const struct resize *resize) {
    size_t row = (size_t) window->width * 3;
    for (size_t y = 0; y < (size_t) window->height; y++) {
        size_t at = ((size_t) resize->top + y) * (size_t) all->width + (size_t) resize->left;
        assert_memory_equal(window->rgb + y * row, all->rgb + at * 3, row);
    }
}

static int32_t between(struct test_random *random, int32_t low, int32_t high) {
    return low + (int32_t) test_below(random, (size_t) (high - low + 1));
}

static void test_window_is_part_of_whole(void **state) {
    (void) state;
    struct test_random random = {.state = 11};
    for (int round = 0; round < 200; round++) {
        struct image image = picture_make(between(&random, 1, 90), between(&random, 1, 90));
        int32_t width = round % 5 == 0 ? image.width : between(&random, 1, 120);
        int32_t height = round % 7 == 0 ? image.height : between(&random, 1, 120);
        struct resize resize =
            whole(width, height, round % 2 ? RESAMPLE_BICUBIC : RESAMPLE_BILINEAR);
        struct image all = resized(&image, &resize);
        resize.left = between(&random, 0, width - 1);
        resize.top = between(&random, 0, height - 1);
        resize.window_width = between(&random, 1, width - resize.left);
        resize.window_height = between(&random, 1, height - resize.top);
        struct image window = resized(&image, &resize);
        assert_window(&window, &all, &resize);
        image_free(&window);
        image_free(&all);
        image_free(&image);
    }
}

/* A line of one pixel, blown up to millions: only the window may cost anything. */
static void test_window_of_huge_picture(void **state) {
    (void) state;
    struct image image = picture_make(10000, 1);
    struct resize resize = {.width = 2560000,
                            .height = 256,
                            .left = 1279888,
                            .top = 16,
                            .window_width = 224,
                            .window_height = 224,
                            .filter = RESAMPLE_BICUBIC};
    struct image out = resized(&image, &resize);
    assert_memory_equal(out.rgb, out.rgb + 223 * 224 * 3, 224 * 3);
    image_free(&out);
    image_free(&image);
}

static void test_uniform_stays_uniform(void **state) {
    (void) state;
    struct image image = picture_make(41, 29);
    memset(image.rgb, 197, (size_t) 41 * 29 * 3);
    struct resize resize = whole(67, 13, RESAMPLE_BICUBIC);
    struct image out = resized(&image, &resize);
    for (size_t i = 0; i < (size_t) 67 * 13 * 3; i++) {
        assert_int_equal(out.rgb[i], 197);
    }
    image_free(&out);
    image_free(&image);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equals_pillow),
        cmocka_unit_test(test_window_is_part_of_whole),
        cmocka_unit_test(test_window_of_huge_picture),
        cmocka_unit_test(test_uniform_stays_uniform),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
