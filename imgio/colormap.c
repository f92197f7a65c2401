#include "imgio/colormap.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* Anchors at equal distances, straight lines between them; always an odd number, so that the middle
 * one is the colour of zero.
 *
 * The simple maps are their definitions: bwr and seismic as in matplotlib, jet as in MATLAB,
 * coldnhot as in zennit (cyan, blue, black, red, yellow, white, with the centre at black). */
static const uint8_t bwr[][3] = {{0, 0, 255}, {255, 255, 255}, {255, 0, 0}};

static const uint8_t seismic[][3] = {
    {0, 0, 77}, {0, 0, 255}, {255, 255, 255}, {255, 0, 0}, {128, 0, 0}};

static const uint8_t coldnhot[][3] = {{0, 255, 255},  {0, 170, 255}, {0, 85, 255},  {0, 0, 255},
                                      {0, 0, 170},    {0, 0, 85},    {0, 0, 0},     {128, 0, 0},
                                      {255, 0, 0},    {255, 128, 0}, {255, 255, 0}, {255, 255, 128},
                                      {255, 255, 255}};

static const uint8_t gray[][3] = {{0, 0, 0}, {128, 128, 128}, {255, 255, 255}};

static const uint8_t jet[][3] = {{0, 0, 128},   {0, 0, 255},     {0, 128, 255},
                                 {0, 255, 255}, {128, 255, 128}, {255, 255, 0},
                                 {255, 128, 0}, {255, 0, 0},     {128, 0, 0}};

/* The others were sampled from matplotlib 3.6.3 at 33 points, which reproduces its 256 colours to
 * 2/255. coolwarm is Kenneth Moreland's diverging map ("Diverging Color Maps for Scientific
 * Visualization", 2009), free to use; viridis, inferno and magma are by Stefan van der Walt,
 * Nathaniel Smith and Eric Firing, CC0; turbo is Anton Mikhailov's, Apache-2.0. */
static const uint8_t coolwarm[][3] = {
    {59, 76, 192},   {68, 90, 204},   {77, 104, 215},  {87, 117, 225},  {98, 130, 234},
    {108, 142, 241}, {119, 154, 247}, {130, 165, 251}, {141, 176, 254}, {152, 185, 255},
    {163, 194, 254}, {174, 201, 252}, {184, 208, 249}, {194, 213, 244}, {204, 217, 238},
    {213, 219, 230}, {221, 221, 221}, {229, 216, 209}, {236, 211, 197}, {241, 204, 185},
    {244, 196, 173}, {247, 187, 160}, {247, 177, 148}, {247, 166, 135}, {244, 154, 123},
    {241, 141, 111}, {236, 127, 99},  {229, 112, 88},  {222, 96, 77},   {213, 80, 66},
    {203, 62, 56},   {192, 40, 47},   {180, 4, 38}};

/* RdBu and PuOr are Cynthia Brewer's (ColorBrewer, Apache-2.0), of 11 colours, from their cold ends
 * to their warm ones: matplotlib calls them RdBu_r and PuOr_r. */
static const uint8_t rdbu[][3] = {{5, 48, 97},     {33, 102, 172},  {67, 147, 195},
                                  {146, 197, 222}, {209, 229, 240}, {247, 247, 247},
                                  {253, 219, 199}, {244, 165, 130}, {214, 96, 77},
                                  {178, 24, 43},   {103, 0, 31}};

static const uint8_t puor[][3] = {{45, 0, 75},     {84, 39, 136},   {128, 115, 172},
                                  {178, 171, 210}, {216, 218, 235}, {247, 247, 247},
                                  {254, 224, 182}, {253, 184, 99},  {224, 130, 20},
                                  {179, 88, 6},    {127, 59, 8}};

/* Jamie Nunez, Christopher Anderton and Ryan Renslow, 2018, CC0; from matplotlib 3.11. */
static const uint8_t cividis[][3] = {
    {0, 34, 78},     {0, 40, 91},     {0, 46, 106},    {5, 51, 113},    {26, 56, 111},
    {39, 62, 110},   {50, 67, 109},   {59, 73, 108},   {67, 78, 108},   {75, 84, 108},
    {83, 90, 109},   {90, 95, 110},   {97, 101, 111},  {104, 106, 113}, {111, 112, 115},
    {118, 118, 118}, {125, 124, 120}, {132, 130, 121}, {140, 136, 120}, {147, 142, 120},
    {155, 148, 118}, {163, 154, 116}, {171, 160, 114}, {180, 167, 111}, {188, 174, 108},
    {196, 180, 104}, {205, 187, 99},  {213, 194, 94},  {222, 201, 88},  {231, 209, 80},
    {240, 216, 70},  {249, 224, 58},  {254, 232, 56}};

static const uint8_t viridis[][3] = {
    {68, 1, 84},    {71, 13, 96},   {72, 24, 106},  {72, 35, 116},  {71, 45, 123},  {69, 54, 129},
    {66, 64, 134},  {63, 73, 137},  {59, 82, 139},  {55, 90, 141},  {51, 99, 141},  {47, 106, 142},
    {44, 114, 142}, {41, 122, 142}, {38, 129, 142}, {35, 137, 142}, {33, 144, 140}, {31, 152, 139},
    {31, 159, 136}, {33, 166, 133}, {40, 174, 128}, {49, 181, 123}, {62, 188, 116}, {76, 194, 108},
    {93, 201, 99},  {110, 206, 88}, {130, 211, 76}, {150, 216, 63}, {171, 220, 50}, {192, 223, 36},
    {213, 226, 26}, {234, 229, 26}, {253, 231, 37}};

static const uint8_t inferno[][3] = {
    {0, 0, 4},       {4, 3, 18},      {11, 7, 36},    {21, 11, 55},   {33, 12, 74},
    {46, 10, 90},    {60, 9, 101},    {74, 12, 107},  {87, 16, 109},  {99, 20, 110},
    {112, 25, 110},  {125, 30, 109},  {137, 34, 106}, {150, 39, 102}, {163, 43, 97},
    {175, 49, 92},   {187, 55, 85},   {198, 62, 77},  {209, 70, 68},  {219, 79, 59},
    {227, 89, 50},   {235, 101, 40},  {241, 113, 30}, {246, 127, 20}, {249, 141, 10},
    {251, 156, 6},   {252, 171, 15},  {251, 186, 31}, {249, 202, 50}, {245, 217, 73},
    {242, 232, 101}, {243, 245, 134}, {252, 255, 164}};

static const uint8_t magma[][3] = {
    {0, 0, 4},       {3, 3, 17},      {10, 8, 34},     {19, 13, 51},    {29, 17, 70},
    {40, 17, 90},    {54, 16, 106},   {67, 15, 118},   {80, 18, 124},   {93, 23, 127},
    {105, 28, 129},  {118, 33, 129},  {130, 38, 129},  {143, 42, 129},  {156, 46, 127},
    {169, 50, 125},  {182, 55, 121},  {195, 59, 117},  {207, 65, 112},  {219, 72, 106},
    {230, 81, 99},   {238, 92, 94},   {245, 105, 92},  {249, 120, 93},  {251, 135, 97},
    {253, 150, 104}, {254, 165, 113}, {254, 180, 123}, {254, 195, 135}, {254, 209, 148},
    {253, 224, 162}, {252, 238, 176}, {252, 253, 191}};

static const uint8_t turbo[][3] = {
    {48, 18, 59},   {57, 42, 115},  {64, 64, 161},   {68, 86, 199},  {70, 107, 227}, {70, 127, 246},
    {66, 147, 255}, {55, 167, 250}, {41, 187, 236},  {29, 205, 216}, {24, 220, 195}, {30, 232, 176},
    {49, 242, 153}, {76, 249, 126}, {107, 253, 100}, {138, 255, 77}, {163, 253, 60}, {184, 247, 53},
    {204, 237, 52}, {222, 224, 55}, {237, 208, 58},  {248, 192, 58}, {253, 174, 53}, {254, 152, 44},
    {251, 128, 34}, {245, 104, 23}, {236, 82, 15},   {224, 64, 9},   {210, 49, 5},   {192, 35, 2},
    {172, 23, 1},   {149, 13, 1},   {122, 4, 3}};

#define ANCHORS(table) (table), sizeof(table) / sizeof((table)[0])

static const struct {
    const char *name;
    const uint8_t (*anchors)[3];
    size_t count;
    enum vitlrp_colormap_kind kind;
} colormaps[] = {
    {"bwr", ANCHORS(bwr), VITLRP_COLORMAP_DIVERGING},
    {"seismic", ANCHORS(seismic), VITLRP_COLORMAP_DIVERGING},
    {"coldnhot", ANCHORS(coldnhot), VITLRP_COLORMAP_DIVERGING},
    {"coolwarm", ANCHORS(coolwarm), VITLRP_COLORMAP_DIVERGING},
    {"RdBu", ANCHORS(rdbu), VITLRP_COLORMAP_DIVERGING},
    {"PuOr", ANCHORS(puor), VITLRP_COLORMAP_DIVERGING},
    {"viridis", ANCHORS(viridis), VITLRP_COLORMAP_SEQUENTIAL},
    {"cividis", ANCHORS(cividis), VITLRP_COLORMAP_SEQUENTIAL},
    {"inferno", ANCHORS(inferno), VITLRP_COLORMAP_SEQUENTIAL},
    {"magma", ANCHORS(magma), VITLRP_COLORMAP_SEQUENTIAL},
    {"gray", ANCHORS(gray), VITLRP_COLORMAP_SEQUENTIAL},
    {"turbo", ANCHORS(turbo), VITLRP_COLORMAP_RAINBOW},
    {"jet", ANCHORS(jet), VITLRP_COLORMAP_RAINBOW},
};

#define COLORMAP_COUNT (sizeof(colormaps) / sizeof(colormaps[0]))

static void interpolate(const uint8_t (*anchors)[3], size_t count, struct colormap *map) {
    for (size_t i = 0; i < COLORMAP_ENTRIES; i++) {
        size_t scaled = i * (count - 1);
        size_t left = scaled / (COLORMAP_ENTRIES - 1);
        size_t right = left + 1 < count ? left + 1 : left;
        size_t part = scaled % (COLORMAP_ENTRIES - 1);
        for (size_t c = 0; c < 3; c++) {
            size_t sum =
                anchors[left][c] * (COLORMAP_ENTRIES - 1 - part) + anchors[right][c] * part;
            map->rgb[i][c] =
                (uint8_t) ((sum + (COLORMAP_ENTRIES - 1) / 2) / (COLORMAP_ENTRIES - 1));
        }
    }
}

static enum vitlrp_status fail_unknown(const char *name, struct vitlrp_error *err) {
    char names[160] = "";
    size_t used = 0;
    for (size_t i = 0; i < COLORMAP_COUNT && used < sizeof names; i++) {
        int written = snprintf(names + used, sizeof names - used, "%s%s", i == 0 ? "" : ", ",
                               colormaps[i].name);
        used += written > 0 ? (size_t) written : 0;
    }
    char shown[64];
    text_escape_name(shown, sizeof shown, name);
    return fail(err, VITLRP_USAGE, "unknown colour map \"%s\": use one of %s", shown, names);
}

enum vitlrp_status colormap_make(const char *name, struct colormap *map, struct vitlrp_error *err) {
    for (size_t i = 0; i < COLORMAP_COUNT; i++) {
        if (strcmp(name, colormaps[i].name) == 0) {
            map->kind = colormaps[i].kind;
            interpolate(colormaps[i].anchors, colormaps[i].count, map);
            return VITLRP_OK;
        }
    }
    return fail_unknown(name, err);
}

const char *colormap_name(size_t index) {
    return index < COLORMAP_COUNT ? colormaps[index].name : NULL;
}
